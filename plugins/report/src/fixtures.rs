//! The reports of `tests/fixtures/reports`, for the tests of the plugins that read them.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;

/// One report and what is true of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Fixture {
    /// The file's name in its folder.
    pub file: String,
    /// Its format.
    pub format: String,
    /// What it holds; hostile files may have none.
    #[serde(default)]
    pub numbers: BTreeMap<String, u64>,
    /// For SARIF: what the invocations say.
    pub execution_successful: Option<bool>,
    /// For hostile files: `refused`, or `refused-or-read`.
    pub expect: Option<String>,
    #[serde(skip)]
    folder: PathBuf,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    report: Vec<Fixture>,
    #[serde(default)]
    bad: Vec<Fixture>,
}

impl Fixture {
    /// The file's bytes.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(self.folder.join(&self.file)).expect("the index names files that are there")
    }
}

/// The reports of one of `formats` that real tools wrote.
///
/// # Panics
///
/// When there are none.
pub fn good(formats: &[&str]) -> Vec<Fixture> {
    load("", formats)
}

/// The reports of one of `formats` that are hostile or broken.
///
/// # Panics
///
/// When there are none.
pub fn bad(formats: &[&str]) -> Vec<Fixture> {
    load("bad", formats)
}

fn load(folder: &str, formats: &[&str]) -> Vec<Fixture> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/reports").join(folder);
    let text = fs::read_to_string(folder.join("index.toml")).expect("the index is there");
    let index: Index = toml::from_str(&text).expect("the index is as described");
    let of_format = index.report.into_iter().chain(index.bad).filter(|row| formats.contains(&row.format.as_str()));
    let rows: Vec<Fixture> = of_format.map(|row| Fixture { folder: folder.clone(), ..row }).collect();
    assert!(!rows.is_empty(), "no fixture of {formats:?}");
    rows
}
