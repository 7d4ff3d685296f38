//! An OpenSSH server on loopback, and what is needed to deploy to it.

use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sealock_broker::ssh::{SshAddress, SshAuth, SshLimits, SshTarget};
use sealock_deploy::{Deployment, DeploymentSpec, LockEvent, RunFacts, TargetSpec};
use sealock_secrets::SecretBytes;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// No test waits longer for a lock.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The shells that a target's `sh` may be.
pub(crate) const SHELLS: [&str; 3] = ["dash", "busybox", "bash"];

/// The programs that the server's sessions find, and no others: no Docker, no `sudo`.
const TOOLS: [&str; 37] = [
    "awk",
    "cat",
    "chmod",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "echo",
    "env",
    "find",
    "flock",
    "grep",
    "head",
    "id",
    "kill",
    "ln",
    "ls",
    "mkdir",
    "mkfifo",
    "mktemp",
    "mv",
    "printf",
    "readlink",
    "rm",
    "sed",
    "seq",
    "setsid",
    "sha256sum",
    "sleep",
    "stat",
    "sync",
    "tail",
    "tar",
    "touch",
    "tr",
    "wc",
];

pub(crate) struct Sshd {
    folder: TempDir,
    child: Child,
    pub(crate) port: u16,
    pub(crate) host_key: String,
    user: String,
}

impl Sshd {
    /// With `shell` as `sh`.
    pub(crate) fn start(shell: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        for key in ["host", "client"] {
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path.join(key)));
        }
        std::fs::copy(path.join("client.pub"), path.join("authorized")).expect("copied");
        make_bin(&path.join("bin"), shell);
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port();
        std::fs::write(path.join("config"), config(path, port)).expect("written");
        // The server separates privileges into this folder when it is root.
        let _ = std::fs::create_dir_all("/run/sshd");
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-f"])
            .arg(path.join("config"))
            .arg("-E")
            .arg(path.join("log"))
            .stdin(Stdio::null())
            .spawn()
            .expect("`sshd` is needed for this test: install the package openssh-server");
        let host_key = std::fs::read_to_string(path.join("host.pub")).expect("a key");
        let user = String::from_utf8(run(Command::new("id").arg("-un"))).expect("text").trim().to_owned();
        let sshd = Self { folder, child, port, host_key, user };
        sshd.wait_until_it_listens();
        sshd
    }

    fn wait_until_it_listens(&self) {
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "sshd does not listen: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// Puts a program where the server's sessions find it.
    pub(crate) fn program(&self, name: &str, text: &str) {
        let file = self.path().join("bin").join(name);
        let _ = std::fs::remove_file(&file);
        std::fs::write(&file, text).expect("written");
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).expect("executable");
    }

    /// Has the server's sessions write down each use of these programs, which do what they did.
    pub(crate) fn listen_to(&self, names: &[&str]) {
        let log = self.path().join("uses");
        for name in names {
            self.before(name, &format!("echo \"{name} $*\" >>{}", log.display()));
        }
    }

    /// Has the server's sessions do something before each use of a program, which then does what it did.
    pub(crate) fn before(&self, name: &str, text: &str) {
        let real = std::fs::canonicalize(self.path().join("bin").join(name)).expect("it is there");
        let link = self.path().join("real").join(name);
        std::fs::create_dir_all(self.path().join("real")).expect("made");
        symlink(real, &link).expect("linked");
        self.program(name, &format!("#!/bin/sh\n{text}\nexec {} \"$@\"\n", link.display()));
    }

    /// What [`Self::listen_to`] wrote down, without the folders in front of the targets' own.
    pub(crate) fn uses(&self) -> String {
        let uses = std::fs::read_to_string(self.path().join("uses")).unwrap_or_default();
        uses.replace(&format!("{}/", self.path().display()), "")
    }

    /// The environment's directory of `target`, as it is on the server.
    pub(crate) fn directory(&self, target: &str) -> PathBuf {
        self.path().join("targets").join(target)
    }

    pub(crate) fn state_file(&self, target: &str, file: &str) -> PathBuf {
        self.directory(target).join(".sealock").join(file)
    }

    pub(crate) fn read(&self, target: &str, file: &str) -> String {
        std::fs::read_to_string(self.state_file(target, file)).unwrap_or_default()
    }

    pub(crate) fn ssh(&self, target: &str, port: u16) -> SshTarget {
        let key = std::fs::read(self.path().join("client")).expect("a key");
        SshTarget {
            name: target.to_owned(),
            address: SshAddress::new(&self.user, "127.0.0.1", port).expect("an address"),
            host_keys: vec![self.host_key.parse().expect("a host key")],
            auth: SshAuth::Key { secret: "DEPLOY_KEY".to_owned(), bytes: SecretBytes::new(key) },
        }
    }

    pub(crate) fn target(&self, target: &str) -> TargetSpec {
        self.target_through(target, self.port)
    }

    pub(crate) fn target_through(&self, target: &str, port: u16) -> TargetSpec {
        let directory = self.directory(target).display().to_string();
        TargetSpec { ssh: self.ssh(target, port), directory, sudo: vec!["app".to_owned()] }
    }

    /// A deployment that must not have to wait.
    pub(crate) async fn begin(&self, run: &str, targets: &[&str]) -> Deployment {
        let targets = targets.iter().map(|target| self.target(target)).collect();
        begin(run, targets, &|_| {}).await.expect("the locks are free")
    }
}

