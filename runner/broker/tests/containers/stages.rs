//! A stage's container, as the place where its native programs run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealock_broker::containers::{Engine, Scope, StageContainer, StageContainerSpec};
use sealock_broker::place::EnvValue;
use sealock_contract::grant::FileGrant;
use sealock_contract::seam::{Command, Exit, Request, Stdio};
use sealock_contract::{ErrorKind, Grant};

use crate::harness::{Bench, Rig, quiet};

/// A bench whose programs run in a container of `image`.
struct Stage {
    bench: Bench,
    container: Arc<StageContainer>,
    scope: Arc<Scope>,
    _folder: tempfile::TempDir,
}

fn spec(image: &str, workspace: PathBuf) -> StageContainerSpec {
    StageContainerSpec {
        image: image.into(),
        env: vec![("OF_STAGE".into(), EnvValue::Plain("yes".into()))],
        workspace,
        workspace_at: "/work".into(),
        mounts: Vec::new(),
        network: None,
        aliases: Vec::new(),
        user: None,
    }
}

impl Stage {
    async fn new(image: &str) -> Self {
        let engine = Engine::connect(Some(&Rig::find().host)).expect("a place");
        let folder = tempfile::tempdir().expect("a folder");
        let run = format!("stage-{}", folder.path().file_name().expect("a name").to_string_lossy());
        let scope = Scope::new(&engine, run);
        let container = StageContainer::start(&scope, spec(image, folder.path().to_owned()), &quiet).await;
        let container = Arc::new(container.expect("started"));
        let secrets = vec!["TOKEN".into()];
        let grant = Grant { exec: vec!["*".into()], files: FileGrant::write_all(), secrets, ..Grant::default() };
        let bench = Bench::with_workspace(grant, container.clone(), folder.path());
        Self { bench, container, scope, _folder: folder }
    }

    async fn run(&self, command: Command) -> (Exit, String, String) {
        let running = self.bench.start(Request::Start(command)).await;
        let (out, error) = (self.bench.read(running, false).await, self.bench.read(running, true).await);
        (self.bench.wait(running).await.expect("an end"), out, error)
    }

    /// What the engine lists inside, less the header.
    fn processes(&self) -> String {
        let top = self.bench.docker(&["top", self.container.id(), "-eo", "pid,args"]);
        top.lines().skip(1).collect::<Vec<_>>().join("\n")
    }

    fn assert_nothing_lives(&self) {
        let processes = self.processes();
        assert!(processes.lines().count() <= 2 && !processes.contains("sleep 12"), "{processes}");
    }
}

