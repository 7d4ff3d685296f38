//! JSON, JSON in JSON, XML, and the strings of shells, Go, and Rust.
//!
//! All of them without the quotes around. Bytes that are not UTF-8 are escaped where the notation
//! has a way (Go, Rust, `$'…'`), and left as they are where it has none.

use std::fmt::Write as _;

use super::Form;

pub(super) fn add_forms(secret: &[u8], forms: &mut Vec<Form>) {
    add_json(secret, forms);
    add_xml(secret, forms);
    add_shell(secret, forms);
    forms.push(escape(secret, go_character, hex_byte));
    forms.push(escape(secret, go_ascii_character, hex_byte));
    forms.push(escape(secret, rust_character, hex_byte));
    forms.push(Form::new(secret.escape_ascii().collect()));
}

/// Writes what stands for a character; `false` when it stands for itself.
type Escape = fn(char, &mut String) -> bool;

/// Escapes `bytes` character by character; bytes that are no text go through `stray`.
fn escape(bytes: &[u8], character: Escape, stray: fn(u8, &mut Vec<u8>)) -> Form {
    let mut form = Form::new(Vec::with_capacity(bytes.len() * 2));
    let mut written = String::new();
    for chunk in bytes.utf8_chunks() {
        for found in chunk.valid().chars() {
            written.clear();
            if !character(found, &mut written) {
                written.push(found);
            }
            form.extend_from_slice(written.as_bytes());
        }
        for &byte in chunk.invalid() {
            stray(byte, &mut form);
        }
    }
    form
}

fn same_byte(byte: u8, form: &mut Vec<u8>) {
    form.push(byte);
}

fn hex_byte(byte: u8, form: &mut Vec<u8>) {
    form.extend_from_slice(format!("\\x{byte:02x}").as_bytes());
}

fn octal_byte(byte: u8, form: &mut Vec<u8>) {
    form.extend_from_slice(format!("\\{byte:03o}").as_bytes());
}

/// Writes `text` and says that it did.
fn put(text: &str, into: &mut String) -> bool {
    into.push_str(text);
    true
}

fn put_number(arguments: std::fmt::Arguments<'_>, into: &mut String) -> bool {
    into.write_fmt(arguments).is_ok()
}

// ---------------------------------------------------------------------------------------- JSON

/// The ways of the encoders that people use: `serde_json` and JavaScript, Python, Go, PHP.
const JSON: [Escape; 4] = [json_character, json_ascii_character, json_html_character, json_slash_character];

fn add_json(secret: &[u8], forms: &mut Vec<Form>) {
    for character in JSON {
        let once = escape(secret, character, same_byte);
        for outer in [json_character, character] {
            forms.push(escape(&once, outer, same_byte));
        }
        forms.push(once);
    }
}

fn json_character(found: char, into: &mut String) -> bool {
    match found {
        '"' => put("\\\"", into),
        '\\' => put("\\\\", into),
        '\n' => put("\\n", into),
        '\r' => put("\\r", into),
        '\t' => put("\\t", into),
        '\u{8}' => put("\\b", into),
        '\u{c}' => put("\\f", into),
        '\0'..='\u{1f}' => put_number(format_args!("\\u{:04x}", u32::from(found)), into),
        _ => false,
    }
}

fn json_ascii_character(found: char, into: &mut String) -> bool {
    if found.is_ascii() && found != '\u{7f}' {
        return json_character(found, into);
    }
    let mut units = [0; 2];
    for unit in found.encode_utf16(&mut units) {
        put_number(format_args!("\\u{unit:04x}"), into);
    }
    true
}

fn json_html_character(found: char, into: &mut String) -> bool {
    match found {
        '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\u{8}' | '\u{c}' => {
            put_number(format_args!("\\u{:04x}", u32::from(found)), into)
        }
        _ => json_character(found, into),
    }
}

fn json_slash_character(found: char, into: &mut String) -> bool {
    if found == '/' { put("\\/", into) } else { json_ascii_character(found, into) }
}

// ----------------------------------------------------------------------------------------- XML

fn add_xml(secret: &[u8], forms: &mut Vec<Form>) {
    for character in [xml_text, xml_attribute, xml_named, xml_decimal, xml_hex] {
        forms.push(escape(secret, character, same_byte));
    }
}

fn xml_text(found: char, into: &mut String) -> bool {
    match found {
        '&' => put("&amp;", into),
        '<' => put("&lt;", into),
        '>' => put("&gt;", into),
        _ => false,
    }
}

fn xml_attribute(found: char, into: &mut String) -> bool {
    if found == '"' { put("&quot;", into) } else { xml_text(found, into) }
}

fn xml_named(found: char, into: &mut String) -> bool {
    if found == '\'' { put("&apos;", into) } else { xml_attribute(found, into) }
}

/// Go's `encoding/xml` and `html/template`.
fn xml_decimal(found: char, into: &mut String) -> bool {
    match found {
        '"' => put("&#34;", into),
        '\'' => put("&#39;", into),
        '\n' => put("&#xA;", into),
        '\r' => put("&#xD;", into),
        '\t' => put("&#x9;", into),
        _ => xml_text(found, into),
    }
}

/// Python's `html.escape`.
fn xml_hex(found: char, into: &mut String) -> bool {
    if found == '\'' { put("&#x27;", into) } else { xml_attribute(found, into) }
}

