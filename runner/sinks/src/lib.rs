//! Readers of events: terminal, plain, GitHub's log, JSON lines.
//!
//! Each implements [`Sink`](sealock_events::Sink). [`JsonLines`] hands the stream on as it is.
//! [`Plain`] and [`Terminal`] are for people: both keep a *story* (what the events so far add up to)
//! and tell it, line by line or as a picture that is redrawn. What a run came to is worded once, for
//! both. A replay (`sealock show`) sends the recorded events through the same sinks; nothing here
//! asks for anything but events, except that a terminal that draws asks for its size and the time.
//!
//! # Invariants
//!
//! - Nothing here changes the run, reads the environment, or asks which terminal it is: the caller says.
//! - Text reaches an output only by way of a `Line`, which escapes it: no control character, no escape
//!   sequence, and no invisible character of a step, a name, or a message gets through. The only
//!   control characters written are our own.
//! - Nothing carries its meaning by colour alone: without colours the same words are there.
//! - What is kept of a step is bounded, however much it prints.

mod figures;
mod github;
mod jsonl;
mod line;
mod plain;
mod story;
mod telling;
mod terminal;
mod verdict;
mod words;

pub use github::{Annotated, Annotations, Github, GithubFiles, Tokens};
pub use jsonl::JsonLines;
pub use plain::Plain;
pub use sealock_diagnostics::render::Colour;
pub use terminal::{Drawing, Screen, Size, Terminal};

/// How much is told, and in which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Only what went wrong and how the run ended.
    pub quiet: bool,
    /// 0 as usual; 1 adds debug lines, grants, outputs, and effects; 2 adds trace lines.
    pub verbose: u8,
    /// Whether colours may be used.
    pub colour: Colour,
}

impl Default for Options {
    fn default() -> Self {
        Self { quiet: false, verbose: 0, colour: Colour::Plain }
    }
}
