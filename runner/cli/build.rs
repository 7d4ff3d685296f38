//! Tells `version` which wasmtime the lockfile pins.

use std::path::Path;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
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
