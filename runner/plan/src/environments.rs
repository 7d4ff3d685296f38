//! Freezes the environments that stages deploy to.

use std::collections::BTreeMap;

use sealock_diagnostics::{Diagnostic, near};
use sealock_pipeline::{Entry, Environment, Late, Login, SshAddress, SshAddressError, Target, Verify};

use crate::frozen::{PlannedEnvironment, PlannedStage, PlannedTarget, SshLogin, VerifyWhen};
use crate::planner::Planner;

pub(crate) fn freeze(planner: &mut Planner<'_>, stages: &[PlannedStage]) -> BTreeMap<String, PlannedEnvironment> {
    let mut frozen = BTreeMap::new();
    let declared = &planner.request.pipeline.environments;
    for (stage, name) in stages.iter().filter_map(|stage| Some((stage, stage.environment.as_deref()?))) {
        match declared.entry(name) {
            Some(entry) if !frozen.contains_key(name) => {
                frozen.insert(name.to_owned(), environment(planner, entry));
            }
            Some(_) => {}
            None => {
                let message = format!("there is no environment `{name}`");
                let help = near::offer(name, declared.names());
                let written = planner.request.pipeline.stages.get(&stage.id).and_then(|own| own.environment.as_ref());
                let span = written.map(|own| own.span);
                planner.report(Diagnostic::error("E-ENVIRONMENT-UNKNOWN", message, span).maybe_help(help));
            }
        }
    }
    frozen
}

/// Freezes one environment, also for commands that need no run.
pub(crate) fn environment(planner: &mut Planner<'_>, entry: &Entry<Environment>) -> PlannedEnvironment {
    let own = &entry.value;
    let default = format!("deploy/{}", directory_name(&planner.request.pipeline.name.value));
    let directory = own.directory.as_ref().map_or(Some(default), |own| planner.settle(own.value.raw(), own.span));
    let directory = directory.unwrap_or_default();
    let targets = own.targets.iter().filter_map(|target| self::target(planner, target, &directory)).collect();
    PlannedEnvironment {
        name: entry.key.value.clone(),
        branches: own.branches.iter().map(|branch| branch.value.clone()).collect(),
        url: own.url.as_ref().map(|url| planner.written(url)),
        approvals: own.approvals,
        env: planner.env(&own.env),
        verify: match own.verify {
            Verify::End => VerifyWhen::End,
            Verify::EachBatch => VerifyWhen::EachBatch,
        },
        targets,
    }
}

/// A pipeline's name as the name of a folder.
fn directory_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c.to_ascii_lowercase() } else { '-' };
    name.chars().map(plain).collect()
}

fn target(planner: &mut Planner<'_>, entry: &Entry<Target>, directory: &str) -> Option<PlannedTarget> {
    let own = &entry.value;
    // Everything is settled before anything is given up: all that is missing is told together.
    let address = address(planner, own);
    let own_directory = own.directory.as_ref().map(|own| planner.settle(own.value.raw(), own.span));
    let host_keys: Vec<Option<String>> =
        own.host_keys.iter().map(|key| planner.settle(key.value.raw(), key.span)).collect();
    let address = address?;
    Some(PlannedTarget {
        name: entry.key.value.clone(),
        user: address.user,
        host: address.host,
        port: address.port,
        host_keys: host_keys.into_iter().collect::<Option<_>>()?,
        login: match &own.login {
            Login::Key(secret) => SshLogin::Key(secret.value.clone()),
            Login::Agent => SshLogin::Agent,
        },
        directory: own_directory.unwrap_or_else(|| Some(directory.to_owned()))?,
        sudo: own.sudo.iter().map(|user| user.value.clone()).collect(),
    })
}

fn address(planner: &mut Planner<'_>, own: &Target) -> Option<SshAddress> {
    let text = match &own.ssh.value {
        Late::Known(address) => return Some(address.clone()),
        Late::Written(text) => text,
    };
    let settled = planner.settle(text.raw(), own.ssh.span)?;
    let parsed: Result<SshAddress, SshAddressError> = settled.parse();
    parsed
        .map_err(|error| {
            planner.report(Diagnostic::error("E-SSH-NAME", format!("`{settled}`: {error}"), own.ssh.span));
        })
        .ok()
}
