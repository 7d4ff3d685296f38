//! The formats of coverage reports, one file each.
//!
//! A new format is a file here with its [`Format`], a row of [`ALL`], and its name among the options of the input
//! `format`; a test holds the two to each other.

mod cobertura;
mod lcov;

use sealock_report::Format;

use crate::coverage::Coverage;

/// Every format, in the order in which a report is tried.
pub const ALL: &[&dyn Format<Coverage>] = &[&cobertura::Cobertura, &lcov::Lcov];
