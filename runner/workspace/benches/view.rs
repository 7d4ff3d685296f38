//! How long a stage waits for its workspace, against what people do without an overlay.
//!
//! One JSON line: milliseconds (medians) for a view of a repository of 50,000 files, made and dropped, and for
//! `cp -a` and `git worktree add` of the same repository in the same run.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use sealock_workspace::{Checkout, LinkRules, Repository, RunFolder, View};

const FILES: usize = 50_000;
const FILES_A_FOLDER: usize = 100;
const ROUNDS: usize = 11;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let root = folder.path().join("repo");
    make_repository(&root);
    let repository = Repository::discover(&root).expect("a repository");
    let run = RunFolder::create(&folder.path().join("state"), "bench").expect("a run folder");

    let checkout_ms = timed(|| drop(Checkout::prepare(&repository, &run, None).expect("a checkout")));
    let uncommitted_ms = timed(|| drop(repository.uncommitted(&[]).expect("what changed")));
    let checkout = Checkout::prepare(&repository, &run, None).expect("a checkout");
    let again_ms = timed(|| drop(Checkout::prepare(&repository, &run, None).expect("a checkout")));

    let mut kind = "";
    let mut view_ms = Vec::new();
    let mut dropped_ms = Vec::new();
    let mut links_ms = Vec::new();
    for round in 0..ROUNDS {
        let mut view = None;
        let stage = format!("stage-{round}");
        view_ms.push(timed(|| view = View::create(&checkout, &run, &stage).ok()));
        let view = view.expect("a view");
        kind = view.kind().word();
        links_ms.push(timed(|| drop(view.escaping_links(&LinkRules::default()).expect("a readable view"))));
        dropped_ms.push(timed(|| drop(view)));
    }
    let copy = folder.path().join("copy");
    let tree = folder.path().join("tree");
    let copy_ms = timed(|| command("cp", &["-a", &text(&root), &text(&copy)], folder.path()));
    let worktree_ms = timed(|| command("git", &["worktree", "add", "--quiet", "--detach", &text(&tree)], &root));
    let line = serde_json::json!({
        "bench": "view", "files": FILES, "kind": kind,
        "view_ms": median(view_ms), "drop_ms": median(dropped_ms), "links_ms": median(links_ms),
        "first_checkout_ms": checkout_ms, "checkout_again_ms": again_ms, "uncommitted_ms": uncommitted_ms,
        "peer_cp_ms": copy_ms, "peer_git_worktree_ms": worktree_ms,
    });
    #[expect(clippy::print_stdout, reason = "this is the bench's answer")]
    {
        println!("{line}");
    }
}

fn make_repository(root: &Path) {
    for file in 0..FILES {
        let folder = root.join(format!("d{}", file / FILES_A_FOLDER));
        if file % FILES_A_FOLDER == 0 {
            fs::create_dir_all(&folder).expect("a folder");
        }
        fs::write(folder.join(format!("f{file}.rs")), format!("// file {file}\n").repeat(20)).expect("a file");
    }
    command("git", &["init", "--quiet"], root);
    command("git", &["add", "--all"], root);
    let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
    command("git", &[&author[..], &["commit", "--quiet", "--message", "all"]].concat(), root);
}

fn command(program: &str, arguments: &[&str], at: &Path) {
    let mut command = Command::new(program);
    let status = command.args(arguments).current_dir(at).stdout(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "{program} is missing or failed: it is the peer");
}

fn text(path: &Path) -> String {
    path.to_str().expect("temporary folders have plain names").to_owned()
}

fn timed(act: impl FnOnce()) -> f64 {
    let start = Instant::now();
    act();
    start.elapsed().as_secs_f64() * 1e3
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
