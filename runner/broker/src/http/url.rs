//! URLs, read strictly.
//!
//! What another parser might read in another way is refused, not repaired: user names, backslashes,
//! spaces, dot segments, and every spelling of an address but the usual one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sealock_contract::grant::{Capability, Endpoint, denied};
use sealock_contract::seam::Refusal;

/// Longest URL: a request line must not fill a server's buffer, or ours.
const URL_BYTES_MAX: usize = 8 << 10;

/// A URL in its one form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) is_secure: bool,
    pub(super) endpoint: Endpoint,
    /// With the query, from `/` on.
    pub(super) path: String,
}

impl Url {
    /// As `Host` has it.
    pub(super) fn authority(&self) -> String {
        let host = match self.endpoint.address() {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            _ => self.endpoint.host.clone(),
        };
        let usual = if self.is_secure { 443 } else { 80 };
        if self.endpoint.port == usual { host } else { format!("{host}:{}", self.endpoint.port) }
    }
}

/// The refusal of something that no grant could be for.
pub(super) fn never(found: &str) -> Refusal {
    let mut refusal = denied(Capability::Network, found, "network: [\"host:port\"]");
    refusal.help = Some("write `http://` or `https://`, a host, a port if it is not the usual one, and a path".into());
    refusal
}

/// Reads an absolute `http` or `https` URL.
pub(super) fn parse(text: &str) -> Result<Url, Refusal> {
    if text.len() > URL_BYTES_MAX {
        return Err(never("a URL of more than 8 KiB"));
    }
    let (is_secure, rest) = scheme(text)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let endpoint = endpoint(authority, is_secure)?;
    let path = path(rest)?;
    Ok(Url { is_secure, endpoint, path })
}

fn scheme(text: &str) -> Result<(bool, &str), Refusal> {
    let (scheme, rest) = text.split_once("://").ok_or_else(|| never("a URL without a scheme"))?;
    match scheme.to_ascii_lowercase().as_str() {
        "http" => Ok((false, rest)),
        "https" => Ok((true, rest)),
        _ => Err(never("a URL that is neither http nor https")),
    }
}

fn endpoint(authority: &str, is_secure: bool) -> Result<Endpoint, Refusal> {
    if authority.contains('@') {
        return Err(never("a URL with a user name"));
    }
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or_else(|| never("half an IPv6 address"))?;
        let address: Ipv6Addr = host.parse().map_err(|_| never("an odd spelling of an address"))?;
        (address.to_string(), port)
    } else {
        let (host, port) = authority.split_at(authority.find(':').unwrap_or(authority.len()));
        (name_or_address(host)?, port)
    };
    Ok(Endpoint::new(&host, parse_port(port, is_secure)?))
}

fn parse_port(text: &str, is_secure: bool) -> Result<u16, Refusal> {
    if text.is_empty() {
        return Ok(if is_secure { 443 } else { 80 });
    }
    let digits = text.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let port = digits.and_then(|digits| digits.parse().ok()).filter(|&port: &u16| port > 0);
    port.ok_or_else(|| never("a URL whose port is no number from 1 to 65535"))
}

fn name_or_address(host: &str) -> Result<String, Refusal> {
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(address.to_string());
    }
    let is_label_char = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_label_char);
    if host.len() > 253 || !host.split('.').all(is_label) {
        return Err(never("a URL whose host is no name"));
    }
    // Where the last label is a number, other parsers see an address in octal, hexadecimal, or fewer parts.
    let last = host.rsplit('.').next().unwrap_or_default();
    if last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(never("an odd spelling of an address"));
    }
    Ok(host)
}

fn path(rest: &str) -> Result<String, Refusal> {
    let rest = rest.split('#').next().unwrap_or_default();
    let path = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
    let is_odd = |byte: u8| {
        !byte.is_ascii_graphic() || matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
    };
    if path.bytes().any(is_odd) {
        return Err(never("a URL whose path holds characters that have to be percent-encoded"));
    }
    let decoded = decode(path.split('?').next().unwrap_or_default())?;
    let is_dots = |segment: &[u8]| segment == b"." || segment == b"..";
    if decoded.split(|&byte| byte == b'/' || byte == b'\\').any(is_dots) {
        return Err(never("a URL with dot segments"));
    }
    decode(&path)?;
    Ok(path)
}

fn decode(text: &str) -> Result<Vec<u8>, Refusal> {
    let broken = || never("a URL with half a percent-encoding");
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
            return Err(broken());
        };
        decoded.push(u8::try_from(high << 4 | low).map_err(|_| broken())?);
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match parse(text) {
            Ok(url) => format!("{} {} {}", url.is_secure, url.endpoint, url.path),
            Err(refusal) => refusal.code,
        }
    }

    #[test]
    fn a_url_has_one_form() {
        assert_eq!(shown("HTTPS://API.Example.org./a?b=/../c#d"), "true api.example.org:443 /a?b=/../c");
        assert_eq!(shown("http://example.org?x"), "false example.org:80 /?x");
        assert_eq!(shown("http://127.0.0.1:8080"), "false 127.0.0.1:8080 /");
        assert_eq!(shown("http://[::FFFF:1.2.3.4]:81/"), "false [::ffff:1.2.3.4]:81 /");
        assert_eq!(shown("https://xn--bcher-kva.example/"), "true xn--bcher-kva.example:443 /");
    }

    #[test]
    fn what_another_parser_might_read_differently_is_refused() {
        let odd = [
            "",
            "example.org",
            "//example.org",
            "ftp://example.org",
            "http:/example.org",
            "http:///x",
            "http://",
            "http://good@evil.example/",
            "http://a:b@evil.example",
            "http://example.org:",
            "http://example.org:+80",
            "http://example.org:0",
            "http://example.org:80:80",
            "http://example.org:65536",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://127.1/",
            "http://0177.0.0.1/",
            "http://127.0.0.1.0x1/",
            "http://[::1",
            "http://[fe80::1%25eth0]/",
            "http://ex ample.org/",
            "http://exam\tple.org",
            "http://exämple.org/",
            "http://example..org/",
            "http://example.org\\@evil.example/",
            "http://example.org/\\..\\x",
            "http://example.org/a/../b",
            "http://example.org/%2e%2E/b",
            "http://example.org/a/%2e/b",
            "http://example.org/%2",
            "http://example.org/ x",
            "http://example.org/a%5c..%5cb",
            "http://evil.example%2f@example.org/",
            "http://example.org/\r\nHost: x",
        ];
        for text in odd {
            assert_eq!(shown(text), "E-GRANT-NETWORK", "{text:?}");
        }
        assert_eq!(shown(&format!("http://example.org/{}", "a".repeat(URL_BYTES_MAX))), "E-GRANT-NETWORK");
    }

    #[test]
    fn host_has_no_usual_port() {
        let authority = |text| parse(text).expect("a good URL").authority();
        assert_eq!(authority("https://a.example/"), "a.example");
        assert_eq!(authority("https://a.example:8443/"), "a.example:8443");
        assert_eq!(authority("http://[::1]:80/"), "[::1]");
    }
}
