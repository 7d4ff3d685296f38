//! The first-party plugins' bytes and manifests, embedded by one mechanism.
//!
//! `build.rs` builds every folder under `plugins/` that has a `plugin.toml`. Nothing here knows what any of them does,
//! and no other crate knows which there are: what a pipeline names is looked up.

use sealock_contract::Manifest;

/// One first-party plugin: a component like anybody else's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// What `uses` names.
    pub name: &'static str,
    /// The component.
    pub bytes: &'static [u8],
    /// The component's own manifest, as JSON.
    pub manifest: &'static str,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builtin").field("name", &self.name).field("bytes", &self.bytes.len()).finish_non_exhaustive()
    }
}

const TABLE: &[Builtin] = include!(concat!(env!("OUT_DIR"), "/table.rs"));

/// All of them, by name.
pub fn all() -> &'static [Builtin] {
    TABLE
}

/// The one called `name`.
pub fn find(name: &str) -> Option<&'static Builtin> {
    TABLE.binary_search_by(|builtin| builtin.name.cmp(name)).ok().map(|at| &TABLE[at])
}

impl Builtin {
    /// The manifest, read.
    ///
    /// # Panics
    ///
    /// Never: the build script has read it before.
    pub fn manifest(&self) -> Manifest {
        Manifest::from_json(self.manifest.as_bytes()).expect("the build script read it")
    }
}

#[cfg(test)]
mod tests {
    use sealock_contract::manifest::Source;

    use super::*;

    #[test]
    fn every_plugin_is_found_by_its_name_and_says_the_same_of_itself() {
        assert!(!all().is_empty());
        for builtin in all() {
            assert_eq!(find(builtin.name), Some(builtin));
            assert_eq!(builtin.manifest().name, builtin.name);
            assert!(builtin.bytes.starts_with(b"\0asm\x0d"), "{} is not a component", builtin.name);
        }
        assert_eq!(find("no-such-plugin"), None);
    }

    #[test]
    fn what_a_builtin_asks_for_is_granted_by_the_author_or_by_allow() {
        for builtin in all() {
            let manifest = builtin.manifest();
            for request in &manifest.requests {
                assert!(!request.reason.is_empty(), "{}: a request without a reason", builtin.name);
                if let Source::Input(input) = request.source() {
                    assert!(manifest.inputs.contains_key(&input), "{}: no input `{input}`", builtin.name);
                }
            }
        }
    }
}
