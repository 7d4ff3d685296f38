//! How many MiB/s of build output pass the redactor with 50 secrets, beside two peers in the same
//! run that do much less: `aho-corasick` replacing the raw secrets in a stream, and `memchr`'s
//! `memmem` looking for them one after the other.
//!
//! `cargo bench -p sealock-secrets --bench redaction [-- --quick]` prints one JSON line.

#![expect(clippy::print_stdout, reason = "a bench is a program that prints its figures")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use aho_corasick::AhoCorasick;
use memchr::memmem;
use sealock_secrets::{SecretBytes, Vault};

const SECRETS: usize = 50;
const MIB: f64 = 1024.0 * 1024.0;
const FLOOR_MIB_PER_S: f64 = 200.0;

fn main() -> ExitCode {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let (mebibytes, rounds) = if is_quick { (8, 3) } else { (64, 7) };
    let secrets = secrets();
    let plain = build_log(mebibytes << 20, false, &secrets);
    let coloured = build_log(mebibytes << 20, true, &secrets);

    let vault = Vault::new();
    let registering = time(|| {
        for (number, secret) in secrets.iter().enumerate() {
            vault
                .register(&format!("S{number}"), SecretBytes::new(secret.as_str()))
                .expect("the secret is long enough");
        }
    });
    let first_text = time(|| drop(black_box(vault.redactor().redact_text("nothing to hide"))));
    let first_match = time(|| drop(black_box(vault.redactor().redact_text(&secrets[0]))));
    let ours = rate(&plain, rounds, |log| redact(&vault, log));
    let ours_coloured = rate(&coloured, rounds, |log| redact(&vault, log));
    let ours_by_line = rate(&plain, rounds, |log| redact_by_line(&vault, log));
    let automaton = AhoCorasick::new(&secrets).expect("fifty patterns are few");
    let replacements = vec!["***"; SECRETS];
    let peer = rate(&plain, rounds, |log| {
        let mut out = Vec::with_capacity(log.len());
        automaton.try_stream_replace_all(log, &mut out, &replacements).expect("memory can be written to");
        out.len()
    });
    let finders: Vec<_> = secrets.iter().map(memmem::Finder::new).collect();
    let memmem = rate(&plain, rounds, |log| finders.iter().map(|finder| finder.find_iter(log).count()).sum());

    let holds = ours >= FLOOR_MIB_PER_S;
    println!(
        "{{\"bench\":\"redaction\",\"secrets\":{SECRETS},\"mib\":{mebibytes},\
         \"sealock_mib_per_s\":{ours:.0},\"sealock_coloured_mib_per_s\":{ours_coloured:.0},\
         \"sealock_by_line_mib_per_s\":{ours_by_line:.0},\
         \"aho_corasick_raw_only_mib_per_s\":{peer:.0},\"memmem_raw_only_mib_per_s\":{memmem:.0},\
         \"ratio_to_aho_corasick\":{:.2},\"ratio_to_memmem\":{:.2},\
         \"registering_ms\":{:.1},\"first_text_ms\":{:.1},\"first_match_ms\":{:.1},\"floor_mib_per_s\":{FLOOR_MIB_PER_S:.0},\"holds\":{holds}}}",
        ours / peer,
        ours / memmem,
        milliseconds(registering),
        milliseconds(first_text),
        milliseconds(first_match),
    );
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn time(act: impl FnOnce()) -> Duration {
    let started = Instant::now();
    act();
    started.elapsed()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn redact(vault: &Vault, log: &[u8]) -> usize {
    let mut stream = vault.redactor().stream();
    let mut out = Vec::with_capacity(128 * 1024);
    let mut written = 0;
    for read in log.chunks(64 * 1024) {
        stream.push(read, &mut out);
        written += out.len();
        out.clear();
    }
    stream.finish(&mut out);
    written + out.len()
}

/// As a terminal would have it: a write for each line, and a flush after each.
fn redact_by_line(vault: &Vault, log: &[u8]) -> usize {
    let mut stream = vault.redactor().stream();
    let mut out = Vec::with_capacity(log.len());
    for line in log.split_inclusive(|&byte| byte == b'\n') {
        stream.push(line, &mut out);
        stream.flush_safe(&mut out);
    }
    stream.finish(&mut out);
    out.len()
}

/// The best of `rounds`, in MiB/s: what else runs on the machine only ever slows one down.
fn rate(log: &[u8], rounds: usize, mut pass: impl FnMut(&[u8]) -> usize) -> f64 {
    let mut best = Duration::MAX;
    for _ in 0..rounds {
        let started = Instant::now();
        black_box(pass(black_box(log)));
        best = best.min(started.elapsed());
    }
    #[expect(clippy::cast_precision_loss, reason = "the log has far fewer than 2^52 bytes")]
    let bytes = log.len() as f64;
    bytes / MIB / best.as_secs_f64()
}

/// A generator that gives the same numbers everywhere (Knuth's constants).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits fit") % below
    }
}

/// Tokens as services mint them: some with a common prefix, some hex, one in ten a key of lines.
fn secrets() -> Vec<String> {
    let mut numbers = Numbers(7);
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..SECRETS)
        .map(|number| {
            let mut text = |length: usize, from: &[u8]| -> String {
                (0..length).map(|_| char::from(from[numbers.next(from.len())])).collect()
            };
            match number % 10 {
                0..4 => format!("ghp_{}", text(36, letters)),
                4..7 => text(32, b"0123456789abcdef"),
                7..9 => format!("{}!{}/", text(10, letters), text(8, letters)),
                _ => (0..12).fold("-----BEGIN KEY-----\n".to_owned(), |key, _| key + &text(64, letters) + "\n"),
            }
        })
        .collect()
}

/// Lines as compilers and test runners print them; a secret in every two hundredth.
fn build_log(length: usize, is_coloured: bool, secrets: &[String]) -> Vec<u8> {
    let words = [
        "Compiling",
        "warning:",
        "unused",
        "variable",
        "src/engine/driver.rs:120:17",
        "test",
        "result:",
        "ok.",
        "passed;",
        "Downloading",
        "https://registry.example.com/v2/library/postgres/blobs/sha256:9f0c1d2e3b4a5968",
        "INFO",
        "[main]",
        "o.s.b.w.embedded.tomcat.TomcatWebServer",
        "started",
        "in",
        "2.345",
        "seconds",
        "---",
        "=>",
        "npm",
        "WARN",
        "deprecated",
        "0x7ffd2a1c",
        "2026-02-03T04:05:06.789Z",
        "GET",
        "/api/v1/health",
        "200",
    ];
    let mut numbers = Numbers(11);
    let mut log = String::with_capacity(length + 256);
    let mut lines = 0;
    while log.len() < length {
        lines += 1;
        if is_coloured {
            log.push_str("\x1b[0m\x1b[1m\x1b[32m");
        }
        for _ in 0..5 + numbers.next(10) {
            let word = words[numbers.next(words.len())];
            let is_marked = is_coloured && numbers.next(4) == 0;
            let (on, off) = if is_marked { ("\x1b[33m", "\x1b[0m") } else { ("", "") };
            write!(log, "{on}{word}{off} ").expect("a string can be written to");
        }
        if lines % 200 == 0 {
            log.push_str(&secrets[numbers.next(secrets.len())]);
        }
        log.push('\n');
    }
    log.into_bytes()
}
