//! Expressions inside of scripts, and what to write instead.
//!
//! A script is literal text. An expression in it would put what came from outside into a program's source.

use sealock_diagnostics::Diagnostic;

use crate::model::Spanned;
use crate::yaml::{self, Layout};

/// Where a script stands, which decides how a value reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptPlace<'a> {
    /// Under `run`.
    Run,
    /// Under `with`, as the input of this name, of a plugin that takes an `env` there.
    Input(&'a str),
    /// Under `with`, of a plugin that takes no `env`.
    InputWithoutEnv,
}

/// Each expression in `script`, with what to write instead. `file` is the text that it was read from.
pub fn expressions_in_script(script: &Spanned<String>, file: &str, place: ScriptPlace<'_>) -> Vec<Diagnostic> {
    let layout = Layout::new(&script.value, file, script.span);
    let found = yaml::expressions(&script.value).map(|at| {
        let help = help(&script.value, at.clone(), place);
        Diagnostic::error("E-EXPR-IN-SCRIPT", "an expression stands inside a script", layout.locate(at))
            .label("text from outside would become code")
            .help(help)
    });
    found.collect()
}

/// The variable to add, and the script's line with it.
fn help(script: &str, at: std::ops::Range<usize>, place: ScriptPlace<'_>) -> String {
    let inner = script[at.clone()].trim_start_matches("${{").trim_end_matches("}}").trim();
    let name = variable_for(inner);
    let line_start = script[..at.start].rfind('\n').map_or(0, |newline| newline + 1);
    let line_end = script[at.end..].find('\n').map_or(script.len(), |length| at.end + length);
    let line = format!("{}${name}{}", &script[line_start..at.start], &script[at.end..line_end]);
    let line = crate::read::shortened(line.trim());
    let variable = format!("env: {{ {name}: \"${{{{ {inner} }}}}\" }}");
    match place {
        ScriptPlace::Run => format!("hand it over as a variable:\n{variable}\nrun: {line}"),
        ScriptPlace::Input(input) => {
            format!("hand it over as a variable, under `with`:\n{variable}\n{input}: {line}")
        }
        ScriptPlace::InputWithoutEnv => "write the script without it; other inputs take expressions".to_owned(),
    }
}

/// A name for the variable that carries `expression`: its last word, as variables are written.
fn variable_for(expression: &str) -> String {
    let is_word_char = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mut words =
        expression.split(|c| !is_word_char(c)).filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic()));
    words.next_back().map_or_else(|| "VALUE".to_owned(), |word| word.to_ascii_uppercase().replace('-', "_"))
}
