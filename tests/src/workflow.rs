//! A throw-away repository whose workflow uses the GitHub Action, run by the rig's `act` on this machine.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::ended::Ended;
use crate::program::{ask, must};
use crate::rig::{binary, cache, search_path, tests_folder, tool};
use crate::scratch::Scratch;
use crate::{Repository, Rig};

/// What the workflow calls the action.
const NAME: &str = "sealock/sealock@v1";

/// A repository, the action that its workflows use, and what the workflow runner is told.
pub struct Workflow {
    folder: Scratch,
    repository: Repository,
    secrets: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    actions: Vec<String>,
}

impl Workflow {
    /// In this repository, with the action as it stands in this checkout.
    ///
    /// # Panics
    /// When it cannot be copied.
    pub fn new(repository: Repository) -> Self {
        let folder = Scratch::new();
        let action = folder.path().join("action");
        std::fs::create_dir(&action).expect("a temporary folder");
        let project = tests_folder().parent().expect("a folder of the project");
        must(Command::new("cp").arg("-R").arg(project.join("action.yml")).arg(project.join("action")).arg(&action));
        let actions = vec![format!("{NAME}={}", action.display())];
        Self { folder, repository, secrets: Vec::new(), variables: Vec::new(), actions }
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The copy of the action, which a test may change before the first run.
    pub fn action(&self) -> PathBuf {
        self.folder.path().join("action")
    }

    /// A folder for what the test itself needs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Another action of the workflow stands in this folder.
    pub fn stand_in(&mut self, name: &str, folder: &Path) {
        self.actions.push(format!("{name}={}", folder.display()));
    }

    /// Gives `secrets.<name>` a value.
    pub fn set_secret(&mut self, name: &str, value: &str) {
        self.secrets.push((name.to_owned(), value.to_owned()));
    }

    /// Sets a variable for everything that the workflow runs.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Writes the workflow: one that checks the repository out, uses the action with `with`, and goes on with `steps`.
    pub fn write(&self, with: &str, steps: &str) {
        let text = format!(
            "on: [push, pull_request]\npermissions: {{}}\njobs:\n  only:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: \
             actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683\n      - id: sealock\n        uses: {NAME}\n        \
             with:\n{}{}",
            indented(with, 10),
            indented(steps, 6)
        );
        self.write_whole(&text);
    }

    /// Writes the workflow as it stands.
    pub fn write_whole(&self, text: &str) {
        self.repository.write(".github/workflows/ci.yml", text);
        self.repository.commit("Use the action");
    }

    /// `with` for the built binary, whose compiled plugins are kept from scenario to scenario.
    pub fn binary(&self) -> String {
        format!("binary: {}\nargs: --cache '{}'\n", binary().display(), cache().display())
    }

    /// Gives the workflow what a delivery to the rig's targets needs: its secrets, and the engine.
    ///
    /// # Panics
    /// When the rig's key cannot be read.
    pub fn set_rig(&mut self, rig: &Rig) {
        let key = std::fs::read_to_string(rig.setting("SSH_KEY")).expect("the rig's key can be read");
        self.set_secret("DEPLOY_KEY", &key);
        self.set_secret("REGISTRY_PASSWORD", &rig.setting("REGISTRY_PASSWORD"));
        self.set_secret("DB_PASSWORD", "canary-db-password-e91c7d55");
        self.set_secret("SECRET_KEY", "canary-secret-key-e91c7d55");
        self.set_variable("DOCKER_HOST", &rig.setting("DOCKER_HOST"));
    }

    /// The lines of the action's input `secrets` for all of them.
    pub fn secrets(&self) -> String {
        self.secrets
            .iter()
            .map(|(name, _)| format!("  {name}=${{{{ secrets.{name} }}}}"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Asserts that no line of a secret was told, or is on the disk.
    ///
    /// # Panics
    /// When one is.
    #[track_caller]
    pub fn assert_kept(&self, told: &Ended) {
        let lines = self.secrets.iter().flat_map(|(_, value)| value.lines());
        for line in lines.filter(|line| line.len() >= 12 && !line.starts_with("-----")) {
            assert!(!told.text.contains(line), "a secret was told:\n{}", told.text);
            assert!(!self.home_holds(line), "a secret is on the disk");
        }
    }

    /// What the workflow runner does for this event, with more arguments of its own.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        let mut command = Command::new("timeout");
        command.arg("600").arg(tool("act")).args([
            "-P",
            "ubuntu-latest=-self-hosted",
            "--container-daemon-socket",
            "-",
        ]);
        command.args(self.actions.iter().flat_map(|action| ["--local-repository", action]));
        command.args(self.secrets.iter().flat_map(|(name, _)| ["-s", name]));
        command.args(arguments).current_dir(self.repository.path());
        command.env_clear().env("PATH", search_path()).env("HOME", self.folder.path()).env("NO_COLOR", "1");
        command.envs(self.secrets.iter().map(|(name, value)| (name, value)));
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        let output = command.output().expect("timeout is there");
        let text = [output.stdout, output.stderr].concat();
        Ended { code: output.status.code().unwrap_or(-1), text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// Whether some file of this workflow's home holds `text`.
    ///
    /// # Panics
    /// When grep is not there.
    pub fn home_holds(&self, text: &str) -> bool {
        ask(Command::new("grep").args(["--recursive", "--quiet", "--fixed-strings", "--", text]).arg(self.folder()))
            .good
    }
}

/// Each line of `text` behind so many blanks.
fn indented(text: &str, by: usize) -> String {
    let lines: Vec<String> = text.trim_end().lines().map(|line| format!("{:by$}{line}\n", "")).collect();
    lines.concat()
}
