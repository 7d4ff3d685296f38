//! Deploys a folder of the workspace as a release of systemd units, for hosts without containers, and takes it back.
//!
//! Every target gets the folder as `releases/<id>`, the links to what is shared between releases, and the entries of the
//! environment in its `.env`, before anything is switched. Then `current` is moved, nginx is asked whether it takes its
//! configuration, the units are restarted one after the other or together, and each has to run and to answer.
//!
//! # Probe and rollback
//!
//! A release carries the deployment's key and what belongs to it: its units, its health address, whether nginx reads it.
//! `probe` compares the key with what is current on each target and looks at the units. `rollback` brings every target
//! back to its last verified release, or, after a first deployment, stops the units.

mod deployment;
mod report;
mod request;
mod rollback;
mod script;
#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::time::Duration;

use sealock_rollout::{Targets, key};
use sealock_sdk::{EffectState, Error, Inputs, Outcome, Outputs, SecretMap, Step, WorkspacePath, step};

use deployment::Deployment;
use script::Service;

#[derive(Inputs)]
struct ReleaseDeploy {
    /// The folder that becomes the release, whole.
    source: WorkspacePath,
    /// The systemd units that run it, in the order in which they are restarted.
    units: Vec<String>,
    /// What each unit has to answer to on its own machine, such as `http://127.0.0.1:%i/health`; `%i` is the part of the
    /// unit's name behind the `@`.
    health: Option<String>,
    /// Whether nginx reads something of the release: it is asked by `nginx -t`, and then reloaded.
    #[input(default = false)]
    nginx: bool,
    /// Folders of `shared/` that the release finds under the same names in itself.
    shared: Vec<String>,
    /// How targets, and the units of each, are switched.
    #[input(default = "rolling", options = ["all-at-once", "rolling"])]
    strategy: String,
    /// For `rolling`: how many targets are switched at once.
    #[input(default = 1, range = 1..)]
    batch: u32,
    /// How long a unit may take to run and to answer.
    #[input(default = "1m")]
    wait_timeout: Duration,
    /// How many releases stay on a target; the current one and the one before it always do.
    #[input(default = 3, range = 1..=100)]
    keep: u32,
    /// The environment's `env`, and more. Written into `.env` of the release, for `EnvironmentFile=`.
    #[input(environment)]
    env: SecretMap,
}

#[derive(Outputs)]
struct Deployed {
    /// The release that now runs.
    release: Option<String>,
    /// The targets that were switched.
    targets: Vec<String>,
}

#[step(outputs = Deployed, probe = probe, rollback = rollback)]
fn run(inputs: ReleaseDeploy, step: &mut Step) -> Result<Outcome, Error> {
    let deployment = Deployment {
        key: key(step)?,
        service: service(&inputs)?,
        shared: request::folders(&inputs.shared)?,
        env_names: sealock_rollout::env_names(inputs.env.iter().map(|(name, _)| name))?,
        batch: request::batch(&inputs.strategy, inputs.batch),
        wait_seconds: inputs.wait_timeout.as_secs(),
        keep: inputs.keep,
    };
    let deployed = deployment::deploy(&targets(&inputs, step), &deployment)?;
    step.outputs(&Deployed { release: deployed.release, targets: deployed.targets })?;
    Ok(deployed.outcome)
}

fn probe(inputs: ReleaseDeploy, step: &mut Step) -> Result<EffectState, Error> {
    let key = key(step)?;
    rollback::probe(&targets(&inputs, step), &key, inputs.wait_timeout.as_secs())
}

fn rollback(inputs: ReleaseDeploy, step: &mut Step) -> Result<(), Error> {
    let key = key(step)?;
    rollback::roll_back(&targets(&inputs, step), &key, inputs.wait_timeout.as_secs())
}

fn service(inputs: &ReleaseDeploy) -> Result<Service, Error> {
    Ok(Service {
        units: request::units(&inputs.units)?,
        health: request::health(inputs.health.as_deref())?,
        nginx: inputs.nginx,
        together: inputs.strategy == "all-at-once",
    })
}

fn targets<'a>(inputs: &'a ReleaseDeploy, step: &'a mut Step) -> Targets<'a> {
    let (username, password) = (None, None);
    Targets {
        step: RefCell::new(step),
        env: &inputs.env,
        username,
        password,
        staging: inputs.source.as_str().to_owned(),
    }
}
