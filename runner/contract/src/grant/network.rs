//! Which hosts a grant reaches.
//!
//! A host name never reaches a loopback, link-local, private, or unique-local address unless the grant
//! says `private`; an address or a range reaches exactly itself. [`NetworkGrant::covers`] is asked before
//! a name is resolved, [`NetworkGrant::allows_address`] for each address after.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A host as a URL names it, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// Lowercase, without a trailing dot; an address without brackets.
    pub host: String,
    /// The port, never left out.
    pub port: u16,
}

impl Endpoint {
    /// The host in its one form, and the port.
    pub fn new(host: &str, port: u16) -> Self {
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        Self { host, port }
    }

    /// The address, when the host is written as one in its usual form.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Which hosts are meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostPattern {
    /// This name.
    Name(String),
    /// Every name below this one, at any depth.
    Below(String),
    /// Every name; no address that is written as such. Only a policy says so.
    Any,
    /// The addresses of this range; one address is a range of itself.
    Range(IpAddr, u8),
}

/// How far a name may reach once it is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Public addresses.
    Public,
    /// Any address that the name resolves to.
    Private,
}

/// One network grant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NetworkGrant {
    /// Which hosts.
    pub host: HostPattern,
    /// Which port.
    pub port: u16,
    /// How far a name may reach.
    pub reach: Reach,
    /// HTTP methods; empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// The path must start with this, at a `/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// Why a text is not a network entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkPatternError {
    /// There is no `:port`.
    #[error("the port is missing: write `{0}:443`")]
    NoPort(String),
    /// The port is not a number from 1 to 65535.
    #[error("`{0}` is not a port: expected a number from 1 to 65535")]
    BadPort(String),
    /// `*` alone.
    #[error("`*` would grant every host: name them, or have a policy define a network")]
    Everything,
    /// Not a host name, an address, or a range.
    #[error("`{0}` is not a host name, an address, or a range")]
    BadHost(String),
}

impl FromStr for NetworkGrant {
    type Err = NetworkPatternError;

    /// Reads `host:port`, `*.host:port`, `address:port`, `range:port`, or `localhost:port`.
    fn from_str(text: &str) -> Result<Self, NetworkPatternError> {
        let (host, port) = split_port(text)?;
        let port = port.parse().ok().filter(|&port: &u16| port > 0 && !port_has_sign(text));
        let port = port.ok_or_else(|| NetworkPatternError::BadPort(text.to_owned()))?;
        let host = parse_host(host)?;
        let is_loopback_name = host == HostPattern::Name("localhost".to_owned());
        let reach = if is_loopback_name { Reach::Private } else { Reach::Public };
        Ok(Self { host, port, reach, methods: Vec::new(), path: None })
    }
}

fn port_has_sign(text: &str) -> bool {
    text.rsplit(':').next().is_some_and(|port| port.starts_with('+'))
}

fn split_port(text: &str) -> Result<(&str, &str), NetworkPatternError> {
    let missing = || NetworkPatternError::NoPort(text.to_owned());
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(missing)?;
        return Ok((host, after.strip_prefix(':').ok_or_else(missing)?));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(missing)?;
    if host.contains(':') && !host.contains('/') {
        return Err(missing());
    }
    Ok((host, port))
}

fn parse_host(text: &str) -> Result<HostPattern, NetworkPatternError> {
    if text == "*" {
        return Err(NetworkPatternError::Everything);
    }
    let bad = || NetworkPatternError::BadHost(text.to_owned());
    if let Some((address, bits)) = text.split_once('/') {
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let bits = bits.parse().ok().filter(|&bits| bits <= width(address)).ok_or_else(bad)?;
        return Ok(HostPattern::Range(address, bits));
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(HostPattern::Range(address, width(address)));
    }
    match text.strip_prefix("*.") {
        Some(parent) if is_host_name(parent) => Ok(HostPattern::Below(parent.to_ascii_lowercase())),
        None if is_host_name(text) => Ok(HostPattern::Name(text.to_ascii_lowercase())),
        _ => Err(bad()),
    }
}

