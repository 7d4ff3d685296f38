//! A plugin author's project: its folder, and what its `plugin.toml` says.
//!
//! `[build]` is for [`crate::commands::plugin`]; everything else is the manifest, of which an SDK may know parts better.

use std::path::{Path, PathBuf};

use sealock_contract::Manifest;
use serde::Deserialize;

use crate::commands::plugin::check_name;
use crate::content;
use crate::failure::{Failure, toml_problem};

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
