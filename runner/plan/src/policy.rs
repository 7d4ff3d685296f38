//! The machine's policy: what no pipeline that runs here may go beyond.
//!
//! A grant is request ∩ allow ∩ policy. A plan that goes beyond its policy is refused as a whole: a step that got
//! less than its author wrote would fail later, and say something else. What `[allow]` of the policy does not
//! mention is not capped by it.
//!
//! Capped is what steps are granted, and, by the cap on images that steps run, the images of a stage's `container` and
//! `services`. An image that is known only in the run is beyond every such cap.
//!
//! # Invariants
//!
//! - Nothing here reads a file: who has the text says what stands in it.
//! - What is not understood is an error, so that a misspelt cap does not pass for one.

mod keep;
mod signatures;

use std::collections::BTreeMap;

use sealock_contract::Grant;
use sealock_contract::grant::{ImagePattern, NetworkGrant, Reach};
use sealock_diagnostics::near;
use serde_json::{Map, Value as Json};

pub use keep::Keep;
pub use signatures::{RequiredSigner, SignatureRule};

use crate::{Plan, PlannedStage, evaluate};

/// The strongest tier that there is.
const TIER_MAX: u64 = 3;
/// What a policy may hold.
const KEYS: [&str; 5] = ["min-wall", "networks", "allow", "signatures", "keep"];
/// What its `allow` may hold.
const ALLOW_KEYS: [&str; 6] = ["network", "exec", "secrets", "containers", "targets", "reveal"];
/// What its `containers` may hold.
const CONTAINER_KEYS: [&str; 3] = ["build", "run", "push"];

/// What a machine lets pipelines do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// The lowest tier of the wall that native commands must get.
    pub min_wall: u8,
    /// Groups of hosts that pipelines may name.
    pub networks: BTreeMap<String, Vec<NetworkGrant>>,
    /// Plugins of registries that have to be signed.
    pub signatures: Vec<SignatureRule>,
    /// How much of past runs the machine keeps.
    pub keep: Keep,
    caps: Caps,
}

/// A kind without an entry is not capped.
#[derive(Clone, Debug, Default, PartialEq)]
struct Caps {
    network: Option<Vec<NetworkGrant>>,
    exec: Option<Vec<String>>,
    secrets: Option<Vec<String>>,
    targets: Option<Vec<String>>,
    build: Option<bool>,
    run: Option<Vec<ImagePattern>>,
    push: Option<Vec<ImagePattern>>,
    reveal: Option<bool>,
}

/// What in a policy file is not understood, all of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Some of it, whatever the entries of `[[signatures]]` say.
    #[error("{}", .0.join("; "))]
    Keys(Vec<String>),
    /// Entries of `[[signatures]]` alone: nobody knows whose signature counts.
    #[error("{}", .0.join("; "))]
    Signatures(Vec<String>),
}

impl PolicyError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Keys(_) => "E-POLICY-KEY",
            Self::Signatures(_) => "E-SIG-POLICY",
        }
    }

    /// Each of them.
    pub fn problems(&self) -> &[String] {
        let (Self::Keys(problems) | Self::Signatures(problems)) = self;
        problems
    }
}

impl Policy {
    /// Reads what stands in a policy file.
    ///
    /// # Errors
    ///
    /// Everything in it that is not understood.
    pub fn read(file: &Map<String, Json>) -> Result<Self, PolicyError> {
        let mut reader = Reader::default();
        reader.keys("the policy", file, &KEYS);
        let min_wall = file.get("min-wall").map_or(0, |value| reader.tier(value));
        let networks = file.get("networks").map(|value| reader.networks(value)).unwrap_or_default();
        let caps = file.get("allow").map(|value| reader.caps(value, &networks)).unwrap_or_default();
        let keep = file.get("keep").map(|value| reader.keep(value)).unwrap_or_default();
        let others = reader.problems.len();
        let signatures = file.get("signatures").map(|value| reader.signatures(value)).unwrap_or_default();
        match reader.problems {
            problems if problems.is_empty() => Ok(Self { min_wall, networks, signatures, keep, caps }),
            problems if others == 0 => Err(PolicyError::Signatures(problems)),
            problems => Err(PolicyError::Keys(problems)),
        }
    }

