//! The fake host, as a test sets it up.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::targets::Release;
use crate::testing::state::{self, Facts, Machine, Served, State};
use crate::testing::{Ended, Reply};
use crate::testing::{files, given};
use crate::{EffectState, Error, Inputs, IntoOutcome, Outcome, Outputs, Step, Value};

/// The folder that a step finds as its temporary one.
const TEMPORARY: &str = "tmp";

/// A fake host: it grants what it is told to, and records what it is asked.
///
/// Every call ([`Kit::run`], [`Kit::probe`], [`Kit::rollback`]) starts from what was set up; files stay between them.
#[derive(Debug)]
pub struct Kit {
    folder: PathBuf,
    workspace: PathBuf,
    inputs: Vec<(String, Value)>,
    secrets: Vec<(String, Vec<u8>)>,
    may_reveal: bool,
    known_outputs: Option<BTreeSet<String>>,
    facts: Facts,
    served: Vec<Served>,
    programs: Vec<(String, Reply)>,
    containers: Vec<(String, Reply)>,
    may_build: bool,
    may_push: bool,
    targets: Vec<(String, Machine)>,
    scripts: Vec<(String, Reply)>,
    refused: Vec<(String, Error)>,
}

impl Default for Kit {
    fn default() -> Self {
        Self::new()
    }
}

