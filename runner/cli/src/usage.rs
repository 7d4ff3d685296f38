//! What the steps of a recorded run used of what they were granted.
//!
//! From the events `grant-used` and `denied` of the journal, and the grants of the plan that was run. The broker
//! tells what it acted on: files are read and written inside the sandbox and behind the wall of native commands, and
//! the network of native commands does not go by the broker, so that neither is known here.

use std::collections::{BTreeMap, BTreeSet};

use sealock_contract::Grant;
use sealock_contract::grant::{Capability, Endpoint, HostPattern, NetworkGrant};
use sealock_events::EventKind;
use sealock_journal::Journal;
use sealock_plan::{Plan, PlannedStage, PlannedStep};

use crate::failure::Failure;

/// One run's plan, and what its steps used.
pub(crate) struct Usage {
    pub(crate) plan: Plan,
    pub(crate) steps: BTreeMap<(String, String), StepUse>,
}

/// What one step used, in all of its attempts.
#[derive(Debug, Default)]
pub(crate) struct StepUse {
    pub(crate) used: BTreeSet<(Capability, String)>,
    /// What was refused, and the entry that would have granted it.
    pub(crate) denied: BTreeSet<(String, Option<String>)>,
}

impl Usage {
    /// Of a run that is in the journal.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or another version recorded it.
    pub(crate) fn of(journal: &Journal, run: &str) -> Result<Self, Failure> {
        let unreadable = |error: sealock_journal::ReadError| Failure::unread(&error);
        let plan = serde_json::from_str(&journal.plan(run).map_err(unreadable)?).map_err(|error| {
            Failure::new("E-JOURNAL-NEWER", format!("the plan of run {run} cannot be read: {error}"))
        })?;
        let mut steps: BTreeMap<(String, String), StepUse> = BTreeMap::new();
        for event in journal.events(run).map_err(unreadable)? {
            match event.map_err(unreadable)?.kind {
                EventKind::StepStarted { stage, step, .. } => {
                    steps.entry((stage, step)).or_default();
                }
                EventKind::GrantUsed { stage, step, capability, what } => {
                    // A capability that this version does not know is none that it could allow.
                    if let Ok(capability) = serde_json::from_value(capability.into()) {
                        steps.entry((stage, step)).or_default().used.insert((capability, what));
                    }
                }
                EventKind::Denied { stage, step, message, help, .. } => {
                    steps.entry((stage, step)).or_default().denied.insert((message, help));
                }
                _ => {}
            }
        }
        Ok(Self { plan, steps })
    }

    /// The stage, or the matrix whose cell it was, and the step of it.
    pub(crate) fn planned(&self, stage: &str, step: &str) -> Option<(&PlannedStage, &PlannedStep)> {
        let is_cell = |own: &PlannedStage| stage.strip_prefix(&own.id).is_some_and(|rest| rest.starts_with(" ("));
        let stages = || self.plan.stages.iter();
        let own = stages().find(|own| own.name == stage).or_else(|| stages().find(|own| is_cell(own)))?;
        Some((own, own.steps.iter().chain(&own.rollback).find(|planned| planned.key == step)?))
    }

    /// What a step was granted.
    pub(crate) fn grant(&self, stage: &str, step: &str) -> Grant {
        let planned = self.planned(stage, step);
        planned.and_then(|(stage, step)| self.plan.grant_of(stage, &step.key)).cloned().unwrap_or_default()
    }
}

/// Whether `grant` holds what was used.
pub(crate) fn covers(grant: &Grant, capability: Capability, what: &str) -> bool {
    match capability {
        Capability::Network => grant.network.iter().any(|own| reaches(own, what)),
        Capability::Exec => grant.check_exec(what).is_ok(),
        Capability::Secrets => grant.check_secret(what).is_ok(),
        Capability::Reveal => grant.reveal,
        Capability::Build => grant.containers.build,
        Capability::Run => grant.containers.check_run(what).is_ok(),
        Capability::Push => grant.containers.check_push(what).is_ok(),
        Capability::Targets => grant.check_target(what).is_ok(),
        Capability::Files | Capability::Git | Capability::Cache | Capability::Artifacts => true,
    }
}

/// Whether a grant reaches `host:port`, whatever its methods and paths are.
pub(crate) fn reaches(grant: &NetworkGrant, what: &str) -> bool {
    let Some((host, port)) = what.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) else {
        return false;
    };
    let any = NetworkGrant { methods: Vec::new(), path: None, ..grant.clone() };
    any.covers(&Endpoint::new(host, port), "GET", "/")
}

/// The grant's single parts, each with what it is called in `allow`.
pub(crate) fn parts(grant: &Grant) -> Vec<(Capability, String, Grant)> {
    let mut parts = Vec::new();
    let mut add = |capability, what: String, alone| parts.push((capability, what, alone));
    for own in &grant.network {
        add(Capability::Network, entry(own), Grant { network: vec![own.clone()], ..Grant::default() });
    }
    for own in &grant.exec {
        add(Capability::Exec, own.clone(), Grant { exec: vec![own.clone()], ..Grant::default() });
    }
    for own in &grant.secrets {
        add(Capability::Secrets, own.clone(), Grant { secrets: vec![own.clone()], ..Grant::default() });
    }
    for own in &grant.targets {
        add(Capability::Targets, own.clone(), Grant { targets: vec![own.clone()], ..Grant::default() });
    }
    if grant.reveal {
        add(Capability::Reveal, String::new(), Grant { reveal: true, ..Grant::default() });
    }
    containers(grant, &mut parts);
    parts
}

fn containers(grant: &Grant, parts: &mut Vec<(Capability, String, Grant)>) {
    if grant.containers.build {
        let mut alone = Grant::default();
        alone.containers.build = true;
        parts.push((Capability::Build, String::new(), alone));
    }
    for own in &grant.containers.run {
        let mut alone = Grant::default();
        alone.containers.run = vec![own.clone()];
        parts.push((Capability::Run, own.0.clone(), alone));
    }
    for own in &grant.containers.push {
        let mut alone = Grant::default();
        alone.containers.push = vec![own.clone()];
        parts.push((Capability::Push, own.0.clone(), alone));
    }
}

/// A network grant as `allow` writes it.
pub(crate) fn entry(grant: &NetworkGrant) -> String {
    let host = match &grant.host {
        HostPattern::Name(name) => name.clone(),
        HostPattern::Below(parent) => format!("*.{parent}"),
        HostPattern::Any => "*".to_owned(),
        HostPattern::Range(address, bits) => {
            let is_one = *bits == if address.is_ipv4() { 32 } else { 128 };
            let text = if is_one { address.to_string() } else { format!("{address}/{bits}") };
            if address.is_ipv6() { format!("[{text}]") } else { text }
        }
    };
    format!("{host}:{}", grant.port)
}
