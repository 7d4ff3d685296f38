//! `sealock eval EXPRESSION`

use std::path::PathBuf;

use clap::Args;
use sealock_diagnostics::{Diagnostic, Source};
use sealock_expression::{ErrorKind, Expression, ExpressionError, Object, Scope};
use serde_json::Value as Json;

use crate::exit_code;
use crate::failure::Failure;
use crate::shell::Shell;

/// Evaluate one expression and print its value as JSON. NaN and the infinities are printed as strings of that name.
#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// The expression, without `${{ }}`
    #[arg(allow_hyphen_values = true)]
    expression: String,
    /// A JSON object whose keys are the contexts that exist
    #[arg(long, value_name = "FILE", env = "SEALOCK_CONTEXT", hide_env = true)]
    context: Option<PathBuf>,
}

impl Eval {
    /// Prints the value, or the problem with its place.
    ///
    /// # Errors
    ///
    /// When the context file cannot be read.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let contexts = self.contexts(shell)?;
        let scope = Scope::of(&contexts);
        let value = Expression::parse_in(&self.expression, &scope).and_then(|parsed| parsed.evaluate(&contexts));
        match value {
            Ok(value) => {
                shell.machine(&format!("{}\n", value.to_json()));
                Ok(exit_code::SUCCESS)
            }
            Err(error) => {
                let source = Source::new("expression", self.expression.as_str());
                let help = self.help(&error, &contexts);
                shell.diagnostics(&source, &[diagnostic(&error).maybe_help(help)]);
                Ok(exit_code::USAGE)
            }
        }
    }

    /// What people try first, and what to write instead.
    fn help(&self, error: &ExpressionError, contexts: &Object) -> Option<String> {
        let inner = self.expression.trim().strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
        match (inner, error.kind) {
            (Some(inner), _) => Some(format!("leave `${{{{ }}}}` out: sealock eval '{}'", inner.trim())),
            (None, ErrorKind::UnknownContext) if contexts.is_empty() => Some(
                "contexts come from a file: `--context FILE` with JSON such as {\"github\": {\"ref\": \"refs/heads/main\"}}".into(),
            ),
            _ => None,
        }
    }

    fn contexts(&self, shell: &Shell) -> Result<Object, Failure> {
        let Some(path) = &self.context else {
            return Ok(Object::new());
        };
        let path = shell.path(path);
        let refused = |what: String| Failure::new("E-FILE-READ", format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| refused(error.to_string()))?;
        match serde_json::from_str(&text) {
            Ok(Json::Object(contexts)) => Ok(Object::from(&contexts)),
            Ok(_) => Err(refused("expected a JSON object whose keys are contexts".to_owned())),
            Err(error) => Err(refused(format!("expected JSON: {error}"))),
        }
    }
}

fn diagnostic(error: &ExpressionError) -> Diagnostic {
    let code = match error.kind {
        ErrorKind::Lexing | ErrorKind::Parsing => "E-EXPR-SYNTAX",
        ErrorKind::UnknownContext => "E-EXPR-CONTEXT",
        ErrorKind::UnknownFunction => "E-EXPR-FUNCTION",
        ErrorKind::Evaluation => "E-EXPR-EVALUATION",
        ErrorKind::Limit => "E-EXPR-LIMIT",
    };
    Diagnostic::error(code, error.message.clone(), sealock_diagnostics::Span::from(error.at.clone()))
}
