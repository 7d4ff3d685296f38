//! What a component is, read from its bytes without running or compiling anything.

use std::collections::BTreeSet;

use sealock_contract::grant::Capability;
use sealock_contract::limits::COMPONENT_BYTES;
use sealock_contract::manifest::{MANIFEST_BYTES_MAX, Manifest, SECTION};
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::limit::in_bytes;

/// The version of `step.wit` that is linked.
const STEP_VERSION: &str = "0.1";
/// The versions of WASI that are linked.
const WASI_VERSION: &str = "0.2";
/// Imports of a component: a hundred thousand must not be gathered.
pub(crate) const IMPORTS: usize = 1_000;
/// What every component and every module begins with.
const MAGIC: &[u8] = b"\0asm";
/// What starts a custom section.
const CUSTOM_SECTION: u8 = 0;
/// Every interface that is linked, with its package.
const LINKED: &[(&str, &str, &[&str])] = &[
    (
        "sealock:step",
        STEP_VERSION,
        &[
            "base",
            "inputs",
            "outputs",
            "log",
            "lifecycle",
            "facts",
            "secrets",
            "secrets-reveal",
            "process",
            "containers",
            "targets",
            "git",
            "cache",
            "artifacts",
        ],
    ),
    (
        "wasi:cli",
        WASI_VERSION,
        &[
            "environment",
            "exit",
            "stdin",
            "stdout",
            "stderr",
            "terminal-input",
            "terminal-output",
            "terminal-stdin",
            "terminal-stdout",
            "terminal-stderr",
        ],
    ),
    ("wasi:clocks", WASI_VERSION, &["monotonic-clock", "wall-clock"]),
    ("wasi:filesystem", WASI_VERSION, &["types", "preopens"]),
    ("wasi:http", WASI_VERSION, &["types", "outgoing-handler"]),
    ("wasi:io", WASI_VERSION, &["error", "poll", "streams"]),
    ("wasi:random", WASI_VERSION, &["random", "insecure", "insecure-seed"]),
    (
        "wasi:sockets",
        WASI_VERSION,
        &["instance-network", "ip-name-lookup", "network", "tcp", "tcp-create-socket", "udp", "udp-create-socket"],
    ),
];

/// Worlds of a manifest: name, version, which kinds of component they are, and whether more than files can be granted.
const WORLDS: [(&str, &str, &[ProgramKind], bool); 4] = [
    ("sealock:step/hermetic-step", STEP_VERSION, &[ProgramKind::Step], false),
    ("sealock:step/full-step", STEP_VERSION, &[ProgramKind::Step, ProgramKind::EffectStep], true),
    ("sealock:step/effect-step", STEP_VERSION, &[ProgramKind::EffectStep], true),
    ("wasi:cli/command", WASI_VERSION, &[ProgramKind::Command], false),
];

/// Why bytes are not a component that can be a step. Its code is `E-PLUGIN-FORMAT`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It is larger than [`COMPONENT_BYTES`].
    #[error("the component has {}; {} are the most", in_bytes(*found), in_bytes(COMPONENT_BYTES))]
    TooLarge {
        /// Its length.
        found: u64,
    },
    /// It is a core module.
    #[error("found a core WebAssembly module, expected a component")]
    CoreModule,
    /// It is not WebAssembly, or ends too early, or breaks a rule of the format.
    #[error("it is not a valid component: {0}")]
    Invalid(String),
    /// It imports what is not linked.
    #[error("it imports `{0}`, which no step is given")]
    UnknownInterface(String),
    /// It imports or exports another version.
    #[error("it was made for `{found}`; this Sealock has version {expected}.x of that interface")]
    WrongVersion {
        /// What it names.
        found: String,
        /// What there is.
        expected: &'static str,
    },
    /// It is something else altogether.
    #[error("it is no WebAssembly: expected a component, which begins with the bytes `\\0asm`")]
    NotWasm,
    /// It exports neither a step nor a program.
    #[error("it exports neither `sealock:step/step@{STEP_VERSION}.0` nor `wasi:cli/run@{WASI_VERSION}.x`")]
    NoEntry,
    /// Its manifest cannot be read, or there are two.
    #[error("its manifest: {0}")]
    Manifest(String),
    /// It is a core module with an import that the adapter does not answer.
    #[error(
        "found a core module that imports `{0}`; of core modules only those of WASI preview 1 can be made components"
    )]
    CoreImport(String),
    /// It imports more things than a step may.
    #[error("it imports more than {IMPORTS} things")]
    TooManyImports,
}

