//! The stretches of a text that a needle may touch.
//!
//! Every needle has one *window* of eight bytes in it, the most telling it has. Where the needle
//! stands in a text, one of every five neighbouring positions of the text falls on one of the
//! window's first five, so it is enough to look at every fifth. There four bytes are hashed into a
//! table that says whether they are bytes 0–3, 1–4, … or 4–7 of some window; if so, the eight bytes
//! are looked up exactly. What passes is surrounded by as much text as the window's needles reach.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

use crate::refusal::SECRET_MIN_BYTES;
use crate::secret::SecretBytes;

const WINDOW_BYTES: usize = SECRET_MIN_BYTES;
const GRAM_BYTES: usize = 4;
const STRIDE_BYTES: usize = WINDOW_BYTES - GRAM_BYTES + 1;

/// As many samples as are judged by one branch.
const BLOCK_BYTES: usize = STRIDE_BYTES * 4;

const SLOT_BITS: u32 = 17;
const SLOTS: usize = 1 << SLOT_BITS;

/// Windows tried for each needle: enough to get past a common beginning.
const WINDOWS_TRIED: usize = 48;

pub(super) struct Filter {
    /// For each hash of four bytes, one bit for each place in a window where they may stand.
    slots: Box<[u8; SLOTS]>,
    windows: HashMap<u64, Reach, BuildHasherDefault<WindowHasher>>,
}

/// How far the needles of one window go to either side of its first byte.
#[derive(Clone, Copy, Default)]
struct Reach {
    back: usize,
    ahead: usize,
    needles: usize,
}

impl Filter {
    pub(super) fn new(needles: &[SecretBytes]) -> Self {
        let mut filter = Self {
            slots: vec![0; SLOTS].try_into().expect("the vector was made with this length"),
            windows: HashMap::default(),
        };
        for needle in needles {
            filter.add(needle.expose());
        }
        filter
    }

    fn add(&mut self, needle: &[u8]) {
        let offset = self.choose_window(needle);
        let window = &needle[offset..offset + WINDOW_BYTES];
        for place in 0..STRIDE_BYTES {
            let gram = gram(window, place);
            self.slots[slot(gram)] |= 1 << place;
        }
        let reach = self.windows.entry(key(window, 0)).or_default();
        reach.back = reach.back.max(offset);
        reach.ahead = reach.ahead.max(needle.len() - offset);
        reach.needles += 1;
    }

    /// The window that fewest needles have taken, then the one with the rarest bytes.
    fn choose_window(&self, needle: &[u8]) -> usize {
        let taken = |offset: usize| self.windows.get(&key(needle, offset)).map_or(0, |reach| reach.needles);
        let commonness =
            |offset: usize| needle[offset..offset + WINDOW_BYTES].iter().map(|&byte| common(byte)).sum::<u32>();
        (0..=needle.len() - WINDOW_BYTES)
            .take(WINDOWS_TRIED)
            .min_by_key(|&offset| (taken(offset), commonness(offset)))
            .unwrap_or(0)
    }

    /// The stretches of `text` outside which no needle touches it, in order and apart.
    pub(super) fn stretches(&self, text: &[u8]) -> Vec<Range<usize>> {
        let mut stretches = Vec::new();
        if self.windows.is_empty() {
            return stretches;
        }
        let mut blocks = text.chunks_exact(BLOCK_BYTES);
        let mut at = 0;
        for block in &mut blocks {
            let marks_at = |place: usize| self.slots[slot(gram(block, place))];
            let marks = [marks_at(0), marks_at(STRIDE_BYTES), marks_at(2 * STRIDE_BYTES), marks_at(3 * STRIDE_BYTES)];
            if marks != [0; 4] {
                for (sample, mark) in marks.into_iter().enumerate() {
                    self.confirm(text, at + sample * STRIDE_BYTES, mark, &mut stretches);
                }
            }
            at += BLOCK_BYTES;
        }
        while at + GRAM_BYTES <= text.len() {
            self.confirm(text, at, self.slots[slot(gram(text, at))], &mut stretches);
            at += STRIDE_BYTES;
        }
        unite(stretches)
    }

    /// Looks for the windows of which the four bytes at `at` may be a part, as `marks` say.
    fn confirm(&self, text: &[u8], at: usize, mut marks: u8, stretches: &mut Vec<Range<usize>>) {
        while marks != 0 {
            let place = marks.trailing_zeros() as usize;
            marks &= marks - 1;
            let Some(start) = at.checked_sub(place).filter(|start| start + WINDOW_BYTES <= text.len()) else {
                continue;
            };
            if let Some(reach) = self.windows.get(&key(text, start)) {
                let end = text.len().min(start + reach.ahead);
                stretches.push(start.saturating_sub(reach.back)..end);
            }
        }
    }
}

/// Sorts `spans` and makes one of those that overlap or touch.
pub(crate) fn unite(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_unstable_by_key(|span| span.start);
    spans.dedup_by(|next, kept| {
        let is_joined = next.start <= kept.end;
        if is_joined {
            kept.end = kept.end.max(next.end);
        }
        is_joined
    });
    spans
}

fn gram(text: &[u8], at: usize) -> u32 {
    let bytes = text[at..at + GRAM_BYTES].try_into().expect("the slice has this length");
    u32::from_le_bytes(bytes)
}

fn slot(gram: u32) -> usize {
    (gram.wrapping_mul(0x9e37_79b1) >> (32 - SLOT_BITS)) as usize
}

fn key(text: &[u8], at: usize) -> u64 {
    let bytes = text[at..at + WINDOW_BYTES].try_into().expect("the slice has this length");
    u64::from_le_bytes(bytes)
}

/// How often a byte turns up in logs, roughly.
fn common(byte: u8) -> u32 {
    match byte {
        b' ' | b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' | b'-' | b'=' | b'0' => 4,
        b'a'..=b'z' | b'1' | b'2' | b'.' | b'/' | b':' => 3,
        b'0'..=b'9' | b'A'..=b'Z' | b'_' => 2,
        _ => 1,
    }
}

/// Multiplies: the keys are bytes of secrets, which nobody picks to collide.
#[derive(Default)]
struct WindowHasher(u64);

impl Hasher for WindowHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = (self.0 ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

#[cfg(test)]
mod tests {
    use super::Filter;
    use crate::secret::SecretBytes;

    fn stretches(needles: &[&str], text: &str) -> Vec<(usize, usize)> {
        let needles: Vec<_> = needles.iter().map(|needle| SecretBytes::new(*needle)).collect();
        let stretches = Filter::new(&needles).stretches(text.as_bytes());
        stretches.iter().map(|stretch| (stretch.start, stretch.end)).collect()
    }

    #[test]
    fn a_needle_is_found_wherever_it_stands() {
        for before in 0..60 {
            let text = format!("{}hunter2-hunter2 and more", ".".repeat(before));
            assert_eq!(stretches(&["hunter2-hunter2"], &text), [(before, before + 15)], "{text}");
        }
        assert!(stretches(&["hunter2-hunter2"], "nothing to be hidden in here").is_empty());
        assert!(stretches(&[], "hunter2-hunter2").is_empty());
    }

    #[test]
    fn needles_that_share_a_window_reach_as_far_as_the_longest() {
        assert_eq!(stretches(&["0QWXZKJVH", "QWXZKJVH"], "..0QWXZKJVH.."), [(2, 11)]);
        assert_eq!(stretches(&["QWXZKJVH0", "zQWXZKJV", "zQWXZKJVH"], "..QWXZKJVH0.."), [(1, 11)]);
    }
}
