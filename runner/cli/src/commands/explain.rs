//! `sealock explain [CODE]`

use clap::Args;
use sealock_diagnostics::{codes, near};

use crate::failure::Failure;
use crate::shell::Shell;
use crate::{exit_code, output};

/// What the number at the top does not say.
const IN_A_FILE: &str = "
The exit code is that of a command which this ends. A file with mistakes ends `check`, `plan`, and `run` with 2, whatever
their codes (`plan` and `run` with 5 where only the lockfile does not fit).
";

/// Narrower text is no text.
const TEXT_COLUMNS_MIN: usize = 24;

/// Explain an error code: what it means, why it exists, what to do. Without a code: all of them.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Such as `E-GRANT-NETWORK`
    code: Option<String>,
}

impl Explain {
    /// Prints the explanation.
    ///
    /// # Errors
    ///
    /// When there is no such code.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let Some(wanted) = &self.code else {
            let columns = output::columns().unwrap_or(usize::MAX);
            let lines = codes::all().iter().map(|code| {
                let head = format!("{:32} exit {:>2}   ", code.name, code.exit);
                let below = format!("\n{}", " ".repeat(head.len()));
                let room = columns.saturating_sub(head.len()).max(TEXT_COLUMNS_MIN);
                format!("{head}{}\n", wrapped(code.title(), room).join(&below))
            });
            shell.answer(&lines.collect::<String>());
            return Ok(exit_code::SUCCESS);
        };
        let Some(code) = codes::find(wanted) else {
            let help = near::nearest(wanted, codes::all().iter().map(|code| code.name))
                .map(|near| format!("there is `{near}`"));
            return Err(Failure::new("E-CODE-UNKNOWN", format!("there is no code `{wanted}`")).maybe_help(help));
        };
        let text = match output::columns() {
            Some(columns) => wrapped_text(code.text, columns.max(TEXT_COLUMNS_MIN)),
            None => code.text.to_owned(),
        };
        let note = if code.exit == exit_code::USAGE { "" } else { IN_A_FILE };
        shell.answer(&format!("{} (exit {})\n\n{text}\n{note}", code.name, code.exit));
        Ok(exit_code::SUCCESS)
    }
}

/// Every paragraph of `text`, not wider than `columns`. Examples and lists stay as they are.
fn wrapped_text(text: &str, columns: usize) -> String {
    let mut in_example = false;
    let lines = text.lines().map(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_example ^= is_fence;
        let stays = in_example || is_fence || line.starts_with([' ', '-', '|', '#']);
        if stays { line.to_owned() } else { wrapped(line, columns).join("\n") }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `line` broken at spaces, so that nothing but a long word is wider than `columns`.
fn wrapped(line: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        let last = lines.last_mut().expect("there is always a line");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > columns {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_broken_at_spaces_and_examples_are_not() {
        let text = "one two three four\n\n```yaml\na: b c d e f g h i j k\n```\nfive six seven";
        assert_eq!(
            wrapped_text(text, 10),
            "one two\nthree four\n\n```yaml\na: b c d e f g h i j k\n```\nfive six\nseven"
        );
    }
}
