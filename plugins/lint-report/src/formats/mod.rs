//! The formats of lint reports, one file or folder each.
//!
//! A new format is a file here with its [`Format`], a row of [`ALL`], and its name among the options of the input
//! `format`; a test holds the two to each other.

mod ruff;
mod sarif;

use sealock_report::Format;

use crate::findings::Findings;

/// Every format, in the order in which a report is tried.
pub const ALL: &[&dyn Format<Findings>] = &[&sarif::Sarif, &ruff::Ruff];
