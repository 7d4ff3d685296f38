//! The text without blanks and escape sequences, and the way back from it.
//!
//! The second pass of the redactor looks for needles in what is left of a text when blanks (all of
//! C0 and DEL) and terminal escape sequences are gone: base64 wrapped at 76 columns, one character
//! a line, colours between the characters. [`strip`] copies the visible bytes of one window and
//! keeps a checkpoint for every few hundred, so that a match is found again in the raw bytes.
//!
//! # Invariants
//!
//! - Stripping has no memory: a window always begins outside an escape sequence, and whoever cuts a
//!   stream into windows sees to that.
//! - A sequence that is malformed, or longer than [`SEQUENCE_MAX_BYTES`], is a lone escape
//!   character with text behind it.

use std::ops::Range;

use memchr::{memchr, memrchr};

/// Blanks and escape sequences between two characters of one secret, at most; past it the
/// characters are strangers. Without a bound, a byte of a secret a megabyte apart from the next
/// would make the redactor hold everything between.
pub const GAP_MAX_BYTES: usize = 4096;

/// An escape sequence that is longer is none: an unterminated one must not hide the text behind it.
const SEQUENCE_MAX_BYTES: usize = 2048;

/// How much text one checkpoint stands for: the most that is walked to find a byte again.
const PIECE_BYTES: usize = 256;

const ESCAPE: u8 = 0x1b;
const BELL: u8 = 0x07;

/// Whether `byte` is left when blanks are gone.
pub(crate) fn is_visible(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f
}

/// Where `text[text]` came from: the first visible byte at or after `raw`.
#[derive(Clone, Copy)]
struct Checkpoint {
    text: usize,
    raw: usize,
}

/// What is left of a window, kept from one window to the next for its memory.
#[derive(Default)]
pub(crate) struct Stripped {
    /// Room for all of the window; `length` bytes of it are taken.
    text: Vec<u8>,
    length: usize,
    /// Where the text behind the last separator begins: nothing before it goes on.
    live: usize,
    checkpoints: Vec<Checkpoint>,
    sequences: Vec<Range<usize>>,
    is_unfinished: bool,
    gap: usize,
}

impl Stripped {
    /// The visible bytes, with a separator wherever a gap was too wide.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text[..self.length]
    }

    /// Where in the text a match that is yet to come may begin at the earliest.
    pub(crate) fn live(&self) -> usize {
        self.live
    }

    /// Whether the window holds an escape character.
    pub(crate) fn has_sequences(&self) -> bool {
        self.is_unfinished || !self.sequences.is_empty()
    }

    /// The place in `raw` of the visible byte `index`; the window's end for the text's end.
    pub(crate) fn locate(&self, raw: &[u8], index: usize) -> usize {
        let after = self.checkpoints.partition_point(|checkpoint| checkpoint.text <= index);
        let Some(checkpoint) = after.checked_sub(1).map(|at| self.checkpoints[at]) else {
            return raw.len();
        };
        let visible = raw[checkpoint.raw..].iter().enumerate().filter(|(_, byte)| is_visible(**byte));
        let found = visible.map(|(at, _)| at).nth(index - checkpoint.text);
        found.map_or(raw.len(), |at| checkpoint.raw + at)
    }

    /// Widens `span` so that it leaves no half of an escape sequence: what came before would take
    /// the mask for its other half, and what came after would turn into text.
    pub(crate) fn whole_sequences(&self, raw: &[u8], span: Range<usize>) -> Range<usize> {
        let after = self.sequences.partition_point(|sequence| sequence.start < span.end);
        let last = self.sequences[..after].last().map_or(0, |sequence| sequence.end);
        before_sequence(raw, span.start)..span.end.max(last)
    }

    fn clear(&mut self, raw: &[u8]) {
        let separators = raw.len() / GAP_MAX_BYTES;
        let room = raw.len() + separators;
        if self.text.len() < room {
            self.text.resize(room, 0);
        }
        self.length = 0;
        self.live = 0;
        self.checkpoints.clear();
        self.sequences.clear();
        self.is_unfinished = false;
        self.gap = 0;
    }

    fn push_text(&mut self, raw: &[u8], span: Range<usize>, separator: u8) {
        for start in span.clone().step_by(PIECE_BYTES) {
            let end = span.end.min(start + PIECE_BYTES);
            self.push_piece(&raw[start..end], start, separator);
        }
    }

    fn push_piece(&mut self, piece: &[u8], at: usize, separator: u8) {
        let Some(first) = piece.iter().position(|&byte| is_visible(byte)) else {
            self.gap += piece.len();
            return;
        };
        self.gap += first;
        self.separate(separator);
        self.checkpoints.push(Checkpoint { text: self.length, raw: at });
        self.gap = piece.iter().rev().take_while(|byte| !is_visible(**byte)).count();

        self.length += copy_visible(piece, &mut self.text[self.length..]);
    }

    fn separate(&mut self, separator: u8) {
        if self.gap > GAP_MAX_BYTES {
            self.text[self.length] = separator;
            self.length += 1;
            self.live = self.length;
            self.gap = 0;
        }
    }
}

