//! One HTTP request, as somebody outside would make it.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// For each of connecting and every read.
const WAIT_MAX: Duration = Duration::from_secs(5);
/// A demo's answers are small; more than this is not one of them.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// A status and a body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    /// The text at `key` of a JSON body.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        Some(body[key].as_str()?.to_owned())
    }
}

/// Asks `http://ADDRESS/PATH`, on port 80.
///
/// # Errors
///
/// When nobody answers, or not with HTTP.
pub(crate) fn get(address: &str, path: &str) -> Result<Answer, String> {
    let ip = address.parse().map_err(|_| format!("`{address}` is no address"))?;
    let told = |error: std::io::Error| format!("http://{address}{path}: {error}");
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(ip, 80), WAIT_MAX).map_err(told)?;
    stream.set_read_timeout(Some(WAIT_MAX)).map_err(told)?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").map_err(told)?;
    let mut text = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut text).map_err(told)?;
    parse(&String::from_utf8_lossy(&text)).ok_or_else(|| format!("http://{address}{path}: not an HTTP answer"))
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    Some(Answer { status, body: body.trim_end().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_its_status_and_its_body() {
        let answer = parse("HTTP/1.1 200 OK\r\nA: b\r\n\r\n{\"release\":\"r1\"}\n").unwrap();
        assert_eq!((answer.status, answer.text("release").as_deref()), (200, Some("r1")));
        assert!(parse("SSH-2.0-OpenSSH\r\n").is_none());
    }
}