/// Whether `text` is a name as DNS has them: labels of letters, digits, `-`, `_`; the last one no number,
/// so that no odd spelling of an address passes for a name.
fn is_host_name(text: &str) -> bool {
    let is_label_char = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.chars().all(is_label_char);
    let looks_numeric = |label: &str| label.starts_with("0x") || label.chars().all(|c| c.is_ascii_digit());
    text.len() <= 253 && text.split('.').all(is_label) && !text.rsplit('.').next().is_some_and(looks_numeric)
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl NetworkGrant {
    /// Whether a request to `endpoint` is covered, before its name is resolved.
    pub fn covers(&self, endpoint: &Endpoint, method: &str, path: &str) -> bool {
        self.port == endpoint.port && self.names(endpoint) && self.takes_method(method) && self.takes_path(path)
    }

    fn names(&self, endpoint: &Endpoint) -> bool {
        match &self.host {
            HostPattern::Name(name) => endpoint.host == *name,
            HostPattern::Below(parent) => {
                endpoint.host.strip_suffix(parent.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            HostPattern::Any => endpoint.address().is_none(),
            HostPattern::Range(network, bits) => {
                endpoint.address().is_some_and(|address| in_range(address, *network, *bits))
            }
        }
    }

    /// Reads an entry of a policy: what a pipeline may write, or `*:port` for every name.
    ///
    /// # Errors
    ///
    /// As for an entry of a pipeline.
    pub fn of_policy(text: &str) -> Result<Self, NetworkPatternError> {
        let Some(port) = text.strip_prefix("*:") else {
            return text.parse();
        };
        let bad_port = |_| NetworkPatternError::BadPort(text.to_owned());
        let named: Self = format!("any.name:{port}").parse().map_err(bad_port)?;
        Ok(Self { host: HostPattern::Any, ..named })
    }

    /// Whether everything that `other` reaches is reached by this, methods and paths aside.
    pub fn includes(&self, other: &Self) -> bool {
        let hosts = match (&self.host, &other.host) {
            (HostPattern::Any, HostPattern::Name(_) | HostPattern::Below(_)) => true,
            (HostPattern::Below(parent), HostPattern::Name(name) | HostPattern::Below(name)) => {
                self.host == other.host || name.ends_with(&format!(".{parent}"))
            }
            (HostPattern::Range(network, bits), HostPattern::Range(address, narrower)) => {
                network.is_ipv4() == address.is_ipv4() && narrower >= bits && in_range(*address, *network, *bits)
            }
            (one, other) => one == other,
        };
        hosts && self.port == other.port && (self.reach == other.reach || other.reach == Reach::Public)
    }

    fn takes_method(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|granted| granted == method)
    }

    fn takes_path(&self, path: &str) -> bool {
        let Some(prefix) = &self.path else {
            return true;
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let rest = path.strip_prefix(prefix.trim_end_matches('/'));
        let climbs = path.to_ascii_lowercase().replace("%2e", ".").split(['/', '\\']).any(|segment| segment == "..");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) && !climbs
    }

    /// Whether the resolved `address` may be dialled.
    pub fn allows_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match &self.host {
            HostPattern::Range(network, bits) => in_range(address, *network, *bits),
            _ => self.reach == Reach::Private || is_public(address),
        }
    }
}

fn in_range(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (address, network) = (address.to_canonical(), network.to_canonical());
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) => {
            (u128::from(address.to_bits()), u128::from(network.to_bits()), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(network)) => (address.to_bits(), network.to_bits(), 128),
        _ => return false,
    };
    let shift = u32::from(width - bits.min(width));
    address.checked_shr(shift).unwrap_or(0) == network.checked_shr(shift).unwrap_or(0)
}

