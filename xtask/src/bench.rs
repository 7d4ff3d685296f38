//! `cargo xtask bench`: runs the benches one after another and keeps their figures in `docs/benchmarks.md`.
//!
//! A bench fails by itself when a peer is missing or a bound does not hold; its figures are written all the same, and this
//! command fails in the end. Of the file only what stands between the two marks is replaced; the rest is written by people.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::checkout::Checkout;
use crate::failure::Failure;
use crate::rig::Rig;
use crate::{program, setup};

const FILE: &str = "docs/benchmarks.md";
const BEGIN: &str = "<!-- figures: written by `cargo xtask bench` -->";
const END: &str = "<!-- end of figures -->";
const HEAD: &str =
    "# Benchmarks\n\nRatios are against a peer in the same run; a peer that is missing fails the bench.\n\n";

/// One bench, and what it is about.
struct Bench {
    package: &'static str,
    name: &'static str,
    title: &'static str,
}

const BENCHES: [Bench; 8] = [
    Bench { package: "sealock-plan", name: "check", title: "`check` and `plan` of large files" },
    Bench {
        package: "sealock-sandbox",
        name: "step",
        title: "A sealed hermetic step against `bash -c true`, and 10,000 of them",
    },
    Bench { package: "sealock-secrets", name: "redaction", title: "Redaction with 50 secrets" },
    Bench { package: "sealock-broker", name: "spawn", title: "`sh -c true` behind the wall, and without it" },
    Bench { package: "sealock-workspace", name: "view", title: "A stage's workspace of a repository of 50,000 files" },
    Bench {
        package: "sealock-journal",
        name: "commit",
        title: "10,000 events in the journal against an append that is synced",
    },
    Bench {
        package: "e2e",
        name: "process",
        title: "Whole processes: one `run: \"true\"` against `act`, a hundred against a shell, a thousand stages, 10,000 steps",
    },
    Bench {
        package: "e2e",
        name: "deployment",
        title: "A deployment on the rig against its script typed over an open SSH connection",
    },
];

/// Runs every bench, and writes what they said when all of them hold.
///
/// # Errors
///
/// What is missing, or the benches that failed.
pub(crate) fn run(checkout: &Checkout, is_quick: bool) -> Result<(), Failure> {
    setup::for_build(checkout)?;
    setup::for_rig(checkout)?;
    let product = Product::make(checkout)?;
    let rig = Rig::up(checkout)?;
    // What earlier deployments left there looks at its own health each second, beside what is measured.
    for target in ["web1", "web2"] {
        program::run(checkout.command(checkout.path("tests/rig/target")).args([target, "reset"]))?;
    }
    let mut figures = format!("{}\n", machine(checkout, is_quick)?);
    let mut failed = Vec::new();
    for bench in &BENCHES {
        program::heading(bench.title);
        let mut call = checkout.cargo(&["bench", "--locked", "--package", bench.package, "--bench", bench.name]);
        if is_quick {
            call.args(["--", "--quick"]);
        }
        rig.tell(&mut call)?;
        let (held, lines) = program::watched(product.tell(&mut call))?;
        if !held {
            failed.push(bench.name);
        }
        figures.push_str(&section(bench.title, &lines));
    }
    let old = checkout.read(FILE).unwrap_or_default();
    checkout.write(FILE, &replaced(&old, &figures))?;
    println!("\n{FILE} is written");
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!("a bound does not hold, or a peer is missing: {}", failed.join(", "))))
}

/// What benches of whole processes run: the release build, the compiled guests, and the peer.
struct Product {
    sealock: PathBuf,
    guests: PathBuf,
    act: PathBuf,
}

impl Product {
    fn make(checkout: &Checkout) -> Result<Self, Failure> {
        program::heading("build");
        program::run(&mut checkout.cargo(&["build", "--locked", "--release", "--package", "sealock-cli"]))?;
        let guests = checkout.target().join("guests");
        let build = [
            "build",
            "--locked",
            "--release",
            "--target",
            "wasm32-wasip2",
            "--manifest-path",
            "tests/guests/Cargo.toml",
        ];
        program::run(checkout.cargo(&build).env("CARGO_TARGET_DIR", &guests))?;
        let act = program::answer(checkout.command(checkout.path("tests/rig/tool")).arg("act"))?;
        let sealock = checkout.target().join("release/sealock");
        Ok(Self { sealock, guests: guests.join("wasm32-wasip2/release"), act: act.into() })
    }

    fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("SEALOCK_BINARY", &self.sealock).env("SEALOCK_GUESTS", &self.guests).env("SEALOCK_ACT", &self.act)
    }
}

/// When and on what.
fn machine(checkout: &Checkout, is_quick: bool) -> Result<String, Failure> {
    let date = program::answer(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
    let kernel = program::answer(Command::new("uname").args(["-s", "-r", "-m"]))?;
    let rustc = program::answer(checkout.command("rustc").arg("--version"))?;
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown processor");
    let model = model.trim_start_matches([' ', '\t', ':']);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let rounds = if is_quick { "short rounds" } else { "full rounds" };
    Ok(format!("{date}, {rounds}: {cores} cores of {model}, {kernel}, {rustc}.\n"))
}

/// A table of what a bench printed as JSON, and its other lines as they are.
fn section(title: &str, lines: &[String]) -> String {
    let mut text = format!("## {title}\n\n");
    let (objects, others): (Vec<_>, Vec<_>) =
        lines.iter().map(|line| (line, object(line))).partition(|(_, object)| object.is_some());
    for (_, object) in objects {
        text.push_str("| figure | value |\n|---|---|\n");
        for (name, value) in object.unwrap_or_default() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let _ = writeln!(text, "| `{name}` | {} |", value.replace('|', "\\|"));
        }
        text.push('\n');
    }
    let others: Vec<&str> = others.iter().map(|(line, _)| line.trim_end()).filter(|line| !line.is_empty()).collect();
    if !others.is_empty() {
        let _ = writeln!(text, "```text\n{}\n```\n", others.join("\n"));
    }
    text
}

fn object(line: &str) -> Option<serde_json::Map<String, Value>> {
    match serde_json::from_str(line) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// `old` with new figures between its marks; with both marks at its end when it has none.
fn replaced(old: &str, figures: &str) -> String {
    let marked = format!("{BEGIN}\n\n{figures}{END}");
    let cut = old.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    match cut {
        Some((before, after)) => format!("{before}{marked}{after}"),
        None if old.is_empty() => format!("{HEAD}{marked}\n"),
        None => format!("{}\n\n{marked}\n", old.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_a_table_and_the_rest_stays_text() {
        let lines = ["wall: Landlock 4", r#"{"ratio":0.02,"kind":"overlay"}"#, ""].map(str::to_owned);
        let expected = "## T\n\n| figure | value |\n|---|---|\n| `ratio` | 0.02 |\n| `kind` | overlay |\n\n```text\nwall: Landlock 4\n```\n\n";
        assert_eq!(section("T", &lines), expected);
    }

    #[test]
    fn what_people_wrote_stays() {
        let first = replaced("", "one\n");
        assert!(first.starts_with(HEAD) && first.contains("one\n"));
        let edited = format!("{first}\nWhat stands in the way: nothing.\n");
        let second = replaced(&edited, "two\n");
        assert!(second.contains("two\n") && !second.contains("one\n") && second.ends_with("nothing.\n"), "{second}");
        assert_eq!(replaced(&second, "two\n"), second);
        assert!(replaced("# Mine\n", "two\n").starts_with("# Mine\n\n"));
    }
}
