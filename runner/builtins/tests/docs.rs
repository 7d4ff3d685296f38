//! `docs/plugins` says what the manifests say.
//!
//! `SEALOCK_WRITE_DOCS=1 cargo test -p sealock-builtins --test docs` writes the pages anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sealock_builtins::Builtin;
use sealock_contract::Manifest;
use sealock_contract::manifest::{InputSpec, RequestSpec, Source};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugins")
}

/// Every page, by its file's name.
fn pages() -> BTreeMap<String, String> {
    let all = sealock_builtins::all();
    let mut pages: BTreeMap<_, _> = all.iter().map(|own| (format!("{}.md", own.name), page(own))).collect();
    pages.insert("README.md".to_owned(), overview(all));
    pages
}

fn overview(all: &[Builtin]) -> String {
    let mut out = String::from(
        "# Builtin plugins\n\nMade from their manifests; `sealock plugin list` shows the same.\n\n| plugin | does |\n|---|---|\n",
    );
    for own in all {
        let _ = writeln!(out, "| [`{0}`]({0}.md) | {1} |", own.name, cell(&own.manifest().description));
    }
    out
}

fn page(own: &Builtin) -> String {
    let manifest = own.manifest();
    let mut out = format!("# {}\n\n{}.\n\n", own.name, manifest.description.trim_end_matches('.'));
    let _ = writeln!(out, "{}\n\nVersion {}, `{}`.", promise(&manifest), manifest.version, manifest.world);
    if !manifest.inputs.is_empty() {
        out.push_str("\n## Inputs\n\n| input | type | default | what it is |\n|---|---|---|---|\n");
    }
    for (name, spec) in &manifest.inputs {
        let _ = writeln!(out, "| `{name}` | {} | {} | {} |", kind(spec), default(spec), cell(&spec.description));
    }
    if !manifest.outputs.is_empty() {
        out.push_str("\n## Outputs\n\n| output | type | what it is |\n|---|---|---|\n");
    }
    for (name, spec) in &manifest.outputs {
        let _ = writeln!(out, "| `{name}` | {} | {} |", spec.kind.word(), cell(&spec.description));
    }
    out.push_str("\n## What it asks for\n\n");
    if manifest.requests.is_empty() {
        out.push_str("Nothing but the files that its inputs name.\n");
    }
    for request in &manifest.requests {
        let _ = writeln!(out, "- {}", asked(request));
    }
    out
}

fn promise(manifest: &Manifest) -> &'static str {
    match (manifest.is_hermetic(), manifest.effect, manifest.verifies) {
        (true, ..) => "Data in, data out: it sees no clock, no network, and no file but those that it is given.",
        (_, true, _) => "It changes something outside the run, and says how far it got and how to take it back.",
        (_, _, true) => "It verifies a release, and is run again after a rollback.",
        _ => "It changes nothing outside the run by itself.",
    }
}

fn kind(spec: &InputSpec) -> String {
    let options: Vec<String> = spec.options.iter().map(|option| format!("`{option}`")).collect();
    let word = if options.is_empty() { spec.kind.word().to_owned() } else { options.join(", ") };
    match (spec.minimum, spec.maximum) {
        (Some(least), Some(most)) => format!("{word}, {least} to {most}"),
        (Some(least), None) => format!("{word}, at least {least}"),
        (None, Some(most)) => format!("{word}, at most {most}"),
        (None, None) => word,
    }
}

fn default(spec: &InputSpec) -> String {
    match &spec.default {
        Some(default) => format!("`{}`", cell(&default.to_string())),
        None if spec.required => "**required**".to_owned(),
        None => String::new(),
    }
}

fn asked(request: &RequestSpec) -> String {
    let whose = match request.source() {
        Source::Input(input) => format!("granted by the input `{input}`"),
        Source::Environment => "granted by the stage's `environment`".to_owned(),
        Source::Literal(what) => format!("`{what}`, when `allow` has it"),
        Source::Allow => "granted by `allow`".to_owned(),
    };
    let methods = if request.methods.is_empty() { String::new() } else { format!(" ({})", request.methods.join(", ")) };
    let optional = if request.optional { "; it works without" } else { "" };
    format!("`{}`{methods}, {whose}: {}{optional}", request.capability.name(), request.reason)
}

/// Text in a table's cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[expect(clippy::disallowed_methods, reason = "whoever changed a manifest says so that the pages are to be written")]
fn is_to_be_written() -> bool {
    std::env::var_os("SEALOCK_WRITE_DOCS").is_some()
}

#[test]
fn every_readme_lists_what_its_manifest_has() {
    let mut missing = Vec::new();
    for own in sealock_builtins::all() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../plugins/{}/README.md", own.name));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let manifest = own.manifest();
        let requests = manifest.requests.iter().map(|request| request.capability.name());
        let names = manifest.inputs.keys().chain(manifest.outputs.keys()).map(String::as_str).chain(requests);
        let is_listed = |name: &str| text.contains(&format!("`{name}`"));
        missing.extend(names.filter(|name| !is_listed(name)).map(|name| format!("{}: `{name}`", own.name)));
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_pages_say_what_the_manifests_say() {
    let folder = folder();
    if is_to_be_written() {
        std::fs::create_dir_all(&folder).expect("the folder can be made");
        for (name, text) in pages() {
            std::fs::write(folder.join(name), text).expect("a page can be written");
        }
    }
    let found = std::fs::read_dir(&folder).expect("there is docs/plugins").map(|entry| {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, std::fs::read_to_string(&path).expect("a page is text"))
    });
    let found: BTreeMap<_, _> = found.collect();
    let (names, expected) = (found.keys().collect::<Vec<_>>(), pages());
    assert_eq!(names, expected.keys().collect::<Vec<_>>(), "SEALOCK_WRITE_DOCS=1 writes them");
    for (name, text) in expected {
        assert_eq!(found[&name], text, "{name}: SEALOCK_WRITE_DOCS=1 writes it");
    }
}
