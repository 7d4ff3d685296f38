//! How long, how often, and how much: every limit towards a registry.

use std::time::Duration;

/// A manifest, a list, a configuration: 100 MiB of JSON must not fill memory. Registries themselves stop at this.
pub(crate) const DOCUMENT_BYTES: u64 = 4 << 20;
/// What a token's answer may have: it is a few hundred bytes of JSON.
pub(crate) const TOKEN_BYTES: u64 = 64 << 10;
/// Redirects of one question: two hosts that point at each other must not be followed for ever.
pub(crate) const REDIRECTS: usize = 5;
/// Header fields of an answer: a hundred thousand of them must not be held.
pub(crate) const HEADERS: usize = 100;
/// Bytes of an answer's head.
pub(crate) const HEAD_BYTES: usize = 64 << 10;
/// Pages of a list of tags: a registry whose `next` never ends must not be read for ever.
pub(crate) const TAG_PAGES: usize = 20;
/// Tags of a repository that are looked at.
pub(crate) const TAGS: usize = 10_000;
/// Pages of a list of referrers: enough for a hundred thousand of them, behind which somebody could hide a signature.
pub(crate) const REFERRER_PAGES: usize = 128;
/// Referrers of a manifest that are looked at: a hundred thousand signatures must not be fetched.
pub(crate) const REFERRERS: usize = 64;
/// What a component's answer brings at least in each stride: at a byte a second, a registry would hold a run for the whole
/// time that a large component may take.
pub(crate) const COMPONENT_STRIDE_BYTES: u64 = 64 << 10;
/// Longest pause that a registry may ask for: `Retry-After: 1000000000` must not hold a run.
pub(crate) const RETRY_AFTER_SECONDS: u64 = 30;

/// How long a registry is waited for. The defaults are for people; tests shorten them.
#[derive(Clone, Debug)]
pub struct Patience {
    /// Until somebody listens and TLS stands.
    pub connect: Duration,
    /// Until an answer begins, and between two pieces of it.
    pub idle: Duration,
    /// For a whole manifest, list, or token: a byte every few seconds must not hold a run.
    pub document: Duration,
    /// For a whole component, with every try.
    pub component: Duration,
    /// In which a component's answer brings at least 64 KiB, or ends: what drips is no download.
    pub stride: Duration,
    /// For all questions about one plugin together, other than its component: a hundred slow documents must not hold a run
    /// a hundred times as long as one.
    pub search: Duration,
    /// Tries together, from 1.
    pub attempts: u32,
    /// Before the second try; doubled before each further one, and a random part more.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(15),
            document: Duration::from_secs(30),
            component: Duration::from_mins(10),
            stride: Duration::from_secs(30),
            search: Duration::from_mins(2),
            attempts: 4,
            pause: Duration::from_millis(500),
        }
    }
}

impl Patience {
    /// The pause before try `next`, from 2, when the registry asked for `after`; nothing when it asks for too much.
    pub(crate) fn pause_before(&self, next: u32, after: Option<Duration>) -> Option<Duration> {
        if after.is_some_and(|after| after.as_secs() > RETRY_AFTER_SECONDS) {
            return None;
        }
        let grown = self.pause * 2_u32.pow(next.saturating_sub(2).min(6));
        let jitter = grown.mul_f64(f64::from(random_byte()) / 512.0);
        Some(after.unwrap_or_default().max(grown + jitter))
    }
}

/// So that a hundred runs that failed together do not come back together.
fn random_byte() -> u8 {
    let mut byte = [0];
    // Without randomness the pause is only less spread.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

/// What `Retry-After` says, in seconds or as a date; what is neither says nothing.
pub(crate) fn retry_after(text: &str, now: jiff::Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    Some(Duration::from_secs(u64::try_from(date.as_second() - now.as_second()).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_a_registry_may_ask_for_a_little_more_but_not_for_years() {
        let patience = Patience::default();
        let second = patience.pause_before(2, None).expect("a pause");
        assert!((500..=750).contains(&second.as_millis()), "{second:?}");
        let fourth = patience.pause_before(4, None).expect("a pause");
        assert!((2000..=3000).contains(&fourth.as_millis()), "{fourth:?}");
        assert_eq!(patience.pause_before(2, Some(Duration::from_secs(7))), Some(Duration::from_secs(7)));
        assert_eq!(patience.pause_before(2, Some(Duration::from_secs(1_000_000_000))), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_nothing_else() {
        let now: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().expect("a moment");
        assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sat, 21 Nov 2026 10:00:09 GMT", now), Some(Duration::from_secs(9)));
        assert_eq!(retry_after("Sat, 21 Nov 2026 09:00:00 GMT", now), Some(Duration::ZERO));
        for text in ["-5", "", "soon", "1e9"] {
            assert_eq!(retry_after(text, now), None, "{text}");
        }
    }
}
