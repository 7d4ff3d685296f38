//! How a registry wants to be spoken to: `WWW-Authenticate`, and the token server that it names.

use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use crate::transport::{Url, encoded};

/// What a registry wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// A name and a password.
    Basic,
    /// A token of this server.
    Bearer {
        /// Where tokens are given.
        realm: Url,
        /// What the registry calls itself there.
        service: Option<String>,
    },
}

/// Why there is nothing to answer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChallengeError {
    /// It wants what is not understood, or says nothing.
    Unknown,
    /// Its token server is not to be spoken to.
    Realm(String),
}

impl Challenge {
    /// What the answer of a registry at `from` asks for; a token rather than a password.
    pub(crate) fn read(headers: &HeaderMap, from: &Url) -> Result<Self, ChallengeError> {
        let texts: Vec<&str> = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|text| text.to_str().ok()).collect();
        let of = |scheme: &str| texts.iter().find_map(|text| after(text, scheme));
        if let Some(parameters) = of("bearer") {
            let text = parameter(parameters, "realm").ok_or(ChallengeError::Unknown)?;
            let realm = Url::parse(&text).filter(|realm| realm.is_tls() || !from.is_tls());
            let realm = realm.ok_or_else(|| ChallengeError::Realm(text.chars().take(100).collect()))?;
            return Ok(Self::Bearer { realm, service: parameter(parameters, "service") });
        }
        of("basic").map(|_| Self::Basic).ok_or(ChallengeError::Unknown)
    }
}

/// What stands behind the name of the scheme.
fn after<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (own, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    own.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// `name="value"` or `name=value` among others.
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    loop {
        let (key, after) = rest.split_once('=')?;
        let key = key.trim_matches([' ', ',']);
        let (value, left) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        if key.eq_ignore_ascii_case(name) {
            return Some(value.trim().to_owned());
        }
        rest = left;
    }
}

/// What is asked of a token server for an identity token.
pub(crate) fn refresh_form(service: Option<&str>, scope: &str, token: &str) -> String {
    let service = service.map(|service| format!("&service={}", encoded(service))).unwrap_or_default();
    let (scope, token) = (encoded(scope), encoded(token));
    format!("grant_type=refresh_token&client_id=sealock{service}&scope={scope}&refresh_token={token}")
}

/// A token as a registry takes it; nothing when it cannot stand in a header.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let is_token = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok().filter(|_| is_token)?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(registry: &str, text: &str) -> Result<Challenge, ChallengeError> {
        let mut headers = HeaderMap::new();
        headers.insert(WWW_AUTHENTICATE, text.parse().expect("a header"));
        Challenge::read(&headers, &Url::of_registry(registry, "/v2/").expect("an address"))
    }

    #[test]
    fn what_registries_write_is_read() {
        let found =
            read("ghcr.io", r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:a/b:pull""#);
        let realm = Url::parse("https://ghcr.io/token").expect("an address");
        assert_eq!(found, Ok(Challenge::Bearer { realm, service: Some("ghcr.io".into()) }));
        assert_eq!(read("a.b", "Basic realm=\"x\""), Ok(Challenge::Basic));
        assert_eq!(read("a.b", "Negotiate"), Err(ChallengeError::Unknown));
        assert_eq!(read("a.b", "Bearer"), Err(ChallengeError::Unknown));
    }

    #[test]
    fn a_token_server_without_tls_is_not_spoken_to() {
        for realm in ["http://evil.example/token", "http://127.0.0.1/token", "file:///etc/passwd", "https://u:p@a.b/"] {
            let found = read("ghcr.io", &format!("Bearer realm=\"{realm}\""));
            assert_eq!(found, Err(ChallengeError::Realm(realm.into())));
        }
        assert!(read("127.0.0.1:5000", "Bearer realm=\"http://127.0.0.1:5001/token\"").is_ok());
    }

    #[test]
    fn a_token_that_cannot_stand_in_a_header_is_none() {
        assert!(bearer("abc.def-1").expect("a header").is_sensitive());
        for bad in ["", "a b", "a\r\nx: y", "\u{e9}"] {
            assert!(bearer(bad).is_none(), "{bad:?}");
        }
    }
}