impl FormatError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        "E-PLUGIN-FORMAT"
    }
}

/// What kind of step a component is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramKind {
    /// Exports `sealock:step/step`.
    Step,
    /// Exports `sealock:step/effect` besides.
    EffectStep,
    /// A plain program: exports `wasi:cli/run`.
    Command,
}

/// What can be said of a component by reading it.
#[derive(Clone, Debug, PartialEq)]
pub struct Inspection {
    /// Which kind of step it is.
    pub kind: ProgramKind,
    /// The interfaces that it imports, sorted.
    pub imports: Vec<String>,
    /// The interfaces that it exports, sorted.
    pub exports: Vec<String>,
    /// Its manifest; none for a plain program.
    pub manifest: Option<Manifest>,
}

/// Reads a component: what it is, imports, and says of itself.
///
/// # Errors
///
/// When it cannot be a step, naming what is wrong.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, FormatError> {
    check_size(bytes)?;
    if !bytes.starts_with(MAGIC) {
        return Err(FormatError::NotWasm);
    }
    let outline = Outline::read(bytes)?;
    outline.imports.iter().try_for_each(|name| check_import(name))?;
    let kind = outline.kind()?;
    if let Some(manifest) = &outline.manifest {
        check_world(kind, manifest)?;
    }
    Ok(Inspection {
        kind,
        imports: outline.imports.into_iter().collect(),
        exports: outline.exports.into_iter().collect(),
        manifest: outline.manifest,
    })
}

pub(crate) fn check_size(bytes: &[u8]) -> Result<(), FormatError> {
    let found = bytes.len() as u64;
    if found > COMPONENT_BYTES { Err(FormatError::TooLarge { found }) } else { Ok(()) }
}

/// Reads the manifest alone.
///
/// # Errors
///
/// As [`inspect`].
pub fn read_manifest(bytes: &[u8]) -> Result<Option<Manifest>, FormatError> {
    Ok(inspect(bytes)?.manifest)
}

/// Holds the manifest to the world that it names, and both to what the component is.
fn check_world(kind: ProgramKind, manifest: &Manifest) -> Result<(), FormatError> {
    let wrong = |what: String| Err(FormatError::Manifest(what));
    let world = manifest.world.split('@').next().unwrap_or_default();
    let version = manifest.world.split_once('@').map_or("", |(_, version)| version);
    let Some((_, package_version, fits, grants)) = WORLDS.iter().find(|(name, ..)| *name == world) else {
        let known = WORLDS.map(|(name, ..)| name).join(", ");
        return wrong(format!("found the world `{}`, expected one of {known}", manifest.world));
    };
    if !is_version(version, package_version) {
        return Err(FormatError::WrongVersion { found: manifest.world.clone(), expected: package_version });
    }
    if !fits.contains(&kind) {
        return wrong(format!("its world is `{world}`, and the component does not export what that has"));
    }
    if manifest.effect && kind != ProgramKind::EffectStep {
        return wrong("it has `effect = true`, and the component does not export `sealock:step/effect`".to_owned());
    }
    let beyond = manifest.requests.iter().find(|request| !grants && request.capability != Capability::Files);
    beyond.map_or(Ok(()), |request| {
        wrong(format!("it asks for `{}`, which `{world}` has not", request.capability.name()))
    })
}

/// Adds a manifest to a component that brings none along.
pub fn embed_manifest(mut component: Vec<u8>, json: &[u8]) -> Vec<u8> {
    let mut section = leb128(SECTION.len());
    section.extend_from_slice(SECTION.as_bytes());
    section.extend_from_slice(json);
    component.push(CUSTOM_SECTION);
    component.extend(leb128(section.len()));
    component.extend(section);
    component
}

pub(crate) fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Holds the component to every rule of the format, before a compiler sees it.
///
/// # Errors
///
/// The first rule that is broken, and where.
pub(crate) fn validate(bytes: &[u8]) -> Result<(), FormatError> {
    let features = WasmFeatures::default() & !WasmFeatures::THREADS & !WasmFeatures::MEMORY64;
    Validator::new_with_features(features).validate_all(bytes).map(drop).map_err(|error| invalid(&error))
}

