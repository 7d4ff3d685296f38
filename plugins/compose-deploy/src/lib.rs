//! Deploys a Docker Compose file to one or more targets, by image digest, and takes it back.
//!
//! The author's file is not changed: an override beside it names each image by digest. Every target gets the images,
//! the files that the compose file mounts, and the environment's entries before anything is switched; then the targets
//! are switched all at once or batch by batch, and each has to report healthy containers that run exactly the pinned
//! images. What Compose says is never taken for success: the containers are looked at.
//!
//! # Probe and rollback
//!
//! A release carries the deployment's key. `probe` compares it with what is current on each target and looks at the
//! containers. `rollback` brings every target back to its last verified release, or, after a first deployment, stops
//! what was started; volumes are never removed.

mod bundle;
mod colour;
mod compose;
mod deployment;
mod pin;
mod project;
mod report;
mod request;
mod rollback;
mod script;
mod strategy;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod volume;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use sealock_rollout::{Targets, invalid, key};
use sealock_sdk::{
    EffectState, Error, Inputs, Json, Outcome, Outputs, Secret, SecretMap, Step, WorkspacePath, step, temporary,
    workspace,
};

use bundle::Bundle;
use colour::{Ports, Proxy};
use compose::Compose;
use deployment::Deployment;
use pin::Pin;
use strategy::Strategy;

#[derive(Inputs)]
struct ComposeDeploy {
    /// The compose file.
    #[input(default = "docker-compose.yml")]
    file: WorkspacePath,
    /// By service: the image that it runs, as `repository@sha256:…`. Every service with `build` needs one.
    images: Option<Json<BTreeMap<String, String>>>,
    /// How targets are switched.
    #[input(default = "all-at-once", options = ["all-at-once", "rolling", "blue-green", "canary"])]
    strategy: String,
    /// For `rolling`: how many targets are switched at once.
    #[input(default = 1, range = 1..)]
    batch: u32,
    /// For `canary`: how many percent of all replicas, over all targets, get the release first.
    #[input(default = 25, range = 1..=99)]
    share: u32,
    /// For `canary`: how long the first ones have to stay healthy before the rest is exchanged.
    #[input(default = "30s")]
    canary_wait: Duration,
    /// For `blue-green`: by nginx upstream, the ports of each colour.
    proxy: Option<Json<BTreeMap<String, Ports>>>,
    /// For `blue-green`: the file below `shared/` in which nginx reads the upstreams.
    #[input(default = "upstreams.conf")]
    proxy_file: String,
    /// How long containers may take to become healthy.
    #[input(default = "2m")]
    wait_timeout: Duration,
    /// The account at the registry that the images come from.
    username: Option<String>,
    /// Its password or token. It is used for one pull at a time and left nowhere.
    password: Option<Secret>,
    /// How many releases stay on a target; the current one and the one before it always do.
    #[input(default = 3, range = 1..=100)]
    keep: u32,
    /// What the compose file's variables are: the environment's `env`, and more. Written into `.env` of the release.
    #[input(environment)]
    env: SecretMap,
    /// The Compose project; made from the environment's folder and name without it.
    project: Option<String>,
}

#[derive(Outputs)]
struct Deployed {
    /// The release that now runs.
    release: Option<String>,
    /// The Compose project.
    project: Option<String>,
    /// The targets that were switched.
    targets: Vec<String>,
}

#[step(outputs = Deployed, probe = probe, rollback = rollback)]
fn run(inputs: ComposeDeploy, step: &mut Step) -> Result<Outcome, Error> {
    let deployment = put_together(&inputs, step)?;
    let deployed = deployment::deploy(&targets(&inputs, step), &deployment)?;
    let (release, project) = (deployed.release, deployed.project);
    step.outputs(&Deployed { release, project, targets: deployed.targets })?;
    Ok(deployed.outcome)
}

fn probe(inputs: ComposeDeploy, step: &mut Step) -> Result<EffectState, Error> {
    let key = key(step)?;
    rollback::probe(&targets(&inputs, step), &key, inputs.wait_timeout.as_secs())
}

