//! From a step's input to what the report says, or to the step's error.

use std::fs::File;

use sealock_sdk::{Error, WorkspacePath};

use crate::error::ReportError;
use crate::format::{Format, read};

/// Reads the report at `path`; see [`read`].
///
/// # Errors
///
/// With the code of a [`ReportError`], the path, and the place in the report.
pub fn read_file<T>(path: &WorkspacePath, format: &str, formats: &[&dyn Format<T>]) -> Result<T, Error> {
    let reading = File::open(path).map_err(ReportError::Read).and_then(|mut file| read(&mut file, format, formats));
    reading.map_err(|error| failure(path.as_str(), &error))
}

fn failure(path: &str, error: &ReportError) -> Error {
    let Some(place) = error.place() else {
        return Error::new(error.code(), format!("{path}: {error}")).detail("file", path);
    };
    // The error begins with its own place: `report.xml:3:7: found …`.
    let failure = Error::new(error.code(), format!("{path}:{error}")).detail("file", path);
    failure.detail("line", place.line.to_string()).detail("column", place.column.to_string())
}
