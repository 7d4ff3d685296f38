//! Which entries of an `env` are seen: names have no case, the last of a name counts, and an inner one hides an outer one.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use crate::evaluate;
use crate::frozen::EnvEntry;
use crate::planner::Planner;

/// Takes what `entries` hide out of `outer`, and gives the entries that count, in their order. Linear: a file has room
/// for 70,000 entries.
pub(crate) fn inside<'a>(outer: &mut Map<String, Json>, entries: &'a [EnvEntry]) -> Vec<&'a EnvEntry> {
    let places = entries.iter().enumerate().map(|(place, entry)| (entry.name.to_ascii_lowercase(), place));
    let last: HashMap<String, usize> = places.collect();
    outer.retain(|name, _| !last.contains_key(&name.to_ascii_lowercase()));
    let counts = |(place, entry): &(usize, &EnvEntry)| last.get(&entry.name.to_ascii_lowercase()) == Some(place);
    entries.iter().enumerate().filter(counts).map(|(_, entry)| entry).collect()
}

impl Planner<'_> {
    /// An `env` as written, with every expression checked for what is known.
    pub(crate) fn env(&mut self, env: &sealock_pipeline::Env) -> Vec<EnvEntry> {
        for entry in env {
            self.check_text(entry.value.value.raw(), entry.value.span);
        }
        let written = env
            .iter()
            .map(|entry| EnvEntry { name: entry.key.value.clone(), value: entry.value.value.raw().to_owned() });
        written.collect()
    }

    /// The `env` context of what can be known: entries without secrets and without late contexts. An entry hides
    /// the outer one of its name, whether it is known or not.
    pub(crate) fn plain_env(&mut self, env: &[EnvEntry], mut base: Map<String, Json>) -> Map<String, Json> {
        let mut unset = Vec::new();
        for entry in inside(&mut base, env) {
            if self.rests_on_unset(&entry.value) {
                unset.push(entry.name.to_ascii_lowercase());
            } else if let Ok(Ok(text)) = evaluate::text_or_secret(&entry.value, &self.known) {
                base.insert(entry.name.clone(), text.into());
            }
        }
        for entry in env {
            self.unset_env.remove(&entry.name.to_ascii_lowercase());
        }
        self.unset_env.extend(unset);
        base
    }

    /// Makes the `env` context of what stands inside of `env`.
    pub(crate) fn enter_env(&mut self, env: &[EnvEntry]) {
        let outer = self.known.get("env").and_then(Json::as_object).cloned().unwrap_or_default();
        let visible = self.plain_env(env, outer);
        self.known.set("env", visible);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_a_name_counts_and_hides_the_outer_one() {
        let entry = |name: &str, value: &str| EnvEntry { name: name.into(), value: value.into() };
        let entries = [entry("Path", "1"), entry("A", "2"), entry("PATH", "3")];
        let mut outer = Map::from_iter([("path".to_owned(), Json::from("0")), ("b".to_owned(), Json::from("0"))]);
        let seen: Vec<&str> = inside(&mut outer, &entries).iter().map(|entry| entry.value.as_str()).collect();
        assert_eq!(seen, ["2", "3"]);
        assert_eq!(outer.keys().collect::<Vec<_>>(), ["b"]);
    }
}
