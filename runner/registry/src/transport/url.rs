//! Where a question goes.

use std::net::IpAddr;

use http::Uri;

/// An absolute address: `https`, or `http` on this machine alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url {
    is_tls: bool,
    host: String,
    port: u16,
    target: String,
}

impl Url {
    /// Of a registry's own interface. A registry on loopback speaks plain HTTP, any other TLS.
    pub(crate) fn of_registry(host: &str, target: &str) -> Option<Self> {
        let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        let is_tls = !is_loopback(name);
        let port = match port {
            Some(port) => port.parse().ok()?,
            None => default_port(is_tls),
        };
        Some(Self { is_tls, host: name.to_ascii_lowercase(), port, target: target.to_owned() })
    }

    /// What a registry points at. Plain HTTP leads to this machine only; no login stands in it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let is_tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        if authority.as_str().contains('@') || host.is_empty() || (!is_tls && !is_loopback(&host)) {
            return None;
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        Some(Self { is_tls, host, port: authority.port_u16().unwrap_or(default_port(is_tls)), target })
    }

    /// Where `location` in an answer from here leads: whole, or a path of the same host. Never from TLS to none.
    pub(crate) fn follow(&self, location: &str) -> Option<Self> {
        if location.starts_with('/') && !location.starts_with("//") {
            let uri: Uri = location.parse().ok()?;
            return Some(Self { target: uri.path_and_query()?.as_str().to_owned(), ..self.clone() });
        }
        Self::parse(location).filter(|to| to.is_tls || !self.is_tls)
    }

    /// The same with these pairs in its query.
    pub(crate) fn with_query(mut self, pairs: &[(&str, &str)]) -> Self {
        for (name, value) in pairs {
            self.target.push(if self.target.contains('?') { '&' } else { '?' });
            self.target.push_str(name);
            self.target.push('=');
            self.target.push_str(&encoded(value));
        }
        self
    }

    /// Whether a credential for one belongs to the other.
    pub(crate) fn has_origin_of(&self, other: &Self) -> bool {
        (self.is_tls, &self.host, self.port) == (other.is_tls, &other.host, other.port)
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.is_tls
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn target(&self) -> &str {
        &self.target
    }

    /// As it stands in `Host`, and in messages.
    pub(crate) fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == default_port(self.is_tls) { host } else { format!("{host}:{}", self.port) }
    }
}

fn default_port(is_tls: bool) -> u16 {
    if is_tls { 443 } else { 80 }
}

/// Whether this name is this machine.
pub(crate) fn is_loopback(name: &str) -> bool {
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// A value as it stands in a query or a form.
pub(crate) fn encoded(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let written = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    value.bytes().map(written).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_on_this_machine_speaks_plainly_and_any_other_with_tls() {
        let of = |host| Url::of_registry(host, "/v2/").expect("an address");
        assert!(!of("127.0.0.1:5000").is_tls() && !of("localhost:5000").is_tls());
        assert_eq!((of("ghcr.io").is_tls(), of("ghcr.io").port()), (true, 443));
        assert!(of("10.0.0.1:5000").is_tls());
        assert_eq!(of("GHCR.io").authority(), "ghcr.io");
    }

    #[test]
    fn no_pointer_leads_to_plain_http_elsewhere_or_carries_a_login() {
        for bad in ["http://example.com/", "ftp://a.b/", "//a.b/c", "https://u:p@a.b/", "token", "", "https://"] {
            assert_eq!(Url::parse(bad), None, "{bad}");
        }
        let registry = Url::of_registry("a.b", "/v2/").expect("an address");
        assert_eq!(registry.follow("http://127.0.0.1/x"), None);
        assert_eq!(registry.follow("/blob?x=1").expect("the same host").target(), "/blob?x=1");
        let away = registry.follow("https://c.d/blob").expect("another host");
        assert!(!away.has_origin_of(&registry));
        assert!(!Url::parse("https://a.b:444/").expect("an address").has_origin_of(&registry));
    }

    #[test]
    fn a_value_cannot_leave_its_place_in_a_query() {
        let url = Url::parse("https://a.b/token?x=1").expect("an address").with_query(&[("scope", "a:b&c=d e")]);
        assert_eq!(url.target(), "/token?x=1&scope=a%3Ab%26c%3Dd%20e");
    }
}
