//! Native programs behind the wall.

use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use sealock_broker::EnvText;
use sealock_broker::confine::{Namespaces, Zygote};
use sealock_contract::grant::{FileGrant, Pattern};
use sealock_contract::seam::{Command, Desk, Exit, Request, Response, Stdio};
use sealock_contract::{Grant, SecretText, StepLimits};

use crate::rig::{RigSpec, every_wall, read_all, secret_input, sh, wait, zygotes};

const TOKEN: (&str, &str) = ("TOKEN", "hunter2-hunter2");

fn behind(zygote: Arc<Zygote>) -> RigSpec {
    RigSpec { zygote, ..RigSpec::default() }
}

fn with_token(reveal: bool) -> RigSpec {
    let mut spec = RigSpec { secrets: vec![TOKEN], ..RigSpec::default() };
    spec.grant.secrets = vec!["TOKEN".into()];
    spec.grant.reveal = reveal;
    spec.inputs.extend([secret_input("TOKEN", None, &[])]);
    spec
}

/// Processes of this machine whose command line holds `mark`.
fn alive(mark: &str) -> usize {
    let is_marked = |entry: std::io::Result<std::fs::DirEntry>| {
        let line = std::fs::read(entry.ok()?.path().join("cmdline")).ok()?;
        String::from_utf8_lossy(&line).contains(mark).then_some(())
    };
    std::fs::read_dir("/proc").expect("proc").filter_map(is_marked).count()
}

#[tokio::test]
async fn it_ends_as_it_says_and_its_streams_are_its_own() {
    for zygote in every_wall() {
        let rig = behind(zygote).build();
        assert_eq!(rig.sh("echo out; echo err >&2; exit 3").await, (Exit::Code(3), "out\n".into(), "err\n".into()));
        assert_eq!(rig.sh("kill -9 $$").await.0, Exit::Signal(9));
    }
}

#[tokio::test]
async fn its_environment_is_what_the_order_names_and_nothing_else() {
    for zygote in every_wall() {
        let mut spec = behind(zygote);
        spec.secrets = vec![TOKEN];
        spec.env.push(("DATABASE".into(), EnvText::Secret(SecretText::named("TOKEN"))));
        spec.env.push(("A".into(), EnvText::Plain("base".into())));
        spec.grant.reveal = true;
        let rig = spec.build();
        let command = Command {
            program: "/usr/bin/env".into(),
            env: vec![("A".into(), "over".into()), ("B".into(), "two\nlines".into())],
            stdout: Stdio::Capture,
            ..Command::default()
        };
        let (_, out, _) = rig.run(command).await;
        let temporary = rig.folder.path().join("temporary");
        let expected = format!(
            "PATH=/usr/local/bin:/usr/bin:/bin\nDATABASE=hunter2-hunter2\nA=over\nB=two\nlines\nTMPDIR={}\n",
            temporary.display()
        );
        assert_eq!(out, expected);
    }
}

#[tokio::test]
async fn no_descriptor_of_the_runner_is_open_in_it() {
    for zygote in every_wall() {
        let rig = behind(zygote).build();
        let (_, out, _) = rig.sh("ls /proc/self/fd").await;
        // The fourth is the listing's own.
        assert_eq!(out, "0\n1\n2\n3\n");
    }
}

#[tokio::test]
async fn whatever_it_leaves_behind_is_dead_when_it_has_ended() {
    let leave = "
        sleep 4242.001 &
        setsid sleep 4242.002 &
        (setsid sh -c 'trap \"\" TERM HUP; sleep 4242.003 & sleep 4242.003' >/dev/null 2>&1 &)
        nohup setsid sh -c '(sleep 4242.004 &)' >/dev/null 2>&1 &
        sleep 0.2; exit 0";
    for zygote in every_wall() {
        let rig = behind(zygote).build();
        let start = Instant::now();
        assert_eq!(rig.sh(leave).await.0, Exit::Code(0));
        assert_eq!(alive("4242.00"), 0);
        assert!(start.elapsed() < Duration::from_secs(30), "its streams were held open");
    }
}

