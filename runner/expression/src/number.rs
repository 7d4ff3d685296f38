//! Numbers as text: what GitHub's runner reads as a number, and how it writes one.

/// The number of significant digits that are written.
const DIGITS: i32 = 15;

/// Reads `text` as the language does when it needs a number: trimmed, empty is zero, decimal with
/// exponent, `0x` and `0o` of 32 bits, the infinities; anything else is not a number.
pub(crate) fn parse(text: &str) -> f64 {
    let text = text.trim();
    if text.is_empty() {
        return 0.0;
    }
    if is_decimal(text) {
        return text.parse().unwrap_or(f64::NAN);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    infinity(text).unwrap_or(f64::NAN)
}

/// Writes `number` with fifteen significant digits, shortest form, as .NET's `G15` does.
pub(crate) fn format(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let sign = if number < 0.0 { "-" } else { "" };
    if number.is_infinite() {
        return format!("{sign}Infinity");
    }
    let (digits, exponent) = significant_digits(number.abs());
    let text = if (-4..DIGITS).contains(&exponent) { fixed(&digits, exponent) } else { scientific(&digits, exponent) };
    format!("{sign}{text}")
}

/// The digits of `number` without trailing zeros, and the power of ten of the first.
fn significant_digits(number: f64) -> (String, i32) {
    let text = format!("{number:.14e}");
    let (mantissa, exponent) = text.split_once('e').expect("`e` formatting writes an exponent");
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let exponent = exponent.parse().expect("`e` formatting writes a decimal exponent");
    (digits.trim_end_matches('0').to_owned(), exponent)
}

fn fixed(digits: &str, exponent: i32) -> String {
    let Ok(whole) = usize::try_from(exponent + 1) else {
        return format!("0.{}{digits}", "0".repeat(exponent.unsigned_abs() as usize - 1));
    };
    if whole == 0 {
        format!("0.{digits}")
    } else if digits.len() <= whole {
        format!("{digits}{}", "0".repeat(whole - digits.len()))
    } else {
        format!("{}.{}", &digits[..whole], &digits[whole..])
    }
}

fn scientific(digits: &str, exponent: i32) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{point}{rest}E{sign}{:02}", exponent.unsigned_abs())
}

/// Whether `text` is digits with an optional sign, point, and exponent, and at least one digit.
fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_digit = !(whole.is_empty() && fraction.is_empty());
    let exponent_holds = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    has_digit && digits(whole) && digits(fraction) && exponent_holds
}

/// Digits of a 32-bit number; the upper half is negative, as in the runner.
fn radix(digits: &str, radix: u32) -> f64 {
    if digits.starts_with('+') {
        return f64::NAN;
    }
    match u32::from_str_radix(digits, radix) {
        Ok(bits) => f64::from(bits.cast_signed()),
        Err(_) => f64::NAN,
    }
}

fn infinity(text: &str) -> Option<f64> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.eq_ignore_ascii_case("Infinity") {
        return None;
    }
    Some(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_fifteen_digits_and_an_exponent_beyond() {
        let written = |number: f64| format(number);
        assert_eq!(written(0.000_1), "0.0001");
        assert_eq!(written(0.000_01), "1E-05");
        assert_eq!(written(0.000_012_5), "1.25E-05");
        assert_eq!(written(-123.456), "-123.456");
        assert_eq!(written(99_999_999_999_999.0), "99999999999999");
        assert_eq!(written(999_999_999_999_999.0), "999999999999999");
        assert_eq!(written(1e15), "1E+15");
        assert_eq!(written(1.5e300), "1.5E+300");
        assert_eq!(written(123_456_789_012_345_678.0), "1.23456789012346E+17");
        assert_eq!(written(0.1 + 0.2), "0.3");
        assert_eq!(written(-0.0), "0");
        assert_eq!(written(0.5), "0.5");
        assert_eq!(written(f64::NEG_INFINITY), "-Infinity");
    }

    #[test]
    fn text_is_read_as_the_runner_reads_it() {
        for (text, number) in [
            ("", 0.0),
            (" \t\u{a0}", 0.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("+1e3", 1000.0),
            ("0xff", 255.0),
            ("0xFFFFFFFF", -1.0),
            ("0o17", 15.0),
            ("1e400", f64::INFINITY),
            ("+infinity", f64::INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
        ] {
            assert!(parse(text).total_cmp(&number).is_eq(), "{text:?} is {}", parse(text));
        }
    }

    #[test]
    fn what_only_looks_like_a_number_is_none() {
        for text in
            ["-", ".", "1e", "e1", "1_000", "0X1", "-0x1", "0x", "0x1FFFFFFFF", "0o8", "inf", "0x+1", "1 2", "١"]
        {
            assert!(parse(text).is_nan(), "{text:?} is {}", parse(text));
        }
    }
}
