//! `sealock run --audit`: what each step used, and what it was granted for nothing.

use std::fmt::Write as _;

use sealock_contract::Grant;
use sealock_contract::grant::Capability;
use sealock_diagnostics::escape;
use sealock_plan::SHELL;

use crate::usage::{self, StepUse, Usage};

/// The audit, for people.
pub(crate) fn text(usage: &Usage) -> String {
    let mut out = String::from("audit: what the steps used of what they were granted\n");
    for ((stage, step), own) in &usage.steps {
        let _ = writeln!(out, "  {} / {}", escape(stage), escape(step));
        let runs_script = usage.planned(stage, step).is_some_and(|(_, planned)| planned.plugin == SHELL);
        let mut grant = usage.grant(stage, step);
        if runs_script {
            leave_out_shell(&mut grant, own);
        }
        for (label, things) in rows(own, &grant, runs_script) {
            for thing in things {
                let _ = writeln!(out, "    {label:<8}  {}", escape(&thing));
            }
        }
    }
    out.push_str("  files, and the network of native commands, are not counted here\n");
    out
}

/// Takes out the program that the author typed as `shell`, the first one, where `sh` was started to hand it its script.
fn leave_out_shell(grant: &mut Grant, own: &StepUse) {
    let is_started = |program: &str| own.used.iter().any(|(_, what)| what == program);
    if grant.exec.len() > 1 && grant.exec.last().is_some_and(|last| last == "sh" && is_started(last)) {
        grant.exec.remove(0);
    }
}

fn rows(own: &StepUse, grant: &Grant, runs_script: bool) -> [(&'static str, Vec<String>); 3] {
    let used = own.used.iter().map(|(capability, what)| words(*capability, what)).collect();
    let is_unused = |capability: Capability, alone: &Grant| {
        let is_seen = capability != Capability::Network || !runs_script;
        is_seen && !own.used.iter().any(|(used, what)| *used == capability && usage::covers(alone, *used, what))
    };
    let parts = usage::parts(grant).into_iter().filter(|(capability, _, alone)| is_unused(*capability, alone));
    let unused = parts.map(|(capability, what, _)| words(capability, &what)).collect();
    let denied = own.denied.iter().map(|(message, _)| message.replace('\n', " ")).collect();
    [("used", used), ("unused", unused), ("denied", denied)]
}

fn words(capability: Capability, what: &str) -> String {
    format!("{} {what}", capability.name()).trim_end().to_owned()
}