#[tokio::test]
async fn killing_it_closing_its_desk_and_running_out_of_time_end_it_with_everything() {
    let stubborn = "trap '' TERM; echo ready; (setsid sleep 4343.001 &); while :; do sleep 4343.002; done";
    for zygote in every_wall() {
        let rig = behind(zygote).build();
        let killed = rig.start(sh(stubborn)).await.expect("started");
        let first = rig.desk.call(Request::ReadOutput { running: killed, error: false, max: 100 }).await;
        assert_eq!(first, Ok(Response::Bytes(b"ready\n".to_vec())));
        assert_eq!(rig.desk.call(Request::Kill { running: killed }).await, Ok(Response::Done));
        assert_eq!(wait(&*rig.desk, killed).await, Ok(Exit::Signal(9)));

        let late = rig.start(Command { timeout_ms: Some(50), ..sh(stubborn) }).await.expect("started");
        assert_eq!(wait(&*rig.desk, late).await.expect_err("too long").code, "E-PROCESS-TIMEOUT");

        let open = rig.start(sh(stubborn)).await.expect("started");
        let (desk, ()) = tokio::join!(wait(&*rig.desk, open), rig.desk.close());
        assert_eq!(desk.expect_err("closed").code, "E-DESK-CLOSED");
        assert_eq!(alive("4343.00"), 0);
    }
}

