//! `sealock plugin new --lang LANG NAME`

use std::path::{Path, PathBuf};

use clap::Args;

use crate::exit_code;
use crate::failure::Failure;
use crate::project::Project;
use crate::scaffold::{self, Language};
use crate::shell::Shell;

/// Longest name: it becomes a file's name, a package's, and a word in every message.
const NAME_CHARS: usize = 64;

/// Make a project that builds and whose test passes as it stands.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The language
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
    /// The plugin's name: lowercase letters, digits, and `-`
    name: String,
    /// Where to make it; the name, in the current folder, without it
    #[arg(long, value_name = "DIR")]
    at: Option<PathBuf>,
}

impl New {
    /// Makes it.
    ///
    /// # Errors
    ///
    /// When the name is none, or something is there already.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        check_name(&self.name)?;
        let folder = self.at.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        let full = shell.path(&folder);
        if full.symlink_metadata().is_ok() && !is_empty(&full) {
            let message = format!("{} is there already, and not empty", folder.display());
            return Err(Failure::new("E-PLUGIN-PROJECT", message).help("name another folder: --at DIR"));
        }
        let written = scaffold::write(&full, self.lang, &self.name);
        written.map_err(|error| Failure::new("E-PLUGIN-PROJECT", format!("{}: {error}", folder.display())))?;
        let shown = folder.display();
        shell.answer(&format!("made {shown}\n  sealock plugin build {shown}\n  sealock plugin test {shown}\n"));
        let needs = Project::open(&full)?.build.and_then(|recipe| recipe.needs);
        shell.tell(&needs.map(|needs| format!("building it needs {needs}\n")).unwrap_or_default());
        if sealock_builtins::all().iter().any(|own| own.name == self.name) {
            let name = &self.name;
            shell.tell(&format!(
                "warning: there is a builtin `{name}`: `uses: {name}` stays that one; yours is named by its folder or reference\n"
            ));
        }
        Ok(exit_code::SUCCESS)
    }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Such a name can be a file's, a package's, and a module's in every language.
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let is_good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if starts_well && name.len() <= NAME_CHARS && name.chars().all(is_good) && !name.ends_with('-') {
        return Ok(());
    }
    let message =
        format!("found the name `{name}`, expected a lowercase letter, then lowercase letters, digits, and `-`");
    Err(Failure::new("E-PLUGIN-PROJECT", message).help("such as `line-gate`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_in_every_language() {
        for good in ["a", "line-gate", "s3-sync"] {
            check_name(good).expect(good);
        }
        for bad in ["", "-a", "a-", "Line", "3d", "a_b", "a/b", "..", "a b", &"a".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
