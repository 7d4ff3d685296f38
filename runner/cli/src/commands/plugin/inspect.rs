//! `sealock plugin inspect FILE|REF`

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use sealock_contract::grant::Capability;
use sealock_contract::manifest::{RequestSpec, Source};
use sealock_contract::{Digest, Manifest};
use sealock_diagnostics::escape;
use sealock_sandbox::{Inspection, ProgramKind};
use serde_json::{Value, json};

use super::meant::{Meant, Version};
use crate::exit_code;
use crate::failure::Failure;
use crate::planning::{PlanArgs, Repository};
use crate::shell::Shell;
use crate::usage;

/// Show what a component is: its manifest, the interfaces that it imports, what it asks for, and, for a pipeline, what
/// it would be granted. Nothing is run, compiled, or kept.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A component's file or folder, a builtin, or a reference into a registry: what the lockfile pins for it, else what
    /// `sealock lock` would choose
    plugin: String,
    /// Also what this pipeline would grant it, in each step that uses it
    #[arg(long, value_name = "PIPELINE")]
    pipeline: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text, env = "SEALOCK_FORMAT", hide_env = true)]
    format: Format,
}

/// How to print it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object
    Json,
}

/// A component, and what is known of it.
struct Looked {
    /// What a reference stands for.
    version: Option<Version>,
    bytes: u64,
    digest: Digest,
    /// Whether it was a core module of which a component was made.
    is_made: bool,
    found: Inspection,
    grants: Option<Vec<Granted>>,
}

/// What one step would be granted.
struct Granted {
    stage: String,
    step: String,
    parts: Vec<(Capability, String)>,
}

/// Capabilities, and the interface that each comes by.
const INTERFACES: [(Capability, &str); 12] = [
    (Capability::Network, "wasi:http/outgoing-handler"),
    (Capability::Exec, "sealock:step/process"),
    (Capability::Files, "wasi:filesystem/preopens"),
    (Capability::Secrets, "sealock:step/secrets"),
    (Capability::Reveal, "sealock:step/secrets-reveal"),
    (Capability::Build, "sealock:step/containers"),
    (Capability::Run, "sealock:step/containers"),
    (Capability::Push, "sealock:step/containers"),
    (Capability::Targets, "sealock:step/targets"),
    (Capability::Git, "sealock:step/git"),
    (Capability::Cache, "sealock:step/cache"),
    (Capability::Artifacts, "sealock:step/artifacts"),
];

impl Inspect {
    /// Looks and prints.
    ///
    /// # Errors
    ///
    /// When there is no such component, it cannot be a step, or the pipeline cannot be planned.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let Meant { bytes, version } = Meant::of(shell, &self.plugin)?;
        let is_made = sealock_sandbox::is_core_module(&bytes);
        let refused = |error: sealock_sandbox::FormatError| {
            Failure::new(error.code(), format!("`{}` cannot be used: {error}", self.plugin))
        };
        let bytes = if is_made { sealock_sandbox::componentize(&bytes).map_err(refused)? } else { bytes };
        let found = sealock_sandbox::inspect(&bytes).map_err(refused)?;
        let digest = Digest::of(&bytes);
        let grants = match self.grants(shell, digest)? {
            Ok(grants) => grants,
            Err(exit) => return Ok(exit),
        };
        let looked = Looked { version, bytes: bytes.len() as u64, digest, is_made, found, grants };
        match self.format {
            Format::Text => shell.answer(&looked.text()),
            Format::Json => shell.machine(&format!("{:#}\n", looked.json())),
        }
        Ok(exit_code::SUCCESS)
    }

    /// What the steps of the pipeline that use it would be granted, when one is named; the exit code when it cannot be
    /// planned, which was told.
    fn grants(&self, shell: &mut Shell, digest: Digest) -> Result<Result<Option<Vec<Granted>>, u8>, Failure> {
        let Some(pipeline) = &self.pipeline else {
            return Ok(Ok(None));
        };
        let wanted = PlanArgs { pipeline: Some(pipeline.clone()), ..PlanArgs::default() };
        let repository = Repository::at(shell);
        let prepared = match wanted.prepare(shell, &repository)? {
            Ok(prepared) => prepared,
            Err(exit) => return Ok(Err(exit)),
        };
        let plan = &prepared.plan;
        let uses = |plugin: &str| plan.plugins.get(plugin).is_some_and(|planned| planned.digest == digest);
        let mut grants = Vec::new();
        for stage in &plan.stages {
            for step in stage.steps.iter().chain(&stage.rollback).filter(|step| uses(&step.plugin)) {
                let grant = plan.grant_of(stage, &step.key).cloned().unwrap_or_default();
                let parts = usage::parts(&grant).into_iter().map(|(capability, what, _)| (capability, what)).collect();
                grants.push(Granted { stage: stage.name.clone(), step: step.key.clone(), parts });
            }
        }
        Ok(Ok(Some(grants)))
    }
}

impl Looked {
    fn manifest(&self) -> Option<&Manifest> {
        self.found.manifest.as_ref()
    }

    fn imports(&self, interface: &str) -> bool {
        self.found.imports.iter().any(|name| name.split('@').next() == Some(interface))
    }

    fn requests(&self, capability: Capability) -> impl Iterator<Item = &RequestSpec> {
        let all = self.manifest().map(|manifest| manifest.requests.as_slice()).unwrap_or_default();
        all.iter().filter(move |request| request.capability == capability)
    }