#[tokio::test]
async fn it_dies_with_the_process_that_it_came_from() {
    let zygote = zygotes().to_drop.lock().expect("no panic").take().expect("taken once");
    let rig = behind(zygote.clone()).build();
    let running = rig.start(sh("setsid sleep 4444.001 & sleep 4444.001")).await.expect("started");
    drop(zygote);
    // The desk holds the place, and that the zygote: both go.
    let end = tokio::spawn({
        let desk = rig.desk.clone();
        async move { wait(&*desk, running).await }
    });
    drop(rig);
    end.abort();
    let _ = end.await;
    for _ in 0..100 {
        if alive("4444.00") == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is still alive");
}

#[tokio::test]
async fn it_writes_its_workspace_and_its_temporary_folder_and_nothing_else() {
    for zygote in every_wall() {
        let (landlock, kind) = (zygote.wall().landlock, zygote.wall().namespaces);
        assert!(landlock > 0, "this test needs a kernel with Landlock");
        let rig = behind(zygote).build();
        let outside = rig.folder.path().join("outside");
        std::fs::create_dir(&outside).expect("made");
        std::fs::write(outside.join("secret"), "x").expect("written");
        let (exit, _, err) = rig.sh("echo 1 > here && echo 2 > $TMPDIR/there && mkdir a && mv here a/").await;
        assert_eq!(exit, Exit::Code(0), "{err}");
        let outside = outside.display();
        let attempts = [
            format!("echo x > {outside}/new"),
            format!("cat {outside}/secret"),
            format!("rm {outside}/secret"),
            format!("ln {outside}/secret stolen"),
            format!("ln -s {outside}/secret link && cat link"),
            "echo x > /tmp/sealock-test-outside".into(),
            "echo x > /etc/sealock-test-outside".into(),
            "echo x > /usr/sealock-test-outside".into(),
            "echo 1 > /proc/sys/kernel/panic".into(),
            "echo -900 > /proc/self/oom_score_adj".into(),
            "mount -t tmpfs none a".into(),
            "ls /root /home/*".into(),
        ];
        for attempt in attempts {
            assert_ne!(rig.sh(&attempt).await.0, Exit::Code(0), "{attempt}");
        }
        assert!(rig.folder.path().join("outside/secret").exists());
        // Landlock does not know these: they need mounts of their own.
        if kind != Namespaces::None {
            for attempt in [format!("chmod 777 {outside}/secret"), format!("touch -d 2001-01-01 {outside}/secret")] {
                assert_ne!(rig.sh(&attempt).await.0, Exit::Code(0), "{attempt}");
            }
        }
    }
}

#[tokio::test]
async fn it_sees_no_other_process_and_gets_no_privilege() {
    for zygote in every_wall() {
        let kind = zygote.wall().namespaces;
        let rig = behind(zygote).build();
        let own = std::process::id();
        for file in ["environ", "mem", "maps", "fd/0"] {
            let attempt = format!("cat /proc/{own}/{file} /proc/1/{file} /proc/$PPID/{file}");
            let (exit, out, _) = rig.sh(&attempt).await;
            assert_ne!(exit, Exit::Code(0), "{attempt}");
            assert_eq!(out, "", "{attempt}");
        }
        let (_, out, _) = rig.sh("grep -E 'NoNewPrivs|CapEff' /proc/self/status").await;
        assert!(out.contains("NoNewPrivs:\t1"), "{out}");
        let mask = out.split("CapEff:\t").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a mask");
        let sys_admin = 1 << 21;
        assert_eq!(u64::from_str_radix(mask, 16).expect("a number") & sys_admin, 0, "{out}");
        if kind != Namespaces::None {
            assert_eq!(
                rig.sh("ls -d /proc/[0-9]* | wc -l").await.1.trim().parse::<u32>().map(|count| count < 6),
                Ok(true)
            );
            assert_ne!(rig.sh(&format!("kill -0 {own}")).await.0, Exit::Code(0));
        }
    }
}

#[tokio::test]
async fn what_it_prints_of_a_secret_comes_back_masked_unless_the_step_may_reveal() {
    for (reveal, expected) in [(false, "a *** b\n"), (true, "a hunter2-hunter2 b\n")] {
        let rig = with_token(reveal).build();
        let secret = rig.secret("TOKEN").await;
        let command = Command { secret_env: vec![("T".into(), secret)], ..sh("echo a $T b; echo $T > file; cat") };
        let command = Command { stdin_secret: Some(secret), ..command };
        let (_, out, _) = rig.run(command).await;
        assert_eq!(out, format!("{expected}{}", if reveal { "hunter2-hunter2" } else { "***" }));
        assert_eq!(std::fs::read_to_string(rig.workspace("file")).expect("there"), "hunter2-hunter2\n");
    }
}

#[tokio::test]
async fn its_log_and_files_are_masked_whatever_the_step_may_do() {
    let rig = with_token(true).build();
    let secret = rig.secret("TOKEN").await;
    let command = Command {
        secret_env: vec![("T".into(), secret)],
        stdout: Stdio::Log,
        stderr: Stdio::File("err".into()),
        ..sh("echo one; printf '%s\\n' $T | fold -w 1; echo $T >&2; printf end")
    };
    let running = rig.start(command).await.expect("started");
    wait(&*rig.desk, running).await.expect("ended");
    let lines = rig.told.lines();
    assert_eq!(lines.first().map(String::as_str), Some("one"));
    assert!(!lines.concat().contains("hunter"), "{lines:?}");
    assert!(lines.concat().ends_with("end"), "{lines:?}");
    assert_eq!(std::fs::read_to_string(rig.workspace("err")).expect("there"), "***\n");
}

#[tokio::test]
async fn it_reads_bytes_or_a_file_of_the_workspace() {
    let rig = RigSpec::default().build();
    std::fs::write(rig.workspace("in"), "from a file").expect("written");
    let bytes = Command { stdin_bytes: Some(vec![b'x'; 1 << 20]), ..sh("wc -c") };
    assert_eq!(rig.run(bytes).await.1.trim(), "1048576");
    let unread = Command { stdin_bytes: Some(vec![b'x'; 1 << 20]), ..sh("exit 0") };
    assert_eq!(rig.run(unread).await.0, Exit::Code(0));
    let file = Command { stdin_file: Some("in".into()), ..sh("cat") };
    assert_eq!(rig.run(file).await.1, "from a file");
    let outside = Command { stdin_file: Some("../outside".into()), ..sh("cat") };
    assert_eq!(rig.start(outside).await.expect_err("outside").code, "E-GRANT-FILES");
}

#[tokio::test]
async fn much_output_is_kept_for_a_step_that_reads_late() {
    let rig = RigSpec::default().build();
    let running = rig.start(sh("head -c 40000000 /dev/zero")).await.expect("started");
    assert_eq!(wait(&*rig.desk, running).await, Ok(Exit::Code(0)));
    assert_eq!(read_all(&*rig.desk, running, false).await.len(), 40_000_000);
}

#[tokio::test]
async fn an_endless_log_ends_the_program() {
    let limits = StepLimits { log_bytes: 100_000, written_bytes: 1 << 20, ..StepLimits::default() };
    let rig = RigSpec { limits, ..RigSpec::default() }.build();
    let running = rig.start(Command { stdout: Stdio::Log, ..sh("yes") }).await.expect("started");
    assert_eq!(wait(&*rig.desk, running).await.expect_err("too much").code, "E-LIMIT-LOG");
    assert!(rig.told.lines().concat().len() < 110_000);
    let running = rig.start(Command { stdout: Stdio::File("out".into()), ..sh("yes") }).await.expect("started");
    assert_eq!(wait(&*rig.desk, running).await.expect_err("too much").code, "E-LIMIT-WRITTEN-BYTES");
    let rig = RigSpec { limits, ..RigSpec::default() }.build();
    let (exit, _, _) = rig.sh("head -c 2000000 /dev/zero > big").await;
    assert_ne!(exit, Exit::Code(0));
    assert!(std::fs::metadata(rig.workspace("big")).expect("there").len() <= 1 << 20);
}

#[tokio::test]
async fn a_program_is_found_in_path_or_in_the_workspace() {
    let rig = RigSpec::default().build();
    let tool = rig.workspace("tools");
    std::fs::create_dir(&tool).expect("made");
    std::fs::write(tool.join("hello"), "#!/bin/sh\necho hello from $PWD").expect("written");
    let start = |program: &str| {
        let program = program.to_owned();
        Command { program, cwd: "tools".into(), stdout: Stdio::Capture, ..Command::default() }
    };
    assert_eq!(rig.start(start("tools/hello")).await.expect_err("not executable").code, "E-PROCESS-START");
    std::fs::set_permissions(tool.join("hello"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    let (_, out, _) = rig.run(start("./tools/hello")).await;
    assert_eq!(out, format!("hello from {}\n", tool.display()));
    assert_eq!(rig.start(start("hello")).await.expect_err("not in PATH").code, "E-PROCESS-NOT-FOUND");
    assert_eq!(rig.start(start("../x/y")).await.expect_err("outside").code, "E-GRANT-FILES");
    assert_eq!(rig.start(start("")).await.expect_err("no name").code, "E-PROCESS-INVALID");
}

#[tokio::test]
async fn only_what_is_granted_starts_and_a_wrong_entry_is_refused() {
    let mut spec = RigSpec::default();
    spec.grant = Grant { exec: vec!["sh".into()], ..spec.grant };
    let rig = spec.build();
    assert_eq!(rig.sh("exit 0").await.0, Exit::Code(0));
    let denial = rig.start(Command { program: "env".into(), ..Command::default() }).await.expect_err("not granted");
    assert_eq!((denial.code.as_str(), denial.help.as_deref()), ("E-GRANT-EXEC", Some("allow: { exec: [env] }")));
    assert_eq!(rig.told.denials(), 1);
    for env in [("A=B", "x"), ("", "x"), ("A", "x\0y")] {
        let command = Command { env: vec![(env.0.into(), env.1.into())], ..sh("exit 0") };
        assert_eq!(rig.start(command).await.expect_err("no entry").code, "E-PROCESS-ENV");
    }
    let command = Command { cwd: "../".into(), ..sh("exit 0") };
    assert_eq!(rig.start(command).await.expect_err("outside").code, "E-GRANT-FILES");
}

#[tokio::test]
async fn a_step_that_may_not_write_the_workspace_cannot_by_a_program() {
    let mut spec = RigSpec::default();
    spec.grant.files = FileGrant { read: vec![Pattern("**".into())], write: vec![Pattern("out/**".into())] };
    let rig = spec.build();
    std::fs::write(rig.workspace("source"), "kept").expect("written");
    assert_ne!(rig.sh("echo x > source").await.0, Exit::Code(0));
    assert_ne!(rig.sh("ln source hard; mv source b; rm source").await.0, Exit::Code(0));
    assert_eq!(std::fs::read_to_string(rig.workspace("source")).expect("there"), "kept");
    let command = Command { stdout: Stdio::File("source".into()), ..sh("echo x") };
    assert_eq!(rig.start(command).await.expect_err("not granted").code, "E-GRANT-FILES");
}

#[tokio::test]
async fn it_reads_the_tool_chains_writes_the_caches_and_misses_the_sockets_that_it_is_given() {
    for zygote in every_wall() {
        let kind = zygote.wall().namespaces;
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["tools", "cache", "run"] {
            std::fs::create_dir(at(name)).expect("made");
        }
        std::fs::write(at("tools/tool"), "tool").expect("written");
        let _engine = std::os::unix::net::UnixListener::bind(at("run/engine.sock")).expect("a socket");
        let mut spec = behind(zygote);
        spec.host.readable = vec![at("tools"), at("run"), at("absent")];
        spec.host.writable = vec![at("cache")];
        spec.host.hidden = vec![at("run/engine.sock"), at("absent")];
        let rig = spec.build();
        let (tools, cache, run) = (at("tools"), at("cache"), at("run"));
        let (tools, cache, run) = (tools.display(), cache.display(), run.display());
        assert_eq!(
            rig.sh(&format!("cat {tools}/tool && echo x > {cache}/kept")).await,
            (Exit::Code(0), "tool".into(), String::new())
        );
        assert_ne!(rig.sh(&format!("echo x > {tools}/tool")).await.0, Exit::Code(0));
        if kind != Namespaces::None {
            assert_ne!(rig.sh(&format!("test -S {run}/engine.sock")).await.0, Exit::Code(0));
        }
    }
}

#[tokio::test]
async fn no_socket_of_the_machine_answers_it() {
    for zygote in every_wall() {
        if zygote.wall().namespaces == Namespaces::None {
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("tools")).expect("made");
        let agent = elsewhere.path().join("agent.sock");
        let _listening =
            [&at("any.sock"), &agent].map(|path| std::os::unix::net::UnixListener::bind(path).expect("a socket"));
        let mut spec = behind(zygote);
        spec.host.readable = vec![at("tools")];
        spec.host.hidden = vec![agent.clone()];
        let rig = spec.build();
        for folder in [Path::new("/run"), Path::new("/tmp"), folder.path(), elsewhere.path()] {
            let (_, sockets, _) = rig.sh(&format!("find {} -type s 2>/dev/null", folder.display())).await;
            assert_eq!(sockets, "");
        }
        // Seen without being opened: Landlock does not stand in the way of that.
        assert_eq!(rig.sh(&format!("test -S {}", agent.display())).await.0, Exit::Code(1));
        assert_eq!(rig.sh(&format!("test -e {}", at("any.sock").display())).await.0, Exit::Code(1));
        assert_eq!(rig.sh(&format!("test -d {}", at("tools").display())).await.0, Exit::Code(0));
        if Path::new("/etc/resolv.conf").exists() {
            assert_eq!(rig.sh("cat /etc/resolv.conf >/dev/null").await.0, Exit::Code(0));
        }
    }
}

#[tokio::test]
async fn devices_are_the_harmless_ones_and_terminals_are_its_own() {
    for zygote in every_wall() {
        let kind = zygote.wall().namespaces;
        let rig = behind(zygote).build();
        let (exit, _, err) = rig.sh("echo x > /dev/null && head -c 8 /dev/urandom >/dev/stdout && ls /dev/fd/1").await;
        assert_eq!(exit, Exit::Code(0), "{err}");
        let opened = "for d in $(find /dev -type b -o -type c -o -path '/dev/pts/*'); do
            case $d in /dev/null|/dev/zero|/dev/full|/dev/random|/dev/urandom|/dev/tty|/dev/pts/ptmx) continue;; esac
            (: < $d) 2>/dev/null && echo $d; (: > $d) 2>/dev/null && echo $d; done; true";
        assert_eq!(rig.sh(opened).await, (Exit::Code(0), String::new(), String::new()));
        if kind == Namespaces::None {
            assert_ne!(rig.sh(": < /dev/ptmx").await.0, Exit::Code(0));
            continue;
        }
        assert_eq!(
            rig.sh("ls -A /dev").await.1,
            "fd\nfull\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"
        );
        assert_eq!(rig.sh("ls -A /dev/pts").await.1, "ptmx\n");
        let (exit, out, err) = rig.sh("script -qec 'tty' /dev/null").await;
        assert_eq!((exit, out.trim()), (Exit::Code(0), "/dev/pts/0"), "{err}");
    }
}

#[tokio::test]
async fn many_processes_that_fork_on_are_all_dead_afterwards() {
    let bomb = "f() { n=$1; [ $n -gt 0 ] || exec sleep 4646.001; f $((n - 1)) & f $((n - 1)) & wait; }; (setsid sh -c 'sleep 4646.001' &); f 6 & sleep 0.3; exit 0";
    for zygote in every_wall() {
        let rig = behind(zygote).build();
        assert_eq!(rig.sh(bomb).await.0, Exit::Code(0));
        assert_eq!(alive("4646.00"), 0);
    }
}

/// Begins something, and forgets it before it can be over.
async fn given_up(begun: impl Future) {
    let mut begun = std::pin::pin!(begun);
    let is_over = std::future::poll_fn(|context| Poll::Ready(begun.as_mut().poll(context).is_ready())).await;
    assert!(!is_over, "nothing of this is over at once");
}

#[tokio::test]
async fn a_closed_desk_knows_whether_everything_has_ended_for_certain() {
    let rig = RigSpec::default().build();
    assert_eq!(rig.sh("exit 0").await.0, Exit::Code(0));
    rig.start(sh("sleep 4647.001")).await.expect("started");
    rig.desk.close().await;
    assert!(rig.desk.has_accounted());

    let rig = RigSpec::default().build();
    given_up(rig.start(sh("sleep 4647.002"))).await;
    rig.desk.close().await;
    assert!(!rig.desk.has_accounted());

    let rig = RigSpec::default().build();
    let running = rig.start(sh("sleep 4647.003")).await.expect("started");
    given_up(rig.desk.call(Request::Drop { handle: running })).await;
    rig.desk.close().await;
    assert!(!rig.desk.has_accounted());
    assert_eq!(alive("4647.001"), 0);
}
