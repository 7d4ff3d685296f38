//! The broker's protocol, spoken by sandboxes that lie.

use std::sync::Arc;

use sealock_broker::StepDesk;
use sealock_broker::remote::{FRAME_BYTES_MAX, FrameError, RemoteDesk, ServeError, serve};
use sealock_contract::limits::{HANDLES, HOST_CALL_BYTES};
use sealock_contract::seam::{
    Build, Command, ContainersRequest, Desk, Exit, Handle, HttpRequest, Level, Note, Refusal, Request, Response, Stdio,
    TargetsRequest,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use crate::rig::{Rig, RigSpec, name, read_all, secret_input, sh, start, wait};

type Served = JoinHandle<Result<(), ServeError>>;

fn served(desk: &Arc<StepDesk>) -> (UnixStream, Served) {
    let (near, far) = UnixStream::pair().expect("a pair");
    (far, tokio::spawn(serve(desk.clone(), near)))
}

async fn connect(rig: &Rig) -> RemoteDesk {
    let (stream, _) = served(&rig.desk);
    RemoteDesk::connect(stream, name("1"), 1).await.expect("the right step and epoch")
}

fn with_secret() -> RigSpec {
    let mut spec = RigSpec { secrets: vec![("TOKEN", "hunter2-hunter2")], ..RigSpec::default() };
    spec.grant.secrets = vec!["TOKEN".into()];
    spec.inputs.extend([secret_input("TOKEN", None, &[]), secret_input("OTHER", None, &[])]);
    spec
}

#[tokio::test]
async fn another_step_another_epoch_and_another_protocol_are_rejected() {
    for (step, epoch) in [("2", 1), ("1", 0), ("1", 2)] {
        let rig = RigSpec::default().build();
        let (stream, served) = served(&rig.desk);
        let refusal = RemoteDesk::connect(stream, name(step), epoch).await.err().expect("rejected");
        assert_eq!(refusal.code, "E-DESK-STEP");
        assert!(matches!(served.await.expect("no panic"), Err(ServeError::Rejected(_))));
        assert_eq!(rig.sh_code().await, "E-DESK-CLOSED");
    }
}

#[tokio::test]
async fn what_is_not_granted_is_refused_whatever_the_sandbox_believes() {
    let mut spec = with_secret();
    spec.grant.exec = vec!["sh".into()];
    let rig = spec.build();
    let desk = connect(&rig).await;
    let http =
        |url: &str| Request::Http(HttpRequest { method: "GET".into(), url: url.into(), ..HttpRequest::default() });
    let secret = ask(&desk, Request::SecretOpen { input: "TOKEN".into() }).await;
    let Ok(Response::Secret { handle: secret, .. }) = secret else { panic!("{secret:?}") };
    let lies = [
        (Request::Start(Command { program: "env".into(), ..Command::default() }), "E-GRANT-EXEC"),
        (Request::Start(Command { cwd: "/etc".into(), ..sh("x") }), "E-GRANT-FILES"),
        (Request::Start(Command { stdin_file: Some("../../etc/passwd".into()), ..sh("x") }), "E-GRANT-FILES"),
        (Request::Start(Command { stdout: Stdio::File("/etc/x".into()), ..sh("x") }), "E-GRANT-FILES"),
        (Request::Start(Command { secret_env: vec![("A".into(), Handle(77))], ..sh("x") }), "E-GRANT-SECRET"),
        (Request::Produce { path: "..".into() }, "E-GRANT-FILES"),
        (Request::SecretOpen { input: "OTHER".into() }, "E-GRANT-SECRET"),
        (Request::SecretOpen { input: "UNDECLARED".into() }, "E-GRANT-SECRET"),
        (Request::SecretReveal { secret }, "E-GRANT-REVEAL"),
        (Request::SecretReveal { secret: Handle(77) }, "E-GRANT-SECRET"),
        (Request::SecretPlaceholder { secret: Handle(0) }, "E-GRANT-SECRET"),
        (Request::Wait { running: secret, timeout_ms: None }, "E-HANDLE-UNKNOWN"),
        (Request::Kill { running: Handle(u32::MAX) }, "E-HANDLE-UNKNOWN"),
        (Request::ReadOutput { running: secret, error: false, max: 1 }, "E-HANDLE-UNKNOWN"),
        (Request::HttpRead { body: secret, max: 1 }, "E-DESK-HANDLER"),
        (Request::Drop { handle: Handle(77) }, "E-HANDLE-UNKNOWN"),
        (http("https://evil.example/"), "E-DESK-HANDLER"),
        (Request::Containers(ContainersRequest::Build(Build::default())), "E-DESK-HANDLER"),
        (Request::Targets(TargetsRequest::Names), "E-DESK-HANDLER"),
    ];
    for (lie, code) in lies {
        let shown = format!("{lie:?}");
        assert_eq!(ask(&desk, lie).await.expect_err(&shown).code, code, "{shown}");
    }
}

#[tokio::test]
async fn a_handle_of_another_step_names_nothing() {
    let rig = with_secret().build();
    let victim = rig.secret("TOKEN").await;
    let running = rig.start(sh("sleep 60")).await.expect("started");
    let attacker = rig.desk_for("2", 1);
    let (stream, _served) = served(&attacker);
    let attacker = RemoteDesk::connect(stream, name("2"), 1).await.expect("its own step");
    let code = |request| async { ask(&attacker, request).await.expect_err("not its own").code };
    assert_eq!(code(Request::SecretReveal { secret: victim }).await, "E-GRANT-SECRET");
    assert_eq!(code(Request::SecretPlaceholder { secret: victim }).await, "E-GRANT-SECRET");
    assert_eq!(code(Request::Kill { running }).await, "E-HANDLE-UNKNOWN");
    assert_eq!(code(Request::Drop { handle: running }).await, "E-HANDLE-UNKNOWN");
    // A step that the broker's table does not know is granted nothing.
    assert_eq!(code(Request::Start(sh("exit 0"))).await, "E-GRANT-EXEC");
    assert_eq!(code(Request::SecretOpen { input: "TOKEN".into() }).await, "E-GRANT-SECRET");
}

#[tokio::test]
async fn a_new_attempt_closes_the_old_desk_and_an_old_one_opens_closed() {
    let rig = RigSpec::default().build();
    let old = connect(&rig).await;
    let newer = rig.desk_for("1", 2);
    assert_eq!(ask(&old, Request::Start(sh("exit 0"))).await.expect_err("old").code, "E-DESK-CLOSED");
    let late = rig.desk_for("1", 1);
    assert_eq!(ask(&*late, Request::Start(sh("exit 0"))).await.expect_err("old").code, "E-DESK-CLOSED");
    assert!(start(&*newer, sh("exit 0")).await.is_ok());
    newer.close().await;
    assert_eq!(ask(&*newer, Request::Start(sh("exit 0"))).await.expect_err("ended").code, "E-DESK-CLOSED");
}

#[tokio::test]
async fn a_side_that_breaks_the_protocol_is_cut_off_and_its_step_ends() {
    let too_long = u32::try_from(FRAME_BYTES_MAX + 1).expect("fits").to_be_bytes().to_vec();
    let endless = [0xff; 4].to_vec();
    let garbage = [&5_u32.to_be_bytes()[..], b"\xff\xff\xff\xff\xff"].concat();
    let empty = 0_u32.to_be_bytes().to_vec();
    let torn = [&100_u32.to_be_bytes()[..], b"only this"].concat();
    for lie in [too_long, endless, garbage, empty, torn] {
        let rig = RigSpec::default().build();
        let (mut stream, served) = served(&rig.desk);
        stream.write_all(&lie).await.expect("sent");
        stream.shutdown().await.expect("shut");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert_eq!(answer, b"");
        assert!(matches!(served.await.expect("no panic"), Err(ServeError::Frame(_))), "{lie:?}");
        assert_eq!(rig.sh_code().await, "E-DESK-CLOSED");
    }
}

#[tokio::test]
async fn garbage_after_a_good_start_ends_the_step_with_everything_it_started() {
    let rig = RigSpec::default().build();
    let running = rig.start(sh("sleep 4545.001")).await.expect("started");
    let (stream, served) = served(&rig.desk);
    let (stream, mut second) = duplicate(stream);
    let desk = RemoteDesk::connect(stream, name("1"), 1).await.expect("a good hello");
    second.write_all(&[0xff; 64]).await.expect("sent");
    let error = served.await.expect("no panic").expect_err("garbage");
    assert!(matches!(error, ServeError::Frame(FrameError::TooLong { .. })), "{error}");
    assert_eq!(ask(&desk, Request::Kill { running }).await.expect_err("closed").code, "E-DESK-CLOSED");
    assert_eq!(rig.sh_code().await, "E-DESK-CLOSED");
}

#[tokio::test]
async fn one_call_and_one_table_have_a_most() {
    let rig = with_secret().build();
    let desk = connect(&rig).await;
    let much = Command { stdin_bytes: Some(vec![0; HOST_CALL_BYTES + 1]), ..sh("cat") };
    assert_eq!(ask(&desk, Request::Start(much)).await.expect_err("too much").code, "E-LIMIT-HOST-CALL");
    for _ in 0..HANDLES {
        ask(&desk, Request::SecretOpen { input: "TOKEN".into() }).await.expect("room");
    }
    let refusal = ask(&desk, Request::SecretOpen { input: "TOKEN".into() }).await.expect_err("full");
    assert_eq!(refusal.code, "E-LIMIT-HANDLES");
    assert_eq!(ask(&desk, Request::Start(sh("sleep 60"))).await.expect_err("full").code, "E-LIMIT-HANDLES");
}

#[tokio::test]
async fn a_step_cannot_slow_the_redactor_down_without_end() {
    let rig = RigSpec::default().build();
    let mask = |number: u32| rig.desk.call(Request::SecretMask { value: format!("derived-value-{number}") });
    for number in 0..1_000 {
        assert_eq!(mask(number).await, Ok(Response::Done));
    }
    assert_eq!(mask(1_000).await.expect_err("too many").code, "E-LIMIT-MASKS");
}

#[tokio::test]
async fn near_and_far_give_the_same() {
    let (near, far) = (with_secret().build(), with_secret().build());
    let remote = connect(&far).await;
    let (seen_near, seen_far) = (session(&*near.desk).await, session(&remote).await);
    assert_eq!(seen_near, seen_far);
    drop(remote);
    for _ in 0..100 {
        if near.told.lines().len() == far.told.lines().len() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(near.told.lines(), far.told.lines());
    assert_eq!(near.told.denials(), far.told.denials());
}

/// What a step asks, and what it hears, without the numbers of handles.
async fn session(desk: &dyn Desk) -> Vec<String> {
    let mut heard = Vec::new();
    desk.note(vec![Note::Log { level: Level::Info, message: "hunter2-hunter2 starts".into() }]);
    let Ok(Response::Secret { handle, name }) = ask(desk, Request::SecretOpen { input: "TOKEN".into() }).await else {
        panic!("no secret");
    };
    heard.push(name);
    let command = Command { secret_env: vec![("T".into(), handle)], ..sh("echo $T; echo x > made; exit 4") };
    let running = start(desk, command).await.expect("started");
    heard.push(read_all(desk, running, false).await);
    heard.push(format!("{:?}", wait(desk, running).await));
    let logged = start(desk, Command { stdout: Stdio::Log, ..sh("echo logged") }).await.expect("started");
    assert_eq!(wait(desk, logged).await, Ok(Exit::Code(0)));
    heard.push(format!("{:?}", ask(desk, Request::Produce { path: "made".into() }).await));
    heard.push(format!("{:?}", ask(desk, Request::SecretReveal { secret: handle }).await));
    heard.push(format!("{:?}", ask(desk, Request::Produce { path: "../x".into() }).await));
    heard.push(format!("{:?}", ask(desk, Request::Drop { handle: running }).await));
    heard.push(format!("{:?}", ask(desk, Request::SecretMask { value: "true".into() }).await));
    desk.note(vec![Note::Log { level: Level::Info, message: "ends".into() }]);
    heard
}

async fn ask(desk: &dyn Desk, request: Request) -> Result<Response, Refusal> {
    desk.call(request).await
}

fn duplicate(stream: UnixStream) -> (UnixStream, UnixStream) {
    let stream = stream.into_std().expect("a socket");
    let second = stream.try_clone().expect("a second descriptor");
    (UnixStream::from_std(stream).expect("a socket"), UnixStream::from_std(second).expect("a socket"))
}

impl Rig {
    async fn sh_code(&self) -> String {
        self.start(sh("exit 0")).await.expect_err("closed").code
    }
}
