//! `inputs`: what is passed with `--input name=value`.

use super::Spanned;

/// One input of the pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// What it takes.
    pub kind: InputKind,
    /// Used when it is not passed; fits `kind`.
    pub default: Option<Spanned<InputValue>>,
    /// Whether it must be passed.
    pub required: bool,
    /// For people.
    pub description: Option<Spanned<String>>,
}

/// What an input takes.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum InputKind {
    /// Any text.
    #[default]
    String,
    /// A finite number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// One of the options; at least one.
    Choice(Vec<Spanned<String>>),
}

/// The value of an input.
#[derive(Clone, Debug, PartialEq)]
pub enum InputValue {
    /// For `string` and `choice`.
    Text(String),
    /// For `number`.
    Number(f64),
    /// For `boolean`.
    Boolean(bool),
}

/// Why `--input name=value` does not fit.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InputError {
    /// Not a number.
    #[error("expected a number, found `{found}`")]
    NotANumber {
        /// What was passed.
        found: String,
    },
    /// Not a boolean.
    #[error("expected `true` or `false`, found `{found}`")]
    NotABoolean {
        /// What was passed.
        found: String,
    },
    /// Not one of the options.
    #[error("expected one of {}, found `{found}`", options.join(", "))]
    NotAnOption {
        /// What was passed.
        found: String,
        /// What may be.
        options: Vec<String>,
    },
}

impl InputKind {
    /// Reads the text that was passed on the command line.
    ///
    /// # Errors
    ///
    /// The text is not what this kind takes.
    pub fn read(&self, text: &str) -> Result<InputValue, InputError> {
        let found = || text.to_owned();
        match self {
            Self::String => Ok(InputValue::Text(found())),
            Self::Number => match text.trim().parse() {
                Ok(number) if f64::is_finite(number) => Ok(InputValue::Number(number)),
                _ => Err(InputError::NotANumber { found: found() }),
            },
            Self::Boolean => match text {
                "true" => Ok(InputValue::Boolean(true)),
                "false" => Ok(InputValue::Boolean(false)),
                _ => Err(InputError::NotABoolean { found: found() }),
            },
            Self::Choice(options) if options.iter().any(|option| option.value == text) => Ok(InputValue::Text(found())),
            Self::Choice(options) => {
                let options = options.iter().map(|option| format!("`{}`", option.value)).collect();
                Err(InputError::NotAnOption { found: found(), options })
            }
        }
    }
}