/// `at`, or where the escape sequence begins that is not complete at `at`: one that `at` cuts in two,
/// or one that only what stands there kept from being one. At most [`SEQUENCE_MAX_BYTES`] back, which
/// only a row of lone escape characters could reach.
pub(crate) fn before_sequence(raw: &[u8], at: usize) -> usize {
    let first = at.saturating_sub(SEQUENCE_MAX_BYTES);
    let mut at = at;
    while let Some(escape) = memrchr(ESCAPE, &raw[first..at]).map(|offset| first + offset) {
        if sequence_length(&raw[escape..at]).is_some() {
            break;
        }
        at = escape;
    }
    at
}

/// Copies the visible bytes of `piece` and says how many there are. Words are short, so there is no
/// branch for each byte, and the flags of many bytes are computed at once.
fn copy_visible(piece: &[u8], room: &mut [u8]) -> usize {
    const LANE_BYTES: usize = 32;
    let mut count = 0;
    let mut lanes = piece.chunks_exact(LANE_BYTES);
    for lane in &mut lanes {
        let mut keeps = [false; LANE_BYTES];
        for (keep, &byte) in keeps.iter_mut().zip(lane) {
            *keep = is_visible(byte);
        }
        for (&byte, keep) in lane.iter().zip(keeps) {
            room[count] = byte;
            count += usize::from(keep);
        }
    }
    for &byte in lanes.remainder() {
        room[count] = byte;
        count += usize::from(is_visible(byte));
    }
    count
}

/// Strips the window `raw` into `into`. `separator` is a blank that no needle holds. Unless it is
/// the `last` window, an escape sequence without an end waits for the next one.
pub(crate) fn strip(raw: &[u8], separator: u8, last: bool, into: &mut Stripped) {
    into.clear(raw);
    let mut at = 0;
    while let Some(escape) = memchr(ESCAPE, &raw[at..]).map(|offset| at + offset) {
        into.push_text(raw, at..escape, separator);
        let length = match sequence_length(&raw[escape..]) {
            Some(length) => length,
            None if last => 1,
            None => {
                into.is_unfinished = true;
                return;
            }
        };
        at = escape + length;
        into.gap += length;
        into.sequences.push(escape..at);
    }
    into.push_text(raw, at..raw.len(), separator);
    into.separate(separator);
}

/// The length of the escape sequence that `bytes` begin with; `None` when its end is yet to come.
fn sequence_length(bytes: &[u8]) -> Option<usize> {
    let reach = &bytes[..bytes.len().min(SEQUENCE_MAX_BYTES)];
    let found = match reach.get(1)? {
        b'[' => control_length(reach),
        b']' | b'P' | b'X' | b'^' | b'_' => string_length(reach),
        0x20..=0x2f => escape_length(reach),
        0x30..=0x7e => Some(2),
        _ => Some(1),
    };
    match found {
        None if reach.len() == SEQUENCE_MAX_BYTES => Some(1),
        other => other,
    }
}

/// `ESC [`, parameters, intermediates, one final byte.
fn control_length(bytes: &[u8]) -> Option<usize> {
    let parameters = bytes[2..].iter().take_while(|byte| matches!(byte, 0x30..=0x3f)).count();
    let intermediates_at = 2 + parameters;
    let intermediates = bytes[intermediates_at..].iter().take_while(|byte| matches!(byte, 0x20..=0x2f)).count();
    let last = intermediates_at + intermediates;
    let is_final = matches!(bytes.get(last)?, 0x40..=0x7e);
    Some(if is_final { last + 1 } else { 1 })
}

