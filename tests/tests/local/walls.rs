//! What native commands see and may do, and what becomes of secrets that they print.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::support::{Scene, Told, finish, script};

const SECRET: &str = "k7Vq9-tR2x_Lm4.Zw8";

#[test]
fn the_environment_is_scrubbed() {
    let scene = Scene::new(&script("env\necho \"home=$HOME\""));
    let mut command = scene.command(&["run", "--format", "jsonl"]);
    command
        .env("SEALOCK_SECRET_UNUSED", SECRET)
        .env("AWS_SECRET_ACCESS_KEY", "aws-canary-1")
        .env("MY_TOKEN", "token-canary-1");
    command
        .env("GITHUB_TOKEN", "token-canary-2")
        .env("HOME", "/home/somebody")
        .env("SSH_AUTH_SOCK", "/tmp/agent-canary");
    let told = finish(command.spawn().expect("it starts"));
    told.exits(0);
    for canary in [SECRET, "canary", "/home/somebody", "SEALOCK_SECRET"] {
        assert!(!told.stdout.contains(canary), "{canary}: {}", told.stdout);
    }
    told.says("CI=true");
}

#[test]
fn writing_outside_of_the_workspace_is_refused() {
    let outside = tempfile::TempDir::new().expect("there is room");
    let outside = outside.path().join("file");
    for place in [
        outside.display().to_string(),
        "/etc/sealock-canary".to_owned(),
        "/tmp/sealock-canary".to_owned(),
        "../../canary".to_owned(),
    ] {
        let told = Scene::new(&script(&format!("echo in > inside\necho out > {place}"))).run(&[]);
        told.exits(1);
        assert!(!fs::exists(&place).unwrap_or(false), "{place} was written");
    }
}

#[test]
fn privileges_cannot_grow() {
    let told = Scene::new(&script("grep NoNewPrivs /proc/self/status")).run(&[]);
    told.exits(0);
    assert_eq!(told.log("only"), ["NoNewPrivs:\t1"]);
}

#[test]
fn a_printed_secret_is_masked_everywhere() {
    let scene = Scene::new(
        r#"
name: masks
secrets: [KEY]
stages:
  only:
    outputs: { leak: "${{ steps.a.outputs.leak }}" }
    steps:
      - id: a
        env: { KEY: "${{ secrets.KEY }}", URL: "postgres://app:${{ secrets.KEY }}@db/app" }
        run: |
          echo "plain $KEY end"; echo "$URL"
          printf %s "$KEY" | base64; printf %s "x$KEY" | base64; printf %s "xx$KEY" | base64
          printf %s "$KEY" | od -An -tx1 -v | tr -d ' \n'; echo
          printf '%s' "$KEY" | cut -c1-9 | tr -d '\n'; sleep 0.2; printf '%s\n' "$KEY" | cut -c10-
          echo "error $KEY" >&2
          echo "leak=$KEY" >> "$GITHUB_OUTPUT"
          echo "| $KEY |" >> "$SEALOCK_SUMMARY"
          echo "::notice::$KEY"
"#,
    );
    let mut command = scene.command(&["run", "--format", "jsonl"]);
    command.env("SEALOCK_SECRET_KEY", SECRET);
    let told = finish(command.spawn().expect("it starts"));
    assert_ne!(told.code, Some(70), "{}", told.stdout);
    told.says("***");
    let shown = scene.call(&["show", "--format", "jsonl"]);
    let plain = scene.call(&["show"]);
    for needle in encodings() {
        for text in [&told.stdout, &told.stderr, &shown.stdout, &plain.stdout] {
            assert!(!text.contains(&needle), "{needle} in {text}");
        }
        assert_eq!(scene.state_holds(needle.as_bytes()), None, "{needle}");
    }
}

/// The secret, its hexadecimal digits, and what base64 makes of it at each of the three offsets.
fn encodings() -> Vec<String> {
    let digits: Vec<String> = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let middles =
        ["azdWcTktdFIyeF9MbTQuWnc4", "N1ZxOS10UjJ4X0xtNC5ad", "rN1ZxOS10UjJ4X0xtNC5adz", "s3VnE5LXRSMnhfTG00Llp3O"];
    let mut all: Vec<String> = middles.iter().map(|&middle| middle.to_owned()).collect();
    all.extend([SECRET.to_owned(), digits.concat()]);
    all
}

#[test]
fn a_missing_or_a_worthless_secret_is_refused_before_anything_starts() {
    let pipeline = "name: s\nsecrets: [KEY]\nstages:\n  only:\n    steps: [{ run: echo hi, env: { K: \"${{ secrets.KEY }}\" } }]\n";
    for (value, code) in [(None, "E-SECRET-MISSING"), (Some("abc"), "E-SECRET-SHORT"), (Some("true"), "E-SECRET-")] {
        let scene = Scene::new(pipeline);
        let mut command = scene.command(&["run", "--format", "jsonl"]);
        if let Some(value) = value {
            command.env("SEALOCK_SECRET_KEY", value);
        }
        let told = finish(command.spawn().expect("it starts"));
        told.exits(2).says(code);
        assert!(told.of("step-started").is_empty(), "{}", told.stdout);
    }
}

