//! Who may import whom: `cargo metadata` against the table.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each crate and the crates of ours that it may import.
const EDGES: &[(&str, &[&str])] = &[
    ("contract", &[]),
    ("diagnostics", &[]),
    ("tls", &[]),
    ("expression", &["diagnostics"]),
    ("pipeline", &["contract", "diagnostics", "expression"]),
    ("plan", &["contract", "diagnostics", "expression", "pipeline"]),
    ("events", &["contract", "diagnostics"]),
    ("journal", &["contract", "events"]),
    ("registry", &["contract", "diagnostics", "tls"]),
    ("builtins", &["contract"]),
    ("workspace", &["contract"]),
    ("secrets", &["contract"]),
    ("cache", &["contract"]),
    ("sandbox", &["contract"]),
    ("broker", &["contract", "secrets", "tls"]),
    ("deploy", &["contract", "broker"]),
    (
        "engine",
        &[
            "contract",
            "diagnostics",
            "expression",
            "plan",
            "events",
            "journal",
            "cache",
            "secrets",
            "workspace",
            "sandbox",
            "broker",
            "deploy",
        ],
    ),
    ("sinks", &["contract", "diagnostics", "events"]),
];

/// Libraries that one crate owns, alone. Tests of others may use them.
const OWNED: &[(&str, &str)] = &[
    ("wasmtime", "sandbox"),
    ("rusqlite", "journal"),
    ("git2", "workspace"),
    ("bollard", "broker"),
    ("russh", "broker"),
    ("granit-parser", "pipeline"),
    ("rustls-native-certs", "tls"),
    ("tokio-rustls", "tls"),
];

/// Normal and build dependencies of each of our crates, by short name.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages.map(|package| (short(&package["name"]), own_dependencies(package))).collect()
}

fn own_dependencies(package: &Value) -> BTreeSet<String> {
    let all = package["dependencies"].as_array().expect("dependencies").iter();
    all.filter(|dependency| dependency["kind"] != "dev").map(|dependency| short(&dependency["name"])).collect()
}

fn short(name: &Value) -> String {
    let name = name.as_str().expect("a name");
    name.strip_prefix("sealock-").unwrap_or(name).to_owned()
}

#[test]
fn imports_only_go_the_way_of_the_table() {
    let found = dependencies();
    let ours: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    for (name, allowed) in EDGES {
        let imports = found.get(*name).unwrap_or_else(|| panic!("the table has `{name}`, the workspace has not"));
        let forbidden: Vec<_> = imports
            .iter()
            .filter(|import| ours.contains(import.as_str()) && !allowed.contains(&import.as_str()))
            .collect();
        assert!(forbidden.is_empty(), "`{name}` imports {forbidden:?}, which the table does not let it");
    }
}

#[test]
fn every_crate_of_the_runner_is_in_the_table() {
    let folders = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../runner")).expect("the runner's folder");
    for folder in folders {
        let name = folder.expect("an entry").file_name().to_string_lossy().into_owned();
        assert!(
            name == "cli" || name == "README.md" || EDGES.iter().any(|(own, _)| *own == name),
            "`{name}` is not in the table"
        );
    }
}

#[test]
fn what_one_crate_owns_no_other_imports() {
    let found = dependencies();
    for (library, owner) in OWNED {
        let others: Vec<_> = found
            .iter()
            .filter(|(name, imports)| name != owner && imports.contains(*library))
            .map(|(name, _)| name)
            .collect();
        assert!(others.is_empty(), "`{library}` belongs to `{owner}` and is imported by {others:?}");
    }
}

#[test]
fn no_crate_but_builtins_knows_a_builtins_name() {
    let plugins = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins");
    let names = std::fs::read_dir(plugins).expect("the plugins' folder").filter_map(|entry| {
        let entry = entry.expect("an entry");
        entry.path().join("plugin.toml").exists().then(|| entry.file_name().to_string_lossy().into_owned())
    });
    // `run:` is short for one builtin: the plan has to say which. What cannot be run yet is named until it can.
    let allowed = [("shell", "plan/src/steps.rs")];
    for name in names {
        for (path, text) in sources() {
            let quoted = format!("\"{name}\"");
            let is_allowed = allowed.iter().any(|(own, file)| *own == name && path.ends_with(file));
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            assert!(is_allowed || !code.contains(&quoted), "{path} names the builtin `{name}`");
        }
    }
}

/// The source files of the engine's side: what decides, acts, and shows.
fn sources() -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut open: Vec<_> = ["plan", "engine", "broker", "deploy", "sandbox", "sinks", "cli", "journal", "workspace"]
        .iter()
        .map(|name| std::path::PathBuf::from(format!("{}/../runner/{name}/src", env!("CARGO_MANIFEST_DIR"))))
        .collect();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs")
                && path.file_name().is_some_and(|name| name != "tests.rs")
            {
                files.push((path.display().to_string(), std::fs::read_to_string(&path).expect("text")));
            }
        }
    }
    files
}
