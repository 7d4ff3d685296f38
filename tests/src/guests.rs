//! The components of `tests/guests`, compiled.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::rig::{build_folder, tests_folder, variable};

/// A compiled guest: of `$SEALOCK_GUESTS`, else built here when it is missing.
///
/// # Panics
/// When the guests do not build.
pub fn guest(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| variable("SEALOCK_GUESTS").map_or_else(build, PathBuf::from)).join(name)
}

fn build() -> PathBuf {
    let target = build_folder().join("../tmp/guests");
    let mut cargo = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".to_owned()));
    cargo.args(["build", "--quiet", "--release", "--target", "wasm32-wasip2"]);
    cargo.current_dir(tests_folder().join("guests")).env("CARGO_TARGET_DIR", &target);
    assert!(
        cargo.status().expect("cargo is there").success(),
        "the guests do not build: `rustup target add wasm32-wasip2`"
    );
    target.join("wasm32-wasip2/release")
}