// -------------------------------------------------------------------------------------- Shells

fn add_shell(secret: &[u8], forms: &mut Vec<Form>) {
    for character in [shell_single, shell_single_in_double, shell_double, shell_double_history, shell_backslash] {
        forms.push(escape(secret, character, same_byte));
    }
    forms.push(escape(secret, shell_dollar, octal_byte));
    forms.push(escape(secret, shell_dollar, hex_byte));
}

fn shell_single(found: char, into: &mut String) -> bool {
    found == '\'' && put("'\\''", into)
}

/// What `dash` prints under `set -x`.
fn shell_single_in_double(found: char, into: &mut String) -> bool {
    found == '\'' && put("'\"'\"'", into)
}

fn shell_double(found: char, into: &mut String) -> bool {
    let is_special = matches!(found, '$' | '`' | '"' | '\\');
    is_special && put_number(format_args!("\\{found}"), into)
}

fn shell_double_history(found: char, into: &mut String) -> bool {
    let is_special = matches!(found, '$' | '`' | '"' | '\\' | '!');
    is_special && put_number(format_args!("\\{found}"), into)
}

/// What `printf %q` of bash prints.
fn shell_backslash(found: char, into: &mut String) -> bool {
    let is_special = " \t|&;<>()$`\\\"'*?[]{},!^#~".contains(found);
    is_special && put_number(format_args!("\\{found}"), into)
}

/// The inside of `$'…'`.
fn shell_dollar(found: char, into: &mut String) -> bool {
    match found {
        '\'' => put("\\'", into),
        '\\' => put("\\\\", into),
        '\u{7}' => put("\\a", into),
        '\u{8}' => put("\\b", into),
        '\u{1b}' => put("\\E", into),
        '\u{c}' => put("\\f", into),
        '\n' => put("\\n", into),
        '\r' => put("\\r", into),
        '\t' => put("\\t", into),
        '\u{b}' => put("\\v", into),
        '\0'..='\u{1f}' | '\u{7f}' => put_number(format_args!("\\{:03o}", u32::from(found)), into),
        _ => false,
    }
}

// --------------------------------------------------------------------------------- Go and Rust

fn go_character(found: char, into: &mut String) -> bool {
    match found {
        '"' => put("\\\"", into),
        '\\' => put("\\\\", into),
        '\u{7}' => put("\\a", into),
        '\u{8}' => put("\\b", into),
        '\u{c}' => put("\\f", into),
        '\n' => put("\\n", into),
        '\r' => put("\\r", into),
        '\t' => put("\\t", into),
        '\u{b}' => put("\\v", into),
        '\0'..='\u{1f}' | '\u{7f}' => put_number(format_args!("\\x{:02x}", u32::from(found)), into),
        '\u{80}'..='\u{9f}' => put_number(format_args!("\\u{:04x}", u32::from(found)), into),
        _ => false,
    }
}

fn go_ascii_character(found: char, into: &mut String) -> bool {
    match found {
        '\0'..='\u{7f}' => go_character(found, into),
        '\u{80}'..='\u{ffff}' => put_number(format_args!("\\u{:04x}", u32::from(found)), into),
        _ => put_number(format_args!("\\U{:08x}", u32::from(found)), into),
    }
}

fn rust_character(found: char, into: &mut String) -> bool {
    found != '\'' && put_number(format_args!("{}", found.escape_debug()), into)
}

#[cfg(test)]
mod tests {
    use super::{Form, add_forms};

    fn holds(secret: &str, form: &str) -> bool {
        let mut forms: Vec<Form> = Vec::new();
        add_forms(secret.as_bytes(), &mut forms);
        forms.iter().any(|found| found.as_slice() == form.as_bytes())
    }

    #[test]
    fn each_notation_has_its_ways() {
        let secret = "a\"b\\c\n<d>&'é\u{1}/$!";
        for form in [
            r#"a\"b\\c\n<d>&'é\u0001/$!"#,
            r#"a\"b\\c\n<d>&'\u00e9\u0001/$!"#,
            r#"a\"b\\c\n\u003cd\u003e\u0026'é\u0001/$!"#,
            r#"a\"b\\c\n<d>&'\u00e9\u0001\/$!"#,
            r#"a\\\"b\\\\c\\n<d>&'é\\u0001/$!"#,
            "a\"b\\c\n&lt;d&gt;&amp;'é\u{1}/$!",
            "a&quot;b\\c\n&lt;d&gt;&amp;&apos;é\u{1}/$!",
            "a&#34;b\\c&#xA;&lt;d&gt;&amp;&#39;é\u{1}/$!",
            "a\"b\\c\n<d>&'\\''é\u{1}/$!",
            "a\\\"b\\\\c\n<d>&'é\u{1}/\\$!",
            r#"a"b\\c\n<d>&\'é\001/$!"#,
            r#"a\"b\\c\n<d>&'é\x01/$!"#,
            r#"a\"b\\c\n<d>&'\u00e9\x01/$!"#,
            r#"a\"b\\c\n<d>&'é\u{1}/$!"#,
            r#"a\"b\\c\n<d>&\'\xc3\xa9\x01/$!"#,
        ] {
            assert!(holds(secret, form), "{form}");
        }
        assert!(holds("a b'c", r"a\ b\'c"));
    }
}
