//! `[[signatures]]`: which plugins of registries have to be signed, and by whom.

use sealock_contract::grant::ImagePattern;
use serde_json::{Map, Value as Json};

use super::Reader;

/// What an entry may hold.
const SIGNATURE_KEYS: [&str; 5] = ["plugins", "key", "identity", "issuer", "trust-root"];

/// Plugins that have to be signed. One that several entries name needs one of their signers.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureRule {
    /// Which, by patterns of their references; none of them is empty.
    pub plugins: Vec<ImagePattern>,
    /// By whom.
    pub signer: RequiredSigner,
}

/// Who has to have signed.
#[derive(Clone, Debug, PartialEq)]
pub enum RequiredSigner {
    /// Who holds the other half of the public key in this file.
    Key(String),
    /// Whom an authority vouches for.
    Keyless {
        /// Whom the certificate names; `*` stands for characters other than `/`.
        identity: String,
        /// Who knew them.
        issuer: String,
        /// The file that says whom to believe, or `sigstore` for its public service.
        trust_root: String,
    },
}

impl Reader {
    pub(super) fn signatures(&mut self, value: &Json) -> Vec<SignatureRule> {
        let Some(entries) = value.as_array() else {
            return self.wrong("signatures", "entries, each under `[[signatures]]`", value);
        };
        let numbered = entries.iter().enumerate();
        numbered.filter_map(|(at, entry)| self.signature(&format!("signatures[{at}]"), entry)).collect()
    }

    fn signature(&mut self, place: &str, entry: &Json) -> Option<SignatureRule> {
        let Some(map) = entry.as_object() else {
            self.wrong::<()>(place, "a table", entry);
            return None;
        };
        self.keys(&format!("`{place}`"), map, &SIGNATURE_KEYS);
        let plugins = self.names(map, "plugins", &format!("{place}.plugins")).unwrap_or_default();
        if plugins.is_empty() || plugins.iter().any(String::is_empty) {
            self.problems.push(format!("`{place}` names no `plugins`: write `plugins = [\"ghcr.io/acme/*\"]`"));
        }
        let signer = self.signer(place, map)?;
        Some(SignatureRule { plugins: plugins.into_iter().map(ImagePattern).collect(), signer })
    }

    /// Exactly one signer: an entry without one would let everybody sign.
    fn signer(&mut self, place: &str, map: &Map<String, Json>) -> Option<RequiredSigner> {
        let mut text = |key: &str| self.text(map, key, &format!("{place}.{key}"));
        match (text("key"), text("identity"), text("issuer"), text("trust-root")) {
            (Some(file), None, None, None) => Some(RequiredSigner::Key(file)),
            (None, Some(identity), Some(issuer), Some(trust_root)) => {
                Some(RequiredSigner::Keyless { identity, issuer, trust_root })
            }
            _ => {
                let expected = "expected either `key`, or `identity`, `issuer`, and `trust-root`";
                self.problems.push(format!("`{place}` names no signer: {expected}"));
                None
            }
        }
    }

    fn text(&mut self, map: &Map<String, Json>, key: &str, place: &str) -> Option<String> {
        let value = map.get(key)?;
        match value.as_str() {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            _ => self.wrong(place, "a text", value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Policy, PolicyError};

    fn read(signatures: &Json) -> Result<Vec<SignatureRule>, PolicyError> {
        let file = json!({ "signatures": signatures });
        Policy::read(file.as_object().expect("a table")).map(|policy| policy.signatures)
    }

    #[test]
    fn an_entry_names_plugins_and_one_signer() {
        let rules = read(&json!([
            { "plugins": ["ghcr.io/acme/*"], "key": "acme.pub" },
            { "plugins": ["**"], "identity": "i", "issuer": "https://i", "trust-root": "sigstore" },
        ]));
        let plugins = |pattern: &str| vec![ImagePattern(pattern.to_owned())];
        let keyless = RequiredSigner::Keyless {
            identity: "i".to_owned(),
            issuer: "https://i".to_owned(),
            trust_root: "sigstore".to_owned(),
        };
        let expected = [
            SignatureRule { plugins: plugins("ghcr.io/acme/*"), signer: RequiredSigner::Key("acme.pub".to_owned()) },
            SignatureRule { plugins: plugins("**"), signer: keyless },
        ];
        assert_eq!(rules.expect("a policy"), expected);
    }

    #[test]
    fn an_entry_that_would_let_everybody_sign_is_an_error() {
        let no_signer = "names no signer: expected either `key`, or `identity`, `issuer`, and `trust-root`";
        let plugins = json!(["**"]);
        let wrong = [
            (json!({ "plugins": plugins }), no_signer),
            (json!({ "plugins": plugins, "key": "" }), "`signatures[0].key`: expected a text"),
            (json!({ "plugins": plugins, "identity": "i", "issuer": "j" }), no_signer),
            (json!({ "plugins": plugins, "key": "k", "identity": "i", "issuer": "j", "trust-root": "t" }), no_signer),
            (json!({ "plugins": [], "key": "k" }), "names no `plugins`"),
            (json!({ "plugins": [""], "key": "k" }), "names no `plugins`"),
            (json!({ "key": "k" }), "names no `plugins`"),
            (json!({ "plugins": plugins, "kye": "k" }), "has no key `kye`: there is `key`"),
            (json!("all"), "`signatures[0]`: expected a table"),
        ];
        for (entry, told) in wrong {
            let error = read(&json!([entry])).expect_err("a policy that is wrong");
            assert!(error.to_string().contains(told), "{told}: {error}");
            assert_eq!(error.code(), "E-SIG-POLICY");
        }
        assert!(read(&json!({ "plugins": [] })).expect_err("no entries").to_string().contains("[[signatures]]"));
        // Who mends a policy of which more is wrong reads about all of it.
        let file = json!({ "signatures": [{ "plugins": plugins }], "min-wal": 1 });
        let error = Policy::read(file.as_object().expect("a table")).expect_err("a policy that is wrong");
        assert_eq!(error.code(), "E-POLICY-KEY");
        assert!(error.to_string().contains("min-wall") && error.to_string().contains(no_signer), "{error}");
    }
}
