//! Which entries of an `env` are seen: names have no case, the last of a name counts, and an inner one hides an outer one.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use crate::frozen::EnvEntry;

/// Takes what `entries` hide out of `outer`, and gives the entries that count, in their order. Linear: a file has room
/// for 70,000 entries.
pub(crate) fn inside<'a>(outer: &mut Map<String, Json>, entries: &'a [EnvEntry]) -> Vec<&'a EnvEntry> {
    let places = entries.iter().enumerate().map(|(place, entry)| (entry.name.to_ascii_lowercase(), place));
    let last: HashMap<String, usize> = places.collect();
    outer.retain(|name, _| !last.contains_key(&name.to_ascii_lowercase()));
    let counts = |(place, entry): &(usize, &EnvEntry)| last.get(&entry.name.to_ascii_lowercase()) == Some(place);
    entries.iter().enumerate().filter(counts).map(|(_, entry)| entry).collect()
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
