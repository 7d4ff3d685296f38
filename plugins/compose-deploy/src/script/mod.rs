//! The scripts that run on targets.

use sealock_rollout::{AS_ROOT, ENTRIES, SECONDS, Script, TELL};

use crate::colour::Colour;

#[cfg(test)]
mod tests;

/// What all of them share.
const COMMON: &str = include_str!("common.sh");
/// Watching containers.
const CONTAINERS: &str = include_str!("containers.sh");
/// Starting a release whole.
const START: &str = include_str!("start.sh");
/// The proxy of two stacks.
const PROXY: &str = include_str!("proxy.sh");

/// Containers without a health check have to run for so long without a change.
pub(crate) const SETTLE_SECONDS: u64 = 3;

/// Which replicas are exchanged one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roll {
    /// `SERVICE=IMAGE`, a line each.
    services: String,
    /// How many replicas of all are exchanged; the rest of the old release stays.
    limit: Option<usize>,
}

impl Roll {
    /// These services, each with its new image.
    pub(crate) fn new<'a>(services: impl Iterator<Item = (&'a str, &'a str)>, limit: Option<usize>) -> Self {
        let services: Vec<String> = services.map(|(service, image)| format!("{service}={image}")).collect();
        Self { services: services.join("\n"), limit }
    }

    /// Only so many replicas.
    pub(crate) fn at_most(self, limit: usize) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Whether replicas of the old release stay.
    pub(crate) fn is_part(&self) -> bool {
        self.limit.is_some()
    }
}

/// A release on a target, as the scripts need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) release: String,
    pub(crate) project: String,
    /// The environment's directory on the target.
    directory: String,
    /// The folder of the compose file on the target.
    pub(crate) folder: String,
    /// The compose file's name in it.
    pub(crate) file: String,
    /// Where there are two stacks.
    colour: Option<Colour>,
}

impl Place {
    /// The release `id` below `directory`; `compose` is the file's path in the release.
    pub(crate) fn new(directory: &str, id: &str, project: &str, compose: &str) -> Self {
        let (folder, file) = compose.rsplit_once('/').map_or(("", compose), |(folder, file)| (folder, file));
        let directory = directory.trim_end_matches('/').to_owned();
        let root = format!("{directory}/releases/{id}");
        let folder = if folder.is_empty() { root } else { format!("{root}/{folder}") };
        let (release, project, file) = (id.to_owned(), project.to_owned(), file.to_owned());
        Self { release, project, directory, folder, file, colour: None }
    }

    /// The same, as one of two stacks.
    pub(crate) fn coloured(self, colour: Option<Colour>) -> Self {
        Self { colour, ..self }
    }

    fn script(&self, name: &str, parts: &[&str], more: Vec<String>) -> Script {
        let args = [self.project.clone(), self.folder.clone(), self.file.clone()].into_iter().chain(more).collect();
        let mut env = vec![("SEALOCK_RELEASE".to_owned(), self.release.clone())];
        env.extend(self.colour.iter().flat_map(Colour::env));
        Script { name: format!("{name} {}", self.release), text: parts.concat(), args, env, ..Script::default() }
    }

    /// The proxy's file, the upstreams in it, and the project of the other stack: nothing where there is one stack.
    fn proxy_args(&self) -> Vec<String> {
        let Some(colour) = &self.colour else { return vec![String::new(), String::new(), String::new()] };
        let file = format!("{}/{}", self.directory, colour.file);
        vec![file, colour.upstreams.clone(), colour.other_project(&self.project)]
    }

    /// Makes the release ready; `executables` are relative to the compose file's folder.
    pub(crate) fn prepare(&self, names: &[String], executables: &[String]) -> Script {
        let more = [names.join(" ")].into_iter().chain(executables.iter().cloned()).collect();
        let script = self.script("prepare", &[TELL, ENTRIES, COMMON, include_str!("prepare.sh")], more);
        Script { with_env: true, cwd: self.folder.clone(), ..script }
    }

    /// Starts it and waits.
    pub(crate) fn up(&self, wait_seconds: u64, roll: &Roll) -> Script {
        let limit = roll.limit.map(|limit| limit.to_string()).unwrap_or_default();
        let more = vec![wait_seconds.to_string(), SETTLE_SECONDS.to_string(), roll.services.clone(), limit];
        let text = [TELL, SECONDS, COMMON, CONTAINERS, START, include_str!("roll.sh"), include_str!("up.sh")];
        self.script("up", &text, more)
    }

    /// Tells the proxy to send the world to it.
    pub(crate) fn proxy(&self) -> Script {
        let text = [AS_ROOT, TELL, PROXY, include_str!("switch.sh")];
        self.script("proxy", &text, self.proxy_args())
    }

    /// Starts it again and waits; where there are two stacks, the proxy sends the world to it then, and the other one is
    /// taken down.
    pub(crate) fn back(&self, wait_seconds: u64) -> Script {
        let more = [vec![wait_seconds.to_string(), SETTLE_SECONDS.to_string()], self.proxy_args()].concat();
        let text = [TELL, SECONDS, COMMON, AS_ROOT, CONTAINERS, START, PROXY, include_str!("back.sh")];
        self.script("back", &text, more)
    }

    /// Waits for its containers and looks at the proxy, and changes nothing.
    pub(crate) fn status(&self, wait_seconds: u64) -> Script {
        let script = status(&self.project, wait_seconds);
        let file = self.proxy_args().into_iter().take(1);
        let args = script.args.into_iter().chain(file).chain([self.release.clone()]).collect();
        Script { args, ..script }
    }

    /// Stops it.
    pub(crate) fn down(&self) -> Script {
        self.script("down", &[TELL, SECONDS, COMMON, CONTAINERS, include_str!("down.sh")], Vec::new())
    }
}

/// Waits for the containers of `project`, and changes nothing.
pub(crate) fn status(project: &str, wait_seconds: u64) -> Script {
    let args = vec![project.to_owned(), wait_seconds.to_string(), SETTLE_SECONDS.to_string()];
    let text = [SECONDS, CONTAINERS, include_str!("status.sh")].concat();
    Script { name: format!("status {project}"), text, args, ..Script::default() }
}
