//! A plugin author's project: its folder, and what its `plugin.toml` says.
//!
//! `[build]` is for [`crate::commands::plugin`]; everything else is the manifest, of which an SDK may know parts better.

use std::path::{Path, PathBuf};

use sealock_contract::Manifest;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::commands::plugin::check_name;
use crate::content;
use crate::failure::{Failure, toml_problem};
use crate::flaws;

/// The file that makes a folder a project.
const FILE: &str = "plugin.toml";
/// A project's file is read whole: a device or a huge file must not fill memory.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A project.
#[derive(Debug)]
pub(crate) struct Project {
    /// Its folder.
    pub folder: PathBuf,
    /// The plugin's name.
    pub name: String,
    /// How it is built.
    pub build: Option<Build>,
    /// What `plugin.toml` says besides, as JSON.
    rest: serde_json::Map<String, serde_json::Value>,
}

/// What `[build]` says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    /// The toolchain's own command, run in the project's folder.
    pub command: Vec<String>,
    /// What the command makes, relative to the project's folder.
    pub component: PathBuf,
    /// What has to be installed for it, and how.
    pub needs: Option<String>,
}

impl Project {
    /// Reads the project in `folder`.
    ///
    /// # Errors
    ///
    /// When there is no `plugin.toml`, or it is none.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let refused = |what: String| Failure::new("E-PLUGIN-PROJECT", format!("{FILE}: {what}"));
        let text = content::text_within(folder, Path::new(FILE), FILE_BYTES_MAX).map_err(|error| {
            refused(error.to_string()).help("`sealock plugin new NAME` makes a project; name its folder")
        })?;
        let mut rest: serde_json::Map<String, serde_json::Value> =
            toml::from_str(&text).map_err(|error| refused(toml_problem(&text, &error)))?;
        let name = rest.get("name").and_then(|name| name.as_str()).map(str::to_owned);
        let name = name.ok_or_else(|| refused("`name` is missing".to_owned()))?;
        check_name(&name)?;
        check_manifest(&text)?;
        let build = rest.remove("build").map(serde_json::from_value).transpose();
        let build = build.map_err(|error| refused(format!("[build]: {error}")))?;
        // `.` stands for nothing in what people are shown.
        Ok(Self { folder: folder.components().collect(), name, build, rest })
    }

    /// The manifest as `plugin.toml` says it, for a component that brings none along.
    ///
    /// # Errors
    ///
    /// When it is not one.
    pub(crate) fn manifest(&self) -> Result<(Manifest, Vec<u8>), Failure> {
        let json = serde_json::Value::Object(self.rest.clone()).to_string().into_bytes();
        let manifest = Manifest::from_json(&json)
            .map_err(|error| Failure::new("E-PLUGIN-PROJECT", format!("{FILE}: {}", crate::failure::chain(&error))))?;
        Ok((manifest, json))
    }

    /// Where its component is put.
    pub(crate) fn component(&self) -> PathBuf {
        self.folder.join(&self.name).with_extension("wasm")
    }
}

/// Whether everything but `[build]` reads as a manifest, with the line of what does not.
fn check_manifest(text: &str) -> Result<(), Failure> {
    let broken =
        |error: &toml::de::Error| Failure::new("E-PLUGIN-PROJECT", format!("{FILE}: {}", toml_problem(text, error)));
    let document = DeTable::parse(text).map_err(|error| broken(&error))?;
    let mut table = document.clone();
    table.get_mut().remove("build");
    // These two an SDK may know better.
    for (key, value) in [("version", "0.0.0"), ("world", "")] {
        let value = Spanned::new(0..0, DeValue::String(value.into()));
        table.get_mut().entry(Spanned::new(0..0, key.into())).or_insert(value);
    }
    let manifest = Manifest::deserialize(toml::de::Deserializer::from(table)).map_err(|error| broken(&error))?;
    // What an SDK declares in the code is not in the file: a request may name an input that is there.
    let found: Vec<_> = flaws::of(&manifest).into_iter().filter(|flaw| !flaw.is_of_code).collect();
    if found.is_empty() { Ok(()) } else { Err(flaws::refused(&found, |path| line(text, document.get_ref(), path))) }
}

/// The line of the value at `path` in a document.
pub(crate) fn line_in(text: &str, path: &[String]) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    line(text, document.get_ref(), path)
}

/// The line of the value at `path`, or of what of it is there.
fn line(text: &str, table: &DeTable<'_>, path: &[String]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let mut value = table.get(first.as_str())?;
    for key in rest {
        let below = match value.get_ref() {
            DeValue::Table(table) => table.get(key.as_str()),
            DeValue::Array(items) => key.parse().ok().and_then(|index: usize| items.get(index)),
            _ => None,
        };
        let Some(below) = below else { break };
        value = below;
    }
    text.get(..value.span().start).map(|before| before.matches('\n').count() + 1)
}
