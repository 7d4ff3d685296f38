//! Bytes become text: UTF-8 without anything invisible to YAML.

use sealock_diagnostics::{Diagnostic, Span};

use super::limits::FILE_BYTES_MAX;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text of a pipeline file, without the byte-order mark that it may start with.
///
/// # Errors
///
/// `E-YAML-SIZE` for more than 1 MiB, `E-YAML-ENCODING` for anything but UTF-8.
pub fn decode(bytes: &[u8]) -> Result<String, Box<Diagnostic>> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(Box::new(too_large(bytes.len())));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Box::new(encoding("the file is UTF-16", None)));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(Box::new(not_utf8(bytes, error.valid_up_to()))),
    }
}

/// The size of `text` and every character in it that YAML does not take.
pub(crate) fn check_characters(text: &str) -> Result<(), Box<Diagnostic>> {
    if text.len() > FILE_BYTES_MAX {
        return Err(Box::new(too_large(text.len())));
    }
    let text_after_mark = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let skipped = text.len() - text_after_mark.len();
    let Some((at, found)) = text_after_mark.char_indices().find(|&(_, c)| !is_allowed(c)) else {
        return Ok(());
    };
    let span = Span::new(skipped + at, skipped + at + found.len_utf8());
    Err(Box::new(match found {
        BYTE_ORDER_MARK => encoding("a byte-order mark stands inside the file", Some(span))
            .help("delete the invisible character U+FEFF; it may only be the first of a file"),
        '\0' => encoding("the file holds a NUL character", Some(span)),
        c => encoding(&format!("the file holds the control character U+{:04X}", c as u32), Some(span))
            .help("write it as an escape in double quotes, such as \"\\e\""),
    }))
}

/// YAML's printable characters.
fn is_allowed(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' | '\u{85}' => true,
        BYTE_ORDER_MARK | '\u{fffe}' | '\u{ffff}' => false,
        c => !c.is_control(),
    }
}

fn too_large(bytes: usize) -> Diagnostic {
    let message = format!("the file has {bytes} bytes, {FILE_BYTES_MAX} (1 MiB) are the most");
    Diagnostic::error("E-YAML-SIZE", message, None)
        .help("keep data out of the pipeline: put it into a file of the repository and name that")
}

fn not_utf8(bytes: &[u8], at: usize) -> Diagnostic {
    let line = bytes[..at].split(|&byte| byte == b'\n').count();
    let column = String::from_utf8_lossy(bytes[..at].rsplit(|&byte| byte == b'\n').next().unwrap_or_default());
    let column = column.chars().count() + 1;
    let message = format!("the file is not UTF-8: byte 0x{:02x} at line {line}, column {column}", bytes[at]);
    encoding(&message, None)
}

fn encoding(message: &str, span: Option<Span>) -> Diagnostic {
    Diagnostic::error("E-YAML-ENCODING", message, span).help("save the file as UTF-8")
}
