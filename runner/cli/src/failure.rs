//! Why a command did not do what it was asked, as a person reads it.

use std::borrow::Cow;
use std::fmt::Write as _;

use sealock_diagnostics::render::{github_message, github_property};
use sealock_diagnostics::{codes, escape};
use sealock_journal::{OpenError, ReadError};
use sealock_plan::CatalogueError;

/// One clear message with a stable code; its exit code is the code's.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    code: Cow<'static, str>,
    exit: Option<u8>,
    message: String,
    help: Option<String>,
    /// Whether the reader knows already.
    is_told: bool,
}

impl Failure {
    /// With a code of `sealock explain`.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: code.into(), exit: None, message: message.into(), help: None, is_told: false }
    }

    /// What a run's part says of itself.
    pub(crate) fn of(cause: &sealock_events::Cause) -> Self {
        let (code, message) = (cause.code.clone().into(), cause.message.clone());
        Self { code, exit: Some(cause.exit), message, help: cause.help.clone(), is_told: false }
    }

    /// What the broker or a target refused.
    pub(crate) fn refused(error: sealock_contract::StepError) -> Self {
        Self { code: error.code.into(), exit: None, message: error.message, help: error.help, is_told: false }
    }

    /// What went wrong between here and a registry.
    pub(crate) fn registry(error: &sealock_registry::RegistryError) -> Self {
        Self::new(error.code(), chain(error)).maybe_help(error.help())
    }

    /// A plugin is not signed as the policy wants.
    pub(crate) fn signature(error: &sealock_registry::signature::SignatureError) -> Self {
        Self::new(error.code(), error.to_string()).help(error.help())
    }

    /// The journal could not be opened.
    pub(crate) fn unopened(error: &OpenError) -> Self {
        Self::new(error.code(), chain(error)).maybe_help(error.help().map(str::to_owned))
    }

    /// A run could not be read.
    pub(crate) fn unread(error: &ReadError) -> Self {
        Self::new(error.code(), chain(error)).maybe_help(error.help().map(str::to_owned))
    }

    /// What is wrong with a plugin, where no file is at hand.
    pub(crate) fn catalogue(error: CatalogueError) -> Self {
        Self::new(error.code, error.message).maybe_help(error.help)
    }

    /// The same, where a file names the plugin.
    pub(crate) fn in_catalogue(&self) -> CatalogueError {
        let code = if let Cow::Borrowed(code) = self.code { code } else { "E-PLUGIN-UNKNOWN" };
        CatalogueError { code, message: self.message.clone(), help: self.help.clone(), is_unseen: false }
    }

    /// Says what to do next.
    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what to do next, when something is known.
    #[must_use]
    pub(crate) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// It was told in another way, and only its exit code is left.
    #[must_use]
    pub(crate) fn told(mut self) -> Self {
        self.is_told = true;
        self
    }

    /// Whether it was told already.
    pub(crate) fn is_told(&self) -> bool {
        self.is_told
    }

    /// What the process exits with.
    pub(crate) fn exit(&self) -> u8 {
        self.exit.unwrap_or_else(|| codes::exit(&self.code))
    }

    /// The message as it goes to standard error.
    pub(crate) fn text(&self) -> String {
        self.text_as("error")
    }

    /// The same, where it stands in nobody's way yet.
    pub(crate) fn warning(&self) -> String {
        self.text_as("warning")
    }

    /// The message as GitHub shows it on the page of a workflow's run.
    pub(crate) fn annotation(&self) -> String {
        let help = self.help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
        annotation(&self.code, &format!("{}{help}", self.message))
    }

    fn text_as(&self, level: &str) -> String {
        let mut text = format!("{level}[{}]: {}\n", self.code, escape(&self.message));
        if let Some(help) = &self.help {
            let indented = help.lines().map(|line| escape(line).into_owned()).collect::<Vec<_>>().join("\n        ");
            let _ = writeln!(text, "  help: {indented}");
        }
        text
    }
}

/// GitHub's command that shows an error with this title, on one line whatever the text holds.
pub(crate) fn annotation(title: &str, text: &str) -> String {
    let lines: Vec<_> = text.lines().map(escape).collect();
    let text = github_message(&lines.join("\n")).replace("##[", "## [");
    format!("::error title={}::{text}\n", github_property(title))
}

/// What is wrong with a TOML file, as one line with its place.
pub(crate) fn toml_problem(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    format!("line {line}: {}", error.message().replace('\n', "; "))
}

/// An error chain as one line: each cause after a colon.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
