//! Masks secrets in streams and in texts.
//!
//! A stream is looked at window by window: what is held from before, and what has come since. Two
//! passes find the spans to mask: one over the window as it is, one over the window without blanks
//! and escape sequences. Then everything up to the *cut* goes out, with one mask for each united
//! span, and what lies behind the cut is held: no match that is yet to come begins before it.
//!
//! # Invariants
//!
//! - The cut lies outside every escape sequence, so that the next window can be stripped without
//!   knowing this one.
//! - A span across the cut is masked before it; `covered` says how far it goes on behind.
//! - Spans that overlap or touch have one mask, also when a cut parts them.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::matcher::{Matcher, unite};
use crate::strip::{Stripped, before_sequence, strip};
use crate::vault::Vault;

/// A larger push is looked at in blocks of this size, which fit the processor's cache.
const BLOCK_BYTES: usize = 32 * 1024;

/// New bytes that are waited for before a window is looked at: single bytes pushed one by one must
/// not cost a window each.
const STEP_BYTES: usize = 256;

/// A cheap handle on what a vault knows: clone it freely, one [`stream`](Self::stream) for each
/// stream of output.
#[derive(Clone, Debug)]
pub struct Redactor {
    vault: Vault,
}

impl Redactor {
    pub(crate) fn new(vault: Vault) -> Self {
        Self { vault }
    }

    /// Starts a stream. Secrets that the vault learns later count for it too.
    pub fn stream(&self) -> RedactingStream {
        RedactingStream::new(self.vault.clone())
    }

    /// Masks a whole text. A character is masked whole if any byte of it is.
    pub fn redact_text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let matcher = self.vault.matcher();
        let to_characters = |span: Range<usize>| {
            let start = text.floor_char_boundary(span.start);
            start..text.ceil_char_boundary(span.end)
        };
        let spans = unite(spans_of_whole(&matcher, text.as_bytes()).into_iter().map(to_characters).collect());
        if spans.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut redacted = String::with_capacity(text.len());
        let mut at = 0;
        for span in spans {
            redacted.push_str(&text[at..span.start]);
            redacted.push_str(matcher.mask());
            at = span.end;
        }
        redacted.push_str(&text[at..]);
        Cow::Owned(redacted)
    }

    /// Masks whole bytes.
    pub fn redact_bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let matcher = self.vault.matcher();
        let spans = spans_of_whole(&matcher, bytes);
        if spans.is_empty() {
            return Cow::Borrowed(bytes);
        }
        let mut redacted = Vec::with_capacity(bytes.len());
        let mut at = 0;
        for span in spans {
            redacted.extend_from_slice(&bytes[at..span.start]);
            redacted.extend_from_slice(matcher.mask().as_bytes());
            at = span.end;
        }
        redacted.extend_from_slice(&bytes[at..]);
        Cow::Owned(redacted)
    }
}

/// One stream of output on its way to a sink.
///
/// Bytes go in by [`push`](Self::push) and come out, masked, at the end of the `out` that every
/// method takes. The output may end in the middle of a UTF-8 character; the rest comes with the
/// next bytes.
pub struct RedactingStream {
    vault: Vault,
    matcher: Arc<Matcher>,
    generation: u64,
    held: Vec<u8>,
    /// How many of the held bytes no window has shown yet.
    fresh: usize,
    /// How many of the held bytes belong to a mask that is already out.
    covered: usize,
    /// Whether a mask was the last thing to go out.
    ends_masked: bool,
    stripped: Stripped,
}

/// What stays behind the cut.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// As much as the longest needle could need.
    Longest,
    /// Only what is a beginning of some needle.
    Pending,
    /// Nothing: the stream is at its end.
    Nothing,
}

impl RedactingStream {
    fn new(vault: Vault) -> Self {
        let generation = vault.generation();
        Self {
            matcher: vault.matcher(),
            vault,
            generation,
            held: Vec::new(),
            fresh: 0,
            covered: 0,
            ends_masked: false,
            stripped: Stripped::default(),
        }
    }

