//! How long a certificate is still good for.
//!
//! Reads just enough of a certificate that TLS has already accepted: `Certificate → tbsCertificate →
//! validity → notAfter`.

use std::time::{SystemTime, UNIX_EPOCH};

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const DAY_SECONDS: i64 = 86_400;

/// Whole days until `certificate` (DER) ends; negative once it has.
pub(crate) fn days_left(certificate: &[u8]) -> Option<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    let left = not_after(certificate)? - i64::try_from(now).ok()?;
    Some(left.div_euclid(DAY_SECONDS))
}

fn not_after(certificate: &[u8]) -> Option<i64> {
    let (_, certificate, _) = element(certificate)?;
    let (_, mut rest, _) = element(certificate)?;
    if rest.first() == Some(&VERSION) {
        (_, _, rest) = element(rest)?;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        (_, _, rest) = element(rest)?;
    }
    let (kind, validity, _) = element(rest)?;
    if kind != SEQUENCE {
        return None;
    }
    let (_, _, rest) = element(validity)?;
    let (kind, time, _) = element(rest)?;
    seconds(kind, std::str::from_utf8(time).ok()?)
}

/// The first element of `bytes`: its tag, its content, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        short @ 0..=0x7f => (usize::from(short), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |length, &byte| length << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// Unix time of `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn seconds(kind: u8, text: &str) -> Option<i64> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match kind {
        UTC_TIME => (digits.get(..2)?.parse::<i64>().ok()?, digits.get(2..)?),
        GENERALIZED_TIME => (digits.get(..4)?.parse::<i64>().ok()?, digits.get(4..)?),
        _ => return None,
    };
    let year = match (kind, year) {
        (UTC_TIME, 50..) => year + 1900,
        (UTC_TIME, _) => year + 2000,
        _ => year,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
    let day = days_since_epoch(year, part(0)?, part(2)?);
    Some(day * DAY_SECONDS + part(4)? * 3_600 + part(6)? * 60 + part(8)?)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, with years that start in March.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_time_are_read() {
        assert_eq!(seconds(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(seconds(UTC_TIME, "000229120000Z"), Some(951_825_600));
        assert_eq!(seconds(GENERALIZED_TIME, "20501231235959Z"), Some(2_556_143_999));
        assert_eq!(seconds(UTC_TIME, "2401010000"), None);
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for bytes in [&b""[..], &[0x30], &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x30, 0x02, 0x30, 0x00]] {
            assert_eq!(days_left(bytes), None, "{bytes:?}");
        }
    }
}
