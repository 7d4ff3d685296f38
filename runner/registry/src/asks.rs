//! What a plugin asks for, as a set: two versions can be held against each other.

use std::collections::BTreeSet;
use std::fmt;

use sealock_contract::manifest::{InputSpec, Place};
use sealock_contract::{Digest, Manifest};
use serde::Serialize;

/// Every method, where a request names none.
const ANY: &str = "*";

/// One thing that a plugin asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ask {
    /// The capability, in the words of `allow`; or a secret input.
    pub what: String,
    /// Which one: literal, `{inputs.NAME}`, or whatever `allow` names.
    pub to: String,
    /// For networks, one method, or `*`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub how: String,
}

/// All that a plugin asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asks(BTreeSet<Ask>);

impl Asks {
    /// Of a plugin; one without a manifest asks for nothing and gets nothing.
    pub fn of(manifest: Option<&Manifest>) -> Self {
        let Some(manifest) = manifest else {
            return Self::default();
        };
        let mut asks = BTreeSet::new();
        for request in &manifest.requests {
            let what = request.capability.name();
            let to = request.to.clone().unwrap_or_else(|| "what `allow` names".to_owned());
            let any = [ANY.to_owned()];
            let is_network = what == "network";
            let methods = if request.methods.is_empty() { &any[..] } else { &request.methods[..] };
            let methods = if is_network { methods } else { &[String::new()][..] };
            asks.extend(methods.iter().map(|how| Ask { what: what.to_owned(), to: to.clone(), how: how.clone() }));
        }
        for (name, input) in &manifest.inputs {
            asks.extend(secret(name, input));
        }
        Self(asks)
    }

    /// What the lockfile keeps of them.
    ///
    /// # Panics
    ///
    /// Never: text prints as JSON.
    pub fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(&self.0).expect("it holds only text"))
    }

    /// What `newer` asks for beyond these.
    pub fn more_in<'a>(&'a self, newer: &'a Self) -> impl Iterator<Item = &'a Ask> {
        newer.0.iter().filter(|ask| !self.covers(ask))
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &Ask> {
        self.0.iter()
    }

    fn covers(&self, ask: &Ask) -> bool {
        let any = Ask { how: ANY.to_owned(), ..ask.clone() };
        self.0.contains(ask) || (!ask.how.is_empty() && self.0.contains(&any))
    }
}

/// A secret that a plugin wants placed somewhere: where it may stand, and for which hosts.
fn secret(name: &str, input: &InputSpec) -> Vec<Ask> {
    if !input.kind.takes_secrets() {
        return Vec::new();
    }
    let place = match input.place {
        None => "by a handle",
        Some(Place::Header) => "in a header",
        Some(Place::Url) => "in the url",
    };
    let what = format!("the secret `{name}` {place}");
    if input.hosts.is_empty() {
        return vec![Ask { what, to: "its own grants".to_owned(), how: String::new() }];
    }
    input.hosts.iter().map(|host| Ask { what: what.clone(), to: host.clone(), how: String::new() }).collect()
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.what, self.to)?;
        match self.how.as_str() {
            "" => Ok(()),
            ANY => f.write_str(" (every method)"),
            how => write!(f, " ({how})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(requests: &str, inputs: &str) -> Asks {
        let json = format!(
            r#"{{"name":"x","version":"1.0.0","world":"sealock:step/full-step@0.1.0","inputs":{{{inputs}}},"requests":[{requests}]}}"#
        );
        Asks::of(Some(&Manifest::from_json(json.as_bytes()).expect("a manifest")))
    }

    fn more(old: &Asks, new: &Asks) -> Vec<String> {
        old.more_in(new).map(ToString::to_string).collect()
    }

    #[test]
    fn a_new_host_a_new_method_and_a_new_place_of_a_secret_are_more() {
        let old = asks(
            r#"{"capability":"network","to":"a.b:443","methods":["GET"]}"#,
            r#""t":{"type":"secret","place":"header"}"#,
        );
        let new = asks(
            r#"{"capability":"network","to":"a.b:443","methods":["GET","POST"]},{"capability":"exec","to":"sh"}"#,
            r#""t":{"type":"secret","place":"url","hosts":["c.d:443"]}"#,
        );
        let found = ["exec to sh", "network to a.b:443 (POST)", "the secret `t` in the url to c.d:443"];
        assert_eq!(more(&old, &new), found);
        assert_eq!(more(&new, &new), Vec::<String>::new());
    }

    #[test]
    fn fewer_methods_and_other_words_of_the_author_are_not_more() {
        let all = asks(r#"{"capability":"network","to":"a.b:443","reason":"one"}"#, "");
        let get = asks(r#"{"capability":"network","to":"a.b:443","methods":["GET"],"reason":"two"}"#, "");
        assert_eq!(more(&all, &get), Vec::<String>::new());
        assert_eq!(more(&get, &all), ["network to a.b:443 (every method)"]);
        assert_eq!(Asks::of(None).digest(), Digest::of(b"[]"));
    }
}
