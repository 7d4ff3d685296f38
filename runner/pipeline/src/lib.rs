//! Text becomes a [`Pipeline`], with a span on every value.
//!
//! Three layers, each of which goes on after a problem, so that one pass finds them all: *yaml* makes
//! a tree of nodes and goes on behind malformed lines; *read* makes the model of it by tables of keys;
//! *check* looks at the whole: names, the graph, matrices, and what every expression may read.
//!
//! # Invariants
//!
//! - Callers hand over text: no file is opened here, nothing is asked of the machine.
//! - A [`Pipeline`] comes only from a file without errors; [`Pipeline`] says what then holds.
//! - Every diagnostic's place lies in the text, on character boundaries, whatever the text is.
//! - Nothing is ignored silently: each key is read, or reported.
//! - The work is bounded by the size of the text and the budgets of the language.

pub mod cells;
mod check;
mod model;
mod read;
mod schema;
mod yaml;

use sealock_diagnostics::{Diagnostic, Source, Span};

use crate::check::{Subject, check};
use crate::read::Reader;

pub use model::*;
pub use schema::schema;
pub use yaml::decode;

/// How many problems of one file are told; stops a file of nothing but mistakes from filling memory.
pub const DIAGNOSTICS_MAX: usize = 1_000;

/// What a file says, and what is wrong with it.
#[derive(Debug)]
pub struct Parsed {
    /// There when no diagnostic is an error.
    pub pipeline: Option<Pipeline>,
    /// In the order of the file.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a pipeline file and reports every problem in it.
pub fn parse(source: &Source) -> Parsed {
    let text = source.text();
    let document = yaml::read(text);
    let mut diagnostics = document.diagnostics;
    let pipeline = document.tree.as_ref().and_then(|tree| {
        let mut reader = Reader::new(text, tree, &document.damaged);
        let root = tree.root().filter(|&root| !reader.is_null(root));
        let pipeline = root.and_then(|root| reader.pipeline(root));
        if root.is_none() && diagnostics.is_empty() {
            diagnostics.push(nothing());
        }
        diagnostics.append(&mut reader.diagnostics);
        if let Some(pipeline) = &pipeline {
            let is_lost = |name: &str| reader.lost(name);
            diagnostics.extend(check(&Subject { pipeline, written: &reader.written, is_lost: &is_lost }));
        }
        pipeline
    });
    settle(&mut diagnostics, text);
    let is_sound = !diagnostics.iter().any(Diagnostic::is_error);
    Parsed { pipeline: pipeline.filter(|_| is_sound), diagnostics }
}

fn nothing() -> Diagnostic {
    Diagnostic::error("E-EMPTY", "the file holds nothing", None)
        .help("a first pipeline: `{ name: hello, stages: { hello: { steps: [{ run: echo hello }] } } }`")
}

/// Puts the diagnostics in the order of the file, each once and not too many, with places inside `text`.
fn settle(diagnostics: &mut Vec<Diagnostic>, text: &str) {
    for diagnostic in diagnostics.iter_mut() {
        let notes = diagnostic.notes.iter_mut().map(|note| &mut note.span);
        for span in diagnostic.span.iter_mut().chain(notes) {
            *span = Span::new(floor(text, span.start), ceil(text, span.end));
        }
    }
    diagnostics.sort_by_key(|diagnostic| diagnostic.span);
    diagnostics.dedup();
    let found = diagnostics.len();
    if found > DIAGNOSTICS_MAX {
        let is_error = diagnostics[DIAGNOSTICS_MAX..].iter().any(Diagnostic::is_error);
        diagnostics.truncate(DIAGNOSTICS_MAX);
        let message = format!("the file has {found} problems; these are the first {DIAGNOSTICS_MAX}");
        let more = if is_error { Diagnostic::error } else { Diagnostic::warning };
        diagnostics.push(more("E-FILE-PROBLEMS", message, None));
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