    /// Takes `input` and appends what is certain to `out`.
    ///
    /// The longest needle's length less one byte is held back (counted without blanks and escape
    /// sequences, which are held with it), and up to 256 bytes more, so that pushing single bytes
    /// stays cheap.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.refresh();
        if self.matcher.is_empty() {
            out.append(&mut self.held);
            out.extend_from_slice(input);
            return;
        }
        for block in input.chunks(BLOCK_BYTES) {
            self.held.extend_from_slice(block);
            self.fresh += block.len();
            if self.fresh >= STEP_BYTES {
                self.advance(Hold::Longest, out);
            }
        }
    }

    /// Appends everything held that is not the beginning of a secret in some form: what a timer may
    /// call so that a prompt or a progress line is shown. Calling it or not changes *when* bytes
    /// come out, never *which*.
    pub fn flush_safe(&mut self, out: &mut Vec<u8>) {
        self.refresh();
        self.advance(Hold::Pending, out);
    }

    /// Appends the rest: the stream has ended. What is pushed afterwards is a new stream.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.refresh();
        self.advance(Hold::Nothing, out);
        self.covered = 0;
        self.ends_masked = false;
    }

    /// How many bytes are held back.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes over secrets that were registered since; they count for the held bytes too.
    fn refresh(&mut self) {
        let generation = self.vault.generation();
        if generation != self.generation {
            self.matcher = self.vault.matcher();
            self.generation = generation;
        }
    }

    fn advance(&mut self, hold: Hold, out: &mut Vec<u8>) {
        strip(&self.held, self.matcher.separator(), hold == Hold::Nothing, &mut self.stripped);
        let mut spans = find_spans(&self.matcher, &self.held, &self.stripped);
        if self.covered > 0 {
            spans.push(self.stripped.whole_sequences(&self.held, 0..self.covered));
        }
        let cut = self.cut(hold);
        self.emit(&unite(spans), cut, out);
        self.fresh = 0;
    }

    /// The first byte that a match yet to come may need.
    fn cut(&self, hold: Hold) -> usize {
        let (raw, text) = (&self.held, self.stripped.text());
        let back = self.matcher.longest().saturating_sub(1);
        let (raw_cut, text_cut) = match hold {
            Hold::Nothing => return raw.len(),
            Hold::Pending => (self.matcher.pending(raw), self.matcher.pending(text)),
            Hold::Longest => (raw.len().saturating_sub(back), text.len().saturating_sub(back)),
        };
        let text_cut = self.stripped.locate(raw, text_cut.max(self.stripped.live()));
        before_sequence(raw, raw_cut.min(text_cut))
    }

    /// Gives out the held bytes before `cut`, masked, and drops them.
    fn emit(&mut self, spans: &[Range<usize>], cut: usize, out: &mut Vec<u8>) {
        if cut == 0 {
            return;
        }
        let mut at = 0;
        for span in spans.iter().take_while(|span| span.start < cut) {
            out.extend_from_slice(&self.held[at..span.start]);
            let goes_on = span.start == 0 && self.ends_masked;
            if !goes_on {
                out.extend_from_slice(self.matcher.mask().as_bytes());
            }
            at = span.end;
        }
        self.ends_masked = at >= cut;
        self.covered = at.saturating_sub(cut);
        if at < cut {
            out.extend_from_slice(&self.held[at..cut]);
        }
        self.held.drain(..cut);
    }
}

impl fmt::Debug for RedactingStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RedactingStream").field("held", &self.held()).finish_non_exhaustive()
    }
}

fn spans_of_whole(matcher: &Matcher, bytes: &[u8]) -> Vec<Range<usize>> {
    let mut stripped = Stripped::default();
    strip(bytes, matcher.separator(), true, &mut stripped);
    unite(find_spans(matcher, bytes, &stripped))
}

/// Both passes over one window. The first is left out where the second finds the same.
fn find_spans(matcher: &Matcher, raw: &[u8], stripped: &Stripped) -> Vec<Range<usize>> {
    let mut spans = Vec::new();
    if matcher.needs_raw_pass() || stripped.has_sequences() {
        matcher.for_each_match(raw, |hit| add_span(hit, &mut spans));
    }
    let mut hits = Vec::new();
    matcher.for_each_match(stripped.text(), |hit| add_span(hit, &mut hits));
    spans.extend(hits.into_iter().map(|hit| {
        let last = stripped.locate(raw, hit.end - 1);
        stripped.locate(raw, hit.start)..last + 1
    }));
    for span in &mut spans {
        *span = stripped.whole_sequences(raw, span.clone());
    }
    spans
}

/// Adds `span`, or widens the last one: many needles match at one place. Spans that only touch stay
/// apart, since in the raw bytes there may be blanks between them.
fn add_span(span: Range<usize>, spans: &mut Vec<Range<usize>>) {
    match spans.last_mut() {
        Some(last) if span.start < last.end && last.start < span.end => {
            *last = last.start.min(span.start)..last.end.max(span.end);
        }
        _ => spans.push(span),
    }
}
