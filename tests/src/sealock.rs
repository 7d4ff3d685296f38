//! The built binary, with a state folder, secrets, and an environment of its own.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::canary;
use crate::ended::Ended;
use crate::program::must;
use crate::rig::{Rig, binary, cache, search_path};
use crate::scratch::Scratch;

/// No run of these tests takes longer, unless it hangs.
const RUN_SECONDS: u64 = 600;

/// One machine's Sealock: each has a state folder of its own, so that two of them do not know of each other.
pub struct Sealock {
    folder: Scratch,
    directory: PathBuf,
    docker_host: String,
    variables: Vec<(String, String)>,
    secrets: Vec<(String, String)>,
}

/// A run that goes on while the scenario looks.
pub struct Running<'sealock> {
    of: &'sealock Sealock,
    child: Child,
    files: TempDir,
}

impl Sealock {
    /// One that delivers the repository in `directory` to the rig's targets, with canary secrets.
    ///
    /// # Panics
    /// When the rig's key cannot be read.
    pub fn new(rig: &Rig, directory: &Path) -> Self {
        let key = std::fs::read_to_string(rig.setting("SSH_KEY")).expect("the rig's key can be read");
        let mut this = Self {
            folder: Scratch::new(),
            directory: directory.to_path_buf(),
            docker_host: rig.setting("DOCKER_HOST"),
            variables: Vec::new(),
            secrets: Vec::new(),
        };
        for name in ["WEB1", "WEB1_HOST_KEY", "WEB2", "WEB2_HOST_KEY"] {
            this.set_variable(name, &rig.setting(name));
        }
        this.set_variable("REGISTRY", &rig.setting("REGISTRY_LOGIN"));
        this.set_secret("DEPLOY_KEY", &key);
        this.set_secret("REGISTRY_PASSWORD", &rig.setting("REGISTRY_PASSWORD"));
        for name in ["APP_TOKEN", "DB_PASSWORD", "SECRET_KEY"] {
            this.set_secret(name, &format!("canary-{}-e91c7d55", name.to_lowercase().replace('_', "-")));
        }
        this
    }

    /// Gives `vars.<name>` another value.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.variables.retain(|(had, _)| had != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Gives `secrets.<name>` another value.
    pub fn set_secret(&mut self, name: &str, value: &str) {
        self.unset_secret(name);
        self.secrets.push((name.to_owned(), value.to_owned()));
    }

    /// Takes a secret away.
    pub fn unset_secret(&mut self, name: &str) {
        self.secrets.retain(|(had, _)| had != name);
    }

    /// Where runs and their journal are kept.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Starts `sealock run` with these arguments.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(&self, arguments: &[&str]) -> Running<'_> {
        self.spawn(&[&["run"], arguments, &["--format", "plain"]].concat())
    }

    /// Runs another command to its end, such as `rollback production`, with the same pipeline, variables, and secrets.
    ///
    /// # Panics
    /// When it cannot be started, hangs, or lets a secret out.
    pub fn command(&self, words: &[&str]) -> Ended {
        self.start_command(words).end()
    }

    /// Starts another command than `run`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start_command(&self, words: &[&str]) -> Running<'_> {
        self.spawn(words)
    }

    /// Lists the runs of this machine.
    ///
    /// # Panics
    /// When it cannot be started, hangs, or lets a secret out.
    pub fn runs(&self, arguments: &[&str]) -> Ended {
        self.spawn_with(&[&["runs"], arguments].concat(), &[]).end()
    }

    /// Resumes the newest run that was interrupted, to its end.
    ///
    /// # Panics
    /// When it cannot be started, hangs, or lets a secret out.
    pub fn resume(&self, arguments: &[&str]) -> Ended {
        self.spawn_with(&[&["resume"], arguments, &["--format", "plain"]].concat(), &[]).end()
    }

    /// Runs a command that tells events to its end, and has it tell them as JSON lines.
    ///
    /// # Panics
    /// When it cannot be started, hangs, or lets a secret out.
    pub fn events(&self, words: &[&str]) -> Ended {
        let variables = if words.first() == Some(&"run") { self.variables.as_slice() } else { &[] };
        self.spawn_with(&[words, &["--format", "jsonl"]].concat(), variables).end()
    }

    fn spawn(&self, words: &[&str]) -> Running<'_> {
        self.spawn_with(words, &self.variables)
    }

    fn spawn_with(&self, words: &[&str], variables: &[(String, String)]) -> Running<'_> {
        let files = tempfile::tempdir().expect("a temporary folder");
        let file = |name| File::create(files.path().join(name)).expect("a temporary file");
        let mut command = Command::new(binary());
        command.args(words).arg("--directory").arg(&self.directory);
        command.arg("--state").arg(self.state()).arg("--cache").arg(cache());
        for (name, value) in variables {
            command.arg("--var").arg(format!("{name}={value}"));
        }
        command.env_clear().env("PATH", search_path()).env("HOME", self.folder.path()).env("NO_COLOR", "1");
        command.env("DOCKER_HOST", &self.docker_host);
        command.envs(self.secrets.iter().map(|(name, value)| (format!("SEALOCK_SECRET_{name}"), value)));
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
        // A group of its own: whoever ends that ends no test.
        let child = command.process_group(0).spawn().expect("the binary starts");
        Running { of: self, child, files }
    }

    /// Runs `sealock run` to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Lines of secrets that are long enough to be told from chance.
    fn canaries(&self) -> Vec<String> {
        let lines = self.secrets.iter().flat_map(|(_, value)| value.lines());
        lines.filter(|line| line.len() >= 12 && !line.starts_with("-----")).map(str::to_owned).collect()
    }
}

