//! `plugin.toml`, as the JSON that stands around the inputs and outputs of the structs.

use std::path::Path;

use serde_json::{Map, Value};

/// The manifest's JSON in two pieces: `{…,"inputs":` and what follows the outputs.
pub(crate) struct Manifest {
    /// Everything but inputs and outputs, with its braces.
    pub(crate) rest: Map<String, Value>,
    /// The file's own path, so that a change of it rebuilds the plugin.
    pub(crate) path: String,
}

const KEYS: [&str; 8] = ["name", "version", "description", "world", "effect", "verifies", "outputs", "requests"];

/// Reads `file` in the folder of the crate that is being compiled.
pub(crate) fn read(folder: &str, file: &str) -> Result<Manifest, String> {
    let path = Path::new(folder).join(file);
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    let mut rest: Map<String, Value> = toml::from_str(&text).map_err(|error| format!("{shown}: {error}"))?;
    // How it is built is no part of what it is.
    rest.remove("build");
    if let Some(unknown) = rest.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(format!("{shown}: found `{unknown}`, expected {}; inputs are the struct's", KEYS.join(", ")));
    }
    if let Some(missing) = ["name", "version", "world"].iter().find(|key| !rest.contains_key(**key)) {
        return Err(format!("{shown}: `{missing}` is missing"));
    }
    Ok(Manifest { rest, path: shown })
}

impl Manifest {
    /// `{…` without the closing brace.
    pub(crate) fn opening(&self) -> String {
        let mut json = Value::Object(self.rest.clone()).to_string();
        json.pop();
        json
    }
}
