//! Builds every plugin under `plugins/` and puts its bytes and its manifest into one table.
//!
//! A folder with a `plugin.toml` is a plugin: adding one needs no change here. The components are built by their own
//! workspace into a target folder of their own, `<target>/plugins` or what `SEALOCK_PLUGINS_TARGET_DIR` names.

#![expect(clippy::disallowed_methods, reason = "a build script is told everything by the environment")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use sealock_contract::Manifest;
use sealock_contract::manifest::SECTION;

const TARGET: &str = "wasm32-wasip2";
/// What a cargo around this one says to its own compiler, and must not say to ours.
const FOREIGN: [&str; 6] =
    ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "CLIPPY_ARGS", "RUSTDOCFLAGS"];

/// One plugin's folder.
struct Plugin {
    /// The folder's name, which is the plugin's.
    name: String,
    /// The package's name.
    package: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let plugins = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../plugins").canonicalize()?;
    println!("cargo::rerun-if-changed={}", plugins.display());
    println!("cargo::rerun-if-env-changed=SEALOCK_PLUGINS_TARGET_DIR");

    let out = PathBuf::from(env::var("OUT_DIR")?);
    let target = target_folder(&out);
    let found = find(&plugins)?;
    build(&plugins, &target, &found)?;

    let mut table = String::from("&[\n");
    for plugin in &found {
        table.push_str(&embed(plugin, &target, &out)?);
    }
    table.push_str("]\n");
    Ok(fs::write(out.join("table.rs"), table)?)
}

/// `target` of this build, out of `target/PROFILE/build/PACKAGE-HASH/out`.
fn target_folder(out: &Path) -> PathBuf {
    let shared = env::var_os("SEALOCK_PLUGINS_TARGET_DIR").map(PathBuf::from);
    shared.unwrap_or_else(|| out.ancestors().nth(4).unwrap_or(out).join("plugins"))
}

fn find(plugins: &Path) -> Result<Vec<Plugin>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(plugins)? {
        let folder = entry?.path();
        if folder.join("plugin.toml").is_file() {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.push(Plugin { name, package: package(&folder)? });
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The first `name` of its `Cargo.toml`.
fn package(folder: &Path) -> Result<String, Box<dyn Error>> {
    let path = folder.join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let name =
        text.lines().find_map(|line| line.strip_prefix("name")?.trim().strip_prefix('=')?.trim().strip_prefix('"'));
    let name = name.and_then(|name| name.strip_suffix('"'));
    Ok(name.ok_or_else(|| format!("{}: `name = \"…\"` is missing", path.display()))?.to_owned())
}

fn build(plugins: &Path, target: &Path, found: &[Plugin]) -> Result<(), Box<dyn Error>> {
    require_target()?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--target", TARGET]).current_dir(plugins);
    cargo.arg("--target-dir").arg(target);
    for plugin in found {
        cargo.args(["--package", &plugin.package]);
    }
    for name in FOREIGN {
        cargo.env_remove(name);
    }
    if cargo.status()?.success() { Ok(()) } else { Err("the plugins do not build; what is wrong stands above".into()) }
}

fn require_target() -> Result<(), Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let folder = String::from_utf8_lossy(&asked.stdout).trim().to_owned();
    if asked.status.success() && Path::new(&folder).is_dir() {
        return Ok(());
    }
    Err(format!("the plugins need the target {TARGET}: run `rustup target add {TARGET}`").into())
}

/// Copies the component and its manifest to `out`, and returns their row of the table.
fn embed(plugin: &Plugin, target: &Path, out: &Path) -> Result<String, Box<dyn Error>> {
    let name = &plugin.name;
    let file = target.join(TARGET).join("release").join(plugin.package.replace('-', "_")).with_extension("wasm");
    let bytes = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let json = manifest(&bytes).ok_or_else(|| format!("plugins/{name}: the component has no `{SECTION}` section"))?;
    let manifest = Manifest::from_json(&json).map_err(|error| format!("plugins/{name}: {error}"))?;
    if manifest.name != *name {
        return Err(format!("plugins/{name}: its plugin.toml is named `{}`", manifest.name).into());
    }

    let (wasm, text) = (out.join(format!("{name}.wasm")), out.join(format!("{name}.json")));
    fs::write(&wasm, &bytes)?;
    fs::write(&text, &json)?;
    Ok(format!(
        "    Builtin {{ name: {name:?}, bytes: include_bytes!({:?}), manifest: include_str!({:?}) }},\n",
        wasm.display().to_string(),
        text.display().to_string(),
    ))
}

/// Where the section is in the component, Rust's linker decides; there is one.
fn manifest(component: &[u8]) -> Option<Vec<u8>> {
    let payloads = wasmparser::Parser::new(0).parse_all(component);
    payloads.filter_map(Result::ok).find_map(|payload| match payload {
        wasmparser::Payload::CustomSection(section) if section.name() == SECTION => Some(section.data().to_vec()),
        _ => None,
    })
}
