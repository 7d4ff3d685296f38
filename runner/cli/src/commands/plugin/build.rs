//! `sealock plugin build [DIR]`

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use sealock_contract::Digest;
use sealock_contract::limits::COMPONENT_BYTES;
use sealock_diagnostics::escape;

use crate::exit_code;
use crate::failure::Failure;
use crate::flaws;
use crate::project::{Build as Recipe, Project};
use crate::shell::Shell;

/// Build a project's component by the command under `[build]` in its plugin.toml, and put it beside that file.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The project's folder; the current one without it
    folder: Option<PathBuf>,
}

impl Build {
    /// Builds.
    ///
    /// # Errors
    ///
    /// When there is no project, its toolchain is missing or fails, or what it makes cannot be a step.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let project = Project::open(&shell.path(self.folder.as_deref().unwrap_or(Path::new("."))))?;
        let recipe = project.build.as_ref().ok_or_else(|| {
            Failure::new("E-PLUGIN-PROJECT", "plugin.toml says nothing under `[build]`")
                .help("[build]\ncommand = [\"cargo\", \"build\", …]\ncomponent = \"target/…/x.wasm\"")
        })?;
        call(shell, &project, recipe)?;
        let bytes = finish(&project, read(&project, recipe)?)?;
        let to = project.component();
        let kept = replace(&to, &bytes);
        kept.map_err(|error| Failure::new("E-PLUGIN-BUILD", format!("{}: {error}", to.display())))?;
        let size = bytes.len().div_ceil(1 << 10);
        shell.answer(&format!("{} ({size} KiB)  {}\n", to.display(), Digest::of(&bytes)));
        Ok(exit_code::SUCCESS)
    }
}

/// Runs the toolchain's own command, shown as it would be typed.
fn call(shell: &mut Shell, project: &Project, recipe: &Recipe) -> Result<(), Failure> {
    let Some((program, arguments)) = recipe.command.split_first() else {
        return Err(Failure::new("E-PLUGIN-PROJECT", "plugin.toml: the `command` under `[build]` is empty"));
    };
    let is_first = recipe.component.parent().is_some_and(|folder| !project.folder.join(folder).exists());
    if let Some(folder) = recipe.component.parent() {
        let made = std::fs::create_dir_all(project.folder.join(folder));
        made.map_err(|error| Failure::new("E-PLUGIN-BUILD", format!("{}: {error}", folder.display())))?;
    }
    if is_first {
        shell.tell("the first build of a project builds what it uses, too: that can take minutes\n");
    }
    shell.tell(&format!("$ {}\n", shown(&recipe.command)));
    let status = Command::new(program).args(arguments).current_dir(&project.folder).stdout(std::io::stderr()).status();
    let status = status.map_err(|error| {
        Failure::new("E-PLUGIN-BUILD", format!("`{program}` cannot be started: {error}"))
            .maybe_help(recipe.needs.clone())
    })?;
    if status.success() {
        return Ok(());
    }
    let message = format!("`{program}` failed ({status}); what it said stands above");
    // A tool that is missing behind another (a module of Python, a package of npm) fails with that one's own words and code.
    let help = recipe.needs.as_ref().map(|needs| format!("if that is not a mistake of the source: it needs {needs}"));
    Err(Failure::new("E-PLUGIN-BUILD", message).maybe_help(help))
}

/// Words with anything but plain characters in quotes.
fn shown(command: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:@,+".contains(c);
    let words = command.iter().map(|word| {
        let word = escape(word);
        if !word.is_empty() && word.chars().all(is_plain) { word.into_owned() } else { format!("'{word}'") }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn read(project: &Project, recipe: &Recipe) -> Result<Vec<u8>, Failure> {
    let refused = |what: String| {
        Failure::new("E-PLUGIN-BUILD", format!("{}: {what}", recipe.component.display()))
            .help("`component` under `[build]` names the file that the command makes")
    };
    let path = project.folder.join(&recipe.component);
    let length = path.metadata().map_err(|error| refused(error.to_string()))?.len();
    if length > COMPONENT_BYTES {
        let message = format!("{} has {length} bytes; {COMPONENT_BYTES} are the most", recipe.component.display());
        return Err(Failure::new("E-PLUGIN-FORMAT", message));
    }
    std::fs::read(&path).map_err(|error| refused(error.to_string()))
}

/// The component as it is published: with its manifest in it, and checked.
fn finish(project: &Project, bytes: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let refused = |error: sealock_sandbox::FormatError| {
        Failure::new(error.code(), format!("`{}` cannot be a plugin: {error}", project.name))
    };
    let is_core = sealock_sandbox::is_core_module(&bytes);
    let bytes = if is_core { sealock_sandbox::componentize(&bytes).map_err(refused)? } else { bytes };
    let found = sealock_sandbox::inspect(&bytes).map_err(refused)?;
    let Some(manifest) = found.manifest else {
        let (_, json) = project.manifest()?;
        let whole = sealock_sandbox::embed_manifest(bytes, &json);
        sealock_sandbox::inspect(&whole).map_err(refused)?;
        return Ok(whole);
    };
    if manifest.name == project.name {
        return match flaws::of(&manifest).as_slice() {
            [] => Ok(bytes),
            found => Err(flaws::refused(found, |_| None)),
        };
    }
    let message = format!("plugin.toml says `{}`, and the component says it is `{}`", project.name, manifest.name);
    Err(Failure::new("E-PLUGIN-BUILD", message).help("build the component from this project"))
}

/// Writes beside and renames: whoever reads `to` meanwhile reads the old file or the new one.
fn replace(to: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = to.parent().unwrap_or(Path::new("."));
    let file = tempfile::Builder::new().prefix(".sealock-").tempfile_in(folder)?;
    std::fs::write(file.path(), bytes)?;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(file.path(), open)?;
    file.persist(to).map(drop).map_err(|error| error.error)
}
