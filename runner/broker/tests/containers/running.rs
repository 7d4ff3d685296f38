//! Containers that a step runs.

use std::time::{Duration, Instant};

use sealock_contract::seam::{ContainerCommand, ContainersRequest, Exit, Mount, Request, Stdio};

use crate::harness::Bench;

fn script(text: &str) -> ContainerCommand {
    ContainerCommand {
        image: "busybox".into(),
        entrypoint: Some("sh".into()),
        args: vec!["-c".into(), text.into()],
        stdout: Stdio::Capture,
        stderr: Stdio::Capture,
        ..ContainerCommand::default()
    }
}

fn run(command: ContainerCommand) -> Request {
    Request::Containers(ContainersRequest::Run(command))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_gets_what_it_is_given_and_nothing_else() {
    let bench = Bench::new();
    bench.write("in/file", "from the workspace");
    std::fs::create_dir(bench.workspace().join("out")).expect("made");
    let mount = |path: &str, at: &str, read_only| Mount { path: path.into(), at: at.into(), read_only };
    let text = "cat /in/file; echo $PLAIN; echo $TOKEN | wc -c; pwd; echo new > /out/made; echo x > /in/no; \
                echo to-error >&2; ip addr | grep -c eth; grep NoNewPrivs /proc/self/status; \
                ls /var/run/docker.sock; mount -t tmpfs x /mnt; exit 7";
    let command = ContainerCommand {
        env: vec![("PLAIN".into(), "plain".into())],
        secret_env: vec![("TOKEN".into(), bench.secret("TOKEN").await)],
        mounts: vec![mount("in", "/in", true), mount("out", "/out", false)],
        workdir: Some("/tmp".into()),
        ..script(text)
    };
    let running = bench.start(run(command)).await;
    let (out, error) = (bench.read(running, false).await, bench.read(running, true).await);
    assert_eq!(bench.wait(running).await, Ok(Exit::Code(7)));
    assert_eq!(out, "from the workspaceplain\n20\n/tmp\n0\nNoNewPrivs:\t1\n");
    assert!(error.contains("to-error") && error.contains("Read-only file system"), "{error}");
    assert!(error.contains("docker.sock: No such file") && error.contains("permission denied"), "{error}");
    assert_eq!(std::fs::read_to_string(bench.workspace().join("out/made")).expect("made"), "new\n");
    assert_eq!(bench.left_over(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_dropped_or_out_of_time_it_is_gone() {
    let bench = Bench::new();
    let long = || script("echo begun; (setsid sleep 1000 &); sleep 1000");
    let running = bench.start(run(long())).await;
    assert!(bench.has_begun(running).await);
    bench.desk_call(Request::Kill { running }).await;
    assert_eq!(bench.wait(running).await, Ok(Exit::Signal(9)));
    assert_eq!(bench.left_over(), "");

    let running = bench.start(run(ContainerCommand { timeout_ms: Some(300), ..long() })).await;
    assert_eq!(bench.wait(running).await.expect_err("late").code, "E-PROCESS-TIMEOUT");
    let running = bench.start(run(long())).await;
    bench.desk_call(Request::Drop { handle: running }).await;
    assert_eq!(bench.left_over(), "");

    bench.start(run(long())).await;
    let closing = Instant::now();
    bench.desk.close().await;
    assert!(closing.elapsed() < Duration::from_secs(30));
    assert_eq!(bench.left_over(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_granted_or_makes_no_sense_does_not_start() {
    let bench = Bench::new();
    std::os::unix::fs::symlink("/etc", bench.workspace().join("etc")).expect("linked");
    let mount = |path: &str, at: &str| vec![Mount { path: path.into(), at: at.into(), read_only: true }];
    let absent = bench.start(run(ContainerCommand { entrypoint: Some("absent".into()), ..script("") })).await;
    assert!(bench.read(absent, true).await.contains("absent"));
    assert_eq!(bench.wait(absent).await, Ok(Exit::Code(127)));
    let cases = [
        (ContainerCommand { image: "postgres:15".into(), ..script("") }, "E-GRANT-CONTAINERS"),
        (ContainerCommand { image: "--privileged".into(), ..script("") }, "E-IMAGE-NAME"),
        (ContainerCommand { network: true, ..script("") }, "E-GRANT-NETWORK"),
        (ContainerCommand { mounts: mount("../", "/x"), ..script("") }, "E-GRANT-FILES"),
        (ContainerCommand { mounts: mount("etc", "/x"), ..script("") }, "E-GRANT-FILES"),
        (ContainerCommand { mounts: mount(".", "/"), ..script("") }, "E-CONTAINER-INVALID"),
        (ContainerCommand { user: Some("-x".into()), ..script("") }, "E-CONTAINER-INVALID"),
        (ContainerCommand { image: format!("{}/absent:1", bench.rig.registry), ..script("") }, "E-IMAGE-MISSING"),
    ];
    for (command, code) in cases {
        let said = format!("{command:?}");
        let refusal = bench.call(ContainersRequest::Run(command)).await.expect_err(&said);
        assert_eq!(refusal.code, code, "{said}: {}", refusal.message);
    }
    bench.scope.close().await.expect("closed");
    assert_eq!(bench.left_over(), "");
}
