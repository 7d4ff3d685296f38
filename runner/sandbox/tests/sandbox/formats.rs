//! Bytes that are no step are found before anything runs, and pathological ones end with their compiler.

use std::time::{Duration, Instant};

use sealock_cache::{Compile, CompileFailure};
use sealock_contract::limits::COMPONENT_BYTES;
use sealock_sandbox::{
    Compiler, FormatError, ProgramKind, Sandbox, componentize, embed_manifest, inspect, is_core_module, read_manifest,
};

use crate::guests;
use crate::rig::SANDBOX;

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("WebAssembly text")
}

/// A plain program that imports `import`.
fn importing(import: &str) -> Vec<u8> {
    wat(&format!(r#"(component (import "{import}" (instance)) (instance (export "wasi:cli/run@0.2.0")))"#))
}

#[test]
fn what_is_no_component_of_ours_is_named() {
    let said = |bytes: &[u8]| {
        let error = inspect(bytes).expect_err("it is no step");
        assert_eq!(error.code(), "E-PLUGIN-FORMAT");
        error.to_string()
    };
    let core = "found a core WebAssembly module, expected a component";
    assert_eq!(said(&wat("(module)")), core);
    assert_eq!(said(&wat("(component)")), "it exports neither `sealock:step/step@0.1.0` nor `wasi:cli/run@0.2.x`");
    let wrong = "it was made for `sealock:step/step@0.9.0`; this Sealock has version 0.1.x of that interface";
    assert_eq!(said(&wat(r#"(component (instance (export "sealock:step/step@0.9.0")))"#)), wrong);
    let wrong = "it was made for `wasi:cli/stdout@0.3.0`; this Sealock has version 0.2.x of that interface";
    assert_eq!(said(&importing("wasi:cli/stdout@0.3.0")), wrong);
    for unknown in
        ["wasi:keyvalue/store@0.2.0", "wasi:cli/telepathy@0.2.0", "acme:tools/root", "sealock:step/sudo@0.1.0"]
    {
        assert_eq!(said(&importing(unknown)), format!("it imports `{unknown}`, which no step is given"));
    }
    assert!(said(b"\x7fELF").starts_with("it is no WebAssembly"));
}

#[test]
fn a_component_that_is_cut_short_anywhere_is_refused() {
    let whole = guests::bytes("guest_polite");
    let compiler = Compiler::new().expect("a compiler");
    for length in [0, 4, 8, 100, whole.len() / 2, whole.len() - 1] {
        assert!(compiler.compile(&whole[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn too_large_a_component_is_not_read() {
    let size = usize::try_from(COMPONENT_BYTES).expect("64 bits") + 1;
    let error = inspect(&vec![0; size]).expect_err("too large");
    assert!(matches!(error, FormatError::TooLarge { .. }));
    assert_eq!(error.to_string(), "the component has 67108865 bytes; 64 MiB are the most");
}

#[test]
fn a_manifest_is_read_and_a_bomb_or_a_second_one_is_not() {
    let with_section = |data: &[u8]| embed_manifest(wat(PROGRAM), data);
    let good = br#"{"name":"x","version":"1.0.0","world":"wasi:cli/command@0.2.0"}"#;
    let manifest = read_manifest(&with_section(good)).expect("a component").expect("a manifest");
    assert_eq!(manifest.name, "x");
    assert_eq!(inspect(&with_section(good)).expect("a component").kind, ProgramKind::Command);

    for bad in [&b"{"[..], br#"{"name":"x"}"#, &vec![b' '; 300 << 10]] {
        assert!(matches!(read_manifest(&with_section(bad)), Err(FormatError::Manifest(_))));
    }
    let mut two = with_section(good);
    two.extend_from_slice(&with_section(good)[wat(PROGRAM).len()..]);
    assert_eq!(read_manifest(&two), Err(FormatError::Manifest("there are two".to_owned())));
}

/// A plain program, and a step that does nothing.
const PROGRAM: &str = r#"(component (instance (export "wasi:cli/run@0.2.0")))"#;
const STEP: &str = r#"(component (instance (export "sealock:step/step@0.1.0")))"#;

#[test]
fn a_manifest_is_held_to_its_world() {
    let said = |component: &str, world: &str, more: &str| {
        let json = format!(r#"{{"name":"x","version":"1.0.0","world":"{world}"{more}}}"#);
        let found = inspect(&embed_manifest(wat(component), json.as_bytes()));
        found.map_or_else(|error| error.to_string(), |_| String::new())
    };
    let network = r#","requests":[{"capability":"network","reason":"ask"}]"#;
    let files = r#","requests":[{"capability":"files","reason":"read"}]"#;
    assert_eq!(said(STEP, "sealock:step/full-step@0.1.0", network), "");
    assert_eq!(said(STEP, "sealock:step/hermetic-step@0.1.0", files), "");
    assert_eq!(
        said(STEP, "sealock:step/hermetic-step@0.1.0", network),
        "its manifest: it asks for `network`, which `sealock:step/hermetic-step` has not"
    );
    assert_eq!(
        said(PROGRAM, "wasi:cli/command@0.2.0", network),
        "its manifest: it asks for `network`, which `wasi:cli/command` has not"
    );
    assert_eq!(
        said(PROGRAM, "sealock:step/full-step@0.1.0", ""),
        "its manifest: its world is `sealock:step/full-step`, and the component does not export what that has"
    );
    assert_eq!(
        said(STEP, "sealock:step/full-step@0.1.0", r#","effect":true"#),
        "its manifest: it has `effect = true`, and the component does not export `sealock:step/effect`"
    );
    assert_eq!(
        said(STEP, "sealock:step/full-step@0.7.0", ""),
        "it was made for `sealock:step/full-step@0.7.0`; this Sealock has version 0.1.x of that interface"
    );
    assert!(said(STEP, "acme:own/world@1.0.0", "").starts_with("its manifest: found the world `acme:own/world@1.0.0`"));
}

/// A core module with these imports and exports.
fn core_module(imports: &str, exports: &str) -> Vec<u8> {
    wat(&format!(r#"(module {imports} (memory (export "memory") 1) {exports})"#))
}

#[test]
fn a_program_of_wasi_preview_1_becomes_a_component_always_the_same() {
    let write = r#"(import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))"#;
    let module = core_module(write, r#"(func (export "_start"))"#);
    assert!(is_core_module(&module));
    let component = componentize(&module).expect("a component is made");
    assert_eq!(inspect(&component).expect("a step").kind, ProgramKind::Command);
    assert_eq!(componentize(&module), Ok(component));
}

#[test]
fn a_core_module_may_speak_the_interface_itself() {
    let imports = r#"(import "sealock:step/log@0.1.0" "emit" (func (param i32 i32 i32)))"#;
    let exports = r#"(func (export "sealock:step/step@0.1.0#run") (result i32) i32.const 8)"#;
    let component = componentize(&core_module(imports, exports)).expect("a component is made");
    let found = inspect(&component).expect("a step");
    assert_eq!(found.kind, ProgramKind::Step);
    assert!(found.imports.contains(&"sealock:step/log@0.1.0".to_owned()), "{:?}", found.imports);
}

#[test]
fn every_other_core_module_is_refused_by_what_is_wrong_with_it() {
    let said = |module: &[u8]| {
        let error = componentize(module).expect_err("it is none");
        assert_eq!(error.code(), "E-PLUGIN-FORMAT");
        error.to_string()
    };
    let start = r#"(func (export "_start"))"#;
    assert_eq!(
        said(&core_module(r#"(import "env" "system" (func (param i32)))"#, start)),
        "found a core module that imports `env`; of core modules only those of WASI preview 1 can be made components"
    );
    assert!(said(&core_module(r#"(import "wasi_unstable" "sched_yield" (func))"#, start)).contains("`wasi_unstable`"));
    let other = core_module(r#"(import "sealock:step/log@0.9.0" "emit" (func))"#, start);
    assert!(said(&other).contains("`sealock:step/log@0.9.0`"));
    let wrong_type = core_module(r#"(import "sealock:step/log@0.1.0" "emit" (func (param i64)))"#, start);
    assert!(said(&wrong_type).starts_with("it is not a valid component: no component can be made of this core module"));
    let whole = core_module("", start);
    assert!(said(&whole[..whole.len() - 3]).starts_with("it is not a valid component"));
    let go = [core_module("", start), b"\0\x0b\x0ago:buildid".to_vec()].concat();
    assert!(said(&go).contains("this version of Go"));
}

#[test]
fn a_core_module_cannot_hold_up_or_talk_to_whoever_makes_a_component_of_it() {
    let said = |module: &[u8]| componentize(module).expect_err("it is none").to_string();
    let start = r#"(func (export "_start"))"#;
    let exit = r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))"#;
    let started = Instant::now();
    assert!(said(&core_module(&exit.repeat(8_000), start)).contains("imports more than 1000 things"));
    assert!(componentize(&core_module(&exit.repeat(900), start)).is_ok(), "Go imports a function more than once");
    let each = |number: u32| format!(r#"(import "wasi_snapshot_preview1" "f{number}" (func))"#);
    let many = (0..8_000).map(each).collect::<Vec<_>>().concat();
    assert!(said(&core_module(&many, start)).contains("imports more than 1000 things"));
    let each = |number: u32| format!(r#"(export "e{number}" (memory 0))"#);
    let many = (0..20_000).map(each).collect::<Vec<_>>().concat();
    assert!(said(&core_module("", &many)).contains("exports more than 10000 things"));
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    let text = r#"(func (export "a:b/c;\ntype t = list<u8>;\nexport d:e/f#x"))"#;
    assert!(said(&core_module("", text)).contains("which is no interface"));
}

#[test]
fn compiled_code_of_another_engine_or_none_is_refused() {
    let artifact = Compiler::new().expect("a compiler").compile(&guests::bytes("guest_effect")).expect("it compiles");
    assert!(SANDBOX.load(&artifact).is_ok());
    assert!(SANDBOX.load(&artifact[..100]).is_err());
    assert!(SANDBOX.load(b"not machine code").is_err());
    assert!(Sandbox::new().expect("another sandbox").load(&artifact).is_ok(), "the settings are one function's");
    assert_eq!(SANDBOX.compatibility(), Compiler::new().expect("a compiler").compatibility());
}

/// `examples/compile.rs`, which does what `sealock __compile` does.
fn child() -> Compile {
    let folder = std::env::current_exe().expect("this test").with_file_name("");
    let program = folder.parent().expect("target/PROFILE").join("examples/compile");
    assert!(program.is_file(), "{} is built with the tests", program.display());
    Compile::by(program, [""; 0])
}

#[test]
fn the_child_compiles_within_its_limits_and_its_code_loads_here() {
    let code = child().compile(&guests::bytes("guest_polite")).expect("it compiles in 2 GiB and 60 s");
    assert!(SANDBOX.load(&code).is_ok());
    let refused = child().compile(b"nonsense").expect_err("no component");
    assert!(matches!(&refused, CompileFailure::Refused(message) if message.contains("no WebAssembly")), "{refused}");
}

/// Small to send, large to compile.
fn bomb() -> Vec<u8> {
    let table = "0 ".repeat(2_000);
    let function = format!("(func (param i32) (block (br_table {table} (local.get 0))))");
    let module = format!("(core module $m {})", function.repeat(3_000));
    wat(&format!(r#"(component {module} (instance (export "wasi:cli/run@0.2.0")))"#))
}

#[test]
fn a_component_that_takes_the_compiler_too_long_ends_with_it() {
    let started = Instant::now();
    let child = Compile { time: Duration::from_millis(300), ..child() };
    let failure = child.compile(&bomb()).expect_err("it takes longer");
    assert_eq!(
        (failure.code(), failure.to_string().as_str()),
        ("E-LIMIT-COMPILE", "compiling it took longer than 300ms")
    );
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_component_that_takes_the_compiler_too_much_memory_ends_with_it() {
    let child = Compile { memory_bytes: 64 << 20, ..child() };
    let failure = child.compile(&bomb()).expect_err("it takes more");
    assert!(matches!(failure, CompileFailure::Killed { .. } | CompileFailure::Broken(_)), "{failure}");
    assert_eq!(failure.code(), "E-LIMIT-COMPILE");
}
