//! What an evaluation may still take: memory, work, and room for values made from JSON.

use std::fmt;

use crate::limits::{EVALUATION_MEMORY_BYTES, EVALUATION_WORK_BYTES, JSON_VALUE_BYTES};
use crate::ordinal::utf16_units;

/// What GitHub counts for any value that is not text.
pub(crate) const VALUE_BYTES: usize = 24;

/// What GitHub counts for a text besides its characters.
const TEXT_OVERHEAD_BYTES: usize = 26;

/// A limit that was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exceeded {
    Memory,
    Work,
    JsonValues,
}

/// What one evaluation, or all of a template, may still take.
#[derive(Debug)]
pub(crate) struct Budget {
    work: usize,
    json: usize,
}

/// What an expression holds: results of deeper levels are let go when the level above has its own.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    levels: Vec<usize>,
    total: usize,
}

/// Text that grows no further than [`EVALUATION_MEMORY_BYTES`].
#[derive(Debug, Default)]
pub(crate) struct TextBuilder {
    text: String,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self { work: EVALUATION_WORK_BYTES, json: JSON_VALUE_BYTES }
    }
}

impl Budget {
    /// Takes `bytes` of work.
    pub(crate) fn work(&mut self, bytes: usize) -> Result<(), Exceeded> {
        self.work = self.work.checked_sub(bytes).ok_or(Exceeded::Work)?;
        Ok(())
    }

    /// Takes `bytes` of room for values made from JSON.
    pub(crate) fn json(&mut self, bytes: usize) -> Result<(), Exceeded> {
        self.json = self.json.checked_sub(bytes).ok_or(Exceeded::JsonValues)?;
        Ok(())
    }
}

impl Memory {
    /// Holds `bytes` at `level`; everything deeper is let go if `lets_go`.
    pub(crate) fn hold(&mut self, level: usize, bytes: usize, lets_go: bool) -> Result<(), Exceeded> {
        if lets_go {
            self.total -= self.levels.drain(self.levels.len().min(level + 1)..).sum::<usize>();
        }
        if self.levels.len() <= level {
            self.levels.resize(level + 1, 0);
        }
        self.levels[level] += bytes;
        self.total += bytes;
        if self.total > EVALUATION_MEMORY_BYTES { Err(Exceeded::Memory) } else { Ok(()) }
    }
}

impl TextBuilder {
    /// Adds `text` at the end.
    pub(crate) fn push(&mut self, text: &str) -> Result<(), Exceeded> {
        self.bytes += 2 * utf16_units(text);
        if self.bytes > EVALUATION_MEMORY_BYTES {
            return Err(Exceeded::Memory);
        }
        self.text.push_str(text);
        Ok(())
    }

    /// The whole text.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

/// What GitHub counts for `text`.
pub(crate) fn text_bytes(text: &str) -> usize {
    TEXT_OVERHEAD_BYTES + 2 * utf16_units(text)
}

impl Exceeded {
    /// The message about the expression `source`.
    pub(crate) fn message(self, source: &str) -> String {
        format!("{self} while evaluating the following expression: {source}")
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => write!(formatter, "The maximum allowed memory size was exceeded"),
            Self::Work => write!(formatter, "The limit of {EVALUATION_WORK_BYTES} bytes of work was exceeded"),
            Self::JsonValues => {
                write!(formatter, "The limit of {JSON_VALUE_BYTES} bytes of values from JSON was exceeded")
            }
        }
    }
}
