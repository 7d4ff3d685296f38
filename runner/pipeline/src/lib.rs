//! Text becomes a [`Pipeline`], with a span on every value.
//!
//! Three layers, each of which goes on after a problem, so that one pass finds them all: *yaml* makes
//! a tree of nodes and goes on behind malformed lines; *read* makes the model of it by tables of keys;
//! *check* looks at the whole: names, the graph, matrices, and what every expression may read.
//!
//! # Invariants
//!
//! - Callers hand over text: no file is opened here, nothing is asked of the machine.
//! - A [`Pipeline`] comes only from a file without errors; [`Pipeline`] says what then holds. Of any other
//!   file there is a [`Draft`] at most, in which more mistakes can be looked for, and which nothing runs.
//! - Every diagnostic's place lies in the text, on character boundaries, whatever the text is.
//! - Nothing is ignored silently: each key is read, or reported.
//! - The work is bounded by the size of the text and the budgets of the language.

pub mod cells;
mod check;
mod model;
mod problems;
mod read;
mod schema;
mod script;
mod yaml;

use sealock_diagnostics::{Diagnostic, Source, Span};

use crate::check::{Subject, check};
use crate::model::Lost;
use crate::problems::Problems;
use crate::read::Reader;
use crate::yaml::Tree;

pub use check::GITHUB;
pub use model::*;
pub use problems::DIAGNOSTICS_MAX;
pub use schema::schema;
pub use script::{ScriptPlace, expressions_in_script};
pub use yaml::decode;

/// What a file says, and what is wrong with it.
#[derive(Debug)]
pub struct Parsed {
    /// There when no diagnostic is an error.
    pub pipeline: Option<Pipeline>,
    /// What could be read all the same, when one is.
    pub draft: Option<Draft>,
    /// In the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a pipeline file and reports every problem in it.
pub fn parse(source: &Source) -> Parsed {
    let text = source.text();
    let document = yaml::read(text);
    let mut problems = document.problems;
    let draft = document.tree.as_ref().and_then(|tree| read(&mut problems, text, tree, &document.damaged));
    let diagnostics = problems.into_list(|diagnostic| settle(diagnostic, text));
    let is_sound = !diagnostics.iter().any(Diagnostic::is_error);
    match draft {
        Some(draft) if is_sound => Parsed { pipeline: Some(Pipeline::sound(draft)), draft: None, diagnostics },
        draft => Parsed { pipeline: None, draft, diagnostics },
    }
}

fn read(problems: &mut Problems, text: &str, tree: &Tree, damaged: &[Span]) -> Option<Draft> {
    let mut reader = Reader::new(text, tree, damaged);
    let root = tree.root().filter(|&root| !reader.is_null(root));
    if root.is_none() && problems.is_empty() {
        problems.push(nothing());
    }
    let mut draft = reader.draft(root?);
    problems.append(std::mem::take(&mut reader.problems));
    if let Some(draft) = &mut draft {
        let is_lost = |name: &str| reader.lost(name);
        let secrets = draft.secrets.iter().map(|secret| secret.value.as_str()).collect();
        let subject =
            Subject { pipeline: draft, written: &reader.written, is_lost: &is_lost, secrets, offers: &reader.offers };
        check(problems, &subject);
        let lines = damaged.iter().map(|span| text[span.start..span.end].to_owned()).collect();
        draft.lost = Lost { unread: reader.unread, lines };
    }
    draft
}

fn nothing() -> Diagnostic {
    Diagnostic::error("E-EMPTY", "the file holds nothing", None)
        .help("a first pipeline: `{ name: hello, stages: { hello: { steps: [{ run: echo hello }] } } }`")
}

/// Puts the places of `diagnostic` inside `text`, on boundaries of characters.
fn settle(diagnostic: &mut Diagnostic, text: &str) {
    let notes = diagnostic.notes.iter_mut().map(|note| &mut note.span);
    for span in diagnostic.span.iter_mut().chain(notes) {
        *span = Span::new(floor(text, span.start), ceil(text, span.end));
    }
}

fn floor(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

fn ceil(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset += 1;
    }
    offset
}
