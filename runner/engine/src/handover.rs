//! What a script hands on through files: outputs, a summary, and, for scripts that come from GitHub, variables
//! and search paths for later steps.
//!
//! A malformed line fails the step with the line; nothing is guessed. Names that change what programs load
//! are refused: a step must not choose the code of the next one.

use std::collections::BTreeMap;

use crate::env_names::is_refused;

/// Why a file that a script wrote cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandoverError {
    /// A line is neither `name=value` nor `name<<delimiter`.
    #[error("line {line} of `{file}` is neither `name=value` nor `name<<delimiter`: `{found}`")]
    Malformed {
        /// The variable that names the file.
        file: &'static str,
        /// From 1.
        line: usize,
        /// The line.
        found: String,
    },
    /// A value has no end.
    #[error("line {line} of `{file}` starts a value that `{delimiter}` never ends")]
    Unterminated {
        /// The variable that names the file.
        file: &'static str,
        /// From 1.
        line: usize,
        /// What should have ended it.
        delimiter: String,
    },
    /// A name that may not be set for later steps.
    #[error("line {line} of `{file}` sets `{name}`, which changes what later programs load")]
    Refused {
        /// The variable that names the file.
        file: &'static str,
        /// From 1.
        line: usize,
        /// The name.
        name: String,
    },
}

impl HandoverError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed { .. } | Self::Unterminated { .. } => "E-HANDOVER-FORMAT",
            Self::Refused { .. } => "E-HANDOVER-NAME",
        }
    }
}

/// Reads GitHub's file format: `name=value` lines and `name<<DELIMITER` … `DELIMITER` blocks.
///
/// # Errors
///
/// The first line that is neither, or a block without its end.
pub fn read_pairs(file: &'static str, text: &str) -> Result<Vec<(usize, String, String)>, HandoverError> {
    let mut pairs = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if line.trim().is_empty() {
            continue;
        }
        let number = index + 1;
        let malformed = || HandoverError::Malformed { file, line: number, found: shorten(line) };
        let block = line.split_once("<<").filter(|(name, _)| !name.contains('='));
        let (name, value) = match (block, line.split_once('=')) {
            (Some((name, delimiter)), _) if !delimiter.is_empty() => {
                let value = block_value(&mut lines, delimiter).ok_or_else(|| HandoverError::Unterminated {
                    file,
                    line: number,
                    delimiter: shorten(delimiter),
                })?;
                (name, value)
            }
            (None, Some((name, value))) => (name, value.to_owned()),
            _ => return Err(malformed()),
        };
        if !is_name(name) {
            return Err(malformed());
        }
        pairs.push((number, name.to_owned(), value));
    }
    Ok(pairs)
}

fn block_value<'a>(lines: &mut impl Iterator<Item = (usize, &'a str)>, delimiter: &str) -> Option<String> {
    let mut value = Vec::new();
    for (_, line) in lines {
        if line == delimiter {
            return Some(value.join("\n"));
        }
        value.push(line);
    }
    None
}

fn is_name(name: &str) -> bool {
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !name.is_empty() && name.chars().all(is_name_char)
}

fn shorten(text: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 100;
    text.chars().take(SHOWN_CHARS_MAX).collect()
}

/// Variables for later steps.
///
/// # Errors
///
/// As [`read_pairs`], and a name of [`REFUSED`](crate::env_names::REFUSED).
pub fn read_env(text: &str) -> Result<Vec<(String, String)>, HandoverError> {
    const FILE: &str = "GITHUB_ENV";
    let pairs = read_pairs(FILE, text)?;
    if let Some((line, name, _)) = pairs.iter().find(|(_, name, _)| is_refused(name)) {
        return Err(HandoverError::Refused { file: FILE, line: *line, name: name.clone() });
    }
    Ok(pairs.into_iter().map(|(_, name, value)| (name, value)).collect())
}

/// Folders for the front of later steps' search path, the newest first.
///
/// # Errors
///
/// A line that is not an absolute path.
pub fn read_path(text: &str) -> Result<Vec<String>, HandoverError> {
    const FILE: &str = "GITHUB_PATH";
    let mut folders = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        if !line.starts_with('/') || line.contains([':', '\0']) {
            return Err(HandoverError::Malformed { file: FILE, line: index + 1, found: shorten(line) });
        }
        folders.insert(0, line.to_owned());
    }
    Ok(folders)
}

/// The content of a file in `$SEALOCK_OUTPUTS` as an output: without its last line end.
pub fn output_value(content: &str) -> &str {
    content.strip_suffix("\r\n").or_else(|| content.strip_suffix('\n')).unwrap_or(content)
}

/// Outputs of one step: files of `$SEALOCK_OUTPUTS`, then pairs of `$GITHUB_OUTPUT`, later ones winning.
pub type Outputs = BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_blocks_read_as_github_reads_them() {
        let text = "a=1\n\nb<<EOF\nx=y\n\nz\nEOF\nc=has<<arrows\n";
        let pairs: Vec<_> =
            read_pairs("GITHUB_OUTPUT", text).expect("well-formed").into_iter().map(|(_, n, v)| (n, v)).collect();
        let expected = [("a", "1"), ("b", "x=y\n\nz"), ("c", "has<<arrows")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_malformed_line_is_named_and_a_block_needs_its_end() {
        let error = read_pairs("GITHUB_OUTPUT", "a=1\nno pair\n").expect_err("no pair");
        assert_eq!(
            error.to_string(),
            "line 2 of `GITHUB_OUTPUT` is neither `name=value` nor `name<<delimiter`: `no pair`"
        );
        let error = read_pairs("GITHUB_OUTPUT", "a<<EOF\nx\n").expect_err("no end");
        assert_eq!(error.to_string(), "line 1 of `GITHUB_OUTPUT` starts a value that `EOF` never ends");
        assert!(read_pairs("GITHUB_OUTPUT", "=1\n").is_err());
    }

    #[test]
    fn names_that_change_what_programs_load_fail_the_step() {
        for name in [
            "LD_PRELOAD",
            "NODE_OPTIONS",
            "BASH_ENV",
            "bash_env",
            "PYTHONPATH",
            "PATH",
            "GITHUB_TOKEN",
            "SEALOCK_STATE",
        ] {
            assert!(
                matches!(read_env(&format!("X=1\n{name}=1\n")), Err(HandoverError::Refused { line: 2, .. })),
                "{name}"
            );
        }
        assert_eq!(read_env("MY_VERSION=1.2").expect("harmless"), [("MY_VERSION".to_owned(), "1.2".to_owned())]);
    }

    #[test]
    fn a_search_path_is_absolute_and_the_newest_comes_first() {
        assert_eq!(read_path("/a\n/b\n").expect("absolute"), ["/b", "/a"]);
        assert!(read_path("bin\n").is_err());
        assert!(read_path("/a:/b\n").is_err());
    }

    #[test]
    fn an_output_file_loses_one_line_end_only() {
        assert_eq!(output_value("x\n\n"), "x\n");
        assert_eq!(output_value("x"), "x");
    }
}
