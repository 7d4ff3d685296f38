//! Names of registries. One registry can be written in several ways, and none of them is a way around a rule or to a login.

use std::net::Ipv4Addr;

use crate::transport::{Url, is_loopback};

/// Names of one registry that has several.
const SAME: [&[&str]; 2] = [
    &["docker.io", "index.docker.io", "registry-1.docker.io", "auth.docker.io"],
    &["registry.gitlab.com", "gitlab.com"],
];
/// What every name of this machine stands for where rules are compared.
const LOOPBACK: &str = "127.0.0.1";

/// `ghcr.io`, `127.0.0.1:5000`, `localhost`: a name without a dot or a port would be a folder of some registry. A port, and
/// an address, are written in one way only: `05000`, `127.1`, and `0x7f.1` would be a second name of the same registry.
pub(crate) fn is_host(host: &str) -> bool {
    let (name, port) = split(host);
    let is_name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port);
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let is_address = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
    !name.is_empty()
        && name.chars().all(is_name_char)
        && (!is_address || name.parse::<Ipv4Addr>().is_ok())
        && port.is_none_or(is_port)
        && (name.contains('.') || port.is_some() || name == "localhost")
}

/// Whether both are the same registry, or belong to it: a login for one may go to the other.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (canonical(one), canonical(other));
    one == other || SAME.iter().any(|names| names.contains(&one.as_str()) && names.contains(&other.as_str()))
}

/// Whether a token server may be told the login of the registry at `host`, which named it: where it is this registry itself,
/// or one of its other names, or, with TLS on both sides, another port of the same name. Anybody can name anybody's server.
pub(crate) fn may_log_in(realm: &Url, host: &str) -> bool {
    let is_tls = realm.is_tls() && !is_loopback(split(host).0);
    is_same(&realm.authority(), host) || (is_tls && split(&canonical(host)).0 == realm.host())
}

/// The ways to write `host` that a rule may use: its canonical one first.
pub(crate) fn spellings(host: &str) -> Vec<String> {
    let own = canonical(host);
    let (name, port) = split(&own);
    let with_port = |name: &str| port.map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    let others = if is_loopback(name) {
        vec![with_port(LOOPBACK), with_port("localhost")]
    } else {
        let names = SAME.iter().find(|names| names.contains(&own.as_str())).copied().unwrap_or_default();
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    [vec![own], others, vec![host.to_owned()]].concat()
}

/// A rule's pattern with its host as [`spellings`] writes it.
pub(crate) fn folded(pattern: &str) -> String {
    let Some((host, rest)) = pattern.split_once('/') else { return pattern.to_owned() };
    let host = canonical(host);
    let (name, port) = split(&host);
    match port {
        Some(port) if is_loopback(name) => format!("{LOOPBACK}:{port}/{rest}"),
        None if is_loopback(name) => format!("{LOOPBACK}/{rest}"),
        _ => format!("{host}/{rest}"),
    }
}

/// As DNS compares names, and without the port that is meant anyway.
fn canonical(host: &str) -> String {
    let (name, port) = split(host);
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let default = if is_loopback(&name) { "80" } else { "443" };
    match port {
        Some(port) if port != default => format!("{name}:{port}"),
        _ => name,
    }
}

fn split(host: &str) -> (&str, Option<&str>) {
    host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_belongs_to_its_host_and_to_the_other_names_of_it() {
        for (one, other) in [("docker.io", "auth.docker.io"), ("GHCR.io", "ghcr.io."), ("ghcr.io:443", "ghcr.io")] {
            assert!(is_same(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("ghcr.io", "evil.ghcr.io"),
            ("docker.io", "docker.io.evil.com"),
            ("a.b:1", "a.b:2"),
            ("127.0.0.1:1", "127.0.0.2:1"),
        ] {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }

    #[test]
    fn a_token_server_is_told_a_login_only_where_it_is_the_registrys_own() {
        let may = |realm: &str, host| may_log_in(&Url::parse(realm).expect("an address"), host);
        assert!(may("https://auth.docker.io/token", "docker.io") && may("https://ghcr.io/token", "GHCR.io"));
        assert!(may("https://gitlab.acme.dev/jwt/auth", "gitlab.acme.dev:5050"));
        assert!(may("http://127.0.0.1:5801/token", "127.0.0.1:5801"));
        for (realm, host) in [
            ("https://ghcr.io/token", "evil.example"),
            ("https://auth.docker.io/token", "evil.example"),
            ("https://acme.dev/token", "registry.acme.dev"),
            ("http://127.0.0.1:5801/token", "127.0.0.1:5802"),
            ("https://localhost:5801/token", "localhost:5802"),
        ] {
            assert!(!may(realm, host), "{realm} {host}");
        }
    }

    #[test]
    fn a_registry_has_one_port_and_one_address() {
        for host in ["ghcr.io", "GHCR.io:443", "127.0.0.1:5000", "localhost", "a1.b2:1", "ghcr.io.", "3rd:5000"] {
            assert!(is_host(host), "{host}");
        }
        for host in ["ghcr.io:0443", "127.0.0.1:05803", "a.b:+1", "a.b:", "127.1:80", "0x7f.1:80", "010.0.0.1:5", "1:5"]
        {
            assert!(!is_host(host), "{host}");
        }
    }
}
