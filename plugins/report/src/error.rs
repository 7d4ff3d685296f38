//! Why a report cannot be read.

use std::fmt;
use std::io;

use crate::limits::MAX_TOLD_CHARS;
use crate::text::{quote, shorten, visible};

/// A place in a report, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in bytes.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a report cannot be read: one code each.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The file is not what its format says.
    #[error("{}found {found}, expected {expected}", before(*.place))]
    Format {
        /// Where.
        place: Option<Place>,
        /// What stands there.
        found: String,
        /// What belongs there.
        expected: String,
    },

    /// The file is of no format that is known.
    #[error("found {found}, expected {expected}")]
    Unknown {
        /// What its start looks like.
        found: String,
        /// What a known file starts with.
        expected: String,
    },

    /// The file holds more than a report may.
    #[error("{}found {what} past the limit of {limit}", before(*.place))]
    Limit {
        /// Where.
        place: Option<Place>,
        /// Of what there is too much.
        what: &'static str,
        /// How much there may be.
        limit: u64,
    },

    /// The file is not there or may not be read.
    #[error("the file cannot be read: {}", reason(.0))]
    Read(io::Error),
}

impl ReportError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Format { .. } => "E-REPORT-FORMAT",
            Self::Unknown { .. } => "E-REPORT-UNKNOWN",
            Self::Limit { .. } => "E-REPORT-LIMIT",
            Self::Read(_) => "E-REPORT-READ",
        }
    }

    /// Where in the file, when that is known.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Format { place, .. } | Self::Limit { place, .. } => *place,
            Self::Unknown { .. } | Self::Read(_) => None,
        }
    }
}

/// Names of a file stand in it, and a file may name anything.
fn told(text: &str) -> String {
    shorten(&visible(text), MAX_TOLD_CHARS)
}

/// What went wrong with a file, without the numbers that systems give it.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it is not there".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    }
}

fn before(place: Option<Place>) -> String {
    place.map(|place| format!("{place}: ")).unwrap_or_default()
}

/// Where a reader was when it found a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At {
    /// So many bytes from the start of the text.
    Offset(u64),
    /// A line and a column.
    Place(Place),
    /// The report as a whole.
    Whole,
}

/// What a reader found wrong, before its place is known as line and column.
#[derive(Debug)]
pub struct Fault {
    pub(crate) at: At,
    pub(crate) kind: Kind,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Format { found: String, expected: String },
    Limit { what: &'static str, limit: u64 },
    Read(io::Error),
}

impl Fault {
    /// Found one thing where another belongs.
    pub fn new(at: At, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { at, kind: Kind::Format { found: found.into(), expected: expected.into() } }
    }

    /// The same, with what was found as the file has it, quoted and shortened.
    pub fn quoting(at: At, found: &str, expected: impl Into<String>) -> Self {
        Self::new(at, quote(found), expected)
    }

    /// More than a report may hold.
    pub fn limit(at: At, what: &'static str, limit: u64) -> Self {
        Self { at, kind: Kind::Limit { what, limit } }
    }

    /// What reading said; a fault of the guard's own comes out as it went in.
    pub fn from_io(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(fault) => fault,
            Err(error) => Self { at: At::Whole, kind: Kind::Read(error) },
        }
    }

    pub(crate) fn into_error(self, place: Option<Place>) -> ReportError {
        match self.kind {
            Kind::Format { found, expected } => {
                ReportError::Format { place, found: told(&found), expected: told(&expected) }
            }
            Kind::Limit { what, limit } => ReportError::Limit { place, what, limit },
            Kind::Read(error) => ReportError::Read(error),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Format { found, expected } => write!(f, "found {found}, expected {expected}"),
            Kind::Limit { what, limit } => write!(f, "found {what} past the limit of {limit}"),
            Kind::Read(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Fault {}
