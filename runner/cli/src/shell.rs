//! Where a command was started and where its words go: the answer to standard output, the telling to standard
//! error.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use sealock_diagnostics::render::{self, Colour, Report};
use sealock_diagnostics::{Diagnostic, Source, escape};
use sealock_sinks::Annotations;

use crate::args::{Global, When};
use crate::failure::Failure;
use crate::password::Password;
use crate::workflow::Workflow;

/// What commands know of the process they run in.
pub(crate) struct Shell {
    /// The options that every command has.
    pub global: Global,
    directory: PathBuf,
    state: Option<PathBuf>,
    cache: Option<PathBuf>,
    no_color: bool,
    is_dumb: bool,
    workflow: Option<Workflow>,
    /// What was annotated so far; nothing where GitHub does not listen.
    annotations: Option<Annotations>,
    surroundings: Surroundings,
}

/// What the environment says to the commands that speak to registries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    /// Docker's `config.json`, with its logins.
    pub docker_config: Option<PathBuf>,
    /// A file with more certificates to trust.
    pub extra_roots: Option<PathBuf>,
    /// Whether nobody sits in front of this.
    pub is_ci: bool,
    /// What opens the key that a publisher signs with.
    pub sign_password: Option<Password>,
    /// The moment that a repeatable build is dated to, as it was written.
    pub source_date: Option<String>,
}

