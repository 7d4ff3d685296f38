//! The language as its authors see it: a text in, messages out.

mod allow;
mod arbitrary;
mod expressions;
mod graph;
mod keys;
mod mistakes;
mod readme;
mod sample;
mod yaml;

use sealock_diagnostics::Source;
use sealock_diagnostics::render::{Colour, Report, text};
use sealock_pipeline::{Parsed, Pipeline, parse};

/// Every message about `file`, as `sealock check` prints it.
fn check_text(file: &str) -> String {
    let source = Source::new("p.yml", file);
    let Parsed { pipeline, draft, diagnostics } = parse(&source);
    let is_sound = !diagnostics.iter().any(sealock_diagnostics::Diagnostic::is_error);
    assert!(draft.is_none() || !is_sound, "what is sound is no draft");
    assert_eq!(pipeline.is_some(), is_sound, "a pipeline comes from a file without errors, and from no other");
    text(Report { source: &source, diagnostics: &diagnostics }, Colour::Plain)
}

/// The codes of `file` with their lines and columns, one a line.
fn codes(file: &str) -> String {
    let source = Source::new("p.yml", file);
    let place = |diagnostic: &sealock_diagnostics::Diagnostic| match diagnostic.span {
        Some(span) => {
            let place = source.position(span.start);
            format!("{}:{} {}", place.line, place.column, diagnostic.code)
        }
        None => format!("- {}", diagnostic.code),
    };
    parse(&source).diagnostics.iter().map(place).collect::<Vec<_>>().join("\n")
}

/// The pipeline of a file without errors.
fn pipeline(file: &str) -> Pipeline {
    let shown = check_text(file);
    parse(&Source::new("p.yml", file)).pipeline.unwrap_or_else(|| panic!("{shown}"))
}

/// A whole file around the steps of its one stage.
fn with_steps(steps: &str) -> String {
    let steps = steps.trim_matches('\n').replace('\n', "\n      ");
    format!("name: x\nstages:\n  a:\n    steps:\n      {steps}\n")
}

/// A whole file around the keys of its one stage.
fn with_stage(keys: &str) -> String {
    let keys = keys.trim_matches('\n').replace('\n', "\n    ");
    format!("name: x\nstages:\n  a:\n    {keys}\n    steps: [{{ run: \"true\" }}]\n")
}

/// A whole file with `keys` at the top.
fn with_top(keys: &str) -> String {
    format!("name: x\n{keys}\nstages:\n  a:\n    steps: [{{ run: \"true\" }}]\n")
}
