//! Runs one scenario: a repository is made of it, and this same program runs that.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

use super::served::Rehearsal;
use super::watch::{Ended, Interrupt, watch};
use super::{Heard, Scenario, files};
use crate::failure::Failure;
use crate::shell::Shell;

/// Where the component is, in the scenario's repository.
const COMPONENT: &str = "./.sealock/plugin.wasm";
/// What is run there.
const PIPELINE: &str = ".sealock/scenario.yml";
/// The one step.
const STEP: &str = "step";

/// How one scenario went.
#[derive(Debug)]
pub(crate) struct Trial {
    /// The scenario.
    pub name: String,
    /// What it is about.
    pub description: String,
    /// What was not as expected.
    pub differences: Vec<String>,
    /// The step's log, and what the run itself said.
    pub log: Vec<String>,
}

impl Trial {
    /// Runs `scenario` with `component`.
    ///
    /// # Errors
    ///
    /// When the scenario's repository cannot be made, or the run not be started.
    pub(crate) fn of(
        scenario: &Scenario,
        component: &[u8],
        shell: &mut Shell,
        interrupt: &Interrupt,
    ) -> Result<Self, Failure> {
        let broken = |error: io::Error| Failure::new("E-PLUGIN-SCENARIO", format!("{}: {error}", scenario.name));
        let folder = tempfile::tempdir().map_err(broken)?;
        let repository = folder.path().join("repository");
        furnish(&repository, scenario, component).map_err(broken)?;
        let stage = Rehearsal {
            answers: scenario.script.http.clone(),
            asked: folder.path().join("asked.jsonl"),
            looked_at: scenario.script.expect.files.iter().map(|file| file.path.clone()).collect(),
            seen: folder.path().join("seen.json"),
        };
        let rehearsal = folder.path().join("rehearsal.json");
        std::fs::write(&rehearsal, json!(stage).to_string()).map_err(broken)?;
        let mut run = command(shell, folder.path(), &repository)?;
        run.arg("--rehearsal").arg(&rehearsal);
        for (name, value) in &scenario.script.secrets {
            run.env(format!("SEALOCK_SECRET_{name}"), value);
        }
        let slow = |most: u64| {
            let name = sealock_diagnostics::escape(&scenario.name);
            shell.tell(&format!("{name} is running; it is ended after {most} s\n"));
        };
        let ended = watch(run, folder.path(), interrupt, slow).map_err(broken)?;
        let (out, err, is_late) = match ended {
            Ended::Itself(out, err) => (out, err, false),
            Ended::Late(out, err) => (out, err, true),
            Ended::Stopped => {
                let message = format!("{}: the scenario was stopped", scenario.name);
                return Err(Failure::new("E-CANCELLED", message));
            }
        };
        let mut heard = Heard::from_lines(&out);
        heard.requests = stage.made();
        heard.files = files::seen(&stage);
        let mut log = heard.log.clone();
        log.extend(heard.denied.iter().cloned());
        log.extend(err.lines().map(str::to_owned));
        let mut differences = scenario.differences(&heard);
        if is_late {
            differences.insert(0, "the scenario took too long, and was ended".to_owned());
        }
        let manifest = sealock_sandbox::read_manifest(component).ok().flatten();
        if let Some(manifest) = manifest.filter(|_| !differences.is_empty()) {
            differences.splice(0..0, scenario.unknown_inputs(&manifest));
        }
        let description = scenario.script.description.clone();
        Ok(Self { name: scenario.name.clone(), description, differences, log })
    }

    /// Whether everything was as expected.
    pub(crate) fn is_passed(&self) -> bool {
        self.differences.is_empty()
    }
}

/// The same program, with nothing of this process's own settings but its cache.
fn command(shell: &Shell, folder: &Path, repository: &Path) -> Result<Command, Failure> {
    let program = std::env::current_exe().map_err(|error| Failure::new("E-PLUGIN-COMPILE", error.to_string()))?;
    let mut run = Command::new(program);
    for (name, _) in crate::sealock_variables() {
        run.env_remove(name);
    }
    run.args(["run", PIPELINE, "--format", "jsonl"]).arg("--directory").arg(repository);
    run.arg("--state").arg(folder.join("state")).arg("--cache").arg(shell.cache()?);
    if let Some(policy) = &shell.global.policy {
        run.arg("--policy").arg(shell.path(policy));
    }
    run.stdin(Stdio::null());
    Ok(run)
}

/// A repository with the scenario's files, the component, and a pipeline of one step.
fn furnish(repository: &Path, scenario: &Scenario, component: &[u8]) -> io::Result<()> {
    std::fs::create_dir_all(repository.join(".sealock"))?;
    copy(&scenario.folder.join("workspace"), repository)?;
    std::fs::write(repository.join(COMPONENT), component)?;
    std::fs::write(repository.join(PIPELINE), format!("{:#}\n", pipeline(scenario)))
}

/// JSON is YAML.
fn pipeline(scenario: &Scenario) -> Value {
    let script = &scenario.script;
    let mut step = Map::from_iter([("id".to_owned(), json!(STEP)), ("uses".to_owned(), json!(COMPONENT))]);
    let mut set = |key: &str, value: &Map<String, Value>| {
        if !value.is_empty() {
            step.insert(key.to_owned(), json!(value));
        }
    };
    set("with", &script.inputs);
    set("allow", &script.allow);
    let mut pipeline = json!({ "name": "scenario", "stages": { "test": { "steps": [step] } } });
    if !script.secrets.is_empty() {
        pipeline["secrets"] = json!(script.secrets.keys().collect::<Vec<_>>());
    }
    if !script.networks.is_empty() {
        pipeline["networks"] = json!(script.networks);
    }
    pipeline
}

/// Copies a folder's files and folders; one that is not there is an empty one. A link, behind which a stranger's
/// project could put a file of this machine into a step's hands, is refused.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            std::fs::create_dir_all(&target)?;
            copy(&source, &target)?;
        } else if kind.is_file() {
            std::fs::copy(&source, &target)?;
        } else {
            let message = format!("{}: expected a file or a folder, found a link or device", source.display());
            return Err(io::Error::other(message));
        }
    }
    Ok(())
}