impl Shell {
    /// For a process with these options and this environment.
    ///
    /// # Errors
    ///
    /// When the folder to start in is not there.
    pub(crate) fn new(global: Global, variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let here = match &global.directory {
            Some(directory) => directory.canonicalize(),
            None => current_directory(),
        };
        let named = || global.directory.clone().unwrap_or_else(|| PathBuf::from("."));
        let directory = here.map_err(|error| Failure::new("E-FILE-READ", format!("{}: {error}", named().display())))?;
        let home = variable("HOME").map(PathBuf::from);
        let base = |name: &str, below: &str| {
            let own = variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
            own.or_else(|| home.as_ref().map(|home| home.join(below)))
        };
        let state =
            global.state.clone().or_else(|| base("XDG_STATE_HOME", ".local/state").map(|base| base.join("sealock")));
        let cache = global.cache.clone().or_else(|| base("XDG_CACHE_HOME", ".cache").map(|base| base.join("sealock")));
        let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
        let no_color = is_dumb || variable("NO_COLOR").is_some_and(|value| !value.is_empty());
        let workflow = Workflow::read(&variable);
        let path = |name: &str| variable(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let docker = variable("DOCKER_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
        let docker = docker.or_else(|| home.as_ref().map(|home| home.join(".docker")));
        let surroundings = Surroundings {
            docker_config: docker.map(|folder| folder.join("config.json")),
            extra_roots: path("SEALOCK_CA_FILE"),
            is_ci: variable("CI").is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false")),
            sign_password: variable("SEALOCK_SIGN_PASSWORD").or_else(|| variable("COSIGN_PASSWORD")).map(Password::new),
            source_date: variable("SOURCE_DATE_EPOCH").filter(|text| !text.is_empty()),
        };
        Ok(Self { global, directory, state, cache, no_color, is_dumb, workflow, annotations: None, surroundings })
    }

    /// What the environment says to the commands that speak to registries.
    pub(crate) fn surroundings(&self) -> &Surroundings {
        &self.surroundings
    }

    /// The step of a workflow that this is, when it is one.
    pub(crate) fn workflow(&self) -> Option<&Workflow> {
        self.workflow.as_ref()
    }

    /// Whether the terminal says of itself that it can only print.
    pub(crate) fn is_dumb(&self) -> bool {
        self.is_dumb
    }

    /// From here on what stands in the way is told to GitHub too, as annotations on standard output.
    pub(crate) fn annotate(&mut self) {
        self.annotations = Some(Annotations::default());
    }

    /// What was annotated so far.
    pub(crate) fn annotations(&self) -> Annotations {
        self.annotations.clone().unwrap_or_default()
    }

    /// The folder that the command was started in.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// `path` as the person meant it.
    pub(crate) fn path(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }

    /// Where runs are kept.
    ///
    /// # Errors
    ///
    /// When there is neither an option, a variable, nor a home.
    pub(crate) fn state(&self) -> Result<PathBuf, Failure> {
        let found = self.state.as_ref().map(|state| self.directory.join(state));
        found.ok_or_else(|| {
            Failure::new("E-STATE-DIR", "there is no folder for runs: HOME is not set")
                .help("give one with `--state DIR`")
        })
    }

    /// Where compiled plugins are kept.
    ///
    /// # Errors
    ///
    /// When there is neither an option, a variable, nor a home.
    pub(crate) fn cache(&self) -> Result<PathBuf, Failure> {
        let found = self.cache.as_ref().map(|cache| self.directory.join(cache));
        found.ok_or_else(|| {
            Failure::new("E-STATE-DIR", "there is no folder for compiled plugins: HOME is not set")
                .help("give one with `--cache DIR`")
        })
    }

    /// Whether standard output takes colours.
    pub(crate) fn colour_out(&self) -> Colour {
        self.colour(std::io::stdout().is_terminal())
    }

    fn colour(&self, is_terminal: bool) -> Colour {
        match self.global.color {
            When::Always => Colour::Ansi,
            When::Auto if is_terminal && !self.no_color => Colour::Ansi,
            When::Auto | When::Never => Colour::Plain,
        }
    }

    /// Prints the answer for people: its lines may hold nothing but text, and in a workflow no command. A reader that
    /// has gone away is no error.
    pub(crate) fn answer(&mut self, text: &str) {
        self.rendered(&harmless(text));
    }

    /// Prints text that the renderer of diagnostics has made harmless, with its colours.
    pub(crate) fn rendered(&mut self, text: &str) {
        let text = self.for_the_workflow(text);
        self.machine(&text);
    }

    /// Prints what a program reads, as it is: JSON, a workflow's commands, a page of a manual.
    pub(crate) fn machine(&mut self, text: &str) {
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }

    /// Tells something beside the answer, as harmless as that.
    pub(crate) fn tell(&mut self, text: &str) {
        self.tell_rendered(&harmless(text));
    }

    fn tell_rendered(&mut self, text: &str) {
        let text = self.for_the_workflow(text);
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    fn for_the_workflow<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.workflow.is_some() { without_commands(text).into() } else { text.into() }
    }

    /// Tells what is wrong with a file.
    pub(crate) fn diagnostics(&mut self, source: &Source, diagnostics: &[Diagnostic]) {
        let report = Report { source, diagnostics };
        let text = render::text(report, self.colour(std::io::stderr().is_terminal()));
        self.tell_rendered(&text);
        if let Some(annotations) = &mut self.annotations {
            let told = annotations.tell(report);
            self.machine(&told.commands);
            self.summarise(&told.summary);
        }
    }

    /// Adds to the summary of the workflow's step. Where that cannot be written, the log says the same.
    fn summarise(&self, markdown: &str) {
        let path = self.workflow.as_ref().and_then(|workflow| workflow.summary.as_deref());
        if let Some(path) = path.filter(|_| !markdown.is_empty()) {
            let file = OpenOptions::new().append(true).create(true).open(path);
            let _ = file.and_then(|mut file| file.write_all(markdown.as_bytes()));
        }
    }

    /// Tells why the command did not do what it was asked.
    pub(crate) fn failed(&mut self, failure: &Failure) {
        if failure.is_told() {
            return;
        }
        self.tell(&failure.text());
        if self.annotations.is_some() {
            self.machine(&failure.annotation());
        }
    }
}

/// Each line escaped: names, conditions, and what registries say cannot move the cursor or hide what stands there.
fn harmless(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => format!("{}\n", escape(line)),
            None => escape(line).into_owned(),
        })
        .collect()
}

/// GitHub reads commands from whatever is printed, to standard error too: `::` at the start of a line, `##[` anywhere.
/// Its runner ends a line at a carriage return too.
fn without_commands(text: &str) -> String {
    let lines = text.replace("##[", "## [");
    let lines = lines.split_inclusive(['\n', '\r']).map(|line| {
        let is_command = line.trim_start().starts_with("::");
        if is_command { line.replacen("::", ": :", 1) } else { line.to_owned() }
    });
    lines.collect()
}

#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
fn current_directory() -> std::io::Result<PathBuf> {
    std::env::current_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_told_is_a_command_of_a_workflow() {
        let told = without_commands("error: x\n  ::error::y\n::z::\na ::b:: ##[add-path]/tmp\n");
        assert_eq!(told, "error: x\n  : :error::y\n: :z::\na ::b:: ## [add-path]/tmp\n");
        assert_eq!(without_commands("a\r::b::\r\n::c"), "a\r: :b::\r\n: :c");
    }

    #[test]
    fn an_answer_is_nothing_but_text() {
        assert_eq!(harmless("a\x1b[2K\r\u{202e}b\tc\nd"), "a\\u{1b}[2K\\r\\u{202e}b\tc\nd");
    }
}
