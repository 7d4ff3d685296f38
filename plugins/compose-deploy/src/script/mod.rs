//! The scripts that run on targets.

use sealock_rollout::Script;

#[cfg(test)]
mod tests;

/// What all of them share.
const COMMON: &str = include_str!("common.sh");
/// Watching containers.
const CONTAINERS: &str = include_str!("containers.sh");

/// Containers without a health check have to run for so long without a change.
pub(crate) const SETTLE_SECONDS: u64 = 3;

/// A release on a target, as the scripts need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) release: String,
    pub(crate) project: String,
    /// The folder of the compose file on the target.
    pub(crate) folder: String,
    /// The compose file's name in it.
    pub(crate) file: String,
}

impl Place {
    /// The release `id` below `directory`; `compose` is the file's path in the release.
    pub(crate) fn new(directory: &str, id: &str, project: &str, compose: &str) -> Self {
        let (folder, file) = compose.rsplit_once('/').map_or(("", compose), |(folder, file)| (folder, file));
        let root = format!("{}/releases/{id}", directory.trim_end_matches('/'));
        let folder = if folder.is_empty() { root } else { format!("{root}/{folder}") };
        Self { release: id.to_owned(), project: project.to_owned(), folder, file: file.to_owned() }
    }

    fn script(&self, name: &str, parts: &[&str], more: Vec<String>) -> Script {
        let args = [self.project.clone(), self.folder.clone(), self.file.clone()].into_iter().chain(more).collect();
        let env = vec![("SEALOCK_RELEASE".to_owned(), self.release.clone())];
        Script { name: format!("{name} {}", self.release), text: parts.concat(), args, env, ..Script::default() }
    }

    /// Makes the release ready; `executables` are relative to the compose file's folder.
    pub(crate) fn prepare(&self, names: &[String], executables: &[String]) -> Script {
        let more = [names.join(" ")].into_iter().chain(executables.iter().cloned()).collect();
        let script = self.script("prepare", &[COMMON, include_str!("prepare.sh")], more);
        Script { with_env: true, cwd: self.folder.clone(), ..script }
    }

    /// Starts it and waits.
    pub(crate) fn up(&self, wait_seconds: u64) -> Script {
        let more = vec![wait_seconds.to_string(), SETTLE_SECONDS.to_string()];
        self.script("up", &[COMMON, CONTAINERS, include_str!("up.sh")], more)
    }

    /// Stops it.
    pub(crate) fn down(&self) -> Script {
        self.script("down", &[COMMON, CONTAINERS, include_str!("down.sh")], Vec::new())
    }
}

/// Waits for the containers of `project`, and changes nothing.
pub(crate) fn status(project: &str, wait_seconds: u64) -> Script {
    let args = vec![project.to_owned(), wait_seconds.to_string(), SETTLE_SECONDS.to_string()];
    let text = [CONTAINERS, include_str!("status.sh")].concat();
    Script { name: format!("status {project}"), text, args, ..Script::default() }
}
