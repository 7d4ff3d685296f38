//! Logins at registries, on their way to the engine.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use sealock_contract::seam::{Credentials, Refusal};
use sealock_contract::{ErrorKind, StepError};
use sealock_secrets::SecretBytes;
use serde_json::json;

use crate::step::Step;

/// How the engine itself calls the default registry.
const HUB: &str = "https://index.docker.io/v1/";
/// How its BuildKit calls it.
const HUB_BUILDKIT: &str = "registry-1.docker.io";

/// The logins of one request.
#[derive(Clone, Default)]
pub(super) struct Logins(Vec<Login>);

#[derive(Clone)]
struct Login {
    registry: String,
    username: String,
    password: SecretBytes,
}

impl Logins {
    /// The logins that a step named, with the passwords behind its handles.
    pub(super) fn of(step: &Step, credentials: &[Credentials]) -> Result<Self, Refusal> {
        let login = |given: &Credentials| {
            let password = step.secret_bytes(&*step.handles().secret(given.password)?)?;
            if std::str::from_utf8(password.expose()).is_err() {
                return Err(unusable(&given.registry));
            }
            Ok(Login { registry: plain(&given.registry), username: given.username.clone(), password })
        };
        credentials.iter().map(login).collect::<Result<_, _>>().map(Self)
    }

    fn at(&self, registry: &str) -> Option<&Login> {
        let registry = plain(registry);
        self.0.iter().find(|login| login.registry == registry)
    }

    /// Whether there is one for `registry`.
    pub(super) fn has(&self, registry: &str) -> bool {
        self.at(registry).is_some()
    }

    /// Name and password for `registry`, as BuildKit asks for them.
    pub(super) fn answer(&self, registry: &str) -> Option<(String, String)> {
        self.at(registry).map(|login| (login.username.clone(), login.password()))
    }

    /// The header `X-Registry-Auth` for `registry`; the engine wants one for a push in any case.
    pub(super) fn header(&self, registry: &str) -> String {
        let login = self.at(registry).map_or_else(|| json!({}), Login::json);
        URL_SAFE.encode(login.to_string())
    }

    /// The header `X-Registry-Config` for builds without BuildKit.
    pub(super) fn headers(&self) -> String {
        let by_registry = self.0.iter().map(|login| (login.address().to_owned(), login.json()));
        URL_SAFE.encode(serde_json::Value::Object(by_registry.collect()).to_string())
    }
}

impl Login {
    fn address(&self) -> &str {
        if self.registry == "docker.io" { HUB } else { &self.registry }
    }

    fn password(&self) -> String {
        String::from_utf8_lossy(self.password.expose()).into_owned()
    }

    fn json(&self) -> serde_json::Value {
        json!({ "username": self.username, "password": self.password(), "serveraddress": self.address() })
    }
}

/// `https://ghcr.io/` is `ghcr.io`; all names of the default registry are one.
fn plain(registry: &str) -> String {
    if matches!(registry, HUB | HUB_BUILDKIT | "index.docker.io" | "docker.io" | "") {
        return "docker.io".to_owned();
    }
    let host = registry.strip_prefix("https://").or_else(|| registry.strip_prefix("http://")).unwrap_or(registry);
    host.split('/').next().unwrap_or(host).to_owned()
}

fn unusable(registry: &str) -> Refusal {
    let message = format!("the password for {registry} is not text, and registries take text only");
    StepError::new(ErrorKind::Invalid, "E-REGISTRY-AUTH", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_what_the_engine_decodes() {
        let login =
            Login { registry: plain("https://ghcr.io/v2"), username: "me".into(), password: SecretBytes::new("a?>b") };
        let logins = Logins(vec![login]);
        let decoded = |text: &str| String::from_utf8(URL_SAFE.decode(text).expect("base64")).expect("text");
        assert!(decoded(&logins.header("ghcr.io")).contains(r#""password":"a?>b""#));
        assert_eq!(decoded(&logins.header("quay.io")), "{}");
        assert!(decoded(&logins.headers()).starts_with(r#"{"ghcr.io":"#));
        assert!(logins.has("ghcr.io") && !logins.has("docker.io"));
        assert_eq!(plain(HUB), plain(HUB_BUILDKIT));
    }
}