pub(crate) async fn begin(
    run: &str,
    targets: Vec<TargetSpec>,
    tell: &(dyn Fn(LockEvent) + Send + Sync),
) -> Result<Deployment, sealock_deploy::TargetError> {
    begin_again(run, targets, Vec::new(), tell).await
}

/// As [`begin`], of a run that has held targets with these epochs.
pub(crate) async fn begin_again(
    run: &str,
    targets: Vec<TargetSpec>,
    fences: Vec<(String, u64)>,
    tell: &(dyn Fn(LockEvent) + Send + Sync),
) -> Result<Deployment, sealock_deploy::TargetError> {
    let (facts, limits) = (facts(run), SshLimits::default());
    let spec = DeploymentSpec { targets, facts, limits, patience: PATIENCE, fences };
    Deployment::begin(spec, tell, &CancellationToken::new()).await
}

pub(crate) fn facts(run: &str) -> RunFacts {
    RunFacts { run: run.to_owned(), who: format!("{run}@test"), commit: Some("3f9c2ab".to_owned()), dirty: false }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn run(command: &mut Command) -> Vec<u8> {
    let output = command.output().expect("OpenSSH's programs are needed for this test");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn which(tool: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin"]
        .iter()
        .map(|folder| Path::new(folder).join(tool))
        .find(|path| path.exists())
}

/// With `busybox`, its own programs stand for those that it has.
fn make_bin(bin: &Path, shell: &str) {
    std::fs::create_dir(bin).expect("made");
    let shell_path = which(shell).unwrap_or_else(|| panic!("`{shell}` is needed for this test"));
    let applets = match shell {
        "busybox" => String::from_utf8(run(Command::new(&shell_path).arg("--list"))).expect("text"),
        _ => String::new(),
    };
    symlink(&shell_path, bin.join("sh")).expect("linked");
    for tool in TOOLS {
        let is_applet = applets.lines().any(|applet| applet == tool);
        let from = if is_applet { Some(shell_path.clone()) } else { which(tool) };
        if let Some(from) = from {
            symlink(from, bin.join(tool)).expect("linked");
        }
    }
}

fn config(path: &Path, port: u16) -> String {
    let path = path.display();
    format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {path}/host\nAuthorizedKeysFile {path}/authorized\n\
         StrictModes no\nUsePAM no\nPasswordAuthentication no\nPidFile none\nLogLevel DEBUG1\n\
         SetEnv PATH={path}/bin\nMaxStartups 100\n"
    )
}