/// `ESC`, intermediates, one final byte.
fn escape_length(bytes: &[u8]) -> Option<usize> {
    let intermediates = bytes[1..].iter().take_while(|byte| matches!(byte, 0x20..=0x2f)).count();
    let is_final = matches!(bytes.get(1 + intermediates)?, 0x30..=0x7e);
    Some(if is_final { intermediates + 2 } else { 1 })
}

/// `ESC ]` or its like, up to BEL or `ESC \`. A line end or another escape means that there was none.
fn string_length(bytes: &[u8]) -> Option<usize> {
    let stops = |byte: &u8| matches!(*byte, BELL | ESCAPE | b'\n' | b'\r');
    let end = 2 + bytes[2..].iter().position(stops)?;
    match bytes[end] {
        BELL => Some(end + 1),
        ESCAPE => (*bytes.get(end + 1)? == b'\\').then_some(end + 2).or(Some(1)),
        _ => Some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::{GAP_MAX_BYTES, Stripped, before_sequence, strip};

    fn stripped(raw: &str, last: bool) -> Stripped {
        let mut into = Stripped::default();
        strip(raw.as_bytes(), 0, last, &mut into);
        into
    }

    fn visible(raw: &str) -> String {
        String::from_utf8(stripped(raw, true).text().to_vec()).unwrap()
    }

    #[test]
    fn blanks_and_sequences_go_and_text_stays() {
        assert_eq!(visible("a b\tc\r\nd\x7fe"), "abcde");
        assert_eq!(visible("a\x1b[1;31mb\x1b[0mc"), "abc");
        assert_eq!(visible("a\x1b]8;;https://x/\x07b\x1b]0;title\x1b\\c"), "abc");
        assert_eq!(visible("a\x1b(Bb\x1bMc"), "abc");
        assert_eq!(visible("ä\x1b[Kö"), "äö");
    }

    #[test]
    fn a_malformed_sequence_hides_nothing() {
        assert_eq!(visible("\x1b[31\nabc"), "[31abc");
        assert_eq!(visible("\x1b]abc\ndef"), "]abcdef");
        assert_eq!(visible(&format!("\x1b]{}", "x".repeat(3000))).len(), 3001);
        assert_eq!(visible("abc\x1b["), "abc[");
    }

    #[test]
    fn an_unfinished_sequence_waits() {
        let raw = "abc\x1b[3";
        let waiting = stripped(raw, false);
        assert_eq!(waiting.text(), b"abc");
        assert!(waiting.has_sequences());
        assert_eq!(before_sequence(raw.as_bytes(), raw.len()), 3);
    }

    #[test]
    fn a_place_behind_half_a_sequence_moves_before_it() {
        let before = |raw: &str, at: usize| before_sequence(raw.as_bytes(), at);
        assert_eq!(before("ab\x1b[31mcd", 4), 2);
        assert_eq!(before("ab\x1b[31mcd", 7), 7);
        assert_eq!(before("ab\x1b[31éd", 6), 2);
        assert_eq!(before("ab\x1b\x1b\x1bcd", 5), 2);
        assert_eq!(before("ab\x1b]title\x1bcd", 10), 2);
        assert_eq!(before("ab\x1bMcd", 4), 4);
    }

    #[test]
    fn a_wide_gap_separates() {
        let near = format!("a{}b", " ".repeat(GAP_MAX_BYTES));
        let far = format!("a{}b", " ".repeat(GAP_MAX_BYTES + 1));
        assert_eq!(visible(&near), "ab");
        assert_eq!(visible(&far), "a\0b");
        assert_eq!(visible(&far[..far.len() - 1]), "a\0");
    }

    #[test]
    fn every_visible_byte_is_found_again() {
        let raw = "ab \x1b[1mc\n".repeat(300);
        let all = stripped(&raw, true);
        for (index, &byte) in all.text().iter().enumerate() {
            assert_eq!(raw.as_bytes()[all.locate(raw.as_bytes(), index)], byte);
        }
        assert_eq!(all.locate(raw.as_bytes(), all.text().len()), raw.len());
    }
}
