//! Finds needles in a window of bytes.
//!
//! Three questions, each cheaper than the next. The [`Filter`] samples every fifth position of the
//! text and names the few stretches that a needle may touch; on ordinary text there are none, and
//! nothing else is looked at. An Aho-Corasick automaton then finds every match within them, in time
//! linear in the text whatever text and needles are; it is built when the first stretch turns up.
//! And for the end of a window, the sorted needles say which tail of it may be the beginning of one.

mod filter;

use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::mask;
use crate::needles::without_blanks;
use crate::secret::SecretBytes;
use crate::strip::is_visible;
use filter::Filter;
pub(crate) use filter::unite;

/// All needles of a vault at one moment. Never changes: a new secret makes a new one.
pub(crate) struct Matcher {
    needles: Vec<SecretBytes>,
    filter: Filter,
    automaton: OnceLock<Option<AhoCorasick>>,
    begins: Begins,
    longest: usize,
    needs_raw_pass: bool,
    mask: &'static str,
    separator: u8,
}

impl Matcher {
    /// Takes needles sorted and without doubles.
    pub(crate) fn new(needles: Vec<SecretBytes>) -> Self {
        Self {
            filter: Filter::new(&needles),
            automaton: OnceLock::new(),
            begins: Begins::new(&needles),
            longest: needles.iter().map(SecretBytes::len).max().unwrap_or(0),
            needs_raw_pass: needles.iter().any(|needle| !is_found_stripped(needle, &needles)),
            mask: mask::choose(&needles),
            separator: unused_blank(&needles),
            needles,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.needles.is_empty()
    }

    /// The length of the longest needle.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// Whether some needle is not found in stripped text, even where there was nothing to strip.
    pub(crate) fn needs_raw_pass(&self) -> bool {
        self.needs_raw_pass
    }

    /// What stands in a secret's place.
    pub(crate) fn mask(&self) -> &'static str {
        self.mask
    }

    /// A blank that no needle holds.
    pub(crate) fn separator(&self) -> u8 {
        self.separator
    }

    /// Calls `found` with every match in `text`, overlapping ones too.
    pub(crate) fn for_each_match(&self, text: &[u8], mut found: impl FnMut(Range<usize>)) {
        for stretch in self.filter.stretches(text) {
            match self.automaton.get_or_init(|| build_automaton(&self.needles)) {
                Some(automaton) => {
                    for hit in automaton.find_overlapping_iter(&text[stretch.clone()]) {
                        found(stretch.start + hit.start()..stretch.start + hit.end());
                    }
                }
                None => found(stretch),
            }
        }
    }

    /// Where the longest tail of `text` begins that is a beginning of some needle, and not the whole
    /// of one; the end of `text` when there is none.
    pub(crate) fn pending(&self, text: &[u8]) -> usize {
        let first = text.len().saturating_sub(self.longest.saturating_sub(1));
        let begins_needle = |&at: &usize| self.begins.may(&text[at..]) && self.begins_needle(&text[at..]);
        (first..text.len()).find(begins_needle).unwrap_or(text.len())
    }

    fn begins_needle(&self, tail: &[u8]) -> bool {
        let longer = self.needles.partition_point(|needle| needle.expose() <= tail);
        self.needles.get(longer).is_some_and(|needle| needle.expose().starts_with(tail))
    }
}

/// `None` when the needles are too many for an automaton (four billion states): then whole
/// stretches are masked.
fn build_automaton(needles: &[SecretBytes]) -> Option<AhoCorasick> {
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::ContiguousNFA))
        .prefilter(false)
        .build(needles.iter().map(SecretBytes::expose))
        .ok()
}

/// Whether wherever `needle` stands in a text without escape sequences, another needle, with the
/// same two ends, stands in the stripped text.
fn is_found_stripped(needle: &SecretBytes, sorted: &[SecretBytes]) -> bool {
    let bytes = needle.expose();
    let has_visible_ends = [bytes.first(), bytes.last()].iter().all(|end| end.is_some_and(|&byte| is_visible(byte)));
    let has_escape = bytes.contains(&0x1b);
    let is_visible_whole = || bytes.iter().all(|&byte| is_visible(byte));
    let has_stripped_twin = || {
        let twin = without_blanks(bytes);
        sorted.binary_search_by(|other| other.expose().cmp(&twin)).is_ok()
    };
    has_visible_ends && !has_escape && (is_visible_whole() || has_stripped_twin())
}

/// Secrets would have to use up all 32 control characters for this to find none; a match over a gap
/// that is too wide might then be masked, or not, as the stream is split.
fn unused_blank(needles: &[SecretBytes]) -> u8 {
    let is_unused = |blank: &u8| !needles.iter().any(|needle| needle.expose().contains(blank));
    (0..=b' ').filter(|&blank| blank != 0x1b).find(is_unused).unwrap_or(0)
}

/// Which two bytes some needle begins with, one bit each.
struct Begins(Box<[u64]>);

impl Begins {
    fn new(needles: &[SecretBytes]) -> Self {
        let mut bits = vec![0_u64; (1 << 16) / 64].into_boxed_slice();
        for needle in needles {
            let (word, bit) = Self::place(needle.expose()[0], needle.expose()[1]);
            bits[word] |= bit;
        }
        Self(bits)
    }

    fn may(&self, tail: &[u8]) -> bool {
        let &[first, second, ..] = tail else {
            return true;
        };
        let (word, bit) = Self::place(first, second);
        self.0[word] & bit != 0
    }

    fn place(first: u8, second: u8) -> (usize, u64) {
        let index = usize::from(first) << 8 | usize::from(second);
        (index / 64, 1 << (index % 64))
    }
}
