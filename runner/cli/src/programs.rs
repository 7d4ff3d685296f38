//! Loads the plan's plugins: compiled once on this machine, in a child process, and kept.

use std::collections::HashMap;

use sealock_cache::{Compile, CompiledCache, Entry};
use sealock_contract::Digest;
use sealock_plan::{Plan, PlannedPlugin};
use sealock_sandbox::{Program, Sandbox};

use crate::catalogue::Plugins;
use crate::failure::{Failure, chain};
use crate::shell::Shell;

/// Compiling so much takes seconds: whoever waits is told. Such a component carries an interpreter.
const SLOW_BYTES: usize = 4 << 20;

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
    let cache = CompiledCache::open(&shell.cache()?.join("compiled"))
        .map_err(|error| Failure::new("E-CACHE-FOLDER", chain(&error)))?;
    let mut programs = HashMap::new();
    for (name, plugin) in &plan.plugins {
        let entry = Entry::new(plugin.digest, sandbox.compatibility());
        let code = match use_kept.then(|| cache.load(&entry)) {
            Some(Ok(code)) => code,
            None | Some(Err(_)) => compile(shell, name, plugin, plugins, &cache, &entry)?,
        };
        let program = sandbox
            .load(&code)
            .map_err(|error| Failure::new("E-PLUGIN-FORMAT", format!("`{name}`: {}", chain(&error))))?;
        programs.insert(name.clone(), program);
    }
    Ok(programs)
}

fn compile(
    shell: &mut Shell,
    name: &str,
    plugin: &PlannedPlugin,
    plugins: &Plugins,
    cache: &CompiledCache,
    entry: &Entry,
) -> Result<Vec<u8>, Failure> {
    let bytes = plugins
        .bytes(name, &plugin.origin)
        .map_err(|error| Failure::new(error.code, error.message).maybe_help(error.help))?;
    if Digest::of(&bytes) != plugin.digest {
        let message = format!("the component of `{name}` is no longer the one that was planned ({})", plugin.digest);
        return Err(Failure::new("E-PLUGIN-CHANGED", message).help("plan and run again"));
    }
    if shell.global.verbose > 0 || bytes.len() >= SLOW_BYTES && !shell.global.quiet {
        let size = bytes.len().div_ceil(1 << 20);
        shell.tell(&format!("compiling {} ({size} MiB), once on this machine\n", sealock_diagnostics::escape(name)));
    }
    let program = std::env::current_exe().map_err(|error| Failure::new("E-PLUGIN-COMPILE", error.to_string()))?;
    let code = Compile::by(program, ["__compile"]).compile(&bytes);
    let code = code.map_err(|error| Failure::new(error.code(), format!("`{name}`: {}", chain(&error))))?;
    if let Err(error) = cache.save(entry, &code) {
        // The code is good all the same; the next run compiles again.
        shell.tell(&format!("warning: {}\n", chain(&error)));
    }
    Ok(code)
}