pub(crate) fn invalid(error: &wasmparser::BinaryReaderError) -> FormatError {
    FormatError::Invalid(format!("{} at byte {}", error.message(), error.offset()))
}

#[derive(Default)]
struct Outline {
    imports: BTreeSet<String>,
    exports: BTreeSet<String>,
    manifest: Option<Manifest>,
}

impl Outline {
    fn read(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut outline = Self::default();
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(|error| invalid(&error))? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(FormatError::CoreModule);
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => outline.take_imports(section)?,
                Payload::ComponentExportSection(section) if depth == 0 => outline.take_exports(section)?,
                Payload::CustomSection(section) if section.name() == SECTION => {
                    outline.take_manifest(section.data())?;
                }
                _ => {}
            }
        }
        Ok(outline)
    }

    fn take_imports(&mut self, section: wasmparser::ComponentImportSectionReader<'_>) -> Result<(), FormatError> {
        if section.count() as usize > IMPORTS {
            return Err(FormatError::TooManyImports);
        }
        for import in section {
            self.imports.insert(import.map_err(|error| invalid(&error))?.name.0.to_owned());
        }
        Ok(())
    }

    fn take_exports(&mut self, section: wasmparser::ComponentExportSectionReader<'_>) -> Result<(), FormatError> {
        for export in section {
            self.exports.insert(export.map_err(|error| invalid(&error))?.name.0.to_owned());
        }
        Ok(())
    }

    /// Rust's linker leaves the section in the first core module, other tools at the top: one of them, anywhere.
    fn take_manifest(&mut self, data: &[u8]) -> Result<(), FormatError> {
        if data.len() > MANIFEST_BYTES_MAX {
            return Err(FormatError::Manifest(format!("it has {} bytes", data.len())));
        }
        let manifest = Manifest::from_json(data).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            FormatError::Manifest(format!("{error}{cause}"))
        })?;
        if self.manifest.replace(manifest).is_some() {
            return Err(FormatError::Manifest("there are two".to_owned()));
        }
        Ok(())
    }

    fn kind(&self) -> Result<ProgramKind, FormatError> {
        let has = |interface: &str, version: &'static str| has_export(&self.exports, interface, version);
        let is_step = has("sealock:step/step", STEP_VERSION)?;
        let has_effect = has("sealock:step/effect", STEP_VERSION)?;
        let is_command = has("wasi:cli/run", WASI_VERSION)?;
        match (is_step, has_effect, is_command) {
            (true, true, _) => Ok(ProgramKind::EffectStep),
            (true, false, _) => Ok(ProgramKind::Step),
            (false, _, true) => Ok(ProgramKind::Command),
            (false, ..) => Err(FormatError::NoEntry),
        }
    }
}

fn has_export(exports: &BTreeSet<String>, interface: &str, version: &'static str) -> Result<bool, FormatError> {
    let versions = exports.iter().filter_map(|name| Some((name, name.strip_prefix(interface)?.strip_prefix('@')?)));
    let mut other = None;
    for (name, found) in versions {
        if is_version(found, version) {
            return Ok(true);
        }
        other = Some(name.clone());
    }
    other.map_or(Ok(false), |found| Err(FormatError::WrongVersion { found, expected: version }))
}

/// Whether `found` is one of `version`'s compatible ones: `0.2.6` of `0.2`.
fn is_version(found: &str, version: &str) -> bool {
    found.strip_prefix(version).is_some_and(|rest| rest.starts_with('.') && !rest.contains('-'))
}

pub(crate) fn check_import(name: &str) -> Result<(), FormatError> {
    let unknown = || FormatError::UnknownInterface(name.to_owned());
    let (path, version) = name.split_once('@').ok_or_else(unknown)?;
    let (package, interface) = path.split_once('/').ok_or_else(unknown)?;
    let linked = LINKED.iter().find(|(linked, ..)| *linked == package).ok_or_else(unknown)?;
    if !is_version(version, linked.1) {
        return Err(FormatError::WrongVersion { found: name.to_owned(), expected: linked.1 });
    }
    linked.2.contains(&interface).then_some(()).ok_or_else(unknown)
}
