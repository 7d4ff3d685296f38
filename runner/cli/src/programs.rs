//! Loads the plan's plugins: compiled once on this machine, in a child process, and kept.

use std::collections::HashMap;

use sealock_cache::{Compile, CompiledCache, Entry};
use sealock_contract::Digest;
use sealock_plan::{Plan, PlannedPlugin};
use sealock_sandbox::{Program, Sandbox};

use crate::catalogue::{self, Plugins};
use crate::compiling;
use crate::failure::{Failure, chain};
use crate::shell::Shell;

/// Every plugin of the plan, ready to run; from its kept compiled form only when `use_kept`.
///
/// # Errors
///
/// When a component is not what the plan pinned, or cannot be compiled or loaded.
pub(crate) fn load(
    shell: &mut Shell,
    plan: &Plan,
    plugins: &Plugins,
    sandbox: &Sandbox,
    use_kept: bool,
) -> Result<HashMap<String, Program>, Failure> {
    let cache = open(shell)?;
    let mut programs = HashMap::new();
    for (name, plugin) in &plan.plugins {
        plugins.hold(name, plugin).map_err(Failure::catalogue)?;
        let entry = Entry::new(plugin.digest, sandbox.compatibility());
        let code = if let Some(Ok(code)) = use_kept.then(|| cache.load(&entry)) {
            code
        } else {
            let bytes = planned(name, plugin, plugins)?;
            compile(shell, (name, &bytes), &cache, &entry, use_kept)?
        };
        let program = sandbox
            .load(&code)
            .map_err(|error| Failure::new("E-PLUGIN-FORMAT", format!("`{name}`: {}", chain(&error))))?;
        programs.insert(name.clone(), program);
    }
    Ok(programs)
}

/// Compiles a component now, when it was not compiled on this machine before.
///
/// # Errors
///
/// When it cannot be compiled.
pub(crate) fn prepare(shell: &mut Shell, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let sandbox = Sandbox::new().map_err(|error| Failure::new("E-SANDBOX", chain(&error)))?;
    let (cache, entry) = (open(shell)?, Entry::new(Digest::of(bytes), sandbox.compatibility()));
    match cache.load(&entry) {
        Ok(_) => Ok(()),
        Err(_) => compile(shell, (name, bytes), &cache, &entry, true).map(drop),
    }
}

fn open(shell: &Shell) -> Result<CompiledCache, Failure> {
    let opened = CompiledCache::open(&shell.cache()?.join("compiled"));
    opened.map_err(|error| Failure::new("E-CACHE-FOLDER", chain(&error)))
}

/// The component that the plan pinned.
fn planned(name: &str, plugin: &PlannedPlugin, plugins: &Plugins) -> Result<Vec<u8>, Failure> {
    let bytes = plugins.bytes(name, &plugin.origin).map_err(Failure::catalogue)?;
    if Digest::of(&bytes) == plugin.digest {
        return Ok(bytes);
    }
    Err(Failure::catalogue(catalogue::changed(name, plugin.digest)))
}

/// Compiles and keeps; of processes that want the same at once, one compiles.
fn compile(
    shell: &mut Shell,
    (name, bytes): (&str, &[u8]),
    cache: &CompiledCache,
    entry: &Entry,
    use_kept: bool,
) -> Result<Vec<u8>, Failure> {
    let turn = cache.turn(entry);
    if let Some(Ok(code)) = use_kept.then(|| cache.load(entry)) {
        return Ok(code);
    }
    let program = std::env::current_exe().map_err(|error| Failure::new("E-PLUGIN-COMPILE", error.to_string()))?;
    let code = compiling::told(shell, (name, bytes.len()), || Compile::by(program, ["__compile"]).compile(bytes));
    let code = code.map_err(|error| Failure::new(error.code(), format!("`{name}`: {}", chain(&error))))?;
    if let Err(error) = cache.save(entry, &code) {
        // The code is good all the same; the next run compiles again.
        shell.tell(&format!("warning: {}\n", chain(&error)));
    }
    drop(turn);
    Ok(code)
}
