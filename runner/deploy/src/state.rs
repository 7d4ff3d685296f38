//! What a target told of itself when it was asked.

use crate::error::TargetError;
use crate::ledger::Ledger;
use crate::link::Reply;

/// Who holds a target, as the lease file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder {
    /// The run.
    pub run: String,
    /// On which machine.
    pub who: String,
    /// Since when, Unix time in seconds.
    pub since: u64,
    /// The epoch.
    pub epoch: u64,
    /// Until the lease ends; `None` when it has ended, by time or by a reboot.
    pub left_seconds: Option<u64>,
}

/// One target's state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetState {
    /// The environment's directory, absolute.
    pub directory: String,
    /// The release that `current` names.
    pub current: Option<String>,
    /// When `current` was last moved, Unix time in seconds.
    pub moved: Option<u64>,
    /// The releases whose folders are there.
    pub releases: Vec<String>,
    /// What was deployed.
    pub ledger: Ledger,
    /// The highest epoch seen.
    pub fence: u64,
    /// With which epoch the target was last changed, and by which run.
    pub changed: Option<(u64, String)>,
    /// Who holds the lock, or held it and did not let go.
    pub holder: Option<Holder>,
    /// Whether there is a `docker` program.
    pub docker: bool,
    /// The target's clock, Unix time in seconds.
    pub now: u64,
}

impl TargetState {
    /// The releases that one may go back to, oldest first: verified there once, and still there.
    pub fn usable(&self) -> Vec<&str> {
        let is_there = |id: &&str| self.releases.iter().any(|own| own == id);
        self.ledger.verified().into_iter().filter(is_there).collect()
    }

    pub(crate) fn read(target: &str, reply: &Reply) -> Result<Self, TargetError> {
        let all = |name: &'static str| {
            reply.lines.iter().filter(move |(found, _)| found == name).map(|(_, text)| text.as_str())
        };
        let one = |name: &'static str| all(name).next();
        let number = |name: &'static str| one(name).and_then(|text| text.trim().parse::<u64>().ok());
        let ledger =
            Ledger::parse(all("ledger")).map_err(|source| TargetError::Ledger { target: target.to_owned(), source })?;
        let holder = holder(all("lease"), one("boot").unwrap_or_default(), number("uptime").unwrap_or(0));
        Ok(Self {
            directory: one("directory").unwrap_or_default().to_owned(),
            current: one("current").map(|link| link.trim_start_matches("releases/").to_owned()),
            moved: number("moved").filter(|&moved| moved > 0),
            releases: all("release").map(str::to_owned).collect(),
            ledger,
            fence: number("fence").unwrap_or(0),
            changed: one("changed").and_then(changed),
            holder,
            docker: one("docker").is_some(),
            now: number("now").unwrap_or(0),
        })
    }
}

/// From `EPOCH RUN`.
fn changed(text: &str) -> Option<(u64, String)> {
    let (epoch, run) = text.split_once(' ')?;
    Some((epoch.parse().ok()?, run.to_owned()))
}

/// From lines `NAME=VALUE`, with the target's boot id and uptime.
pub(crate) fn holder<'a>(lines: impl Iterator<Item = &'a str>, boot: &str, uptime: u64) -> Option<Holder> {
    let mut holder = Holder::default();
    let (mut of_boot, mut until) = ("", 0);
    for (name, value) in lines.filter_map(|line| line.split_once('=')) {
        match name {
            "run" => value.clone_into(&mut holder.run),
            "who" => value.clone_into(&mut holder.who),
            "since" => holder.since = value.parse().unwrap_or(0),
            "epoch" => holder.epoch = value.parse().unwrap_or(0),
            "until" => until = value.parse().unwrap_or(0),
            "boot" => of_boot = value,
            _ => {}
        }
    }
    let is_live = of_boot == boot && uptime < until;
    holder.left_seconds = is_live.then(|| until - uptime);
    (!holder.run.is_empty()).then_some(holder)
}
