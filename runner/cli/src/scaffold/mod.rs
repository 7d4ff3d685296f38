//! New projects of plugin authors: one folder of templates a language, and what the project brings along.
//!
//! The build script puts every file of these folders into one table, so that adding a file needs no code. In texts,
//! `{{name}}` is the plugin's name and `{{word}}` the same with `_` for `-`.
//!
//! A Rust project gets the SDK's own sources below `vendor/sealock`, the others get `step.wit` with what it names
//! below `wit`: neither is on a package index, and a new project has to build without a network.

use std::io;
use std::path::Path;

use clap::ValueEnum;

/// A file: its place, and its text.
type File = (&'static str, &'static str);

include!(concat!(env!("OUT_DIR"), "/scaffold.rs"));

/// A language that a project can be made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// With the SDK, for cargo's target wasm32-wasip2
    Rust,
    /// By componentize-py
    Python,
    /// By jco and componentize-js
    Js,
    /// By the plain toolchain, for its target wasip1
    Go,
    /// By Zig's C compiler, or clang with a libc
    C,
}

impl Language {
    fn templates(self) -> &'static [File] {
        match self {
            Self::Rust => RUST,
            Self::Python => PYTHON,
            Self::Js => JS,
            Self::Go => GO,
            Self::C => C,
        }
    }

    /// What is copied as it is, and where.
    fn brought_along(self) -> (&'static str, &'static [File]) {
        match self {
            Self::Rust => ("vendor/sealock", SDK),
            Self::Python | Self::Js => ("wit", WIT),
            Self::Go | Self::C => ("", &[]),
        }
    }
}

/// Writes a project.
///
/// # Errors
///
/// When a file cannot be written.
pub(crate) fn write(folder: &Path, language: Language, name: &str) -> io::Result<()> {
    let word = name.replace('-', "_");
    for (place, text) in language.templates() {
        let text = text.replace("{{name}}", name).replace("{{word}}", &word);
        put(&folder.join(place), &text)?;
    }
    let (below, files) = language.brought_along();
    files.iter().try_for_each(|(place, text)| put(&folder.join(below).join(place), text))
}

fn put(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}
