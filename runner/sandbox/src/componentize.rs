//! Makes a component of a core module: of a WASI preview 1 program, with the adapter that wasmtime ships.
//!
//! Such a module imports `wasi_snapshot_preview1` and exports `_start`. One that speaks `step.wit` besides, as C and Go
//! do by functions of their own, imports `sealock:step/log@0.1.0` and so on and may export
//! `sealock:step/step@0.1.0#run`: its world is read off its imports and exports. Anything else is refused by name.

use std::collections::BTreeSet;

use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, SourceMap, WorldId};

use crate::format::{self, FormatError, invalid};
use crate::go_runtime;

/// The one module of WASI preview 1.
const PREVIEW1: &str = "wasi_snapshot_preview1";
/// What a program starts at.
const START: &str = "_start";
/// Sections by which a toolchain says the world itself.
const WORLD_SECTION: &str = "component-type";
/// The packages below `step.wit`, and last itself: the files of each.
const PACKAGES: &[&[&str]] = include!(concat!(env!("OUT_DIR"), "/wit.rs"));

/// Things that a core module may export.
const EXPORTS_MAX: usize = 10_000;

/// What has to be known of a core module.
#[derive(Default)]
struct Outline {
    imports: BTreeSet<String>,
    functions: usize,
    exports: BTreeSet<String>,
    names_world: bool,
}

/// Whether these bytes are a core module, which [`componentize`] may make a component.
pub fn is_core_module(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm\x01\0\0\0")
}

/// Makes a component of a core module.
///
/// # Errors
///
/// When the module is broken, imports anything else, or does not start.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, FormatError> {
    format::check_size(module)?;
    format::validate(module)?;
    let outline = Outline::read(module)?;
    outline.imports.iter().try_for_each(|name| check(name))?;
    let mut module = go_runtime::make_room(module)?;
    if !outline.names_world && outline.speaks_interfaces() {
        outline.exported().into_iter().try_for_each(check_export)?;
        let (resolve, world) = outline.world()?;
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .map_err(|error| refused(&error))?;
    }
    let is_program = outline.exports.contains(START);
    let adapter = if is_program {
        wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER
    } else {
        wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER
    };
    let encoder = ComponentEncoder::default().module(&module).map_err(|error| refused(&error))?;
    let encoder = encoder.adapter(PREVIEW1, adapter).map_err(|error| refused(&error))?;
    encoder.validate(true).encode().map_err(|error| refused(&error))
}

fn check(import: &str) -> Result<(), FormatError> {
    if import == PREVIEW1 || format::check_import(import).is_ok() {
        return Ok(());
    }
    Err(FormatError::CoreImport(import.to_owned()))
}

/// The name becomes part of a world's text: it is an interface's, and no text of its own.
fn check_export(interface: &str) -> Result<(), FormatError> {
    let is_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, ':' | '/' | '@' | '.' | '-');
    if interface.chars().all(is_char) {
        return Ok(());
    }
    let shown: String = interface.chars().take(80).collect();
    Err(FormatError::Invalid(format!("it exports functions of `{shown}`, which is no interface")))
}

fn refused(error: &impl std::fmt::Display) -> FormatError {
    FormatError::Invalid(format!("no component can be made of this core module: {error:#}"))
}

impl Outline {
    fn read(module: &[u8]) -> Result<Self, FormatError> {
        let mut outline = Self::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(|error| invalid(&error))? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(|error| invalid(&error))?;
                        outline.import(import.module)?;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        outline.exports.insert(export.map_err(|error| invalid(&error))?.name.to_owned());
                        if outline.exports.len() > EXPORTS_MAX {
                            return Err(FormatError::Invalid(format!("it exports more than {EXPORTS_MAX} things")));
                        }
                    }
                }
                Payload::CustomSection(section) => outline.names_world |= section.name().starts_with(WORLD_SECTION),
                _ => {}
            }
        }
        Ok(outline)
    }

    fn import(&mut self, module: &str) -> Result<(), FormatError> {
        self.imports.insert(module.to_owned());
        self.functions += 1;
        // Making a component compares each with the others, in this process. Go imports the same function more than once.
        if self.functions > format::IMPORTS { Err(FormatError::TooManyImports) } else { Ok(()) }
    }

    /// Interfaces whose functions are exported, such as `sealock:step/step@0.1.0`.
    fn exported(&self) -> BTreeSet<&str> {
        self.exports.iter().filter_map(|name| name.split_once('#')).map(|(interface, _)| interface).collect()
    }

    fn speaks_interfaces(&self) -> bool {
        self.imports.iter().any(|name| name != PREVIEW1) || !self.exported().is_empty()
    }

    /// The world that this module is made for.
    fn world(&self) -> Result<(Resolve, WorldId), FormatError> {
        let imports = self.imports.iter().filter(|name| *name != PREVIEW1).map(|name| format!("import {name};\n"));
        let exports = self.exported().into_iter().map(|name| format!("export {name};\n"));
        let world: String = imports.chain(exports).collect();
        let text = format!("package sealock:core;\nworld module {{\n{world}}}\n");
        let mut packages = PACKAGES.iter().map(|files| files.to_vec()).collect::<Vec<_>>();
        packages.push(vec![&text]);
        let mut groups = Vec::new();
        for files in packages {
            let mut map = SourceMap::new();
            for (number, file) in files.iter().enumerate() {
                map.push_str(&format!("{number}.wit"), *file);
            }
            groups.push(map.parse().map_err(|(_, error)| refused(&error))?);
        }
        let own = groups.pop().expect("the module's own was pushed last");
        let mut resolve = Resolve::default();
        let package = resolve.push_groups(own, groups).map_err(|error| refused(&error))?;
        let world = resolve.select_world(&[package], Some("module")).map_err(|error| refused(&error))?;
        Ok((resolve, world))
    }
}
