//! Which methods and header fields a step may send.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use sealock_contract::limits::{HTTP_HEADER_BYTES, HTTP_HEADERS};
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};

use super::url::never;

/// Dials a target instead of the URL's host.
const TARGET: &str = "sealock-target";

/// Fields that say how a message is framed, where it goes, or what becomes of the connection. Those are the
/// broker's: two readings of one of them are two requests.
const OURS: &[&str] = &[
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
];

/// Checked header fields.
pub(super) struct Head {
    pub(super) target: Option<String>,
    pub(super) fields: HeaderMap,
}

pub(super) fn method(text: &str) -> Result<Method, Refusal> {
    let is_usual = !text.is_empty() && text.len() <= 20 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    if !is_usual || text == "CONNECT" || text == "TRACE" {
        return Err(never("a method that is not granted to any step"));
    }
    Method::from_bytes(text.as_bytes()).map_err(|_| never("a method that is not one"))
}

/// Takes the broker's own header out and refuses what is not a step's to say.
pub(super) fn check(headers: Vec<(String, Vec<u8>)>, body_bytes: usize) -> Result<Head, Refusal> {
    check_size(&headers)?;
    let mut head = Head { target: None, fields: HeaderMap::with_capacity(headers.len()) };
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| never("a header whose name is not one"))?;
        if name == TARGET {
            let is_first = head.target.replace(String::from_utf8_lossy(&value).into_owned()).is_none();
            if !is_first {
                return Err(never("a request to two targets"));
            }
            continue;
        }
        if OURS.contains(&name.as_str()) || name.as_str().starts_with("sealock-") {
            return Err(never(&format!("the header `{name}`")));
        }
        let value = HeaderValue::from_bytes(&value).map_err(|_| never("a header whose value holds a line end"))?;
        if name == http::header::CONTENT_LENGTH {
            let is_right = value.as_bytes() == body_bytes.to_string().as_bytes();
            if !is_right {
                return Err(never("a header that lies about the body's length"));
            }
            continue;
        }
        head.fields.append(name, value);
    }
    Ok(head)
}

fn check_size(headers: &[(String, Vec<u8>)]) -> Result<(), Refusal> {
    let bytes: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if headers.len() <= HTTP_HEADERS && bytes <= HTTP_HEADER_BYTES {
        return Ok(());
    }
    let message =
        format!("{} headers of {bytes} bytes; {HTTP_HEADERS} of {HTTP_HEADER_BYTES} bytes are the most", headers.len());
    Err(StepError::new(ErrorKind::Quota, "E-HTTP-TOO-LARGE", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(name: &str, value: &str) -> Option<String> {
        check(vec![(name.into(), value.into())], 0).err().map(|refusal| refusal.code)
    }

    #[test]
    fn framing_routing_and_the_connection_are_the_brokers() {
        for name in OURS.iter().chain(&["Host", "Transfer-Encoding", "sealock-timing", "a b", "x:y", ""]) {
            assert_eq!(code(name, "x").as_deref(), Some("E-GRANT-NETWORK"), "{name}");
        }
        assert_eq!(code("content-length", "10").as_deref(), Some("E-GRANT-NETWORK"));
        assert_eq!(code("content-length", "0"), None);
        assert_eq!(code("x", "a\r\nhost: evil").as_deref(), Some("E-GRANT-NETWORK"));
        assert_eq!(code("accept", "*/*"), None);
    }

    #[test]
    fn headers_are_counted() {
        let many = vec![("x".to_owned(), b"y".to_vec()); HTTP_HEADERS + 1];
        assert_eq!(check(many, 0).err().expect("too many").code, "E-HTTP-TOO-LARGE");
        let long = vec![("x".to_owned(), vec![b'y'; HTTP_HEADER_BYTES])];
        assert_eq!(check(long, 0).err().expect("too long").code, "E-HTTP-TOO-LARGE");
    }

    #[test]
    fn methods_are_words_and_no_tunnels() {
        assert!(method("GET").is_ok() && method("PROPFIND").is_ok());
        for text in ["CONNECT", "TRACE", "get", "GET ", "", "G\r\n"] {
            assert_eq!(method(text).expect_err(text).code, "E-GRANT-NETWORK", "{text}");
        }
    }
}