fn script(text: &str) -> Command {
    Command {
        program: "sh".into(),
        args: vec!["-c".into(), text.into()],
        stdout: Stdio::Capture,
        stderr: Stdio::Capture,
        ..Command::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_has_its_environment_folder_input_and_both_outputs() {
    let stage = Stage::new("debian:bookworm-slim").await;
    stage.bench.write("sub/tool", "#!/bin/sh\necho tool $1\n");
    let tool = stage.bench.workspace().join("sub/tool");
    std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("set");
    let command = Command {
        env: vec![("PLAIN".into(), "a b".into())],
        secret_env: vec![("TOKEN".into(), stage.bench.secret("TOKEN").await)],
        cwd: "sub".into(),
        stdin_bytes: Some(b"from stdin".to_vec()),
        ..script("pwd; echo \"$OF_STAGE $PLAIN $TOKEN\"; cat; echo >&2 wrong; echo made > made; exit 5")
    };
    let (exit, out, error) = stage.run(command).await;
    assert_eq!((exit, out.as_str()), (Exit::Code(5), "/work/sub\nyes a b ***\nfrom stdin"));
    assert_eq!(error, "wrong\n");
    assert_eq!(std::fs::read_to_string(stage.bench.workspace().join("sub/made")).expect("made"), "made\n");
    let tool = Command { program: "sub/tool".into(), args: vec!["x".into()], ..script("") };
    assert_eq!(stage.run(tool).await.1, "tool x\n");
    let killed = stage.run(script("kill -TERM $$")).await;
    assert_eq!(killed.0, Exit::Signal(15));
    let big = stage.run(script("head -c 3000000 /dev/zero | tr '\\0' x")).await;
    assert_eq!(big.1.len(), 3_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_there_is_not_found() {
    let stage = Stage::new("busybox").await;
    let absent = Command { program: "absent-program".into(), args: Vec::new(), ..script("") };
    let refusal = match stage.bench.desk_answer(Request::Start(absent)).await {
        Ok(running) => stage.bench.wait(running).await.expect_err("not there"),
        Err(refusal) => refusal,
    };
    assert_eq!((refusal.code.as_str(), refusal.kind), ("E-PROCESS-NOT-FOUND", ErrorKind::NotFound), "{refusal}");
    assert_eq!(stage.run(script("exit 127")).await.0, Exit::Code(127));
}

const FORKS: &str = "setsid sh -c 'setsid sleep 1201 & sleep 1202' >/dev/null 2>&1 & \
                     (setsid sh -c '(env -i sleep 1203 &)' &) ; trap '' TERM INT HUP; sleep 1204 & echo begun;";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_a_command_started_outlives_it() {
    let stage = Stage::new("debian:bookworm-slim").await;
    // It ends by itself, and one of those it leaves holds its output open.
    let began = Instant::now();
    let (exit, out, _) = stage.run(script(&format!("{FORKS} sleep 0.2; exit 0"))).await;
    assert_eq!((exit, out.as_str()), (Exit::Code(0), "begun\n"));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    stage.assert_nothing_lives();

    let running = stage.bench.start(Request::Start(script(&format!("{FORKS} wait")))).await;
    assert!(stage.bench.has_begun(running).await);
    stage.bench.desk_call(Request::Kill { running }).await;
    assert_eq!(stage.bench.wait(running).await, Ok(Exit::Signal(9)));
    stage.assert_nothing_lives();

    let late = Command { timeout_ms: Some(300), ..script(&format!("{FORKS} wait")) };
    let running = stage.bench.start(Request::Start(late)).await;
    assert_eq!(stage.bench.wait(running).await.expect_err("late").code, "E-PROCESS-TIMEOUT");
    stage.assert_nothing_lives();
    assert_eq!(stage.run(script("echo still here")).await.1, "still here\n");

    stage.bench.start(Request::Start(script(&format!("{FORKS} wait")))).await;
    stage.bench.desk.close().await;
    stage.assert_nothing_lives();
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_one_command_leaves_the_other_alone() {
    let stage = Stage::new("debian:bookworm-slim").await;
    let other = stage.bench.start(Request::Start(script("echo begun; sleep 1; echo done"))).await;
    let running = stage.bench.start(Request::Start(script("echo begun; (setsid sleep 1207 &); sleep 1208"))).await;
    assert!(stage.bench.has_begun(running).await);
    stage.bench.desk_call(Request::Kill { running }).await;
    assert!(!stage.processes().contains("sleep 120"), "{}", stage.processes());
    assert_eq!(stage.bench.read(other, false).await, "begun\ndone\n");
    assert_eq!(stage.bench.wait(other).await, Ok(Exit::Code(0)));
    stage.assert_nothing_lives();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_that_was_replaced_does_not_save_what_it_left() {
    let stage = Stage::new("busybox").await;
    let text = "setsid sleep 1205 & printf '#!/bin/busybox true\\n' > /tmp/true; chmod +x /tmp/true; \
                cp /tmp/true /bin/sh.new; mv /bin/sh.new /bin/sh; sleep 0.1";
    assert_eq!(stage.run(script(text)).await.0, Exit::Code(0));
    // The container could not be started anew with such a shell, and is dead itself.
    assert!(!is_alive("sleep 1205"));
    // The engine takes a moment to notice.
    let noticed = Instant::now() + Duration::from_secs(20);
    let mut answer = stage.bench.desk_answer(Request::Start(script(""))).await;
    while answer.is_ok() && Instant::now() < noticed {
        tokio::time::sleep(Duration::from_millis(100)).await;
        answer = stage.bench.desk_answer(Request::Start(script(""))).await;
    }
    assert_eq!(answer.expect_err("dead").code, "E-DOCKER-REFUSED");
}

/// The engine's processes are this machine's.
fn is_alive(line: &str) -> bool {
    let words = line.replace(' ', "\0") + "\0";
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    processes
        .into_iter()
        .any(|process| std::fs::read(process.path().join("cmdline")).is_ok_and(|found| found == words.as_bytes()))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_hold_a_stage_is_named() {
    let bench = Bench::new();
    let start = async |image: &str| StageContainer::start(&bench.scope, spec(image, bench.workspace()), &quiet).await;
    let code = |started: Result<StageContainer, sealock_contract::StepError>| started.err().expect("refused").code;
    assert_eq!(code(start(&format!("{}/absent:1", bench.rig.registry)).await), "E-IMAGE-MISSING");
    assert_eq!(code(start("Not A Name").await), "E-IMAGE-NAME");
    bench.write("Dockerfile", "FROM scratch\nCOPY Dockerfile /\n");
    let build = sealock_contract::seam::Build { context: ".".into(), ..Default::default() };
    let empty = bench.build(build).await.expect("built");
    assert_eq!(code(start(&empty).await), "E-CONTAINER-SHELL");
    bench.scope.close().await.expect("closed");
    assert_eq!(bench.left_over(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stage_goes_with_its_scope_and_a_killed_run_is_reaped() {
    let stage = Stage::new("busybox").await;
    let filter = format!("label=dev.sealock.run={}", stage.scope.run());
    let listed = |stage: &Bench| stage.docker(&["ps", "--all", "--quiet", "--filter", &filter]);
    assert_ne!(listed(&stage.bench), "");
    let run = stage.scope.run().to_owned();
    let others = stage.bench.engine.reap(|_| true).await.expect("reaped");
    assert_eq!((others.containers, others.networks), (0, 0));
    let reaped = stage.bench.engine.reap(|other| other != run).await.expect("reaped");
    assert_eq!((reaped.containers, reaped.networks), (1, 0));
    assert_eq!(listed(&stage.bench), "");
    let Stage { bench, container, scope, _folder } = stage;
    drop(container);
    let network = scope.network().await.expect("a network");
    let spec = StageContainerSpec { network: Some(network), ..spec("busybox", bench.workspace()) };
    std::mem::forget(StageContainer::start(&scope, spec, &quiet).await.expect("started"));
    assert_ne!(listed(&bench), "");
    drop(scope);
    assert_eq!(listed(&bench), "");
    assert_eq!(bench.docker(&["network", "ls", "--quiet", "--filter", &filter]), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_runs_from_an_image_that_was_built_here_is_not_reaped() {
    let bench = Bench::new();
    bench.write("Dockerfile", "FROM busybox\nCMD [\"sleep\", \"600\"]\n");
    let build = sealock_contract::seam::Build { context: ".".into(), ..Default::default() };
    let image = bench.build(build).await.expect("built");
    let id = bench.docker(&["run", "--detach", &image]);
    let reaped = bench.engine.reap(|run| run != bench.scope.run()).await;
    let running = bench.docker(&["ps", "--quiet", "--no-trunc"]);
    bench.docker(&["rm", "--force", id.trim()]);
    assert_eq!(reaped.expect("reaped").containers, 0);
    assert!(running.contains(id.trim()), "{id} is gone: {running}");
}
