//! `cargo xtask check`: what a reviewer should not have to say. Format, lint, documentation, dependencies, shell
//! scripts, workflows, schemas.
//!
//! Every check runs, whatever the one before it found; what failed is listed at the end.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::checkout::Checkout;
use crate::failure::Failure;
use crate::rig::Rig;
use crate::{program, schema, setup};

/// Where cargo-deny has its advisories from.
const ADVISORIES: &str = "https://github.com/rustsec/advisory-db";
/// For asking whether they can be had.
const ADVISORIES_WAIT_MAX: Duration = Duration::from_secs(20);
/// Both workspaces.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "plugins/Cargo.toml"];

type Check = fn(&Checkout) -> Result<String, Failure>;

const CHECKS: [(&str, Check); 8] = [
    ("format", format),
    ("schemas", schemas),
    ("shell scripts", shell_scripts),
    ("dependencies", dependencies),
    ("advisories", advisories),
    ("lint", lint),
    ("documentation", documentation),
    ("workflows", workflows),
];

/// Runs every check and prints one closing line for each.
///
/// # Errors
///
/// When a check found something, or its program is missing.
pub(crate) fn run(checkout: &Checkout) -> Result<(), Failure> {
    let mut closing = Vec::new();
    let mut failed = Vec::new();
    for (name, check) in CHECKS {
        program::heading(name);
        match check(checkout) {
            Ok(found) => closing.push(format!("{name}: {found}")),
            Err(failure) => {
                closing.push(format!("{name}: FAILED: {failure}"));
                failed.push(name);
            }
        }
    }
    program::heading("checks");
    for line in closing {
        println!("{line}");
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::failed(format!("checks failed: {}", failed.join(", ")))) }
}

fn format(checkout: &Checkout) -> Result<String, Failure> {
    for manifest in MANIFESTS {
        program::run(&mut checkout.cargo(&["fmt", "--all", "--check", "--manifest-path", manifest]))?;
    }
    Ok("as rustfmt would write it".to_owned())
}

fn schemas(checkout: &Checkout) -> Result<String, Failure> {
    schema::run(checkout, true)?;
    Ok("as the readers say".to_owned())
}

/// The rig's programs and libraries, the action's, and what runs on targets.
fn shell_scripts(checkout: &Checkout) -> Result<String, Failure> {
    let files = ["ls-files", ".ci/run", "tests/rig", "action", "runner/deploy/src/target.sh"];
    let files = program::answer(checkout.command("git").args(files))?;
    let scripts: Vec<&str> = files.lines().filter(|file| is_script(checkout, file)).collect();
    program::run(
        checkout.command("shellcheck").args(["--external-sources", "--source-path=tests/rig"]).args(&scripts),
    )?;
    Ok(format!("{} clean", scripts.len()))
}

/// A file named as one, or a program whose first line names a shell.
fn is_script(checkout: &Checkout, file: &str) -> bool {
    let text = checkout.read(file).unwrap_or_default();
    let first = text.lines().next().unwrap_or_default();
    let is_shell = ["#!/bin/sh", "#!/bin/bash", "#!/usr/bin/env bash"].iter().any(|shell| first.starts_with(shell));
    is_shell || std::path::Path::new(file).extension().is_some_and(|end| end == "sh")
}

/// What GitHub reads: by the linter of its language, and by the one that looks for ways in. Nothing is asked of the network. The
/// programs are built once, which may take the rig's engine.
fn workflows(checkout: &Checkout) -> Result<String, Failure> {
    setup::for_rig(checkout)?;
    let _rig = Rig::up(checkout)?;
    let tool = |name: &str| -> Result<Command, Failure> {
        let path = program::answer(checkout.command(checkout.path("tests/rig/tool")).arg(name))?;
        Ok(checkout.command(path.trim()))
    };
    let files =
        program::answer(checkout.command("git").args(["ls-files", ".github/workflows", "action.yml", "action/*.yml"]))?;
    let files: Vec<&str> = files.lines().collect();
    let of_github = files.iter().filter(|file| file.starts_with(".github"));
    program::run(tool("actionlint")?.arg("-no-color").args(of_github))?;
    program::run(tool("zizmor")?.args(["--offline", "--no-progress", "--pedantic"]).args(&files))?;
    Ok(format!("{} clean", files.len()))
}

fn dependencies(checkout: &Checkout) -> Result<String, Failure> {
    for manifest in MANIFESTS {
        deny(checkout, manifest, &["bans", "licenses", "sources"])?;
    }
    Ok("licences, bans, and sources as in deny.toml".to_owned())
}

