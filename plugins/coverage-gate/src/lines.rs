//! A set of lines, each with whether it ran.

/// How many entries are added before the set is looked through for double ones.
const MIN_COMPACT: usize = 1024;

/// The lines of one file: eight bytes each, in a vector that is sorted now and then.
///
/// An entry is the line, and in its lowest bit whether it ran; sorted, a line that ran stands behind itself.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    entries: Vec<u64>,
    compact_at: usize,
}

impl Lines {
    /// Adds a line, or adds to it that it ran.
    pub fn add(&mut self, line: u32, ran: bool) {
        if self.entries.len() >= self.compact_at.max(MIN_COMPACT) {
            self.compact();
        }
        self.entries.push(u64::from(line) << 1 | u64::from(ran));
    }

    /// How many entries are held, double ones among them.
    pub fn held(&self) -> usize {
        self.entries.len()
    }

    /// Leaves each line once.
    pub fn compact(&mut self) {
        self.entries.sort_unstable();
        self.entries.dedup_by(|later, earlier| {
            let is_same = *later >> 1 == *earlier >> 1;
            if is_same {
                *earlier |= *later;
            }
            is_same
        });
        self.compact_at = self.entries.len() * 2;
    }

    /// How many lines there are; exact once compacted.
    pub fn valid(&self) -> u64 {
        self.entries.len() as u64
    }

    /// How many of them ran; exact once compacted.
    pub fn covered(&self) -> u64 {
        self.entries.iter().map(|entry| entry & 1).sum()
    }

    /// The lines that did not run, as ranges of neighbours in the set; exact once compacted.
    pub fn missing(&self, limit: usize) -> Vec<(u64, u64)> {
        let missing = self.entries.split(|entry| entry & 1 == 1);
        let ranges = missing.filter_map(|run| Some((run.first()? >> 1, run.last()? >> 1)));
        ranges.take(limit).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_counts_once_and_ran_if_it_ever_did() {
        let mut lines = Lines::default();
        for (line, ran) in [(3, false), (1, true), (3, true), (1, false), (2, false), (4, false), (9, false)] {
            lines.add(line, ran);
        }
        lines.compact();
        assert_eq!((lines.covered(), lines.valid()), (2, 4 + 1));
        assert_eq!(lines.missing(8), [(2, 2), (4, 9)]);
    }

    #[test]
    fn the_same_lines_again_and_again_take_no_more_room() {
        let mut lines = Lines::default();
        for line in (0..1_000_000).map(|count| count % 500) {
            lines.add(line, false);
        }
        assert!(lines.held() <= MIN_COMPACT);
    }
}
