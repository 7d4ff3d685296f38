//! The machine's policy file.

use std::path::{Path, PathBuf};

use sealock_broker::confine::Wall;
use sealock_diagnostics::Diagnostic;
use sealock_plan::{Plan, Policy};
use sealock_registry::signature::Trust;
use serde_json::{Map, Value as Json};

use crate::failure::{Failure, toml_problem};
use crate::shell::Shell;
use crate::{lock, wall};

/// Where the machine's own policy is.
const MACHINE: &str = "/etc/sealock/policy.toml";
/// Problems that are told of one plan: a matrix can go beyond a policy four thousand times.
const TOLD_MAX: usize = 10;

/// A policy, and where it was found.
pub(crate) struct Found {
    pub(crate) policy: Policy,
    path: PathBuf,
}

/// The policy that was asked for, or the machine's; one that allows everything where there is none.
///
/// # Errors
///
/// When it cannot be read or is wrong: nothing runs without the policy that somebody meant to hold.
pub(crate) fn load(shell: &Shell) -> Result<Found, Failure> {
    let asked = shell.global.policy.as_ref().map(|path| shell.path(path));
    let is_asked = asked.is_some();
    let path = asked.unwrap_or_else(|| PathBuf::from(MACHINE));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_asked => {
            return Ok(Found { policy: Policy::default(), path });
        }
        Err(error) => return Err(unreadable(&path, &error.to_string())),
    };
    let file: Map<String, Json> =
        toml::from_str(&text).map_err(|error| unreadable(&path, &toml_problem(&text, &error)))?;
    let policy =
        Policy::read(&file).map_err(|error| Failure::new(error.code(), format!("{}: {error}", path.display())))?;
    Ok(Found { policy, path })
}

fn unreadable(path: &Path, why: &str) -> Failure {
    let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
    Failure::new("E-POLICY-READ", format!("the policy {} cannot be read: {why}", path.display()))
        .help("nothing runs without it; mend the file, or give another with `--policy FILE`")
}

impl Found {
    /// Refuses a plan that goes beyond the policy.
    ///
    /// # Errors
    ///
    /// `E-POLICY-GRANT`, with what and where.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), Failure> {
        let mut beyond = self.policy.beyond(plan);
        if beyond.is_empty() {
            return Ok(());
        }
        let more = beyond.len().saturating_sub(TOLD_MAX);
        beyond.truncate(TOLD_MAX);
        beyond.extend((more > 0).then(|| format!("and {more} more")));
        let message = format!("{}, which {} does not let it", beyond.join("; "), self.path.display());
        Err(Failure::new("E-POLICY-GRANT", message).help("allow less in the pipeline, or have the policy allow it"))
    }

    /// Refuses a machine whose wall is lower than the policy wants.
    ///
    /// # Errors
    ///
    /// `E-POLICY-WALL`.
    pub(crate) fn check_wall(&self, found: Wall) -> Result<(), Failure> {
        let wanted = self.policy.min_wall;
        if found.tier >= wanted {
            return Ok(());
        }
        let message = format!(
            "{} wants a wall of tier {wanted}, and this machine has {}",
            self.path.display(),
            wall::words(found)
        );
        Err(Failure::new("E-POLICY-WALL", message)
            .help("run on a machine with a higher wall: `sealock version` tells it"))
    }

    /// Whose signatures it wants on plugins of registries.
    ///
    /// # Errors
    ///
    /// `E-SIG-TRUST`, when a key or a trust root that it names cannot be read.
    pub(crate) fn trust(&self) -> Result<Trust, Failure> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        lock::trust(&self.policy.signatures, folder)
    }

    /// Takes out the warnings of a file about networks that the policy names.
    pub(crate) fn settle(&self, diagnostics: &mut Vec<Diagnostic>) {
        let is_known = |message: &str| self.policy.networks.keys().any(|name| message.contains(&format!("`@{name}`")));
        diagnostics.retain(|one| one.code != "E-NETWORK-UNKNOWN" || !is_known(&one.message));
    }
}