impl Kit {
    /// One that grants nothing, with an empty workspace.
    ///
    /// # Panics
    ///
    /// When there is no room for a temporary folder.
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("sealock-kit-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        let workspace = folder.join("workspace");
        for inner in [&workspace, &folder.join(TEMPORARY)] {
            std::fs::create_dir_all(inner).expect("there is room for a temporary folder");
        }
        Self {
            folder,
            workspace,
            inputs: Vec::new(),
            secrets: Vec::new(),
            may_reveal: false,
            known_outputs: None,
            facts: Facts { attempt: 1, key: Some("key".to_owned()), ..Facts::default() },
            served: Vec::new(),
            programs: Vec::new(),
            containers: Vec::new(),
            may_build: false,
            may_push: false,
            targets: Vec::new(),
            scripts: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// The workspace's folder.
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// Writes a file of the workspace.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn file(&mut self, path: &str, text: impl AsRef<[u8]>) -> &mut Self {
        let path = self.workspace.join(path);
        let folder = path.parent().expect("a file is in a folder");
        std::fs::create_dir_all(folder).expect("the workspace can be written");
        std::fs::write(&path, text).expect("the workspace can be written");
        self
    }

    /// Gives an input, as a pipeline's author writes it: a duration may be `"10s"`. What is not given has its default.
    pub fn input(&mut self, name: &str, value: impl Into<Value>) -> &mut Self {
        self.inputs.retain(|(own, _)| own != name);
        self.inputs.push((name.to_owned(), value.into()));
        self
    }

    /// Gives an input that is a secret; `name` may be one of a map, such as `env.DATABASE_URL`.
    pub fn secret(&mut self, name: &str, value: impl Into<Vec<u8>>) -> &mut Self {
        self.secrets.push((name.to_owned(), value.into()));
        self
    }

    /// Lets the step see the bytes of its secrets.
    pub fn reveal(&mut self) -> &mut Self {
        self.may_reveal = true;
        self
    }

    /// Knows the step's outputs: any other is refused, as the real host does.
    ///
    /// # Panics
    ///
    /// Never for a struct whose `Outputs` are derived.
    pub fn outputs<O: Outputs>(&mut self) -> &mut Self {
        let spec: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(O::SPEC).expect("the derived description is JSON");
        self.known_outputs = Some(spec.keys().cloned().collect());
        self
    }

    /// Grants every request whose URL starts so, and answers it.
    pub fn answer(&mut self, url: &str, status: u16, body: impl Into<Vec<u8>>) -> &mut Self {
        self.answer_with(url, status, &[], body)
    }

    /// The same, with headers.
    pub fn answer_with(
        &mut self,
        url: &str,
        status: u16,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> &mut Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        self.served.push(Served { url: url.to_owned(), status, headers, body: body.into() });
        self
    }

    /// Grants every program whose command line starts with these words, and answers for it.
    pub fn program(&mut self, words: &str, reply: Reply) -> &mut Self {
        self.programs.push((words.to_owned(), reply));
        self
    }

    /// Grants every container whose image and arguments start with these words, and answers for it.
    pub fn container(&mut self, words: &str, reply: Reply) -> &mut Self {
        self.containers.push((words.to_owned(), reply));
        self
    }

    /// Grants building images and pushing them.
    pub fn images(&mut self) -> &mut Self {
        (self.may_build, self.may_push) = (true, true);
        self
    }

    /// Grants a target. What is asked of it succeeds; scripts answer what [`Kit::script`] says.
    pub fn target(&mut self, name: &str) -> &mut Self {
        self.targets.push((name.to_owned(), Machine::default()));
        self
    }

    /// Grants a target that has releases.
    pub fn target_with(&mut self, name: &str, current: Option<Release>, previous: Option<Release>) -> &mut Self {
        self.targets.push((name.to_owned(), Machine { current, previous }));
        self
    }

    /// What a script answers that has this part in its text, on every target, or after `web1 ` on that one.
    pub fn script(&mut self, part: &str, reply: Reply) -> &mut Self {
        self.scripts.push((part.to_owned(), reply));
        self
    }

    /// Makes one call fail that would be granted, by its words in [`Ended::calls`].
    pub fn refuse(&mut self, call: &str, error: Error) -> &mut Self {
        self.refused.push((call.to_owned(), error));
        self
    }

    /// The stage's environment.
    pub fn environment(&mut self, name: &str) -> &mut Self {
        self.facts.environment = Some(name.to_owned());
        self
    }

    /// The release that is made or verified.
    pub fn release(&mut self, name: &str) -> &mut Self {
        self.facts.release = Some(name.to_owned());
        self
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&mut self, number: u32) -> &mut Self {
        self.facts.attempt = number;
        self
    }

    /// How much of the step's time is left.
    pub fn remaining(&mut self, time: Duration) -> &mut Self {
        self.facts.remaining = Some(time);
        self
    }

    /// The run is being cancelled.
    pub fn cancelled(&mut self) -> &mut Self {
        self.facts.is_cancelled = true;
        self
    }

    /// Runs the step's function.
    ///
    /// # Panics
    ///
    /// When an input was given that the step does not have, or one is missing that it needs.
    #[track_caller]
    pub fn run<I: Inputs, O: IntoOutcome>(&mut self, function: fn(I, &mut Step) -> O) -> Ended<Outcome> {
        self.call::<I, _>(|| I::read().and_then(|inputs| function(inputs, &mut Step::new()).into_outcome()))
    }

    /// Asks the step's `probe`.
    ///
    /// # Panics
    ///
    /// As [`Kit::run`].
    #[track_caller]
    pub fn probe<I: Inputs>(&mut self, function: fn(I, &mut Step) -> Result<EffectState, Error>) -> Ended<EffectState> {
        self.call::<I, _>(|| I::read().and_then(|inputs| function(inputs, &mut Step::new())))
    }

    /// Calls the step's `rollback`.
    ///
    /// # Panics
    ///
    /// As [`Kit::run`].
    #[track_caller]
    pub fn rollback<I: Inputs>(&mut self, function: fn(I, &mut Step) -> Result<(), Error>) -> Ended<()> {
        self.call::<I, _>(|| I::read().and_then(|inputs| function(inputs, &mut Step::new())))
    }

    #[track_caller]
    fn call<I: Inputs, T>(&mut self, call: impl FnOnce() -> Result<T, Error>) -> Ended<T> {
        let (before, files_before) = (self.state::<I>(), files::all(&self.workspace));
        state::with(|state| *state = before);
        let result = call();
        let (written, removed) = files::changed(&files_before, files::all(&self.workspace));
        let after = state::with(std::mem::take);
        Ended {
            result,
            outputs: after.outputs,
            annotations: after.annotations,
            log: after.log,
            groups: after.groups,
            progress: after.progress,
            written,
            removed,
            summary: after.summary,
            produced: after.produced,
            masked: after.masked,
            calls: after.calls,
            denials: after.denials,
        }
    }

    #[track_caller]
    fn state<I: Inputs>(&self) -> State {
        State {
            facts: self.facts.clone(),
            inputs: given::settle(I::SPEC, &self.inputs, &self.secrets),
            secrets: self.secrets.iter().cloned().collect(),
            may_reveal: self.may_reveal,
            workspace: self.workspace.clone(),
            temporary: self.folder.join(TEMPORARY),
            known_outputs: self.known_outputs.clone(),
            served: self.served.clone(),
            programs: self.programs.clone(),
            containers: self.containers.clone(),
            may_build: self.may_build,
            may_push: self.may_push,
            targets: self.targets.clone(),
            scripts: self.scripts.clone(),
            refused: self.refused.iter().map(|(call, error)| (call.clone(), error.as_base().clone())).collect(),
            ..State::default()
        }
    }
}

impl Drop for Kit {
    fn drop(&mut self) {
        // A folder that stays behind is the system's to remove.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
