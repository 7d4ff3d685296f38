//! The components under `tests/guests`, built once by their own workspace; and those that were kept as they were built
//! against an older interface, called `0.1.0/NAME`.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The bytes of the guest whose file is `name`.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/interface");
    let path = match name.split_once('/') {
        Some(_) => PathBuf::from(format!("{kept}/{name}.wasm")),
        None => folder().join(format!("wasm32-wasip2/release/{name}.wasm")),
    };
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn folder() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let shared = option_env!("SEALOCK_PLUGINS_TARGET_DIR").map(PathBuf::from);
        let target = shared.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("guests"));
        let built = Command::new(env!("CARGO"))
            .args(["build", "--release", "--target", "wasm32-wasip2"])
            .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/guests/Cargo.toml")])
            .arg("--target-dir")
            .arg(&target)
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the guests do not build: is the target there? `rustup target add wasm32-wasip2`");
        target
    })
}
