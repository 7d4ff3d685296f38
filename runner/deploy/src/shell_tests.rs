//! Every piece of shell that is sent to a target, whole, judged by those who know shells.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::bundle::ScriptBundle;
use crate::link::{INSTALLER, RUNNER, TARGET_SH};
use crate::pull::PULL;

/// Runs a program with `text` on its standard input; gives what it says when it does not agree.
fn objections(program: &[&str], text: &[u8]) -> Option<String> {
    let mut child = Command::new(program[0])
        .args(&program[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("`{}` is needed for this test: {error}", program[0]));
    // A program that objects early does not read to the end.
    let _ = child.stdin.take().expect("piped").write_all(text);
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&said).into_owned())
}

/// The start of a script with everything that a step can give it.
fn start() -> Vec<u8> {
    let odd = ["", "a b", "$(id)", "it's", "new\nline\n", "-n", "`x`", "\\"].map(str::to_owned);
    let env = vec![("A", &b"it's $HOME"[..]), ("B_2", b"\xff\n")];
    ScriptBundle { text: "", args: &odd, env, cwd: "shared/it's", stdin: None }.start()
}

#[test]
fn every_shell_reads_what_is_sent_to_targets() {
    let start = start();
    let pieces: [(&str, &[u8]); 5] = [
        ("target.sh", TARGET_SH.as_bytes()),
        ("the runner", RUNNER.as_bytes()),
        ("the installer", INSTALLER.as_bytes()),
        ("the pull", PULL.as_bytes()),
        ("the start of a script", &start),
    ];
    for (name, text) in pieces {
        for shell in [&["dash", "-n"][..], &["busybox", "sh", "-n"], &["bash", "--posix", "-n"]] {
            assert_eq!(objections(shell, text), None, "{name}, {shell:?}");
        }
    }
}

#[test]
fn shellcheck_has_nothing_to_say_about_what_is_sent_to_targets() {
    for (name, text) in
        [("target.sh", TARGET_SH), ("the runner", RUNNER), ("the installer", INSTALLER), ("the pull", PULL)]
    {
        assert_eq!(objections(&["shellcheck", "--shell=sh", "-"], text.as_bytes()), None, "{name}");
    }
    assert!(objections(&["shellcheck", "--shell=sh", "-"], b"[[ -f $1 ]]\n").is_some(), "it is asked in vain");
}
