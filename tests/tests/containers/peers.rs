//! Published plugins as others see them: `oras` and `wkg` read what Sealock publishes, and it runs what they publish.
//! The registry is the one that the rig's engines use, on a port of its own on loopback.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::program::must;
use e2e::rig::{binary, tool};
use e2e::{Repository, guest};
use tempfile::TempDir;

/// A registry, a repository whose pipeline uses one plugin of it, and a machine.
struct Peers {
    registry: Child,
    address: String,
    folder: TempDir,
    repository: Repository,
}

impl Peers {
    /// The pipeline's step greets, by `acme/step:1.0.0`.
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = free_address();
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: \"{}\"}}\nhttp: {{addr: \"{address}\"}}\n",
            folder.path().join("registry").display()
        );
        fs::write(folder.path().join("config.yml"), config).expect("the folder is ours");
        let mut serve = Command::new("docker-registry");
        serve.arg("serve").arg(folder.path().join("config.yml")).stdout(Stdio::null()).stderr(Stdio::null());
        let registry = serve.spawn().expect("the rig's packages are installed");
        let repository = Repository::of("scenarios/empty");
        repository.write(
            "pipelines/main.yml",
            &format!("name: peers\nstages:\n  only: {{ steps: [{{ uses: \"{address}/acme/step:1.0.0\", with: {{ greeting: hello }} }}] }}\n"),
        );
        repository.commit("Use a plugin");
        let peers = Self { registry, address, folder, repository };
        peers.wait();
        peers
    }

    fn wait(&self) {
        let start = Instant::now();
        while std::net::TcpStream::connect(&self.address).is_err() {
            assert!(start.elapsed().as_secs() < 20, "the registry does not listen");
            sleep(Duration::from_millis(20));
        }
    }

    fn name(&self) -> String {
        format!("{}/acme/step:1.0.0", self.address)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).env("HOME", self.folder.path());
        command
    }

    fn sealock(&self, words: &[&str]) -> String {
        let mut command = self.command(&binary());
        command.current_dir(self.repository.path()).args(words).env_remove("CI");
        command.env("SEALOCK_CACHE", self.folder.path().join("cache"));
        must(command.env("SEALOCK_STATE", self.folder.path().join("state")))
    }

    /// Locks and runs what somebody published, and sees the step greet.
    fn lock_and_run(&self) {
        self.sealock(&["lock"]);
        assert!(self.sealock(&["run", "--format", "plain"]).contains("succeeded"));
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let _ = self.registry.kill();
        let _ = self.registry.wait();
    }
}

/// Free when it was looked for.
fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it is bound").to_string()
}

fn component() -> PathBuf {
    guest("guest_polite.wasm")
}

fn is_the_component(file: &Path) {
    let read = |file: &Path| fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(read(file) == read(&component()), "{} is another component", file.display());
}

#[test]
fn oras_reads_what_is_published() {
    let peers = Peers::start();
    let told = peers.sealock(&["plugin", "publish", &peers.name(), "--file", component().to_str().expect("a path")]);
    let oras = tool("oras");
    let resolved = must(peers.command(&oras).args(["resolve", "--plain-http", &peers.name()]));
    assert!(told.trim().ends_with(resolved.trim()), "{told} {resolved}");
    must(peers.command(&oras).args(["pull", "--plain-http", &peers.name()]));
    is_the_component(&peers.folder.path().join("guest_polite.wasm"));
}

#[test]
fn what_oras_published_runs() {
    let peers = Peers::start();
    fs::copy(component(), peers.folder.path().join("step.wasm")).expect("the folder is ours");
    let config = r#"{"created":"2020-01-01T00:00:00Z","architecture":"wasm","os":"wasip2","layerDigests":[]}"#;
    fs::write(peers.folder.path().join("config.json"), config).expect("the folder is ours");
    let mut push = peers.command(&tool("oras"));
    push.args(["push", "--plain-http", "--config", "config.json:application/vnd.wasm.config.v0+json"]);
    must(push.args([&peers.name(), "step.wasm:application/wasm"]));
    peers.lock_and_run();
}

#[test]
fn wkg_reads_what_is_published() {
    let peers = Peers::start();
    peers.sealock(&["plugin", "publish", &peers.name(), "--file", component().to_str().expect("a path")]);
    let mut pull = peers.command(&tool("wkg"));
    must(pull.args(["oci", "pull", "--insecure", &peers.address, &peers.name(), "--output", "pulled.wasm"]));
    is_the_component(&peers.folder.path().join("pulled.wasm"));
}

#[test]
fn what_wkg_published_runs() {
    let peers = Peers::start();
    let mut push = peers.command(&tool("wkg"));
    must(push.args(["oci", "push", "--insecure", &peers.address, &peers.name()]).arg(component()));
    peers.lock_and_run();
}
