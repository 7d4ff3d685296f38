//! Scenarios of a plugin: one folder each, with a workspace, inputs, and what must come of them.
//!
//! ```text
//! scenarios/denied/scenario.toml     what is given, and what is expected
//! scenarios/denied/workspace/…       the files that the step finds
//! ```
//!
//! A scenario is run as a repository of its own by this same program: plan, grants, sandbox, and broker are the
//! real ones, and what is compared is what the run told as events. Only servers are not real: what they answer is written
//! in the scenario.

mod files;
mod heard;
mod served;
mod told;
mod trial;
mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sealock_contract::Manifest;
use sealock_diagnostics::near;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::content;
use crate::failure::{Failure, toml_problem};
use crate::project::line_in;
use files::ExpectedFile;
use sealock_engine::LastLook;
use served::{Rehearsal, Request, Served, Servers};

pub(crate) use heard::Heard;
pub(crate) use trial::Trial;
pub(crate) use watch::Interrupt;

/// What a scenario is described in.
const FILE: &str = "scenario.toml";
/// A scenario's file is read whole: a device or a huge file must not fill memory.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One scenario.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Its folder's name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What `scenario.toml` says.
    pub script: Script,
    text: String,
}

impl Scenario {
    /// Everything that is not as expected, one line each, with its place in `scenario.toml`.
    pub(crate) fn differences(&self, heard: &Heard) -> Vec<String> {
        let place = |at: Vec<String>| {
            let path = [vec!["expect".to_owned()], at].concat();
            line_in(&self.text, &path).unwrap_or(1)
        };
        let differences = self.script.expect.differences(heard).into_iter();
        differences.map(|found| format!("{FILE}:{}: {}", place(found.at), found.text)).collect()
    }

    /// Inputs that the plugin does not have, with their place in `scenario.toml`.
    pub(crate) fn unknown_inputs(&self, manifest: &Manifest) -> Vec<String> {
        let known = || manifest.inputs.keys().map(String::as_str);
        let unknown = self.script.inputs.keys().filter(|name| !manifest.inputs.contains_key(*name));
        let told = unknown.map(|name| {
            let line = line_in(&self.text, &["with".to_owned(), name.clone()]).unwrap_or(1);
            let offer =
                near::offer(name, known().collect::<Vec<_>>()).map(|offer| format!("; {offer}")).unwrap_or_default();
            format!("{FILE}:{line}: the plugin has no input `{name}`{offer}")
        });
        told.collect()
    }
}

/// What `scenario.toml` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Script {
    /// One line for people.
    #[serde(default)]
    pub description: String,
    /// The step's inputs, as a pipeline's author writes them.
    #[serde(default, rename = "with")]
    pub inputs: Map<String, Value>,
    /// What the pipeline allows.
    #[serde(default)]
    pub allow: Map<String, Value>,
    /// Secrets by name, with values made up for the test.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// The pipeline's `networks`: private addresses that may be granted.
    #[serde(default)]
    pub networks: Vec<String>,
    /// What servers answer. Nothing else does: a scenario reaches no network.
    #[serde(default)]
    pub http: Vec<Served>,
    /// What must come of it.
    pub expect: Expected,
}

/// What must come of a scenario. What is left out is not looked at, but denials: without them none may happen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expected {
    /// How the step ends.
    pub outcome: Outcome,
    /// The code of its failure.
    pub code: Option<String>,
    /// Part of its failure's message, or of why it skipped.
    pub message: Option<String>,
    /// Its outputs, all of them.
    pub outputs: Option<Map<String, Value>>,
    /// Its annotations, all of them, in order.
    pub annotations: Option<Vec<Annotation>>,
    /// The codes of everything that it was denied, in order.
    #[serde(default)]
    pub denials: Vec<String>,
    /// Parts of lines that its log must have.
    #[serde(default)]
    pub log: Vec<String>,
    /// Parts that its summary must have.
    #[serde(default)]
    pub summary: Vec<String>,
    /// Titles of its groups, in order.
    pub groups: Option<Vec<String>>,
    /// The requests that were made, all of them, in order.
    pub requests: Option<Vec<Request>>,
    /// Files of the workspace, as the step left them; others are not looked at.
    #[serde(default)]
    pub files: Vec<ExpectedFile>,
    /// How far it said that it was, all of it, in order.
    pub progress: Option<Vec<Progress>>,
}

