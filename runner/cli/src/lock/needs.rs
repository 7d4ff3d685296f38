//! Which plugins of registries the pipelines of a repository name.

use std::collections::{BTreeMap, BTreeSet};

use sealock_pipeline::{Call, Draft, PluginName};

use crate::failure::Failure;
use crate::shell::Shell;
use crate::{file, planning};

/// References as they are written, each with its short names.
pub(crate) type Needs = BTreeMap<String, BTreeSet<String>>;

/// What all pipelines of the repository need.
///
/// # Errors
///
/// When one of them cannot be read: what it needs is not known then.
pub(crate) fn all(shell: &mut Shell, repository: &planning::Repository) -> Result<Needs, Failure> {
    let mut needs = Needs::new();
    let mut pipelines = file::all(repository.root());
    // The main pipeline may lie beside those folders.
    pipelines.extend(file::find(shell, repository.root(), None).ok().filter(|main| !pipelines.contains(main)));
    for found in pipelines {
        let broken = || Failure::new("E-PIPELINE-BROKEN", format!("{} has errors", found.name));
        let source = match file::read(repository.root(), &found) {
            Ok(source) => source,
            Err((source, diagnostic)) => {
                shell.diagnostics(&source, &[diagnostic]);
                return Err(broken());
            }
        };
        let parsed = sealock_pipeline::parse(&source);
        let Some(pipeline) = parsed.pipeline else {
            shell.diagnostics(&source, &parsed.diagnostics);
            return Err(broken());
        };
        add(&mut needs, &pipeline);
    }
    Ok(needs)
}

/// What one pipeline needs.
pub(crate) fn references(draft: &Draft) -> Needs {
    let mut needs = Needs::new();
    add(&mut needs, draft);
    needs
}

fn add(needs: &mut Needs, draft: &Draft) {
    for entry in &draft.plugins {
        if let PluginName::Reference(reference) = &entry.value.value {
            needs.entry(reference.clone()).or_default().insert(entry.key.value.clone());
        }
    }
    let stages = draft.stages.iter().map(|entry| &entry.value);
    for step in stages.flat_map(|stage| stage.steps.iter().chain(&stage.rollback)) {
        if let Call::Uses { plugin, .. } = &step.call
            && let PluginName::Reference(reference) = &plugin.value
        {
            needs.entry(reference.clone()).or_default();
        }
    }
}