/// Needs the advisories themselves; a machine that cannot reach them is told so and passes.
fn advisories(checkout: &Checkout) -> Result<String, Failure> {
    if !is_reachable(ADVISORIES) {
        return Ok(format!("NOT CHECKED: {ADVISORIES} cannot be reached from here"));
    }
    for manifest in MANIFESTS {
        deny(checkout, manifest, &["advisories"])?;
    }
    Ok("none against what Cargo.lock pins".to_owned())
}

fn deny(checkout: &Checkout, manifest: &str, what: &[&str]) -> Result<(), Failure> {
    let config = checkout.path("deny.toml");
    let mut deny = checkout.cargo(&["deny", "--log-level", "error", "--manifest-path", manifest, "--config"]);
    program::run(deny.arg(config).args(["check", "--hide-inclusion-graph"]).args(what))
}

fn is_reachable(repository: &str) -> bool {
    let seconds = ADVISORIES_WAIT_MAX.as_secs().to_string();
    let mut asked = Command::new("timeout");
    asked.args([&seconds, "git", "ls-remote", "--quiet", "--exit-code", repository, "HEAD"]);
    asked.env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

/// What the workspace denies fails; what it warns of is counted for each crate.
fn lint(checkout: &Checkout) -> Result<String, Failure> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--message-format=json", "--keep-going"];
    let mut clippy = checkout.cargo(&arguments);
    println!("$ cargo {}", arguments.join(" "));
    let output = clippy.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| Failure::failed(format!("cargo clippy: {error}")))?;
    let found = findings(&String::from_utf8_lossy(&output.stdout));
    for error in &found.errors {
        println!("{error}");
    }
    for (place, count) in &found.warnings {
        println!("{place}: {count} warnings");
    }
    if !output.status.success() || !found.errors.is_empty() {
        return Err(Failure::failed(format!("{} errors", found.errors.len())));
    }
    let warnings: usize = found.warnings.values().sum();
    Ok(format!("no errors, {warnings} warnings"))
}

/// What clippy found.
#[derive(Debug, Default)]
struct Findings {
    errors: Vec<String>,
    /// How many, by the folder of the crate; one place that several targets share counts once.
    warnings: std::collections::BTreeMap<String, usize>,
}

fn findings(lines: &str) -> Findings {
    let mut found = Findings::default();
    let mut seen = std::collections::BTreeSet::new();
    let messages = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    for message in messages.filter(|message| message["reason"] == "compiler-message") {
        let told = &message["message"];
        let rendered = told["rendered"].as_str().unwrap_or_default().to_owned();
        // A summary ("3 warnings emitted") has no place.
        let Some(file) = told["spans"][0]["file_name"].as_str().filter(|_| seen.insert(rendered.clone())) else {
            if told["level"] == "error" {
                found.errors.push(rendered);
            }
            continue;
        };
        match told["level"].as_str() {
            Some("error") => found.errors.push(rendered),
            Some("warning") => *found.warnings.entry(folder(file)).or_default() += 1,
            _ => {}
        }
    }
    found
}

/// `runner/plan/src/graph.rs` is in `runner/plan`.
fn folder(file: &str) -> String {
    let parts = file.split('/').take_while(|part| !["src", "tests", "benches", "build.rs"].contains(part));
    let folder: Vec<&str> = parts.collect();
    if folder.is_empty() { "tests".to_owned() } else { folder.join("/") }
}

fn documentation(checkout: &Checkout) -> Result<String, Failure> {
    let mut doc = checkout.cargo(&["doc", "--workspace", "--no-deps", "--locked", "--quiet"]);
    program::run(doc.env("RUSTDOCFLAGS", "-D rustdoc::broken_intra_doc_links"))?;
    Ok("builds, no broken link".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(level: &str, file: &str, text: &str) -> String {
        let spans = if file.is_empty() { serde_json::json!([]) } else { serde_json::json!([{ "file_name": file }]) };
        serde_json::json!({ "reason": "compiler-message", "message": { "level": level, "rendered": text, "spans": spans } }).to_string()
    }

    #[test]
    fn a_warning_counts_once_whatever_target_repeats_it() {
        let lines = [
            message("warning", "runner/plan/src/graph.rs", "unused"),
            message("warning", "runner/plan/src/graph.rs", "unused"),
            message("warning", "runner/plan/tests/a.rs", "long"),
            message("warning", "", "2 warnings emitted"),
            "{\"reason\":\"build-finished\"}".to_owned(),
        ];
        let found = findings(&lines.join("\n"));
        assert_eq!(found.warnings.into_iter().collect::<Vec<_>>(), [("runner/plan".to_owned(), 2)]);
        assert!(found.errors.is_empty());
    }

    #[test]
    fn an_error_is_kept_with_and_without_a_place() {
        let lines = [message("error", "xtask/src/main.rs", "broken"), message("error", "", "aborting")];
        assert_eq!(findings(&lines.join("\n")).errors, ["broken", "aborting"]);
    }
}
