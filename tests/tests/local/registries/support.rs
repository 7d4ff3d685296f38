//! A scene with a registry, a cache of its own, and components that ask for what a test wants.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::Depot;
use tempfile::TempDir;

use super::super::guests::guest;
use super::super::support::{Scene, Told, finish};

/// A moment that is long past whenever the tests run.
pub(super) const LONG_AGO: &str = "2020-01-01T00:00:00Z";

/// A repository, a registry, and a machine that has fetched nothing yet.
pub(super) struct Yard {
    pub(super) depot: Depot,
    pub(super) scene: Scene,
    machine: TempDir,
}

impl Yard {
    /// With one pipeline that uses these references below the registry's address, such as `acme/step:1.0`.
    pub(super) fn using(references: &[&str]) -> Self {
        let depot = Depot::start();
        let steps: Vec<String> = references
            .iter()
            .map(|reference| format!("{{ uses: \"{}/{reference}\", with: {{ greeting: hello }} }}", depot.address))
            .collect();
        let scene = Scene::new(&format!("name: yard\nstages:\n  only: {{ steps: [{}] }}\n", steps.join(", ")));
        Self { depot, scene, machine: TempDir::new().expect("there is room for a scratch folder") }
    }

    /// The binary, on this machine.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.scene.command(arguments);
        command.env("SEALOCK_CACHE", self.cache()).env("DOCKER_CONFIG", self.docker()).env_remove("SOURCE_DATE_EPOCH");
        command
    }

    pub(super) fn call(&self, arguments: &[&str]) -> Told {
        finish(self.command(arguments).spawn().expect("the binary starts"))
    }

    pub(super) fn run(&self) -> Told {
        self.call(&["run", "--format", "jsonl"])
    }

    /// `acme/step:1.0` in full.
    pub(super) fn name(&self, reference: &str) -> String {
        format!("{}/{reference}", self.depot.address)
    }

    pub(super) fn publish(&self, reference: &str) -> Told {
        let file = guest("guest_polite.wasm");
        self.call(&["plugin", "publish", &self.name(reference), "--file", file.to_str().expect("a plain path")])
    }

    pub(super) fn docker(&self) -> PathBuf {
        self.machine.path().join("docker")
    }

    fn cache(&self) -> PathBuf {
        self.machine.path().join("cache")
    }

    /// The components that this machine keeps, and what it has half of.
    pub(super) fn kept(&self) -> Vec<String> {
        let entries = fs::read_dir(self.cache().join("plugins")).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// Another machine with the same repository.
    pub(super) fn forget_fetched(&self) {
        if self.cache().exists() {
            fs::remove_dir_all(self.cache()).expect("the cache is ours");
        }
    }

    pub(super) fn lockfile(&self) -> Option<String> {
        fs::read_to_string(self.scene.repo().join("sealock.lock")).ok()
    }

    pub(super) fn write_lockfile(&self, text: &str) {
        fs::write(self.scene.repo().join("sealock.lock"), text).expect("the repository is ours");
    }
}

/// A lockfile that somebody changed who knows how: with the digest of each of its tables written anew.
pub(super) fn forged(text: &str) -> String {
    let mut tables = text.split("[plugins.\"");
    let mut forged = tables.next().expect("it has a head").to_owned();
    for table in tables {
        let (reference, rest) = table.split_once("\"]\n").expect("a table has a name");
        let values: String = rest
            .lines()
            .filter(|line| line.contains(" = ") && !line.starts_with("entry"))
            .fold(String::new(), |text, line| text + line + "\n");
        let entry = e2e::depot::digest(format!("{reference}\n{values}").as_bytes());
        writeln!(forged, "[plugins.\"{reference}\"]\n{values}entry = \"{entry}\"\n").expect("text grows");
    }
    forged
}

/// A plain program with a manifest at its end.
pub(super) fn saying(manifest: &str) -> Vec<u8> {
    marked(plain(), manifest)
}

/// A plain program with so many bytes more, which nobody reads.
pub(crate) fn large(bytes: usize) -> Vec<u8> {
    section(plain(), "padding", &vec![0; bytes])
}

fn marked(bytes: Vec<u8>, manifest: &str) -> Vec<u8> {
    section(bytes, "sealock:manifest", manifest.as_bytes())
}

/// A component with one more custom section.
fn section(mut bytes: Vec<u8>, name: &str, content: &[u8]) -> Vec<u8> {
    let mut section = number(name.len());
    section.extend(name.as_bytes());
    section.extend(content);
    bytes.push(0);
    bytes.extend(number(section.len()));
    bytes.extend(section);
    bytes
}

/// A component with these requests: a plain program where there are none.
pub(super) fn asking(version: &str, requests: &str) -> Vec<u8> {
    let (component, world) = if requests.is_empty() {
        (plain(), "wasi:cli/command@0.2.0")
    } else {
        (unmarked_step(), "sealock:step/full-step@0.1.0")
    };
    let manifest = format!(
        r#"{{"name":"step","version":"{version}","world":"{world}","inputs":{{"greeting":{{"type":"string"}}}},"requests":[{requests}]}}"#
    );
    marked(component, &manifest)
}

/// A step that is no plain program, without its own manifest, which is its last section.
fn unmarked_step() -> Vec<u8> {
    let mut bytes = read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/interface/0.1.0/step.wasm").as_ref());
    let name = b"\x10sealock:manifest";
    let at = bytes.windows(name.len()).position(|window| window == name).expect("it has a manifest");
    let length = number(bytes.len() - at);
    assert!(bytes[..at].ends_with(&length), "its manifest is not its last section");
    bytes.truncate(at - length.len() - 1);
    bytes
}

/// A component that asks for nothing, and has no manifest.
pub(super) fn plain() -> Vec<u8> {
    read(&guest("guest-program.wasm"))
}

pub(super) fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// As WebAssembly writes lengths.
fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return bytes;
        }
    }
}

/// The same component with other names in it, of the same length.
pub(crate) fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = bytes[at..].windows(from.len()).position(|window| window == from) {
        bytes[at + found..at + found + to.len()].copy_from_slice(to);
        at += found + to.len();
    }
    assert!(at > 0, "the guest does not have it");
    bytes
}
