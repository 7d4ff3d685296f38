//! `sealock plugin list`

use clap::{Args, ValueEnum};
use sealock_diagnostics::escape;
use sealock_registry::Locked;
use serde_json::{Value as Json, json};

use crate::failure::Failure;
use crate::planning::Repository;
use crate::shell::Shell;
use crate::{exit_code, lock};

/// List the builtins and what the lockfile pins, a line each.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// How to print the list
    #[arg(long, value_enum, default_value_t = Format::Text, env = "SEALOCK_FORMAT", hide_env = true)]
    format: Format,
}

/// How to print the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For scripts
    Json,
}

/// One plugin.
struct Row {
    name: String,
    version: String,
    told: String,
    origin: String,
}

impl List {
    /// Prints the list.
    ///
    /// # Errors
    ///
    /// When the lockfile cannot be read.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let repository = Repository::at(shell);
        let lockfile = lock::read(repository.root())?;
        let mut rows = builtins();
        rows.extend(lockfile.plugins.iter().map(|(reference, locked)| pinned(shell, reference, locked)));
        match self.format {
            Format::Text => shell.answer(&text(&rows)),
            Format::Json => shell.machine(&format!("{:#}\n", json(&rows))),
        }
        Ok(exit_code::SUCCESS)
    }
}

fn builtins() -> Vec<Row> {
    let rows = sealock_builtins::all().iter().map(|own| {
        let manifest = own.manifest();
        Row {
            name: own.name.to_owned(),
            version: manifest.version,
            told: manifest.description,
            origin: "builtin".to_owned(),
        }
    });
    rows.collect()
}

/// What is locked says what it is once it was fetched.
fn pinned(shell: &Shell, reference: &str, locked: &Locked) -> Row {
    let bytes = lock::store(shell).ok().and_then(|store| store.read(locked.component, locked.size).ok()?);
    let manifest = bytes.and_then(|bytes| sealock_sandbox::inspect(&bytes).ok()?.manifest);
    // What a stranger says of itself stays on its line.
    let told = manifest.map(|manifest| escape(&manifest.description).into_owned()).unwrap_or_default();
    let origin = format!("{}@{}", reference.split_once('@').map_or(reference, |(name, _)| name), locked.manifest);
    Row { name: reference.to_owned(), version: escape(&locked.version).into_owned(), told, origin }
}

fn text(rows: &[Row]) -> String {
    let width = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).len()).max().unwrap_or_default();
    let (name, version) = (width(|row| &row.name), width(|row| &row.version));
    let line =
        |row: &Row| format!("{:name$}  {:version$}  {}", row.name, row.version, row.told).trim_end().to_owned() + "\n";
    rows.iter().map(line).collect()
}

fn json(rows: &[Row]) -> Json {
    let row =
        |row: &Row| json!({ "name": row.name, "version": row.version, "origin": row.origin, "description": row.told });
    rows.iter().map(row).collect()
}
