//! What is wrong with a file, as data, and how it is shown.
//!
//! A [`Diagnostic`] has a stable code, a message, a place, and the next step. It is made where the
//! problem is found and rendered once, at the edge: [`render`] knows the terminal, GitHub's
//! annotations, JSON, and SARIF. [`codes`] is the one list of every code that Sealock can print.
//!
//! # Invariants
//!
//! - Nothing here prints, exits, or reads a file: callers hand over text and take text.
//! - Every code in a message is in [`codes::all`]; a test of the workspace compares the two.
//! - Text from outside is escaped before it is rendered: no control character reaches a terminal.

pub mod codes;
mod diagnostic;
mod escape;
pub mod near;
pub mod render;
mod source;

pub use diagnostic::{Diagnostic, Note, Severity};
pub use escape::escape;
pub use source::{Position, Source, Span};
