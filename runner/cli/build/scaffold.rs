//! Puts the templates of new projects, and what such projects bring along, into one table: `scaffold.rs` of `OUT_DIR`.
//!
//! A template's file name ends in `.in` where its own name would mean something here; `gitignore` gets its dot.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Folders that a build leaves behind.
const BUILT: [&str; 2] = ["target", "node_modules"];

/// Writes the table for the crate at `krate`.
#[expect(clippy::disallowed_methods, reason = "cargo tells a build script by its environment")]
pub(crate) fn write(krate: &Path) {
    let (templates, plugins) = (krate.join("src/scaffold"), krate.join("../../plugins"));
    println!("cargo::rerun-if-changed={}", templates.display());
    let sdk = ["Cargo.toml", "sdk", "sdk-macros", "wit"].map(|part| plugins.join(part));
    for part in &sdk {
        println!("cargo::rerun-if-changed={}", part.display());
    }

    let mut out = String::new();
    for language in languages(&templates) {
        let mut files = below(&language, &language);
        let name = language.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if name == "RUST" {
            // What builds here builds there, from crates that were fetched here.
            files.push(("Cargo.lock".to_owned(), plugins.join("Cargo.lock")));
        }
        table(&mut out, &name, "Its templates.", files);
    }
    let files = sdk.iter().flat_map(|part| below(&plugins, part)).collect();
    table(&mut out, "SDK", "The SDK's sources, and the workspace they are in.", files);
    table(&mut out, "WIT", "The interface, with what it names.", below(&plugins.join("wit"), &plugins.join("wit")));
    let path = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join("scaffold.rs");
    fs::write(&path, out).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn languages(templates: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(templates).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

/// Every file below `path`, with its place below `root`.
fn below(root: &Path, path: &Path) -> Vec<(String, PathBuf)> {
    if path.is_file() {
        return vec![(place(root, path), path.to_owned())];
    }
    let is_built = |path: &Path| BUILT.iter().any(|name| path.file_name().is_some_and(|own| own == *name));
    let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| !is_built(path)).collect();
    paths.sort();
    paths.iter().flat_map(|path| below(root, path)).collect()
}

fn place(root: &Path, path: &Path) -> String {
    let place = path.strip_prefix(root).unwrap_or(path).display().to_string();
    let place = place.strip_suffix(".in").map_or(place.clone(), str::to_owned);
    if place == "gitignore" { ".gitignore".to_owned() } else { place }
}

fn table(out: &mut String, name: &str, doc: &str, files: Vec<(String, PathBuf)>) {
    let _ = writeln!(out, "/// {doc}\nconst {name}: &[File] = &[");
    for (place, path) in files {
        let _ = writeln!(out, "    ({place:?}, include_str!({:?})),", path.display().to_string());
    }
    out.push_str("];\n");
}
