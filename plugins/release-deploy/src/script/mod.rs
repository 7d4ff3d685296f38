//! The scripts that run on targets.

#[cfg(test)]
pub(crate) mod tests;

use sealock_rollout::{AS_ROOT, ENTRIES, SECONDS, Script, TELL, detail_of};
use sealock_sdk::targets::Release;

/// What all of them share.
const UNITS: &str = include_str!("units.sh");
/// Waiting for units.
const WATCH: &str = include_str!("watch.sh");

/// What runs a release, as each release keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) units: Vec<String>,
    pub(crate) health: Option<String>,
    pub(crate) nginx: bool,
    /// Whether the units are restarted together, and not one after the other.
    pub(crate) together: bool,
}

const UNITS_DETAIL: &str = "units";
const HEALTH_DETAIL: &str = "health";
const NGINX_DETAIL: &str = "nginx";
const ORDER_DETAIL: &str = "order";

impl Service {
    /// As details of a release.
    pub(crate) fn details(&self) -> Vec<(String, String)> {
        let detail = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            detail(UNITS_DETAIL, &self.units.join(" ")),
            detail(HEALTH_DETAIL, self.health.as_deref().unwrap_or_default()),
            detail(NGINX_DETAIL, yes(self.nginx)),
            detail(ORDER_DETAIL, self.order()),
        ]
    }

    /// What runs `release`, when this plugin made it.
    pub(crate) fn of(release: &Release) -> Option<Self> {
        let units = detail_of(release, UNITS_DETAIL)?;
        let health = detail_of(release, HEALTH_DETAIL).filter(|url| !url.is_empty());
        Some(Self {
            units: units.split_whitespace().map(str::to_owned).collect(),
            health: health.map(str::to_owned),
            nginx: detail_of(release, NGINX_DETAIL) == Some("yes"),
            together: detail_of(release, ORDER_DETAIL) == Some("together"),
        })
    }

    fn order(&self) -> &'static str {
        if self.together { "together" } else { "one-by-one" }
    }

    fn args(&self, more: Vec<String>) -> Vec<String> {
        let health = self.health.clone().unwrap_or_default();
        [self.units.join(" "), health, yes(self.nginx).to_owned()].into_iter().chain(more).collect()
    }

    /// Makes the staged release `id` below `directory` ready, and looks whether the target would let the rest be done.
    pub(crate) fn prepare(&self, id: &str, directory: &str, env_names: &[String], shared: &[String]) -> Script {
        let directory = directory.trim_end_matches('/');
        let more = [directory.to_owned(), env_names.join(" ")].into_iter().chain(shared.iter().cloned()).collect();
        let text = [TELL, ENTRIES, include_str!("prepare.sh")].concat();
        let cwd = format!("{directory}/releases/{id}");
        Script { name: format!("prepare {id}"), text, args: self.args(more), cwd, with_env: true, ..Script::default() }
    }

    /// Restarts the units, and waits for them.
    pub(crate) fn start(&self, id: &str, wait_seconds: u64) -> Script {
        let text = [TELL, AS_ROOT, SECONDS, UNITS, WATCH, include_str!("start.sh")].concat();
        let args = self.args(vec![wait_seconds.to_string(), self.order().to_owned()]);
        Script { name: format!("start {id}"), text, args, ..Script::default() }
    }

    /// Stops the units.
    pub(crate) fn stop(&self, id: &str) -> Script {
        let text = [TELL, AS_ROOT, UNITS, include_str!("stop.sh")].concat();
        Script { name: format!("stop {id}"), text, args: self.args(Vec::new()), ..Script::default() }
    }

    /// Waits for the units that are there, and changes nothing.
    pub(crate) fn status(&self, id: &str, wait_seconds: u64) -> Script {
        let text = [SECONDS, UNITS, WATCH, include_str!("status.sh")].concat();
        let args = self.args(vec![wait_seconds.to_string()]);
        Script { name: format!("status {id}"), text, args, ..Script::default() }
    }
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}
