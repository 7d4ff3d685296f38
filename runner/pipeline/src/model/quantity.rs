//! Durations and sizes.

use std::fmt;
use std::str::FromStr;

/// A length of time in milliseconds, written `10s`, `5m`, `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

/// The longest duration, 35 days: what GitHub gives a run; stops a timeout from never coming.
const DURATION_MILLIS_MAX: u64 = 35 * 24 * 3_600_000;

/// The largest size, 1 TiB; stops a memory limit that is none.
const SIZE_BYTES_MAX: u64 = 1 << 40;

/// Why a text is not a duration or a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuantityError {
    /// A number without a unit.
    #[error("`{found}` has no unit")]
    Bare {
        /// What is written.
        found: String,
    },
    /// Zero.
    #[error("`{found}` is nothing")]
    Zero {
        /// What is written.
        found: String,
    },
    /// More than is allowed.
    #[error("`{found}` is too much, {most} is the most")]
    TooLarge {
        /// What is written.
        found: String,
        /// What would be taken.
        most: &'static str,
    },
    /// Something else.
    #[error("`{found}` is not {expected}")]
    Malformed {
        /// What is written.
        found: String,
        /// What would be taken.
        expected: &'static str,
    },
}

impl Duration {
    /// In milliseconds; never 0.
    pub fn as_millis(self) -> u64 {
        self.0
    }
}

impl From<Duration> for std::time::Duration {
    fn from(duration: Duration) -> Self {
        Self::from_millis(duration.0)
    }
}

impl fmt::Display for Duration {
    /// The form in which it would be written.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        for (unit, millis) in DURATION_UNITS {
            let count = rest / millis;
            rest %= millis;
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

/// From the longest; each may stand once, in this order.
const DURATION_UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

impl FromStr for Duration {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let malformed =
            || QuantityError::Malformed { found: text.to_owned(), expected: "a duration such as `10s`, `5m`, `1h30m`" };
        refuse_bare_number(text)?;
        let mut rest = text;
        let mut total: u64 = 0;
        let mut units = DURATION_UNITS.iter();
        while !rest.is_empty() {
            let (count, unit, after) = split_quantity(rest).ok_or_else(malformed)?;
            let (_, millis) = units.find(|(name, _)| *name == unit).ok_or_else(malformed)?;
            total = total.saturating_add(count.saturating_mul(*millis));
            rest = after;
        }
        within(text, total, DURATION_MILLIS_MAX, "840h").map(Self)
    }
}

/// A number of bytes, written `64MiB`, `1GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// In bytes; never 0.
    pub fn as_bytes(self) -> u64 {
        self.0
    }
}

const SIZE_UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("kB", 1_000),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl FromStr for Size {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let malformed =
            || QuantityError::Malformed { found: text.to_owned(), expected: "a size such as `64MiB`, `1GB`" };
        refuse_bare_number(text)?;
        let (count, unit, rest) = split_quantity(text).ok_or_else(malformed)?;
        let (_, bytes) = SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(malformed)?;
        if !rest.is_empty() {
            return Err(malformed());
        }
        within(text, count.saturating_mul(*bytes), SIZE_BYTES_MAX, "1TiB").map(Self)
    }
}

fn refuse_bare_number(text: &str) -> Result<(), QuantityError> {
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite) && text.bytes().any(|byte| byte.is_ascii_digit());
    if is_number { Err(QuantityError::Bare { found: text.to_owned() }) } else { Ok(()) }
}

/// A number, its unit, and what follows. A number past all bounds is as good as the largest.
fn split_quantity(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at(digits);
    let unit_end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    if number.is_empty() || unit.is_empty() {
        return None;
    }
    Some((number.parse().unwrap_or(u64::MAX), unit, rest))
}

fn within(text: &str, found: u64, most: u64, most_text: &'static str) -> Result<u64, QuantityError> {
    match found {
        0 => Err(QuantityError::Zero { found: text.to_owned() }),
        found if found > most => Err(QuantityError::TooLarge { found: text.to_owned(), most: most_text }),
        found => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str) -> Option<u64> {
        text.parse::<Duration>().ok().map(Duration::as_millis)
    }

    #[test]
    fn durations_are_numbers_with_units_from_long_to_short() {
        assert_eq!(millis("10s"), Some(10_000));
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("500ms"), Some(500));
        assert_eq!(millis("840h"), Some(DURATION_MILLIS_MAX));
        for text in [
            "",
            "10",
            "s",
            "30m1h",
            "1m1m",
            "1.5h",
            "-1s",
            " 1s",
            "1 s",
            "0s",
            "841h",
            "∞",
            "1e308",
            "99999999999999999999s",
        ] {
            assert_eq!(millis(text), None, "{text}");
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_would_be_written() {
        for text in ["1h30m", "10s", "1m500ms"] {
            assert_eq!(text.parse::<Duration>().map(|duration| duration.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn sizes_have_decimal_and_binary_units() {
        let bytes = |text: &str| text.parse::<Size>().ok().map(Size::as_bytes);
        assert_eq!(bytes("64MiB"), Some(64 << 20));
        assert_eq!(bytes("1GB"), Some(1_000_000_000));
        assert_eq!(bytes("1TiB"), Some(SIZE_BYTES_MAX));
        for text in ["64", "64M", "1.5GB", "1GB2MB", "0MB", "2TiB", "MiB"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn a_bare_number_is_told_that_it_lacks_a_unit() {
        assert_eq!("10".parse::<Duration>(), Err(QuantityError::Bare { found: "10".into() }));
        assert_eq!("1e308".parse::<Size>(), Err(QuantityError::Bare { found: "1e308".into() }));
    }
}