#[test]
fn a_script_takes_no_more_memory_than_it_is_allowed() {
    let scene = Scene::new(
        r"
name: memory
stages:
  only:
    steps:
      - { run: head -c 200M /dev/zero | tail -c 100M | wc -c, shell: bash }
      - { run: head -c 200M /dev/zero | tail -c 100M | wc -c, shell: bash, allow: { memory: 32MiB } }
",
    );
    let told = scene.run(&[]);
    told.exits(1);
    assert_eq!(told.log("only").first().map(String::as_str), Some("104857600"), "{}", told.stdout);
    assert!(told.log("only").iter().any(|line| line.contains("memory exhausted")), "{}", told.stdout);
}

#[test]
fn neither_the_engine_that_was_named_nor_the_operators_agent_can_be_reached() {
    let folder = tempfile::TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("there is room");
    let [engine, agent] = ["engine", "agent"].map(|name| folder.path().join(name));
    let _listening = [&engine, &agent].map(|path| std::os::unix::net::UnixListener::bind(path).expect("a socket"));
    // Seen without being opened: whoever sees one may connect to it.
    let look = |path: &Path| format!("test ! -S {} && echo hidden", path.display());
    let scene = Scene::new(&script(&format!("{}\n{}\ntrue", look(&engine), look(&agent))));
    let mut command = scene.command(&["run", "--format", "jsonl"]);
    command.arg("--docker-host").arg(format!("unix://{}", engine.display())).env("SSH_AUTH_SOCK", &agent);
    let told = finish(command.spawn().expect("it starts"));
    told.exits(0);
    let hidden: &[&str] = if has_own_mounts(&told) { &["hidden", "hidden"] } else { &[] };
    assert_eq!(told.log("only"), hidden, "{}", told.stdout);
}

#[test]
fn what_a_stage_leaves_in_its_home_runs_in_no_other() {
    let scene = Scene::new(
        "name: homes
stages:
  first:
    outputs: { home: \"${{ steps.leave.outputs.home }}\" }
    steps:
      - id: leave
        run: |
          echo hook > ~/.gitconfig
          echo home=$HOME >> $GITHUB_OUTPUT
      - run: cat ~/.gitconfig
  second:
    needs: first
    steps:
      - env: { FIRST: \"${{ needs.first.outputs.home }}\" }
        run: |
          ls -A ~
          test $HOME != $FIRST
          ! ls $FIRST
          ! echo x > $FIRST/.npmrc
          touch ~/mine
",
    );
    let told = scene.run(&[]);
    told.exits(0);
    assert_eq!(told.log("first"), ["hook"]);
    assert!(!told.log("second").iter().any(|line| line.contains("gitconfig")), "{}", told.stdout);
}

/// What the run says of its wall.
fn has_own_mounts(told: &Told) -> bool {
    let parts = told.of("plan")[0]["wall"]["made_of"].to_string();
    parts.contains("own processes and mounts")
}

#[test]
fn a_user_without_privileges_runs_behind_the_wall_that_is_told() {
    let scene = Scene::new(&script("id -u\necho ok > here\ncat here\nls -d /proc/[0-9]* | wc -l"));
    let own = scene.repo().parent().expect("a scene has a folder").to_owned();
    let mut command = scene.command(&["run", "--format", "jsonl"]);
    // Only root can become somebody else, and who is not root has no privileges to lay down.
    let user = fs::metadata(&own).expect("it is there").uid();
    if user == 0 {
        command = without_privileges(&command, &own);
    }
    command.env("SEALOCK_STATE", scene.state()).env("SEALOCK_CACHE", own.join("cache")).env("HOME", &own);
    let told = finish(command.spawn().expect("it starts"));
    told.exits(0);
    let log = told.log("only");
    assert_eq!(log[..2], [if user == 0 { "65534".to_owned() } else { user.to_string() }, "ok".to_owned()]);
    let sees_few: bool = log[2].trim().parse::<u32>().is_ok_and(|processes| processes < 10);
    assert_eq!(sees_few, has_own_mounts(&told), "{}", told.stdout);
    // A kernel that lets everybody make namespaces gives them to this user, too.
    let namespaces =
        Command::new("setpriv").args(["--reuid=65534", "--clear-groups", "unshare", "-Ur", "true"]).status();
    assert_eq!(namespaces.is_ok_and(|status| status.success()), has_own_mounts(&told), "{}", told.stdout);
}

/// The same, as a user who owns nothing but `folder`.
fn without_privileges(command: &Command, folder: &Path) -> Command {
    let owned = Command::new("chown").args(["-R", "65534:65534"]).arg(folder).status();
    assert!(owned.expect("chown is there").success());
    let mut other = Command::new("setpriv");
    other
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(command.get_program())
        .args(command.get_args());
    other.current_dir(command.get_current_dir().expect("a scene has one"));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    other
}
