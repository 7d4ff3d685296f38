//! Tells `version` which wasmtime the lockfile pins, and which commit is built; gathers the templates of `plugin new`.

#[path = "build/scaffold.rs"]
mod scaffold;

use std::path::Path;
use std::process::Command;

fn main() {
    let krate = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = krate.join("../..");
    wasmtime(&root);
    commit(&root);
    scaffold::write(krate);
}

fn wasmtime(root: &Path) {
    let lock = root.join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = std::fs::read_to_string(&lock).unwrap_or_default();
    let version = text.split("[[package]]").find_map(|package| {
        package
            .contains("\nname = \"wasmtime\"\n")
            .then(|| package.lines().find_map(|line| line.strip_prefix("version = ")))?
    });
    println!("cargo::rustc-env=WASMTIME_VERSION={}", version.unwrap_or("\"unknown\"").trim_matches('"'));
}

/// The commit that is checked out; none outside of a repository of our own, such as an archive unpacked in another's.
fn commit(root: &Path) {
    let top = git(root, &["rev-parse", "--show-toplevel"]).map(|top| Path::new(&top).canonicalize().ok());
    if top.flatten() != root.canonicalize().ok() {
        return;
    }
    let branch = git(root, &["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "logs/HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = git(root, &["rev-parse", "--git-path", name]).map(|path| root.join(path));
        // A file that is not there would build this crate anew each time.
        if let Some(path) = path.filter(|path| path.is_file()) {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    if let Some(commit) = git(root, &["rev-parse", "--verify", "HEAD"]) {
        println!("cargo::rustc-env=SEALOCK_COMMIT={commit}");
    }
}

/// What git answers, when there is one and it does.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(root).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
