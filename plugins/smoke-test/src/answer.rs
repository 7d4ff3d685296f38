//! Asking, and what came back.

use std::time::{Duration, Instant};

use sealock_sdk::http::{BodyEnd, Request, Response};
use sealock_sdk::{Error, ErrorKind, SecretMap};

/// An endless body must not fill the memory, and no smoke test needs more.
const BODY_BYTES: usize = 1 << 20;
/// The request header that has the host dial a target instead of the URL's host.
const TARGET_HEADER: &str = "sealock-target";
/// The answer's header in which the host says how long the certificate is still valid.
const CERTIFICATE_HEADER: &str = "sealock-certificate-days";

/// One answer, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lowercase.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The body; what is not UTF-8 is replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Every value of the header called `name`.
    pub(crate) fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let same = move |entry: &&(String, String)| entry.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(same).map(|(_, value)| value.trim())
    }

    /// What is left of the certificate, for https.
    pub(crate) fn certificate_days(&self) -> Option<i64> {
        self.header(CERTIFICATE_HEADER).next()?.parse().ok()
    }
}

/// What is asked each time.
pub(crate) struct Question<'a> {
    request: Request,
    headers: &'a SecretMap,
    timeout: Duration,
}

impl<'a> Question<'a> {
    /// Of a URL that can be asked.
    pub(crate) fn new(method: &str, url: &str, headers: &'a SecretMap, timeout: Duration) -> Result<Self, Error> {
        let is_http = url.starts_with("http://") || url.starts_with("https://");
        if !is_http {
            let message = format!("found the url `{url}`, expected one that starts with http:// or https://");
            return Err(Error::of_kind(ErrorKind::Invalid, "E-SMOKE-URL", message));
        }
        let reserved = headers.iter().find(|(name, _)| name.to_ascii_lowercase().starts_with("sealock-"));
        if let Some((name, _)) = reserved {
            let message = format!("`headers` names {name}; headers that start with sealock- are the runner's own");
            return Err(Error::of_kind(ErrorKind::Invalid, "E-SMOKE-HEADER", message));
        }
        Ok(Self { request: Request::new(method, url).timeout(timeout), headers, timeout })
    }

    /// Asks once. The inner error is why there is no answer, for people; the outer one is what no further attempt
    /// can change.
    pub(crate) fn ask(&self, target: Option<&str>) -> Result<Result<Answer, String>, Error> {
        let started = Instant::now();
        let answer = self.request(target).send().and_then(|response| self.read(response, started));
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) if is_final(&error) => Err(error),
            Err(error) => Ok(Err(format!("no answer: {}", crate::text::shown(error.message())))),
        }
    }

    fn request(&self, target: Option<&str>) -> Request {
        let request = self.request.clone();
        let request = match target {
            Some(target) => request.header(TARGET_HEADER, target),
            None => request,
        };
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value.placeholder()))
    }

    fn read(&self, response: Response, started: Instant) -> Result<Result<Answer, String>, Error> {
        let status = response.status();
        let text = |(name, value): (String, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
        let headers = response.headers().into_iter().map(text).collect();
        let beginning = response.beginning(BODY_BYTES, self.timeout.saturating_sub(started.elapsed()))?;
        Ok(match beginning.end {
            BodyEnd::Whole => Ok(Answer { status, headers, body: beginning.bytes }),
            BodyEnd::TooLong => Err(format!("{status} with a body longer than 1 MiB")),
            BodyEnd::TooSlow => Err(format!("{status} with a body that did not end in time")),
        })
    }
}

/// Whether asking again cannot help.
fn is_final(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Denied | ErrorKind::Invalid | ErrorKind::Cancelled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found_whatever_their_case() {
        let headers = vec![("x-release".to_owned(), " r42 ".to_owned()), ("X-Release".to_owned(), "r41".to_owned())];
        let answer = Answer { headers, ..Answer::default() };
        assert_eq!(answer.header("X-RELEASE").collect::<Vec<_>>(), ["r42", "r41"]);
        assert_eq!(answer.certificate_days(), None);
    }

    #[test]
    fn a_url_without_a_scheme_is_refused_before_anything_is_asked() {
        let headers = SecretMap::default();
        let error = Question::new("GET", "example.com/health", &headers, Duration::ZERO).err().expect("no scheme");
        assert_eq!(
            error.message(),
            "found the url `example.com/health`, expected one that starts with http:// or https://"
        );
    }

    #[test]
    fn a_denial_is_final_and_a_refused_connection_is_not() {
        assert!(is_final(&Error::of_kind(ErrorKind::Denied, "E-GRANT-NETWORK", "no")));
        assert!(!is_final(&Error::of_kind(ErrorKind::Remote, "E-HTTP", "refused")));
        assert!(!is_final(&Error::of_kind(ErrorKind::Timeout, "E-HTTP-TIMEOUT", "slow")));
    }
}
