//! Which lines of which files ran.

use std::collections::BTreeMap;

use sealock_report::{At, Fault};

use crate::Measured;
use crate::limits::{MAX_FILES, MAX_LINES, MAX_NAMES_BYTES};
use crate::lines::Lines;

/// A number of lines that ran, of a number that could have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Lines that ran.
    pub covered: u64,
    /// Lines that could have run.
    pub valid: u64,
}

impl Share {
    /// In hundredths of a percent, rounded down: 79.999 % is never shown as 80.
    pub fn hundredths(&self) -> Option<u64> {
        (u128::from(self.covered) * 10_000).checked_div(u128::from(self.valid)).and_then(|share| share.try_into().ok())
    }

    /// In percent, as [`hundredths`](Self::hundredths) has it.
    pub fn percent(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "at most 10,000")]
        self.hundredths().map(|hundredths| hundredths as f64 / 100.0)
    }

    /// Whether it is at least `minimum` percent, without rounding; nothing of nothing is less than anything.
    pub fn reaches(&self, minimum: f64) -> bool {
        const PER_PERCENT: u128 = 1_000_000;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a percentage as an author types it; the plan has checked its range"
        )]
        let minimum = (minimum * PER_PERCENT as f64).round() as u128;
        let covered = u128::from(self.covered) * 100 * PER_PERCENT;
        self.valid > 0 && covered >= minimum * u128::from(self.valid)
    }
}

/// Which lines of which files ran.
#[derive(Debug, Default)]
pub struct Coverage {
    files: Vec<FileLines>,
    by_name: BTreeMap<String, usize>,
    held: usize,
    names_bytes: usize,
}

/// One file.
#[derive(Debug)]
pub struct FileLines {
    /// As the report names it.
    pub name: String,
    /// Its lines.
    pub lines: Lines,
}

impl FileLines {
    /// How much of it ran.
    pub fn share(&self) -> Share {
        Share { covered: self.lines.covered(), valid: self.lines.valid() }
    }
}

/// A file that lines are added to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId(usize);

impl Coverage {
    /// The file called `name`, new or known.
    ///
    /// # Errors
    ///
    /// When there are more files, or longer names, than a report may hold.
    pub fn file(&mut self, name: &str, at: At) -> Result<FileId, Fault> {
        if let Some(&index) = self.by_name.get(name) {
            return Ok(FileId(index));
        }
        self.names_bytes += name.len();
        if self.files.len() >= MAX_FILES {
            return Err(Fault::limit(at, "files", MAX_FILES as u64));
        }
        if self.names_bytes > MAX_NAMES_BYTES {
            return Err(Fault::limit(at, "names of files, in bytes,", MAX_NAMES_BYTES as u64));
        }
        self.by_name.insert(name.to_owned(), self.files.len());
        self.files.push(FileLines { name: name.to_owned(), lines: Lines::default() });
        Ok(FileId(self.files.len() - 1))
    }

    /// Adds a line, or adds to it that it ran.
    ///
    /// # Errors
    ///
    /// When there are more lines than a report may hold.
    pub fn add(&mut self, file: FileId, line: u32, ran: bool, at: At) -> Result<(), Fault> {
        let Some(file) = self.files.get_mut(file.0) else {
            return Ok(());
        };
        let before = file.lines.held();
        file.lines.add(line, ran);
        self.held = self.held + file.lines.held() - before;
        if self.held > 2 * MAX_LINES {
            self.compact();
            // Half of the room is free again, or the next line would compact everything once more.
            if self.held > MAX_LINES {
                return Err(Fault::limit(at, "lines of code", MAX_LINES as u64));
            }
        }
        Ok(())
    }

    /// Leaves each line once; a format does this at its end.
    pub fn compact(&mut self) {
        self.files.iter_mut().for_each(|file| file.lines.compact());
        self.held = self.files.iter().map(|file| file.lines.held()).sum();
    }

    /// All files, in the order of the report.
    pub fn files(&self) -> &[FileLines] {
        &self.files
    }

    /// How much of everything ran.
    pub fn share(&self) -> Share {
        self.files.iter().map(FileLines::share).fold(Share::default(), |sum, share| Share {
            covered: sum.covered + share.covered,
            valid: sum.valid + share.valid,
        })
    }

    /// The numbers as outputs.
    pub fn measured(&self) -> Measured {
        let share = self.share();
        Measured { coverage: share.percent(), covered: share.covered, valid: share.valid }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(covered: u64, valid: u64) -> Share {
        Share { covered, valid }
    }

    #[test]
    fn a_share_is_rounded_down() {
        assert_eq!(share(79_999, 100_000).percent(), Some(79.99));
        assert_eq!(share(2, 3).percent(), Some(66.66));
        assert_eq!(share(u64::MAX, u64::MAX).percent(), Some(100.0));
        assert_eq!(share(0, 0).percent(), None);
    }

    #[test]
    fn a_threshold_is_met_exactly_or_not_at_all() {
        assert!(share(4, 5).reaches(80.0));
        assert!(!share(79_999, 100_000).reaches(80.0));
        assert!(share(801, 1000).reaches(80.1));
        assert!(share(7, 10_000).reaches(0.07));
        assert!(!share(999_999, 1_000_000).reaches(100.0));
        assert!(share(0, 1).reaches(0.0));
        assert!(!share(0, 0).reaches(0.0));
    }
}
