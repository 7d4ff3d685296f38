//! Percent, hex, and base64.

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

use super::Form;

const LOWER: &[u8; 16] = b"0123456789abcdef";
const UPPER: &[u8; 16] = b"0123456789ABCDEF";

/// Columns at which encoders wrap: MIME and GNU, PEM.
const WRAP_COLUMNS: [usize; 2] = [76, 64];

pub(super) fn add_forms(secret: &[u8], forms: &mut Vec<Form>) {
    for digits in [LOWER, UPPER] {
        add_hex(secret, digits, forms);
        add_percent(secret, digits, forms);
    }
    add_base64(secret, forms);
    add_double_base64(secret, forms);
}

fn add_hex(secret: &[u8], digits: &[u8; 16], forms: &mut Vec<Form>) {
    for (before_each, between) in [("", ""), ("\\x", ""), ("", ":")] {
        let mut form = Form::new(Vec::with_capacity(secret.len() * 4));
        for (at, &byte) in secret.iter().enumerate() {
            if at > 0 {
                form.extend_from_slice(between.as_bytes());
            }
            form.extend_from_slice(before_each.as_bytes());
            form.extend_from_slice(&hex_digits(byte, digits));
        }
        forms.push(form);
    }
}

fn hex_digits(byte: u8, digits: &[u8; 16]) -> [u8; 2] {
    [digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]
}

/// What encoders leave as it is, besides letters and digits: RFC 3986, JavaScript's
/// `encodeURIComponent` and `encodeURI`, paths, forms, and those that leave nothing.
const PERCENT_KEEPS: [Option<&[u8]>; 6] =
    [Some(b"-_.~"), Some(b"-_.~!'()*"), Some(b"-_.~!'()*;/?:@&=+$,#"), Some(b"-_.~/"), Some(b"-_.* "), None];

fn add_percent(secret: &[u8], digits: &[u8; 16], forms: &mut Vec<Form>) {
    for keeps in PERCENT_KEEPS {
        let once = percent(secret, keeps, digits);
        forms.push(percent(&once, Some(b"-_.~!'()*;/?:@&=+$,#"), digits));
        forms.push(once);
    }
}

/// A kept blank becomes `+`, as in forms.
fn percent(bytes: &[u8], keeps: Option<&[u8]>, digits: &[u8; 16]) -> Form {
    let is_kept = |byte: u8| keeps.is_some_and(|keeps| byte.is_ascii_alphanumeric() || keeps.contains(&byte));
    let mut form = Form::new(Vec::with_capacity(bytes.len() * 3));
    for &byte in bytes {
        if is_kept(byte) {
            form.push(if byte == b' ' { b'+' } else { byte });
        } else {
            form.push(b'%');
            form.extend_from_slice(&hex_digits(byte, digits));
        }
    }
    form
}

/// The stable cores at the three alignments, and what a plain encoder prints for the whole.
fn add_base64(secret: &[u8], forms: &mut Vec<Form>) {
    add_cores(secret, forms);
    for engine in [&STANDARD, &URL_SAFE, &STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
        forms.push(encode(engine, secret));
    }
}

fn add_double_base64(secret: &[u8], forms: &mut Vec<Form>) {
    let mut inner = Vec::new();
    add_cores(secret, &mut inner);
    for engine in [&STANDARD, &URL_SAFE] {
        let whole = encode(engine, secret);
        inner.extend(WRAP_COLUMNS.map(|columns| wrap(&whole, columns)));
        inner.push(whole);
    }
    for text in inner {
        add_cores(&text, forms);
    }
}

/// Base64 of `secret` with 0, 1, or 2 bytes before it, less the characters that its neighbours
/// have a part in.
fn add_cores(secret: &[u8], forms: &mut Vec<Form>) {
    const UNSTABLE_CHARACTERS: [usize; 3] = [0, 2, 3];
    for (before, unstable) in UNSTABLE_CHARACTERS.into_iter().enumerate() {
        let mut aligned = Form::new(vec![0; before]);
        aligned.extend_from_slice(secret);
        let stable = aligned.len() * 8 / 6;
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            let text = encode(engine, &aligned);
            forms.push(Form::new(text[unstable..stable].to_vec()));
        }
    }
}

fn encode(engine: &GeneralPurpose, bytes: &[u8]) -> Form {
    Form::new(engine.encode(bytes).into_bytes())
}

fn wrap(text: &[u8], columns: usize) -> Form {
    let lines: Vec<&[u8]> = text.chunks(columns).collect();
    Form::new(lines.join(&b'\n'))
}
