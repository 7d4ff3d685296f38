//! What a step tells the run, and what it may ask of its own call.

use std::fmt::Display;
use std::time::Duration;

use crate::host::{facts, lifecycle, log, outputs};
use crate::{Error, Value};

pub use log::Level;

/// A struct of outputs, made by `#[derive(Outputs)]`.
pub trait Outputs {
    /// The manifest's `outputs`, as JSON.
    const SPEC: &'static str;

    /// Sets every one of them.
    ///
    /// # Errors
    ///
    /// When the manifest does not declare one, or it is too long.
    fn set(&self, step: &mut Step) -> Result<(), Error>;
}

/// This call of the step.
#[derive(Debug)]
#[non_exhaustive]
pub struct Step {}

/// A foldable group of log lines; it ends when this is dropped.
#[derive(Debug)]
pub struct Group {
    _held: log::Group,
}

/// Something to show at a line of the workspace.
#[derive(Clone, Debug)]
pub struct Annotation(log::Annotation);

impl Annotation {
    /// An annotation of the run as a whole.
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        Self(log::Annotation { level, message: message.into(), title: None, place: None })
    }

    /// Gives it a title.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.0.title = Some(title.into());
        self
    }

    /// Puts it at a line, counted from 1.
    #[must_use]
    pub fn at(mut self, file: impl Into<String>, line: u32) -> Self {
        self.0.place = Some(log::Place { file: file.into(), line, column: None, end_line: None, end_column: None });
        self
    }

    /// Says where in the line, and where it ends.
    #[must_use]
    pub fn span(mut self, column: Option<u32>, end_line: Option<u32>, end_column: Option<u32>) -> Self {
        if let Some(place) = &mut self.0.place {
            (place.column, place.end_line, place.end_column) = (column, end_line, end_column);
        }
        self
    }
}

impl Step {
    pub(crate) fn new() -> Self {
        Self {}
    }

    /// One log line.
    pub fn log(&mut self, level: Level, message: impl Display) {
        log::emit(level, &message.to_string());
    }

    /// The usual log line.
    pub fn info(&mut self, message: impl Display) {
        self.log(Level::Info, message);
    }

    /// A log line worth reading.
    pub fn notice(&mut self, message: impl Display) {
        self.log(Level::Notice, message);
    }

    /// A log line about something that is probably wrong.
    pub fn warn(&mut self, message: impl Display) {
        self.log(Level::Warning, message);
    }

    /// A log line about something that is wrong.
    pub fn error(&mut self, message: impl Display) {
        self.log(Level::Error, message);
    }

    /// A log line for people who look for a bug in their pipeline.
    pub fn debug(&mut self, message: impl Display) {
        self.log(Level::Debug, message);
    }

    /// Shows something at a line of the workspace.
    pub fn annotate(&mut self, annotation: &Annotation) {
        log::annotate(&annotation.0);
    }

    /// Says how far the step is.
    pub fn progress(&mut self, done: u64, total: Option<u64>, message: impl Display) {
        log::progress(done, total, &message.to_string());
    }

    /// Starts a foldable group of log lines.
    pub fn group(&mut self, title: impl Display) -> Group {
        Group { _held: log::Group::new(&title.to_string()) }
    }

    /// Adds Markdown to the run's summary.
    ///
    /// # Errors
    ///
    /// When it is too long.
    pub fn summary(&mut self, markdown: &str) -> Result<(), Error> {
        Ok(outputs::summary(markdown)?)
    }

    /// Sets one output.
    ///
    /// # Errors
    ///
    /// When the manifest does not declare it, or it is too long.
    pub fn output(&mut self, name: &str, value: impl Into<Value>) -> Result<(), Error> {
        Ok(outputs::set(name, &value.into())?)
    }

    /// Sets every output of `outputs`.
    ///
    /// # Errors
    ///
    /// When one of them is too long.
    pub fn outputs(&mut self, outputs: &impl Outputs) -> Result<(), Error> {
        outputs.set(self)
    }

    /// Declares a file or folder of the workspace as produced by this step, and returns its digest.
    ///
    /// # Errors
    ///
    /// When it is not there or may not be read.
    pub fn produce(&mut self, path: &str) -> Result<String, Error> {
        Ok(outputs::produce(path)?)
    }

    /// Whether the run is being cancelled: a step that sees it stops soon by itself.
    pub fn is_cancelled(&self) -> bool {
        lifecycle::is_cancelled()
    }

    /// How much of the step's time is left; `None` in a hermetic step.
    pub fn remaining(&self) -> Option<Duration> {
        lifecycle::remaining_ms().map(Duration::from_millis)
    }

    /// Waits, and wakes early when the run is cancelled.
    pub fn sleep(&self, duration: Duration) {
        lifecycle::sleep_ms(duration.as_millis().try_into().unwrap_or(u64::MAX));
    }

    /// The run's id.
    pub fn run_id(&self) -> String {
        facts::run()
    }

    /// The stage, as it is shown.
    pub fn stage(&self) -> String {
        facts::stage()
    }

    /// The step's id.
    pub fn id(&self) -> String {
        facts::step()
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        facts::attempt()
    }

    /// Marks the effect: the same in every attempt, in `probe`, and in `rollback`.
    pub fn idempotency_key(&self) -> Option<String> {
        facts::idempotency_key()
    }

    /// The stage's environment.
    pub fn environment(&self) -> Option<String> {
        facts::environment()
    }

    /// In a deployment, the release being made or verified.
    pub fn release(&self) -> Option<String> {
        facts::release()
    }
}
