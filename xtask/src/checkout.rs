//! This checkout: where its files are, and how cargo is called on it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::failure::Failure;
use crate::program;

/// The repository that this program was built from.
pub(crate) struct Checkout {
    root: PathBuf,
    target: PathBuf,
}

impl Checkout {
    /// Asks cargo where it builds to; `CARGO_TARGET_DIR` and its kin count.
    ///
    /// # Errors
    ///
    /// When cargo cannot read the workspace.
    pub(crate) fn find() -> Result<Self, Failure> {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the checkout").to_owned();
        let mut metadata = cargo(&root);
        let answer = program::answer(metadata.args(["metadata", "--format-version=1", "--no-deps"]))?;
        let metadata: Value = serde_json::from_str(&answer).unwrap_or_default();
        let target = metadata["target_directory"].as_str();
        let target = target.ok_or_else(|| Failure::failed("cargo does not say where it builds to"))?;
        Ok(Self { target: target.into(), root })
    }

    /// A path of the repository.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Where cargo builds to.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The built program.
    pub(crate) fn sealock(&self) -> PathBuf {
        self.target.join("debug/sealock")
    }

    /// A call of cargo at the root.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = cargo(&self.root);
        command.args(arguments);
        command
    }

    /// A call of another program at the root.
    pub(crate) fn command(&self, name: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(name);
        command.current_dir(&self.root);
        command
    }

    /// Reads a file of the repository.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn read(&self, relative: &str) -> Result<String, Failure> {
        std::fs::read_to_string(self.path(relative)).map_err(|error| Failure::failed(format!("{relative}: {error}")))
    }

    /// Writes a file of the repository; one that says the same already stays as it is.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn write(&self, relative: &str, text: &str) -> Result<(), Failure> {
        if self.read(relative).is_ok_and(|old| old == text) {
            return Ok(());
        }
        std::fs::write(self.path(relative), text).map_err(|error| Failure::failed(format!("{relative}: {error}")))
    }
}

/// The cargo that runs this program, without what it says to the program about itself.
fn cargo(root: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let is_about_us =
            name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_"));
        if is_about_us {
            command.env_remove(name);
        }
    }
    command.current_dir(root);
    command
}
