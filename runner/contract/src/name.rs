//! Names that people write, and names that a run makes of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest id of a stage, step, input, target, or environment.
pub const ID_CHARS_MAX: usize = 100;

/// The id of a stage, step, input, target, or environment: a letter or `_`, then letters, digits,
/// `_`, `-`; ASCII, at most [`ID_CHARS_MAX`] characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Id(String);

/// Why a text is not an [`Id`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// The first character is not a letter or `_`.
    #[error("it starts with {}", show(*found))]
    BadStart {
        /// The character.
        found: char,
    },
    /// Some later character is not a letter, digit, `_`, or `-`.
    #[error("it holds {}", show(*found))]
    BadChar {
        /// The character.
        found: char,
    },
    /// It has more than [`ID_CHARS_MAX`] characters.
    #[error("it has {found} characters; {ID_CHARS_MAX} are the most")]
    TooLong {
        /// How many.
        found: usize,
    },
}

/// A character with its code point, because look-alikes are the point of the message.
fn show(c: char) -> String {
    if c.is_ascii_graphic() { format!("`{c}` (U+{:04X})", c as u32) } else { format!("U+{:04X}", c as u32) }
}

impl Id {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let Some(first) = text.chars().next() else {
            return Err(IdError::Empty);
        };
        if !(first.is_ascii_alphabetic() || first == '_') {
            return Err(IdError::BadStart { found: first });
        }
        let is_id_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if let Some(found) = text.chars().find(|&c| !is_id_char(c)) {
            return Err(IdError::BadChar { found });
        }
        if text.len() > ID_CHARS_MAX {
            return Err(IdError::TooLong { found: text.len() });
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Id {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Id> for String {
    fn from(id: Id) -> Self {
        id.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Id {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Which step of a run: the stage as it is shown (`test (3.11)`) and the step's id in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepName {
    /// The stage, with its matrix cell in parentheses.
    pub stage: String,
    /// The step's id; `1`, `2`, … by place, counted from 1, for steps without one.
    pub step: String,
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.stage, self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_ascii_words() {
        assert_eq!("web-1_a".parse::<Id>().map(|id| id.to_string()), Ok("web-1_a".to_owned()));
        assert_eq!("".parse::<Id>(), Err(IdError::Empty));
        assert_eq!("1a".parse::<Id>(), Err(IdError::BadStart { found: '1' }));
        assert_eq!("a b".parse::<Id>(), Err(IdError::BadChar { found: ' ' }));
        assert_eq!("a".repeat(101).parse::<Id>(), Err(IdError::TooLong { found: 101 }));
    }

    #[test]
    fn a_look_alike_is_named_by_its_code_point() {
        let error = "bu\u{0456}ld".parse::<Id>().expect_err("a Cyrillic letter");
        assert_eq!(error.to_string(), "it holds U+0456");
    }
}
