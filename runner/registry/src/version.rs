//! Tags that are versions, and how young a version may be.

use std::time::Duration;

use jiff::Timestamp;

/// A version is not chosen for this long: most bad versions are found, and taken away, within days.
pub const COOLDOWN: Duration = Duration::from_hours(7 * 24);
/// Versions of one line that are looked at for one that is old enough.
pub(crate) const CANDIDATES: usize = 20;

/// A whole version, such as `1.4.2` or `v1.4.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u64, u64, u64);

/// A line of versions: the tag `1.4` stands for every `1.4.x`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line(u64, Option<u64>);

impl Version {
    pub(crate) fn read(tag: &str) -> Option<Self> {
        match numbers(tag)?[..] {
            [major, minor, patch] => Some(Self(major, minor, patch)),
            _ => None,
        }
    }
}

/// Whether `tag` is a whole version, such as `1.4.2`: it is published once.
pub fn is_whole_version(tag: &str) -> bool {
    Version::read(tag).is_some()
}

/// Whether both are whole versions, and `tag` is a lower one than `than`.
pub fn is_lower_version(tag: &str, than: &str) -> bool {
    Version::read(tag).zip(Version::read(than)).is_some_and(|(own, other)| own < other)
}

impl Line {
    pub(crate) fn read(tag: &str) -> Option<Self> {
        match numbers(tag)?[..] {
            [major] => Some(Self(major, None)),
            [major, minor] => Some(Self(major, Some(minor))),
            _ => None,
        }
    }

    fn has(self, version: Version) -> bool {
        version.0 == self.0 && self.1.is_none_or(|minor| version.1 == minor)
    }

    /// The tags of this line's versions, the newest first.
    pub(crate) fn newest_first(self, tags: &[String]) -> Vec<&str> {
        let versions = tags.iter().filter_map(|tag| Some((Version::read(tag)?, tag.as_str())));
        let mut own: Vec<_> = versions.filter(|(version, _)| self.has(*version)).collect();
        own.sort_unstable_by(|one, other| other.cmp(one));
        own.into_iter().map(|(_, tag)| tag).take(CANDIDATES).collect()
    }
}

/// `1.2.3` with or without a `v`; nothing when there is more to it, such as `-rc.1`.
fn numbers(tag: &str) -> Option<Vec<u64>> {
    let parts = tag.strip_prefix('v').unwrap_or(tag).split('.');
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse().ok())?;
    parts.map(number).collect()
}

/// How old a version is, by its publisher's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// Published that long ago.
    Known(Duration),
    /// It does not say, or says that it comes from the future.
    Unknown,
}

impl Age {
    pub(crate) fn at(now: Timestamp, created: Option<Timestamp>) -> Self {
        let seconds = created.and_then(|created| u64::try_from(now.as_second() - created.as_second()).ok());
        seconds.map_or(Self::Unknown, |seconds| Self::Known(Duration::from_secs(seconds)))
    }

    /// Whether it is too young to be chosen by itself.
    pub fn is_young(self) -> bool {
        matches!(self, Self::Known(age) if age < COOLDOWN) || self == Self::Unknown
    }
}

impl std::fmt::Display for Age {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => f.write_str("at a time that it does not say"),
            Self::Known(age) => match age.as_secs() / 3600 {
                0 => f.write_str("within the hour"),
                hours @ 1..48 => write!(f, "{hours} h ago"),
                hours => write!(f, "{} days ago", hours / 24),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_versions_newest_first_and_no_early_ones() {
        let tags = ["1.4.2", "1.4.10", "v1.4.3", "1.5.0", "1.4", "1.4.11-rc.1", "latest", "2.0.0", "1.4.x", "1.4.+1"];
        let tags = tags.map(str::to_owned);
        assert_eq!(Line::read("1.4").expect("a line").newest_first(&tags), ["1.4.10", "v1.4.3", "1.4.2"]);
        assert_eq!(Line::read("v1").expect("a line").newest_first(&tags)[0], "1.5.0");
        for tag in ["1.4.2", "latest", "", "1.4-rc", "v"] {
            assert_eq!(Line::read(tag), None, "{tag}");
        }
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        assert!(is_lower_version("1.4.2", "1.4.10") && is_lower_version("v1.4.2", "1.5.0"));
        for (one, other) in [("1.4.2", "1.4.2"), ("1.5.0", "1.4.9"), ("1.4", "1.5.0"), ("latest", "1.0.0")] {
            assert!(!is_lower_version(one, other), "{one} {other}");
        }
        assert!(is_whole_version("v1.4.2") && !is_whole_version("1.4"));
    }

    #[test]
    fn what_does_not_say_its_age_or_comes_from_the_future_is_young() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().expect("a moment");
        let at = |text: &str| Age::at(now, Some(text.parse().expect("a moment")));
        assert!(at("2026-11-14T10:00:01Z").is_young() && !at("2026-11-14T10:00:00Z").is_young());
        assert!(at("2026-11-22T10:00:00Z").is_young() && Age::at(now, None).is_young());
        assert_eq!(at("2026-11-18T10:00:00Z").to_string(), "3 days ago");
    }
}
