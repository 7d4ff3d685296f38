//! Every form in which a secret may turn up in output.
//!
//! A secret has *readings*: as it is, without its trailing line ends, and, when it has lines, with
//! the other kind of line end. Each reading has *forms*: quoted, percent-encoded, hex, base64. Each
//! form, cut into pieces of at most [`NEEDLE_MAX_BYTES`], gives a needle, and one more without
//! blanks for the second pass. The visible lines of a secret are needles too.
//!
//! # Invariants
//!
//! - Every needle has [`SECRET_MIN_BYTES`] or more: shorter ones turn up by chance.
//! - A needle does not begin or end with a space, a tab, or a line end, unless too little would be
//!   left of it: such ends are not worth a pass of their own over the text.

mod quoted;
mod radix;

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use crate::refusal::{SECRET_MIN_BYTES, is_common};
use crate::secret::SecretBytes;
use crate::strip::{Stripped, strip};

/// The redactor holds back this much of a stream at most (and what blanks are between), however
/// long a secret is: without a bound, a secret file of 48 KiB would silence a step's log for 300.
pub(crate) const NEEDLE_MAX_BYTES: usize = 1024;

/// Bytes of one form, zeroised when dropped.
type Form = Zeroizing<Vec<u8>>;

/// Adds the needles of `secret` to `needles`.
pub(crate) fn add_needles(secret: &SecretBytes, needles: &mut BTreeSet<SecretBytes>) {
    let secret = secret.expose();
    let without_line_ends = trim_line_ends(secret);
    let mut forms = Vec::new();

    add_all_forms(secret, &mut forms);
    add_all_forms(without_line_ends, &mut forms);
    if without_line_ends.contains(&b'\n') {
        for reading in [with_line_feeds(secret), with_carriage_returns(secret)] {
            quoted::add_forms(&reading, &mut forms);
        }
        forms.extend(lines(secret).map(|line| Form::new(line.to_vec())));
    }
    for piece in forms.iter().flat_map(|form| pieces(form)) {
        admit(piece, needles);
    }
}

fn add_all_forms(reading: &[u8], forms: &mut Vec<Form>) {
    if reading.len() < SECRET_MIN_BYTES {
        return;
    }
    forms.push(Form::new(reading.to_vec()));
    quoted::add_forms(reading, forms);
    radix::add_forms(reading, forms);
}

fn trim_line_ends(bytes: &[u8]) -> &[u8] {
    let kept = bytes.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    &bytes[..kept.map_or(0, |last| last + 1)]
}

fn with_line_feeds(bytes: &[u8]) -> Form {
    let mut reading = Form::new(Vec::with_capacity(bytes.len()));
    for (at, &byte) in bytes.iter().enumerate() {
        if byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
            reading.push(byte);
        }
    }
    reading
}

fn with_carriage_returns(bytes: &[u8]) -> Form {
    let feeds = with_line_feeds(bytes);
    let mut reading = Form::new(Vec::with_capacity(feeds.len() * 2));
    for &byte in feeds.iter() {
        if byte == b'\n' {
            reading.push(b'\r');
        }
        reading.push(byte);
    }
    reading
}

/// The lines that may be masked on their own: not those that stand in ordinary text anyway.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| line.len() >= SECRET_MIN_BYTES && !is_common(line))
}

/// Cuts a long form evenly, so that no piece is much shorter than the others.
fn pieces(form: &[u8]) -> impl Iterator<Item = &[u8]> {
    let count = form.len().div_ceil(NEEDLE_MAX_BYTES).max(1);
    (0..count).map(move |piece| &form[form.len() * piece / count..form.len() * (piece + 1) / count])
}

fn admit(piece: &[u8], needles: &mut BTreeSet<SecretBytes>) {
    let trimmed = piece.trim_ascii();
    let needle = if trimmed.len() >= SECRET_MIN_BYTES { trimmed } else { piece };
    if needle.len() >= SECRET_MIN_BYTES {
        needles.insert(SecretBytes::new(needle));
    }
    let visible = without_blanks(piece);
    if visible.len() >= SECRET_MIN_BYTES && !is_common(&visible) {
        needles.insert(SecretBytes::new(visible.as_slice()));
    }
}

/// `bytes` as the second pass sees them.
pub(crate) fn without_blanks(bytes: &[u8]) -> Form {
    let mut stripped = Stripped::default();
    strip(bytes, 0, true, &mut stripped);
    Form::new(stripped.text().to_vec())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{NEEDLE_MAX_BYTES, add_needles};
    use crate::refusal::SECRET_MIN_BYTES;
    use crate::secret::SecretBytes;

    fn needles(secret: &str) -> BTreeSet<SecretBytes> {
        let mut needles = BTreeSet::new();
        add_needles(&SecretBytes::new(secret), &mut needles);
        needles
    }

    fn holds(needles: &BTreeSet<SecretBytes>, needle: &str) -> bool {
        needles.contains(&SecretBytes::new(needle))
    }

    #[test]
    fn lines_are_needles_unless_they_are_short_or_common() {
        let needles = needles("first-line\r\n  second-line\nundefined\nshort\n");
        assert!(holds(&needles, "first-line"));
        assert!(holds(&needles, "second-line"));
        assert!(!holds(&needles, "undefined"));
        assert!(!holds(&needles, "short"));
        assert!(holds(&needles, r"first-line\n  second-line\nundefined\nshort\n"));
        assert!(holds(&needles, r"first-line\\r\\n  second-line\\r\\nundefined\\r\\nshort\\r\\n"));
        assert!(holds(&needles, "first-linesecond-lineundefinedshort"));
    }

    #[test]
    fn a_long_secret_is_cut_into_pieces() {
        let secret = ["0123456789abcdefghijklmnopqrstuvwxyz"; 100].join("/");
        for needle in needles(&secret) {
            assert!((SECRET_MIN_BYTES..=NEEDLE_MAX_BYTES).contains(&needle.len()));
        }
    }

    #[test]
    fn a_secret_of_mostly_blanks_is_still_a_needle() {
        assert!(holds(&needles("  a b  c "), "  a b  c "));
    }
}
