//! Comparing text without regard to case, as .NET's `OrdinalIgnoreCase` does.
//!
//! Each character is replaced by its simple upper case, never by more than one character, and the
//! results are compared unit by unit in UTF-16. Turkish `ı` and the long `ſ` stay themselves.

use std::cmp::Ordering;

/// `text` in the form in which two texts are equal if they differ only in case.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_uppercase() } else { text.chars().map(upper).collect() }
}

/// Whether `left` and `right` differ at most in case.
pub(crate) fn equal(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars().map(upper).eq(right.chars().map(upper))
}

/// The order of `left` and `right` without regard to case.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (fold(left), fold(right));
    if left.is_ascii() && right.is_ascii() {
        return left.cmp(&right);
    }
    left.encode_utf16().cmp(right.encode_utf16())
}

/// How long `text` is in UTF-16, which is what GitHub counts.
pub(crate) fn utf16_units(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

fn upper(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_uppercase();
    }
    match character {
        'ı' | 'ſ' => character,
        // One letter in upper case, too, though Unicode's full mapping writes two.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => shifted(character, 8),
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => shifted(character, 9),
        _ => single_upper(character),
    }
}

fn shifted(character: char, by: u32) -> char {
    char::from_u32(u32::from(character) + by).unwrap_or(character)
}

fn single_upper(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(single), None) => single,
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_differ_in_case_only_where_dotnet_says_so() {
        for (left, right) in [("Straße", "STRAßE"), ("ǆ", "ǅ"), ("ᾳ", "ᾼ"), ("𐐨", "𐐀"), ("µ", "Μ")] {
            assert!(equal(left, right), "{left} and {right}");
        }
        for (left, right) in [("ß", "SS"), ("ſ", "S"), ("ı", "I"), ("İ", "i"), ("ﬁ", "FI")] {
            assert!(!equal(left, right), "{left} and {right}");
        }
    }

    #[test]
    fn the_order_is_that_of_utf16() {
        // U+1F600 is written with surrogates, which stand before U+FFFD.
        assert_eq!(compare("😀", "\u{fffd}"), Ordering::Less);
        assert_eq!(compare("a", "B"), Ordering::Less);
    }
}