    /// What steps of `plan` may do that this policy does not let them, each with its place.
    pub fn beyond(&self, plan: &Plan) -> Vec<String> {
        let mut told = Vec::new();
        for stage in &plan.stages {
            told.extend(self.caps.images_beyond(plan, stage));
            for step in stage.steps.iter().chain(&stage.rollback) {
                let place = format!("step `{}` of stage `{}` ({}:{})", step.key, stage.name, plan.file, step.line);
                let more = plan.grant_of(stage, &step.key).map(|grant| self.caps.beyond(grant)).unwrap_or_default();
                told.extend(more.into_iter().map(|what| format!("{place} may {what}")));
            }
        }
        told
    }
}

impl Caps {
    fn images_beyond(&self, plan: &Plan, stage: &PlannedStage) -> Vec<String> {
        let known = plan.known(stage, &[&plan.env, &stage.env]);
        let container = stage.container.iter().map(|own| ("the container".to_owned(), &own.image));
        let services = stage.services.iter().map(|own| (format!("the service `{}`", own.name), &own.image));
        let beyond = container.chain(services).filter_map(|(what, written)| {
            let image = evaluate::text_or_secret(written, &known).ok().and_then(Result::ok);
            let image = ImagePattern(image.unwrap_or_else(|| written.clone()));
            let place = format!("{what} of stage `{}` ({}:{})", stage.name, plan.file, stage.line);
            is_beyond(self.run.as_ref(), |cap| holds(cap, &image))
                .then(|| format!("{place} may run the image {}", image.0))
        });
        beyond.collect()
    }

    fn beyond(&self, grant: &Grant) -> Vec<String> {
        let mut told = Vec::new();
        let only = |network: &NetworkGrant| Grant { network: vec![network.clone()], ..Grant::default() };
        for own in grant.network.iter().filter(|own| is_beyond(self.network.as_ref(), |cap| cap.includes(own))) {
            let private = if own.reach == Reach::Private { " (private)" } else { "" };
            told.extend(crate::text::granted(&only(own)).into_iter().map(|words| format!("reach {words}{private}")));
        }
        for own in grant.exec.iter().filter(|own| is_beyond(self.exec.as_ref(), |cap| cap == *own || cap == "*")) {
            told.push(format!("run the program {own}"));
        }
        for own in grant.secrets.iter().filter(|own| is_beyond(self.secrets.as_ref(), |cap| cap == *own)) {
            told.push(format!("use the secret {own}"));
        }
        for own in grant.targets.iter().filter(|own| is_beyond(self.targets.as_ref(), |cap| cap == *own)) {
            told.push(format!("touch the target {own}"));
        }
        let images = [("run", &grant.containers.run, &self.run), ("push", &grant.containers.push, &self.push)];
        for (verb, granted, caps) in images {
            let beyond = granted.iter().filter(|own| is_beyond(caps.as_ref(), |cap| holds(cap, own)));
            told.extend(beyond.map(|own| format!("{verb} the image {}", own.0)));
        }
        let flags = [("build images", grant.containers.build, self.build), ("see secrets", grant.reveal, self.reveal)];
        told.extend(flags.into_iter().filter(|flag| flag.1 && flag.2 == Some(false)).map(|flag| flag.0.to_owned()));
        told
    }
}

fn is_beyond<T>(caps: Option<&Vec<T>>, holds: impl Fn(&T) -> bool) -> bool {
    caps.is_some_and(|caps| !caps.iter().any(holds))
}