fn rollback(inputs: ComposeDeploy, step: &mut Step) -> Result<(), Error> {
    let key = key(step)?;
    rollback::roll_back(&targets(&inputs, step), &key, inputs.wait_timeout.as_secs())
}

fn targets<'a>(inputs: &'a ComposeDeploy, step: &'a mut Step) -> Targets<'a> {
    let (username, password) = (inputs.username.as_deref(), inputs.password.as_ref());
    let staging = staging().display().to_string();
    Targets { step: RefCell::new(step), env: &inputs.env, username, password, staging }
}

/// Where a release is put together.
fn staging() -> PathBuf {
    temporary().join("release")
}

fn strategy(inputs: &ComposeDeploy) -> Result<Strategy, Error> {
    let number = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
    let wait_seconds = inputs.canary_wait.as_secs();
    match inputs.strategy.as_str() {
        "rolling" => Ok(Strategy::Rolling { batch: number(inputs.batch) }),
        "canary" => Ok(Strategy::Canary { share: number(inputs.share), wait_seconds }),
        "blue-green" => {
            let ports = inputs.proxy.as_ref().map(|proxy| &proxy.0);
            Proxy::new(&inputs.proxy_file, ports).map(Strategy::BlueGreen)
        }
        _ => Ok(Strategy::AllAtOnce),
    }
}

/// Reads the compose file and fills the staging folder.
fn put_together(inputs: &ComposeDeploy, step: &mut Step) -> Result<Deployment, Error> {
    let Some(environment) = step.environment() else {
        let error = invalid("E-TARGET-NONE", "this stage has no environment to deploy to");
        return Err(error.help("give the stage an `environment` that has targets"));
    };
    request::check(inputs.username.is_some(), inputs.password.is_some(), inputs.project.as_deref())?;
    let env_names = sealock_rollout::env_names(inputs.env.iter().map(|(name, _)| name))?;
    let path = inputs.file.as_str();
    let compose = read(path)?;
    let none = BTreeMap::new();
    let pins = pin::pins(&compose, inputs.images.as_ref().map_or(&none, |images| &images.0))?;
    let strategy = strategy(inputs)?;
    if strategy.proxy().is_some() {
        compose.check_two_stacks(path)?;
    }
    let workspace = workspace();
    let bundle = Bundle::gather(&workspace, path, &compose, !env_names.is_empty())?;
    bundle.write(&workspace, &staging(), &pin::override_text(&pins))?;

    tell_author(&compose, &pins, &bundle, step);
    Ok(Deployment {
        key: key(step)?,
        environment,
        project: inputs.project.clone(),
        compose: path.to_owned(),
        pins,
        env_names,
        executables: bundle.executables,
        strategy,
        wait_seconds: inputs.wait_timeout.as_secs(),
        keep: inputs.keep,
    })
}

fn read(path: &str) -> Result<Compose, Error> {
    /// The longest compose file that is read.
    const BYTES: u64 = 1 << 20;
    let full = workspace().join(path);
    let unreadable = |error| invalid("E-COMPOSE-READ", format!("{path} cannot be read: {error}"));
    let bytes = fs::metadata(&full).map_err(unreadable)?.len();
    if bytes > BYTES {
        return Err(invalid("E-COMPOSE-READ", format!("{path} has {bytes} bytes; {BYTES} are the most")));
    }
    Compose::parse(path, &fs::read_to_string(&full).map_err(unreadable)?)
}

fn tell_author(compose: &Compose, pins: &[Pin], bundle: &Bundle, step: &mut Step) {
    bundle.warnings.iter().for_each(|warning| step.warn(warning));
    let unpinned = pin::unpinned(compose, pins);
    if !unpinned.is_empty() {
        let names = unpinned.join(", ");
        step.info(format_args!(
            "{names}: by tag, as the compose file says; an image that is there is not pulled again"
        ));
    }
    for pin in pins {
        step.info(format_args!("{}: {}", pin.service, pin.reference));
    }
}
