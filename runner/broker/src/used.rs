//! Which grants a step has acted on.

use std::collections::BTreeSet;

use sealock_contract::grant::Capability;

/// Things that are told of one attempt: a step can reach ten thousand hosts below one name, and each telling is
/// kept in the journal.
const TOLD_MAX: usize = 1_000;
/// A longer name is not told: programs are named by the step, and nothing else is this long.
const WHAT_BYTES_MAX: usize = 4 << 10;

/// What was told already.
#[derive(Debug, Default)]
pub(crate) struct Used(BTreeSet<(Capability, String)>);

impl Used {
    /// Whether this is to be told now; never twice.
    pub(crate) fn is_new(&mut self, capability: Capability, what: &str) -> bool {
        self.0.len() < TOLD_MAX && what.len() <= WHAT_BYTES_MAX && self.0.insert((capability, what.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_told_once_and_not_without_end() {
        let mut used = Used::default();
        assert!(used.is_new(Capability::Exec, "npm") && used.is_new(Capability::Secrets, "npm"));
        assert!(!used.is_new(Capability::Exec, "npm"));
        assert!(!used.is_new(Capability::Exec, &"n".repeat(WHAT_BYTES_MAX + 1)));
        let told = (0..2 * TOLD_MAX).filter(|n| used.is_new(Capability::Network, &format!("h{n}:443"))).count();
        assert_eq!(told, TOLD_MAX - 2);
    }
}
