//! What the broker knows of one running step.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sealock_contract::grant::Capability;
use sealock_contract::manifest::Place as PlaceholderPlace;
use sealock_contract::seam::{Level, LimitName, Note, Refusal};
use sealock_contract::{ErrorKind, Grant, SecretText, StepError, StepLimits, StepName, limits};
use sealock_secrets::{Redactor, SecretBytes, Vault};
use tokio_util::sync::CancellationToken;

use crate::folder::{Links, WorkspaceDir};
use crate::handles::{HandleTable, SecretHandle};
use crate::log::StepLog;
use crate::output::log_full;
use crate::place::{EnvValue, Place};
use crate::sink::NoteSink;
use crate::used::Used;

/// An environment entry as the engine gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvText {
    /// Known to everybody.
    Plain(String),
    /// Made of secrets; the broker puts it together.
    Secret(SecretText),
}

/// A secret input of a step, as the author bound it and the manifest declared it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretInput {
    /// What it is made of; of nothing when the manifest declares it and the author did not give it.
    pub text: SecretText,
    /// Where its placeholder may stand in a request.
    pub place: Option<PlaceholderPlace>,
    /// For which `host:port`; the step's network grants when empty.
    pub hosts: Vec<String>,
}

/// The action of a step that is asked how far it got: it changes nothing.
pub const PROBE: &str = "probe";

/// What the engine says about a step for which it wants a desk.
pub struct StepDeskSpec {
    /// Which step; its grant is looked up by this in the broker's table.
    pub name: StepName,
    /// Counts the attempts of the step: a later desk of the same step closes an earlier one.
    pub epoch: u64,
    /// Names what it starts on other machines: the same when the same try is made again after a crash; [`PROBE`] in a probe.
    pub action: String,
    /// What it may use up.
    pub limits: StepLimits,
    /// The stage's files.
    pub workspace: Arc<WorkspaceDir>,
    /// The step's own temporary folder, outside the workspace: exists, and is removed by the engine.
    pub temporary: PathBuf,
    /// The whole base environment of native programs (`PATH`, `HOME`, `CI`, …), a stage's and step's `env`
    /// among it.
    pub env: Vec<(String, EnvText)>,
    /// By input; by `input.KEY` for an entry of a map.
    pub secret_inputs: BTreeMap<String, SecretInput>,
    /// Where its native programs run.
    pub place: Arc<dyn Place>,
    /// Hears what it tells.
    pub sink: Arc<dyn NoteSink>,
}

/// One running step, as handlers see it.
pub struct Step {
    name: StepName,
    epoch: u64,
    action: String,
    grant: Grant,
    limits: StepLimits,
    workspace: Arc<WorkspaceDir>,
    temporary: PathBuf,
    env: Vec<(String, EnvText)>,
    secret_inputs: BTreeMap<String, SecretInput>,
    place: Arc<dyn Place>,
    sink: Arc<dyn NoteSink>,
    vault: Vault,
    redactor: Redactor,
    handles: HandleTable,
    closed: CancellationToken,
    log: Mutex<StepLog>,
    logged_bytes: AtomicU64,
    outputs: AtomicU64,
    written_bytes: AtomicU64,
    masks: AtomicU64,
    /// What was begun to be started or let go of, and what became of it is not known.
    unaccounted: AtomicU64,
    used: Mutex<Used>,
}

/// Values that a step may have masked beside its secrets: each makes the search for all of them anew, and a
/// million would stop every log of the run.
const MASKS_MAX: u64 = 1_000;

impl Step {
    pub(crate) fn new(spec: StepDeskSpec, grant: Grant, vault: Vault, handles: HandleTable) -> Self {
        let redactor = vault.redactor();
        Self {
            name: spec.name,
            epoch: spec.epoch,
            action: spec.action,
            grant,
            limits: spec.limits,
            workspace: spec.workspace,
            temporary: spec.temporary,
            env: spec.env,
            secret_inputs: spec.secret_inputs,
            place: spec.place,
            sink: spec.sink,
            vault,
            log: Mutex::new(StepLog::new(redactor.clone())),
            redactor,
            handles,
            closed: CancellationToken::new(),
            logged_bytes: AtomicU64::new(0),
            outputs: AtomicU64::new(0),
            written_bytes: AtomicU64::new(0),
            masks: AtomicU64::new(0),
            unaccounted: AtomicU64::new(0),
            used: Mutex::default(),
        }
    }

    /// Which step.
    pub fn name(&self) -> &StepName {
        &self.name
    }

    /// Which attempt.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Names what it starts on other machines.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// Whether it only finds out how far an earlier try got.
    pub fn is_probing(&self) -> bool {
        self.action == PROBE
    }

    /// What it may touch, from the broker's own table.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// What it may use up.
    pub fn limits(&self) -> &StepLimits {
        &self.limits
    }

    /// The stage's files.
    pub fn workspace(&self) -> &Arc<WorkspaceDir> {
        &self.workspace
    }

