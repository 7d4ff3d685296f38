//! Why there is no secure connection.
//!
//! A certificate that has ended, or has not begun, is told with both sides of the comparison: most often it is this
//! machine's clock that is wrong, on a board without a battery or in a machine that was asleep.

use std::io;

use jiff::Timestamp;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

/// Why there is no secure connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// There is nobody to trust.
    #[error("no certificates to trust: {0}")]
    Roots(String),
    /// No certificate can be for such a name.
    #[error("no secure connection: {0}")]
    Name(String),
    /// Who answers speaks another language, most often plain HTTP.
    #[error("it does not speak TLS")]
    NotTls,
    /// A certificate of the server's is not good now, by this machine's clock.
    #[error(
        "no secure connection: a certificate of the server {}, and the clock of this machine says {now}: one of the two is wrong",
        says(*.is_over, .date.as_deref())
    )]
    Clock {
        /// Whether it has ended; else it has not begun.
        is_over: bool,
        /// When it ended or begins, in UTC, where that is known.
        date: Option<String>,
        /// This machine's clock, in UTC.
        now: String,
    },
    /// Anything else.
    #[error("no secure connection: {0}")]
    Handshake(io::Error),
}

impl TlsError {
    pub(crate) fn of_handshake(error: io::Error) -> Self {
        match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidMessage(_)) => Self::NotTls,
            Some(rustls::Error::InvalidCertificate(why)) => of_clock(why).unwrap_or(Self::Handshake(error)),
            _ => Self::Handshake(error),
        }
    }
}

fn of_clock(why: &CertificateError) -> Option<TlsError> {
    let (is_over, date, now) = match why {
        CertificateError::Expired => (true, None, UnixTime::now()),
        CertificateError::ExpiredContext { time, not_after } => (true, Some(*not_after), *time),
        CertificateError::NotValidYet => (false, None, UnixTime::now()),
        CertificateError::NotValidYetContext { time, not_before } => (false, Some(*not_before), *time),
        _ => return None,
    };
    Some(TlsError::Clock { is_over, date: date.map(utc), now: utc(now) })
}

fn says(is_over: bool, date: Option<&str>) -> String {
    match (is_over, date) {
        (true, Some(date)) => format!("ended on {date}"),
        (true, None) => "has ended".to_owned(),
        (false, Some(date)) => format!("begins on {date}"),
        (false, None) => "has not begun".to_owned(),
    }
}

/// As people write it, to the second. A date beyond the calendar is the server's to explain: its number is shown.
fn utc(time: UnixTime) -> String {
    let seconds = time.as_secs();
    let known = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    known.map_or_else(
        || format!("second {seconds} since 1970"),
        |instant| instant.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    fn told(why: CertificateError) -> String {
        TlsError::of_handshake(io::Error::other(rustls::Error::InvalidCertificate(why))).to_string()
    }

    #[test]
    fn both_dates_are_told_where_they_are_known() {
        let ended = told(CertificateError::ExpiredContext { time: at(1_700_000_000), not_after: at(951_825_600) });
        assert!(ended.contains("ended on 2000-02-29 12:00:00 UTC"), "{ended}");
        assert!(ended.contains("this machine says 2023-11-14 22:13:20 UTC: one of the two is wrong"), "{ended}");
        let early = told(CertificateError::NotValidYetContext { time: at(0), not_before: at(951_825_600) });
        assert!(early.contains("begins on 2000-02-29 12:00:00 UTC"), "{early}");
        assert!(early.contains("this machine says 1970-01-01 00:00:00 UTC"), "{early}");
    }

    #[test]
    fn without_its_date_the_clock_is_told_all_the_same() {
        for (why, says) in [(CertificateError::Expired, "has ended"), (CertificateError::NotValidYet, "has not begun")]
        {
            let told = told(why);
            assert!(told.contains(says) && told.contains("the clock of this machine says 20"), "{told}");
        }
    }

    #[test]
    fn a_date_beyond_the_calendar_does_no_harm() {
        let told = told(CertificateError::NotValidYetContext { time: at(0), not_before: at(u64::MAX) });
        assert!(told.contains("begins on second 18446744073709551615 since 1970"), "{told}");
    }

    #[test]
    fn what_is_wrong_otherwise_is_no_matter_of_the_clock() {
        assert!(!told(CertificateError::UnknownIssuer).contains("clock"));
    }
}
