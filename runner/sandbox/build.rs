//! Puts `step.wit` and the packages that it names into one table, for core modules that become components.

#![expect(clippy::disallowed_methods, reason = "a build script is told everything by the environment")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let wit = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../plugins/wit").canonicalize()?;
    println!("cargo::rerun-if-changed={}", wit.display());
    let mut table = String::from("&[\n");
    for package in entries(&wit.join("deps"))?.into_iter().chain([wit]) {
        table.push_str("    &[\n");
        for file in entries(&package)?.iter().filter(|file| file.extension().is_some_and(|end| end == "wit")) {
            let _ = writeln!(table, "        include_str!({:?}),", file.display().to_string());
        }
        table.push_str("    ],\n");
    }
    table.push_str("]\n");
    Ok(fs::write(Path::new(&env::var("OUT_DIR")?).join("wit.rs"), table)?)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut entries =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    entries.sort();
    Ok(entries)
}