    /// The step's own temporary folder.
    pub fn temporary(&self) -> &Path {
        &self.temporary
    }

    /// Where its native programs run.
    pub fn place(&self) -> &Arc<dyn Place> {
        &self.place
    }

    /// Its handles.
    pub fn handles(&self) -> &HandleTable {
        &self.handles
    }

    /// The run's secrets.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Masks what the run's vault knows, now and later.
    pub fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    /// Fires when the step's desk closes.
    pub fn closed(&self) -> &CancellationToken {
        &self.closed
    }

    pub(crate) fn secret_input(&self, input: &str) -> Option<&SecretInput> {
        self.secret_inputs.get(input)
    }

    /// The bytes of `secret`, for a program, a login, or a request.
    ///
    /// # Errors
    ///
    /// `E-SECRET-MISSING` and the refusals of the vault.
    pub fn secret_bytes(&self, secret: &SecretHandle) -> Result<SecretBytes, Refusal> {
        self.assemble(&secret.text)
    }

    fn assemble(&self, text: &SecretText) -> Result<SecretBytes, Refusal> {
        let missing = |error: sealock_secrets::AssembleError| {
            StepError::new(ErrorKind::NotFound, error.code(), error.to_string())
        };
        self.vault.assemble(text).map_err(missing)
    }

    /// The base environment with `plain` and then `secret` entries on top.
    ///
    /// # Errors
    ///
    /// When a secret is missing, or a handle is not one of this step's secrets, or a name or a value cannot
    /// be an entry.
    pub fn environment(
        &self,
        plain: Vec<(String, String)>,
        secret: &[(String, sealock_contract::seam::Handle)],
    ) -> Result<Vec<(String, EnvValue)>, Refusal> {
        let mut env = Entries::default();
        for (name, text) in &self.env {
            let value = match text {
                EnvText::Plain(text) => EnvValue::Plain(text.clone()),
                EnvText::Secret(text) => {
                    text.names().for_each(|name| self.acts_on(Capability::Secrets, name));
                    EnvValue::Secret(self.assemble(text)?)
                }
            };
            env.set(name.clone(), value)?;
        }
        for (name, text) in plain {
            env.set(name, EnvValue::Plain(text))?;
        }
        for (name, handle) in secret {
            let bytes = self.secret_bytes(&*self.handles.secret(*handle)?)?;
            env.set(name.clone(), EnvValue::Secret(bytes))?;
        }
        Ok(env.0)
    }

    /// Opens a file of the workspace that the step may read.
    ///
    /// # Errors
    ///
    /// `E-GRANT-FILES`, `E-FILE-NOT-FOUND`, `E-FILE-KIND`, `E-FILE-IO`.
    pub fn open_file(&self, path: &str) -> Result<File, Refusal> {
        self.grant.files.check_read(path)?;
        self.workspace.read(path, self.reading_links())
    }

    /// Opens a folder of the workspace that the step may read, or one that it made in its own `/tmp`.
    ///
    /// # Errors
    ///
    /// As [`open_file`](Self::open_file).
    pub fn open_folder(&self, path: &str) -> Result<OwnedFd, Refusal> {
        if let Some(own) = path.strip_prefix("/tmp/") {
            let tmp = self.temporary.join("tmp");
            let folder = WorkspaceDir::open(&tmp).map_err(|error| crate::folder::failed(path, &error))?;
            return folder.folder(own, Links::Refuse);
        }
        self.grant.files.check_read(path)?;
        self.workspace.folder(path, self.reading_links())
    }

    /// Creates, or empties, a file of the workspace that the step may write.
    ///
    /// # Errors
    ///
    /// As [`open_file`](Self::open_file).
    pub fn create_file(&self, path: &str) -> Result<File, Refusal> {
        self.grant.files.check_write(path)?;
        let links = if self.grant.files.writes_all() { Links::Follow } else { Links::Refuse };
        self.workspace.create(path, links)
    }

    /// Opens a folder of the workspace for a program to start in. What the program may read there is its
    /// wall's to say.
    pub(crate) fn open_cwd(&self, path: &str) -> Result<OwnedFd, Refusal> {
        self.workspace.folder(path, self.reading_links())
    }

    pub(crate) fn reading_links(&self) -> Links {
        if self.grant.files.reads_all() { Links::Follow } else { Links::Refuse }
    }

    /// Counts bytes that the step had written for it.
    pub(crate) fn count_written(&self, bytes: usize) -> Result<(), Refusal> {
        let limit = self.limits.written_bytes;
        let before = self.written_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if before.saturating_add(bytes as u64) <= limit {
            return Ok(());
        }
        let message = format!("the step has had {limit} bytes written and may not write more");
        Err(StepError::new(ErrorKind::Quota, LimitName::WrittenBytes.code(), message))
    }