/// How a step ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// It did what it is for.
    Success,
    /// It failed.
    Failure,
    /// There was nothing to do.
    Skipped,
}

impl Script {
    /// Checks what the form of the file does not say.
    fn settle(&mut self) -> Result<(), String> {
        self.http.iter_mut().try_for_each(Served::settle)?;
        self.expect.requests.iter_mut().flatten().try_for_each(Request::settle)?;
        self.expect.files.iter().try_for_each(ExpectedFile::check)
    }
}

impl Outcome {
    /// The word that events use.
    fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Skipped => "skipped",
        }
    }
}

/// An annotation that must be there; of what is left out nothing is expected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Annotation {
    /// How much it matters.
    pub level: Option<String>,
    /// Part of what it says.
    pub message: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// The file.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<u64>,
}

/// What a step must have said of how far it is; of what is left out nothing is expected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    /// So much is done.
    pub done: Option<u64>,
    /// Of so much.
    pub total: Option<u64>,
    /// Part of what it says.
    pub message: Option<String>,
}

/// What a scenario's run needs of the file that `plugin test` wrote: servers, and who looks at the files.
///
/// # Errors
///
/// When the file is not one, or requests cannot be recorded.
pub(crate) fn rehearse(file: &Path) -> std::io::Result<(Servers, LastLook)> {
    let stage = Rehearsal::read(file)?;
    Ok((Servers::of(&stage)?, files::last_look(stage)))
}

/// Every scenario below `folder`, by name; only the one called `only`, when there is one to be.
///
/// # Errors
///
/// When there is none, or one cannot be read.
pub(crate) fn all(folder: &Path, only: Option<&str>) -> Result<Vec<Scenario>, Failure> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join(FILE).is_file()).collect();
    folders.sort();
    let scenarios = folders.iter().map(|folder| open(folder));
    let is_wanted = |scenario: &Scenario| only.is_none_or(|only| only == scenario.name);
    let scenarios: Vec<Scenario> =
        scenarios.filter(|scenario| scenario.as_ref().map_or(true, is_wanted)).collect::<Result<_, _>>()?;
    if !scenarios.is_empty() {
        return Ok(scenarios);
    }
    let names = folders.iter().filter_map(|folder| folder.file_name()).map(|name| name.to_string_lossy());
    let names = names.collect::<Vec<_>>().join(", ");
    let what = only.map_or_else(|| "no scenario".to_owned(), |only| format!("no scenario `{only}`"));
    let message = format!("there is {what} in {}", folder.display());
    let help = if names.is_empty() {
        "a scenario is a folder with a scenario.toml:\n[with]\nfile = \"a.txt\"\n[expect]\noutcome = \"success\""
            .to_owned()
    } else {
        format!("there is {names}")
    };
    Err(Failure::new("E-PLUGIN-SCENARIO", message).help(help))
}

fn open(folder: &Path) -> Result<Scenario, Failure> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let refused = |what: String| Failure::new("E-PLUGIN-SCENARIO", format!("{name}/{FILE}: {what}"));
    let text =
        content::text_within(folder, Path::new(FILE), FILE_BYTES_MAX).map_err(|error| refused(error.to_string()))?;
    let mut script: Script = toml::from_str(&text).map_err(|error| refused(toml_problem(&text, &error)))?;
    script.settle().map_err(refused)?;
    Ok(Scenario { name, folder: folder.to_owned(), script, text })
}