impl Running<'_> {
    /// Whether it has ended already.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_some()
    }

    /// Comes back when it has stopped itself; false when it has ended instead.
    ///
    /// # Panics
    /// When it does neither for ten minutes.
    pub fn waits(&mut self) -> bool {
        let start = Instant::now();
        while !self.has_ended() {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
            if stat.rsplit_once(") ").is_some_and(|(_, fields)| fields.starts_with('T')) {
                return true;
            }
            assert!(start.elapsed().as_secs() < RUN_SECONDS, "it hangs; so far: {}", self.text());
            sleep(Duration::from_millis(20));
        }
        false
    }

    /// Sends it what Ctrl-C sends.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn interrupt(&self) {
        must(Command::new("kill").arg("-INT").arg(self.child.id().to_string()));
    }

    /// Kills it with everything that it started, as an out-of-memory killer does or somebody who pulls the plug.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn kill(mut self) {
        self.signal("KILL");
        let _ = self.child.wait();
    }

    /// Sends a signal to its process group.
    ///
    /// # Panics
    /// When it cannot be sent.
    pub fn signal(&self, signal: &str) {
        must(Command::new("kill").args(["-s", signal, "--"]).arg(format!("-{}", self.child.id())));
    }

    /// Waits for its end, and looks for secrets in everything it wrote.
    ///
    /// # Panics
    /// When it hangs, or when a secret is found.
    pub fn end(mut self) -> Ended {
        let start = Instant::now();
        while !self.has_ended() {
            if start.elapsed().as_secs() > RUN_SECONDS {
                let _ = self.child.kill();
                panic!("it hangs; so far: {}", self.text());
            }
            sleep(Duration::from_millis(20));
        }
        let code = self.child.wait().expect("a child can be waited for").code().unwrap_or(-1);
        let text = self.text();
        let found = canary::leaks(&self.of.canaries(), &self.of.state(), &[("output", text.as_bytes())]);
        assert!(found.is_empty(), "secrets are out: {found:?}");
        Ended { code, text }
    }

    /// Waits until it has printed a text.
    ///
    /// # Panics
    /// When it hangs.
    pub fn wait_for(&self, text: &str) {
        let start = Instant::now();
        while !self.text().contains(text) {
            assert!(start.elapsed().as_secs() < RUN_SECONDS, "{text} is not printed: {}", self.text());
            sleep(Duration::from_millis(20));
        }
    }

    /// What it has printed so far.
    pub fn text(&self) -> String {
        let read = |name| std::fs::read(self.files.path().join(name)).unwrap_or_default();
        String::from_utf8_lossy(&[read("out"), read("err")].concat()).into_owned()
    }
}

impl Drop for Running<'_> {
    /// A scenario that fails leaves no run behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
