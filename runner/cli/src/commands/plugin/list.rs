//! `sealock plugin list`

use clap::{Args, ValueEnum};
use serde_json::{Value as Json, json};

use crate::exit_code;
use crate::failure::Failure;
use crate::shell::Shell;

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
    origin: &'static str,
}

impl List {
    /// Prints the list.
    ///
    /// # Errors
    ///
    /// When the lockfile cannot be read.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let rows = builtins();
        match self.format {
            Format::Text => shell.answer(&text(&rows)),
            Format::Json => shell.answer(&format!("{:#}\n", json(&rows))),
        }
        Ok(exit_code::SUCCESS)
    }
}

fn builtins() -> Vec<Row> {
    let rows = sealock_builtins::all().iter().map(|own| {
        let manifest = own.manifest();
        Row { name: own.name.to_owned(), version: manifest.version, told: manifest.description, origin: "builtin" }
    });
    rows.collect()
}

fn text(rows: &[Row]) -> String {
    let width = |of: fn(&Row) -> &str| rows.iter().map(|row| of(row).len()).max().unwrap_or_default();
    let (name, version) = (width(|row| &row.name), width(|row| &row.version));
    let line = |row: &Row| format!("{:name$}  {:version$}  {}\n", row.name, row.version, row.told);
    rows.iter().map(line).collect()
}

fn json(rows: &[Row]) -> Json {
    let row =
        |row: &Row| json!({ "name": row.name, "version": row.version, "origin": row.origin, "description": row.told });
    rows.iter().map(row).collect()
}