    fn kind(&self) -> &'static str {
        match self.found.kind {
            ProgramKind::Step => "step",
            ProgramKind::EffectStep => "step with an effect: it can be probed and rolled back",
            ProgramKind::Command => "plain program: inputs as INPUT_…, outputs as files of /step/out",
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        match self.manifest() {
            Some(manifest) => {
                let _ = writeln!(out, "{} {}", escape(&manifest.name), escape(&manifest.version));
                let _ = writeln!(out, "  {}", escape(&manifest.description));
                let _ = writeln!(out, "  world    {}", escape(&manifest.world));
            }
            None => out.push_str("a component without a manifest: it gets no capability and no typed inputs\n"),
        }
        if let Some(version) = &self.version {
            let Version { reference, name, manifest, is_locked } = version;
            let locked = if *is_locked { "locked" } else { "not locked" };
            let _ = writeln!(out, "  from     {reference}: {}, {locked}", escape(name));
            let _ = writeln!(out, "  manifest {manifest}");
        }
        let _ = writeln!(out, "  kind     {}", self.kind());
        let made = if self.is_made { ", made of a core module" } else { "" };
        let _ = writeln!(out, "  bytes    {}{made}", self.bytes);
        let _ = writeln!(out, "  digest   {}", self.digest);
        self.write_values(&mut out);
        self.write_capabilities(&mut out);
        self.write_grants(&mut out);
        let _ = writeln!(out, "\nimports");
        for name in &self.found.imports {
            let _ = writeln!(out, "  {}", escape(name));
        }
        out
    }

    fn write_values(&self, out: &mut String) {
        let Some(manifest) = self.manifest() else {
            return;
        };
        if !manifest.inputs.is_empty() {
            out.push_str("\ninputs\n");
        }
        for (name, spec) in &manifest.inputs {
            let default = spec.default.as_ref().map(|default| format!(" = {default}")).unwrap_or_default();
            let need = if spec.required { ", required".to_owned() } else { default };
            let (name, word) = (escape(name), format!("{}{need}", spec.kind.word()));
            let _ = writeln!(out, "  {name:<20} {:<24} {}", escape(&word), escape(&spec.description));
        }
        if !manifest.outputs.is_empty() {
            out.push_str("\noutputs\n");
        }
        for (name, spec) in &manifest.outputs {
            let _ = writeln!(out, "  {:<20} {:<24} {}", escape(name), spec.kind.word(), escape(&spec.description));
        }
    }

    /// Requested and imported side by side: toolchains import whole worlds, the manifest decides.
    fn write_capabilities(&self, out: &mut String) {
        let _ = writeln!(out, "\n{:<20}{:<10}requested", "capability", "imported");
        for (capability, interface) in INTERFACES {
            let is_imported = self.imports(interface);
            let requests: Vec<String> = self.requests(capability).map(request).collect();
            if !is_imported && requests.is_empty() {
                continue;
            }
            let imported = if is_imported { "yes" } else { "no" };
            let requested = if requests.is_empty() { "no".to_owned() } else { requests.join("; ") };
            let _ = writeln!(out, "  {:<18}{imported:<10}{}", capability.name(), escape(&requested));
        }
    }

    fn write_grants(&self, out: &mut String) {
        let Some(grants) = &self.grants else {
            return;
        };
        out.push_str("\ngranted\n");
        if grants.is_empty() {
            out.push_str("  no step of this pipeline uses this component\n");
        }
        for granted in grants {
            let _ = writeln!(out, "  {} / {}", escape(&granted.stage), escape(&granted.step));
            if granted.parts.is_empty() {
                out.push_str("    nothing but its inputs, and the files that it was named\n");
            }
            for (capability, what) in &granted.parts {
                let _ = writeln!(out, "    {:<18}{}", capability.name(), escape(what));
            }
        }
    }

    fn json(&self) -> Value {
        let capabilities = INTERFACES.map(|(capability, interface)| {
            json!({
                "capability": capability.name(),
                "imported": self.imports(interface),
                "requested": self.requests(capability).collect::<Vec<_>>(),
            })
        });
        let grants = self.grants.as_ref().map(|grants| {
            let parts = |granted: &Granted| -> Vec<Value> {
                let part = |(capability, what): &(Capability, String)| json!({ "capability": capability.name(), "what": what });
                granted.parts.iter().map(part).collect()
            };
            let each = |granted: &Granted| json!({ "stage": granted.stage, "step": granted.step, "granted": parts(granted) });
            grants.iter().map(each).collect::<Vec<_>>()
        });
        let from = self.version.as_ref().map(|from| {
            let manifest = from.manifest.to_string();
            json!({ "reference": from.reference, "version": from.name, "manifest": manifest, "locked": from.is_locked })
        });
        json!({
            "from": from,
            "digest": self.digest.to_string(),
            "bytes": self.bytes,
            "kind": match self.found.kind {
                ProgramKind::Step => "step",
                ProgramKind::EffectStep => "effect-step",
                ProgramKind::Command => "program",
            },
            "made_of_core_module": self.is_made,
            "manifest": self.manifest(),
            "imports": self.found.imports,
            "exports": self.found.exports,
            "capabilities": capabilities,
            "grants": grants,
        })
    }
}

/// A request in a few words: what, who grants it, why.
fn request(request: &RequestSpec) -> String {
    let to = match request.source() {
        Source::Input(input) => format!("what the input `{input}` names"),
        Source::Environment => "what the environment has".to_owned(),
        Source::Literal(what) => format!("{what}, when `allow` has it"),
        Source::Allow => "what `allow` names".to_owned(),
    };
    let methods = if request.methods.is_empty() { String::new() } else { format!("{} ", request.methods.join(", ")) };
    let optional = if request.optional { ", optional" } else { "" };
    format!("{methods}{to}{optional} ({})", request.reason)
}
