//! Secrets from one text, as the input `secrets` of the GitHub Action hands them over.

use std::collections::BTreeMap;
use std::future::ready;

use zeroize::Zeroizing;

use super::{Fetched, Fetching, Provider};
use crate::secret::SecretBytes;

/// The secrets of a text. One a line: `NAME=value`. A value of several lines stands between `NAME<<END` and a line `END`;
/// a private key goes on by itself, from `-----BEGIN …` to `-----END …`.
///
/// An empty value is none: that is what a CI system passes for a secret it does not have.
#[derive(Default)]
pub struct Listed(BTreeMap<String, SecretBytes>);

/// Why a text is no list of secrets. Nothing here holds what the text said: it may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// A line of another form.
    #[error("line {line} of the secrets is neither `NAME=value` nor `NAME<<END`")]
    Form {
        /// Which, from 1.
        line: usize,
    },

    /// A value without its end.
    #[error("the value of secret `{name}`, which begins in line {line}, has no end")]
    Open {
        /// The secret.
        name: String,
        /// Where it begins, from 1.
        line: usize,
    },

    /// A name that is there twice.
    #[error("secret `{name}` is given twice")]
    Twice {
        /// The secret.
        name: String,
    },
}

impl ListError {
    /// The stable code, as `sealock explain` knows it.
    pub fn code(&self) -> &'static str {
        "E-SECRET-LIST"
    }
}

impl Listed {
    /// Reads the text.
    ///
    /// # Errors
    ///
    /// The first line that cannot be understood.
    pub fn read(text: &str) -> Result<Self, ListError> {
        let mut listed = Self::default();
        let mut lines = text.lines().enumerate();
        while let Some((at, line)) = lines.next() {
            let line = line.trim_start();
            if line.is_empty() {
                continue;
            }
            let (name, head) = split(line).ok_or(ListError::Form { line: at + 1 })?;
            let value = match head {
                Head::Whole(value) => Some(Zeroizing::new(value.to_owned())),
                Head::Until(end) => until(String::new(), &mut lines, |line| line.trim() == end, false),
                Head::Key(first) => {
                    until(format!("{first}\n"), &mut lines, |line| line.trim().starts_with("-----END "), true)
                }
            };
            let value = value.ok_or_else(|| ListError::Open { name: name.to_owned(), line: at + 1 })?;
            listed.add(name, &value)?;
        }
        Ok(listed)
    }

    fn add(&mut self, name: &str, value: &str) -> Result<(), ListError> {
        if !value.is_empty() && self.0.insert(name.to_owned(), SecretBytes::new(value)).is_some() {
            return Err(ListError::Twice { name: name.to_owned() });
        }
        Ok(())
    }
}

/// What stands behind a name.
enum Head<'a> {
    Whole(&'a str),
    /// The word that ends the value.
    Until(&'a str),
    /// The first line of a key.
    Key(&'a str),
}

fn split(line: &str) -> Option<(&str, Head<'_>)> {
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-').filter(|end| *end > 0)?;
    let (name, rest) = line.split_at(end);
    if let Some(word) = rest.strip_prefix("<<") {
        return Some((name, Head::Until(word.trim()))).filter(|_| !word.trim().is_empty());
    }
    let value = rest.strip_prefix('=')?;
    let is_key = value.starts_with("-----BEGIN ") && !value.contains("-----END ");
    Some((name, if is_key { Head::Key(value) } else { Head::Whole(value) }))
}

/// The lines up to the one that `ends`, which counts as well when it `is_part`.
fn until<'a>(
    first: String,
    lines: &mut impl Iterator<Item = (usize, &'a str)>,
    ends: impl Fn(&str) -> bool,
    is_part: bool,
) -> Option<Zeroizing<String>> {
    let mut value = Zeroizing::new(first);
    for (_, line) in lines {
        let is_end = ends(line);
        if !is_end || is_part {
            value.push_str(if is_part { line.trim() } else { line });
            value.push('\n');
        }
        if is_end {
            // A key needs its last line end; what stands between two words has none of its own.
            if !is_part {
                value.pop();
            }
            return Some(value);
        }
    }
    None
}

impl Provider for Listed {
    fn label(&self) -> &'static str {
        "the action's secrets"
    }

    fn fetch<'a>(&'a self, name: &'a str) -> Fetching<'a> {
        let fetched = self.0.get(name).map(|secret| Fetched { secret: secret.clone(), caution: None });
        Box::pin(ready(Ok(fetched)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, ListError> {
        let listed = Listed::read(text)?;
        let text = |secret: &SecretBytes| String::from_utf8(secret.expose().to_vec()).expect("UTF-8");
        Ok(listed.0.iter().map(|(name, secret)| (name.clone(), text(secret))).collect())
    }

    #[test]
    fn a_line_is_a_secret_and_an_empty_one_is_none() {
        let read = read("TOKEN=a=b c \n\n  OTHER=x\nMISSING=\n").expect("a list");
        assert_eq!(read, [("OTHER".into(), "x".into()), ("TOKEN".into(), "a=b c ".into())]);
    }

    #[test]
    fn keys_and_texts_between_words_go_on_over_their_lines() {
        let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA=\nB=\n-----END OPENSSH PRIVATE KEY-----\n";
        let read = read(&format!("KEY={key}JSON<<EOT\n{{\n A=1\nEOT\nLAST=x\n")).expect("a list");
        let wanted = [("JSON", "{\n A=1"), ("KEY", key), ("LAST", "x")];
        assert_eq!(read, wanted.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_no_list_is_told_without_what_it_said() {
        let cases = [
            ("A=1\nhunter2hunter2\n", ListError::Form { line: 2 }),
            ("=x", ListError::Form { line: 1 }),
            ("A<<\nx", ListError::Form { line: 1 }),
            ("\nA<<END\nx\n", ListError::Open { name: "A".into(), line: 2 }),
            ("A=-----BEGIN KEY-----\nx\n", ListError::Open { name: "A".into(), line: 1 }),
            ("A=1\nA=2", ListError::Twice { name: "A".into() }),
        ];
        for (text, wanted) in cases {
            assert_eq!(read(text), Err(wanted), "{text}");
        }
    }
}
