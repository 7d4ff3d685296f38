//! The scripts that run on targets: POSIX `sh`, values as arguments and environment only.

#[cfg(test)]
mod tests;

/// What all of them share.
const COMMON: &str = include_str!("common.sh");
/// Watching containers.
const CONTAINERS: &str = include_str!("containers.sh");

/// Containers without a health check have to run for so long without a change.
pub(crate) const SETTLE_SECONDS: u64 = 3;

/// A script to run on a target, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) text: String,
    pub(crate) args: Vec<String>,
    /// The release that Compose is told about as `SEALOCK_RELEASE`.
    pub(crate) release: Option<String>,
    /// Whether the entries of the environment go along.
    pub(crate) with_env: bool,
}

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

    fn script(&self, parts: &[&str], more: Vec<String>) -> Script {
        let args = [self.project.clone(), self.folder.clone(), self.file.clone()].into_iter().chain(more).collect();
        Script { text: parts.concat(), args, release: Some(self.release.clone()), with_env: false }
    }

    /// Makes the release ready; `executables` are relative to the compose file's folder.
    pub(crate) fn prepare(&self, names: &[String], executables: &[String]) -> Script {
        let more = [names.join(" ")].into_iter().chain(executables.iter().cloned()).collect();
        let script = self.script(&[COMMON, include_str!("prepare.sh")], more);
        Script { with_env: true, ..script }
    }

    /// Starts it and waits.
    pub(crate) fn up(&self, wait_seconds: u64) -> Script {
        let more = vec![wait_seconds.to_string(), SETTLE_SECONDS.to_string()];
        self.script(&[COMMON, CONTAINERS, include_str!("up.sh")], more)
    }

    /// Stops it.
    pub(crate) fn down(&self) -> Script {
        self.script(&[COMMON, CONTAINERS, include_str!("down.sh")], Vec::new())
    }
}

/// Waits for the containers of `project`, and changes nothing.
pub(crate) fn status(project: &str, wait_seconds: u64) -> Script {
    let args = vec![project.to_owned(), wait_seconds.to_string(), SETTLE_SECONDS.to_string()];
    Script { text: [CONTAINERS, include_str!("status.sh")].concat(), args, release: None, with_env: false }
}
