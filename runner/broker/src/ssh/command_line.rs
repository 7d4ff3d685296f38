//! The one line that a login shell on the target reads.

use std::fmt;

/// Words for a remote login shell, each quoted so that it stays what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    text: String,
}

impl CommandLine {
    /// A line that starts with `program`.
    pub fn new(program: &str) -> Self {
        Self { text: quoted(program) }
    }

    /// Adds one word.
    #[must_use]
    pub fn word(mut self, word: &str) -> Self {
        self.text.push(' ');
        self.text.push_str(&quoted(word));
        self
    }

    /// Adds several words.
    #[must_use]
    pub fn words<'a>(self, words: impl IntoIterator<Item = &'a str>) -> Self {
        words.into_iter().fold(self, Self::word)
    }

    /// What is sent.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// `word` between single quotes, for any POSIX shell. NUL cannot stand in a word and is left out.
pub fn quoted(word: &str) -> String {
    let mut text = String::with_capacity(word.len() + 2);
    text.push('\'');
    for c in word.chars() {
        match c {
            '\'' => text.push_str("'\\''"),
            '\0' => {}
            other => text.push(other),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_word_whatever_is_in_it() {
        let words = ["", "a b", "$(id)", "`id`", "it's", "'", "a\nb", "-rf", "\\", "\"", "*", "~", "!x", "ü"];
        let line = CommandLine::new("printf").word("%s\\n").words(words);
        let output = std::process::Command::new("sh").arg("-c").arg(line.as_str()).output().expect("sh runs");
        let expected = words.map(|word| word.to_owned() + "\n").concat();
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
    }
}