    /// Masks a value that the step derived itself.
    pub(crate) fn mask(&self, value: String) -> Result<(), Refusal> {
        if self.masks.fetch_add(1, Ordering::Relaxed) >= MASKS_MAX {
            let message = format!("the step has had {MASKS_MAX} values masked and may not have more");
            return Err(StepError::new(ErrorKind::Quota, "E-LIMIT-MASKS", message));
        }
        let refused =
            |refusal: sealock_secrets::Refusal| StepError::new(ErrorKind::Invalid, refusal.code(), refusal.to_string());
        self.vault.hide("derived by the step", &SecretBytes::new(value)).map_err(refused)
    }

    /// Tells that the step acts on a grant, once for each thing. The log's redactor is not asked to end its
    /// stream for this: a secret that is told in two pieces around it is found all the same.
    pub fn acts_on(&self, capability: Capability, what: &str) {
        let what = self.redactor.redact_text(what).into_owned();
        if self.used.lock().unwrap_or_else(PoisonError::into_inner).is_new(capability, &what) {
            self.sink.note(&self.name, vec![Note::GrantUsed { capability, what }]);
        }
    }

    /// Takes notes from the sandbox.
    pub(crate) fn hear(&self, notes: Vec<Note>) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let told = log.take(notes);
        // Told under the lock, so that two batches do not change places.
        let _ = self.tell(told);
    }

    /// To be said before a program is started or let go of, and [`Self::account`] when it is known what became of it:
    /// a request that is cut off in between leaves something that nobody waits for.
    pub(crate) fn lose_account(&self) {
        self.unaccounted.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn account(&self) {
        self.unaccounted.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn has_accounted(&self) -> bool {
        self.unaccounted.load(Ordering::SeqCst) == 0
    }

    /// Gives out what the redactor still held of the step's own log.
    pub(crate) fn end_log(&self) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = Vec::new();
        log.end(&mut told);
        let _ = self.tell(told);
    }

    /// Tells notes that have passed the redactor; what is beyond the step's limits is left out.
    ///
    /// # Errors
    ///
    /// `E-LIMIT-LOG` when the log is full, or was full before.
    pub fn tell(&self, notes: Vec<Note>) -> Result<(), Refusal> {
        let mut full = false;
        let mut passed = Vec::with_capacity(notes.len());
        for note in notes {
            match self.count(&note) {
                Room::Enough => passed.push(note),
                Room::JustFull => {
                    full = true;
                    let message = log_full(self.limits.log_bytes).message;
                    passed.push(Note::Log { level: Level::Error, message });
                }
                Room::Full => full = true,
            }
        }
        if !passed.is_empty() {
            self.sink.note(&self.name, passed);
        }
        if full { Err(log_full(self.limits.log_bytes)) } else { Ok(()) }
    }

    fn count(&self, note: &Note) -> Room {
        if let Note::Output { value, .. } = note {
            let is_one_too_many = self.outputs.fetch_add(1, Ordering::Relaxed) >= limits::OUTPUTS as u64;
            let is_too_long = value.size_bytes() > limits::OUTPUT_BYTES;
            return if is_one_too_many || is_too_long { Room::Full } else { Room::Enough };
        }
        let limit = self.limits.log_bytes;
        let size = size_bytes(note);
        let before = self.logged_bytes.fetch_add(size, Ordering::Relaxed);
        match before.saturating_add(size) {
            after if after <= limit => Room::Enough,
            _ if before <= limit => Room::JustFull,
            _ => Room::Full,
        }
    }
}

/// Whether a note still fits the step's log.
enum Room {
    Enough,
    JustFull,
    Full,
}

/// What a note takes of the log: its text, and what every event takes.
fn size_bytes(note: &Note) -> u64 {
    let text = match note {
        Note::Log { message, .. } | Note::Progress { message, .. } => message.len(),
        Note::GroupStart { title, .. } => title.len(),
        Note::Annotation(annotation) => annotation.message.len() + annotation.title.as_ref().map_or(0, String::len),
        Note::Summary { markdown } => markdown.len(),
        Note::Denied(error) => error.message.len(),
        Note::GroupEnd { .. } | Note::Output { .. } | Note::GrantUsed { .. } => 0,
    };
    text as u64 + limits::LOG_LINE_COST_BYTES
}

/// Environment entries, each name once.
#[derive(Default)]
struct Entries(Vec<(String, EnvValue)>);

impl Entries {
    fn set(&mut self, name: String, value: EnvValue) -> Result<(), Refusal> {
        let is_name = !name.is_empty() && !name.contains(['=', '\0']);
        if !is_name || value.bytes().contains(&0) {
            let message =
                format!("`{}` cannot be an environment entry: found `=`, a NUL, or no name", name.escape_debug());
            return Err(StepError::new(ErrorKind::Invalid, "E-PROCESS-ENV", message));
        }
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = value,
            None => self.0.push((name, value)),
        }
        Ok(())
    }
}