/// Whether a pattern holds all of another: one with wildcards only itself, because what two patterns have in
/// common is a riddle, and a policy is none.
fn holds(cap: &ImagePattern, granted: &ImagePattern) -> bool {
    cap == granted || !granted.0.contains(['*', '?', '[', '{']) && cap.matches(&granted.0)
}

/// Collects what is not understood.
#[derive(Default)]
struct Reader {
    problems: Vec<String>,
}

impl Reader {
    fn keys(&mut self, what: &str, map: &Map<String, Json>, known: &[&str]) {
        for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
            let near = near::offer(key, known.iter().copied()).map(|near| format!(": {near}")).unwrap_or_default();
            self.problems.push(format!("{what} has no key `{key}`{near}"));
        }
    }

    fn wrong<T: Default>(&mut self, place: &str, expected: &str, found: &Json) -> T {
        self.problems.push(format!("`{place}`: expected {expected}, found {found}"));
        T::default()
    }

    fn tier(&mut self, value: &Json) -> u8 {
        match value.as_u64().filter(|tier| *tier <= TIER_MAX).and_then(|tier| u8::try_from(tier).ok()) {
            Some(tier) => tier,
            None => self.wrong("min-wall", "a tier from 0 to 3", value),
        }
    }

    fn networks(&mut self, value: &Json) -> BTreeMap<String, Vec<NetworkGrant>> {
        let Some(map) = value.as_object() else {
            return self.wrong("networks", "names with lists of hosts", value);
        };
        let mut networks = BTreeMap::new();
        for (name, hosts) in map {
            let hosts = self.hosts(&format!("networks.{name}"), hosts, &BTreeMap::new());
            networks.insert(name.clone(), hosts);
        }
        networks
    }

    fn hosts(&mut self, place: &str, value: &Json, groups: &BTreeMap<String, Vec<NetworkGrant>>) -> Vec<NetworkGrant> {
        let Some(entries) = value.as_array() else {
            return self.wrong(place, "a list of hosts with their ports", value);
        };
        entries.iter().flat_map(|entry| self.host(place, entry, groups)).collect()
    }

    fn host(&mut self, place: &str, entry: &Json, groups: &BTreeMap<String, Vec<NetworkGrant>>) -> Vec<NetworkGrant> {
        let private = entry.get("private").is_some_and(|value| value == true);
        let is_whole =
            entry.as_object().is_none_or(|map| map.len() == 2 && map.get("private").is_some_and(Json::is_boolean));
        let Some(text) = entry.as_str().or_else(|| entry.get("host")?.as_str()).filter(|_| is_whole) else {
            return self.wrong(place, "`host:port`, or { host = \"host:port\", private = true }", entry);
        };
        if let Some(group) = text.strip_prefix('@') {
            let Some(hosts) = groups.get(group) else {
                self.problems.push(format!("`{place}`: there is no network `{group}` in the policy"));
                return Vec::new();
            };
            return hosts.clone();
        }
        match NetworkGrant::of_policy(text) {
            Ok(grant) if private => vec![NetworkGrant { reach: Reach::Private, ..grant }],
            Ok(grant) => vec![grant],
            Err(error) => {
                self.problems.push(format!("`{place}`: {error}"));
                Vec::new()
            }
        }
    }

    fn caps(&mut self, value: &Json, networks: &BTreeMap<String, Vec<NetworkGrant>>) -> Caps {
        let Some(map) = value.as_object() else {
            return self.wrong("allow", "a table", value);
        };
        self.keys("`allow` of the policy", map, &ALLOW_KEYS);
        let mut caps = Caps {
            network: map.get("network").map(|value| self.hosts("allow.network", value, networks)),
            exec: self.names(map, "exec", "allow.exec"),
            secrets: self.names(map, "secrets", "allow.secrets"),
            targets: self.names(map, "targets", "allow.targets"),
            reveal: self.flag(map, "reveal", "allow.reveal"),
            ..Caps::default()
        };
        if let Some(value) = map.get("containers") {
            let Some(own) = value.as_object() else {
                return self.wrong("allow.containers", "a table", value);
            };
            self.keys("`containers` of the policy", own, &CONTAINER_KEYS);
            let patterns = |names: Vec<String>| names.into_iter().map(ImagePattern).collect();
            caps.build = self.flag(own, "build", "allow.containers.build");
            caps.run = self.names(own, "run", "allow.containers.run").map(patterns);
            caps.push = self.names(own, "push", "allow.containers.push").map(patterns);
        }
        caps
    }

    fn names(&mut self, map: &Map<String, Json>, key: &str, place: &str) -> Option<Vec<String>> {
        let value = map.get(key)?;
        let names = value.as_array().and_then(|names| {
            names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
        });
        Some(names.unwrap_or_else(|| self.wrong(place, "a list of names", value)))
    }

    fn flag(&mut self, map: &Map<String, Json>, key: &str, place: &str) -> Option<bool> {
        let value = map.get(key)?;
        Some(value.as_bool().unwrap_or_else(|| self.wrong(place, "true or false", value)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(file: &Json) -> Result<Policy, PolicyError> {
        Policy::read(file.as_object().expect("a table"))
    }

    fn beyond(allow: &Json, grant: &Grant) -> Vec<String> {
        read(&json!({ "networks": { "packages": ["*:443"] }, "allow": allow })).expect("a policy").caps.beyond(grant)
    }

    #[test]
    fn what_is_not_understood_is_an_error_with_the_near_name() {
        let problems = read(&json!({
            "min-wal": 1, "min-wall": 9, "networks": { "a": ["*"] },
            "allow": { "netwrok": [], "exec": "npm", "network": ["@b", { "host": "x:1", "privat": true }], "containers": { "pul": [] } },
        }));
        assert_eq!(
            problems.expect_err("a policy that is wrong").problems(),
            [
                "the policy has no key `min-wal`: there is `min-wall`",
                "`min-wall`: expected a tier from 0 to 3, found 9",
                "`networks.a`: the port is missing: write `*:443`",
                "`allow` of the policy has no key `netwrok`: there is `network`",
                "`allow.network`: there is no network `b` in the policy",
                "`allow.network`: expected `host:port`, or { host = \"host:port\", private = true }, found {\"host\":\"x:1\",\"privat\":true}",
                "`allow.exec`: expected a list of names, found \"npm\"",
                "`containers` of the policy has no key `pul`: there are `build`, `run`, `push`",
            ]
        );
    }

    #[test]
    fn a_grant_within_the_caps_passes_and_each_one_beyond_is_told() {
        let mut grant = Grant {
            network: vec![
                "packages.example.com:443".parse().expect("an entry"),
                "127.0.0.1:8080".parse().expect("an entry"),
            ],
            exec: vec!["npm".into()],
            secrets: vec!["TOKEN".into()],
            targets: vec!["web1".into()],
            ..Grant::default()
        };
        grant.containers.push = vec![ImagePattern("ghcr.io/acme/*".into()), ImagePattern("ghcr.io/acme/web:1".into())];
        grant.containers.build = true;
        assert_eq!(beyond(&json!({}), &grant), Vec::<String>::new());
        let exact = json!({ "network": ["@packages", "127.0.0.0/8:8080"], "exec": ["npm"], "secrets": ["TOKEN"],
            "targets": ["web1"], "containers": { "build": true, "push": ["ghcr.io/acme/*"] } });
        assert_eq!(beyond(&exact, &grant), Vec::<String>::new());
        let less = json!({ "network": ["@packages"], "exec": [], "secrets": [], "targets": ["web2"],
            "containers": { "build": false, "push": ["ghcr.io/acme/w*"] } });
        assert_eq!(
            beyond(&less, &grant),
            [
                "reach network 127.0.0.1:8080",
                "run the program npm",
                "use the secret TOKEN",
                "touch the target web1",
                "push the image ghcr.io/acme/*",
                "build images",
            ]
        );
    }
}
