//! What the plugins that read reports share: opening, recognising, guarding, XML, and one kind of error.
//!
//! A plugin keeps a table of [`Format`]s, one file each; [`read`] picks the one that `format` names or the content
//! shows, and turns what goes wrong into one [`ReportError`] with a code, what was found, what was expected, and the
//! place.
//!
//! # Invariants
//!
//! - Memory is bounded by the [`limits`], whatever the file is: nothing is read as a whole.
//! - Nothing is fetched, and no entity beyond XML's own five is expanded.
//! - No input panics.

mod bounded;
mod error;
mod file;
#[cfg(feature = "fixtures")]
pub mod fixtures;
mod format;
mod guard;
pub mod limits;
mod report;
mod start;
mod text;
mod xml;

pub use bounded::Bounded;
pub use error::{At, Fault, Place, ReportError};
pub use file::read_file;
pub use format::{AUTO, Format, read};
pub use report::{Report, Source};
pub use start::Start;
pub use text::{escape_markdown, first_lines, shorten, visible};
pub use xml::{Element, Node, Xml};