/// Whether `address` belongs to nobody's inside: not loopback, private, link-local (metadata services),
/// shared, unique-local, multicast, documentation, or reserved, nor such an address in disguise.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (b == 18 || b == 19);
    let protocol = a == 192 && b == 0 && c == 0;
    !(address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || shared
        || benchmark
        || protocol)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    // NAT64 and 6to4 carry an IPv4 address, and reach what that one reaches.
    if segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return is_public_v4(embedded(segments[6], segments[7]));
    }
    if segments[0] == 0x2002 {
        return is_public_v4(embedded(segments[1], segments[2]));
    }
    // Only 2000::/3 is given out for the world.
    let global = segments[0] & 0xe000 == 0x2000;
    let documentation = segments[0] == 0x2001 && segments[1] == 0xdb8;
    let teredo = segments[0] == 0x2001 && segments[1] == 0;
    global && !documentation && !teredo
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(text: &str) -> NetworkGrant {
        text.parse().expect("a good entry")
    }

    fn reaches(entry: &str, host: &str, port: u16) -> bool {
        grant(entry).covers(&Endpoint::new(host, port), "GET", "/")
    }

    #[test]
    fn a_name_reaches_itself_in_any_case_and_no_other_port() {
        assert!(reaches("api.example.org:443", "API.Example.org", 443));
        assert!(reaches("api.example.org:443", "api.example.org.", 443));
        assert!(!reaches("api.example.org:443", "api.example.org", 80));
        assert!(!reaches("api.example.org:443", "evil-api.example.org", 443));
        assert!(!reaches("api.example.org:443", "api.example.org.evil", 443));
    }

    #[test]
    fn a_star_stands_for_names_below_and_not_for_the_name_itself() {
        assert!(reaches("*.example.com:443", "a.b.example.com", 443));
        assert!(!reaches("*.example.com:443", "example.com", 443));
        assert!(!reaches("*.example.com:443", "notexample.com", 443));
        assert!(!reaches("*.example.com:443", ".example.com", 443));
    }

    #[test]
    fn odd_spellings_of_addresses_are_neither_names_nor_addresses() {
        for text in
            ["0x7f.1:80", "2130706433:80", "127.1:80", "a b:80", "ex*mple.com:80", "*:443", "x:", ":80", "x:+80"]
        {
            assert!(text.parse::<NetworkGrant>().is_err(), "{text}");
        }
        assert_eq!("example.com".parse::<NetworkGrant>(), Err(NetworkPatternError::NoPort("example.com".into())));
        assert_eq!("::1:80".parse::<NetworkGrant>(), Err(NetworkPatternError::NoPort("::1:80".into())));
    }

    #[test]
    fn a_name_never_reaches_inside_unless_it_says_private() {
        let inside = [
            "127.0.0.1",
            "10.0.0.1",
            "169.254.169.254",
            "192.168.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:7f00:1::",
            "fd00:ec2::254",
            "::",
        ];
        let public = grant("example.com:80");
        let private = NetworkGrant { reach: Reach::Private, ..public.clone() };
        for address in inside {
            let address: IpAddr = address.parse().expect("an address");
            assert!(!public.allows_address(address), "{address}");
            assert!(private.allows_address(address), "{address}");
        }
        assert!(public.allows_address("93.184.216.34".parse().expect("an address")));
        assert!(public.allows_address("2606:2800:220:1::1".parse().expect("an address")));
    }

    #[test]
    fn a_range_reaches_exactly_itself() {
        let range = grant("10.0.0.0/8:443");
        assert!(range.covers(&Endpoint::new("10.1.2.3", 443), "GET", "/"));
        assert!(!range.covers(&Endpoint::new("11.0.0.1", 443), "GET", "/"));
        assert!(range.allows_address("::ffff:10.9.9.9".parse().expect("an address")));
        assert!(!range.allows_address("127.0.0.1".parse().expect("an address")));
        assert!(reaches("127.0.0.1:8080", "127.0.0.1", 8080));
        assert!(reaches("[::1]:8080", "[::1]", 8080));
        assert!(reaches("localhost:8080", "localhost", 8080));
        assert!(grant("0.0.0.0/0:80").covers(&Endpoint::new("1.2.3.4", 80), "GET", "/"));
    }

    #[test]
    fn a_path_prefix_ends_at_a_slash_and_cannot_be_climbed_out_of() {
        let grant = NetworkGrant { path: Some("/api".into()), ..grant("example.com:443") };
        for (path, expected) in [
            ("/api", true),
            ("/api/x?y=..", true),
            ("/apix", false),
            ("/api/../admin", false),
            ("/api/%2E%2e/admin", false),
            ("/", false),
        ] {
            assert_eq!(grant.covers(&Endpoint::new("example.com", 443), "GET", path), expected, "{path}");
        }
    }

    #[test]
    fn only_a_policy_names_every_host_and_no_name_reaches_inside() {
        assert!("*:443".parse::<NetworkGrant>().is_err());
        let any = NetworkGrant::of_policy("*:443").expect("a policy may");
        assert!(any.covers(&Endpoint::new("packages.example.com", 443), "GET", "/"));
        assert!(!any.covers(&Endpoint::new("packages.example.com", 80), "GET", "/"));
        assert!(!any.covers(&Endpoint::new("10.0.0.1", 443), "GET", "/"));
        assert!(!any.allows_address("169.254.169.254".parse().expect("an address")));
        assert!(NetworkGrant::of_policy("*:0").is_err() && NetworkGrant::of_policy("*").is_err());
    }

    #[test]
    fn what_includes_another_reaches_all_of_it() {
        let included = |wide: &str, narrow: &str| {
            NetworkGrant::of_policy(wide)
                .expect("an entry")
                .includes(&NetworkGrant::of_policy(narrow).expect("an entry"))
        };
        for (wide, narrow) in [
            ("*:443", "*.example.com:443"),
            ("*.example.com:443", "a.b.example.com:443"),
            ("*.example.com:443", "*.b.example.com:443"),
            ("10.0.0.0/8:443", "10.1.0.0/16:443"),
            ("a.example:443", "a.example:443"),
        ] {
            assert!(included(wide, narrow) && (wide == narrow || !included(narrow, wide)), "{wide} {narrow}");
        }
        for (one, other) in [
            ("*:443", "10.0.0.1:443"),
            ("*:443", "a.example:80"),
            ("*:8080", "localhost:8080"),
            ("*.example.com:443", "evilexample.com:443"),
            ("0.0.0.0/0:443", "[::1]:443"),
        ] {
            assert!(!included(one, other), "{one} {other}");
        }
    }
}
