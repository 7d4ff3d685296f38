//! Servers that lie, hang, and ask for what they must not have (abuse suite H, 93 to 99).

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use sealock_broker::ssh::{CommandLine, SshAuth, SshClient, SshEnd, SshError, SshLimits, SshOutput};
use sealock_contract::StepError;
use sealock_secrets::SecretBytes;

use crate::proxy::Proxy;
use crate::scripted::{Manner, Scripted, new_key, shown};
use crate::sshd::Sshd;

/// Far more than the limits set here, on a busy machine too; these servers would hold one for ever.
const GIVEN_UP: Duration = Duration::from_secs(20);

async fn run(client: &SshClient) -> Result<(Vec<u8>, SshEnd), SshError> {
    let exec = client.exec(&CommandLine::new("true"), Vec::new()).await?;
    exec.collect(1024).await.map(|(stdout, _, end)| (stdout, end))
}

async fn refused(manner: Manner) -> (SshError, Scripted) {
    let server = Scripted::start(manner).await;
    let begun = Instant::now();
    let error = run(&server.client(&[&server.host_key])).await.err().unwrap_or_else(|| panic!("{manner:?} was taken"));
    assert!(begun.elapsed() < GIVEN_UP, "{manner:?} took {:?}", begun.elapsed());
    (error, server)
}

#[tokio::test]
async fn a_server_whose_key_is_not_pinned_learns_nothing() {
    let server = Scripted::start(Manner::FakeSuccess).await;
    let unknown = run(&server.client(&[])).await.expect_err("no key is pinned");
    assert_eq!(unknown.code(), "E-SSH-HOSTKEY-UNKNOWN");
    let (other, _) = new_key("ed25519");
    let other = shown(&other);
    let changed = run(&server.client(&[&other])).await.expect_err("another key is pinned");
    assert_eq!(changed.code(), "E-SSH-HOSTKEY-CHANGED");
    assert_eq!((server.logins(), server.seen.commands.lock().unwrap().len()), (0, 0));
    let told = StepError::from(changed);
    assert!(told.help.expect("a line to write").contains(&format!("host-key: \"{}\"", server.host_key)));
    assert!(told.message.contains("SHA256:"), "{}", told.message);
    run(&server.client(&[&other, &server.host_key])).await.expect("one of two pinned keys");
}

#[tokio::test]
async fn openssh_sees_no_login_either() {
    let sshd = Sshd::start("dash");
    let mut target = sshd.ssh("web1", sshd.port);
    target.host_keys.clear();
    let client = SshClient::new(target, SshLimits::default());
    assert_eq!(run(&client).await.expect_err("no key is pinned").code(), "E-SSH-HOSTKEY-UNKNOWN");
    let log = sshd.log();
    assert!(log.contains("Connection from"), "{log}");
    assert!(!log.contains("userauth-request") && !log.contains("Accepted"), "{log}");
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up_in_each_phase() {
    let phases = [
        (Manner::Mute, "waiting for the server's identification"),
        (Manner::HangInKeyExchange, "exchanging keys"),
        (Manner::HangInAuth, "authenticating"),
        (Manner::HangInChannel, "opening a channel"),
        (Manner::HangInExec, "starting a command"),
    ];
    for (manner, phase) in phases {
        let (error, _server) = refused(manner).await;
        assert_eq!(error.code(), "E-SSH-TIMEOUT", "{manner:?}: {error}");
        assert!(error.to_string().contains(phase), "{manner:?}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_breaks_the_protocol_is_refused() {
    let manners = [
        (Manner::EndlessGreeting, "E-SSH-PROTOCOL"),
        (Manner::HugePacket, "E-SSH-PROTOCOL"),
        (Manner::NoStrictKex, "E-SSH-PROTOCOL"),
        (Manner::Sha1, "E-SSH-PROTOCOL"),
        (Manner::RefuseAuth, "E-SSH-AUTH"),
        (Manner::RefuseExec, "E-SSH-REFUSED"),
    ];
    for (manner, code) in manners {
        let (error, server) = refused(manner).await;
        assert_eq!(error.code(), code, "{manner:?}: {error}");
        let before_auth = code == "E-SSH-PROTOCOL";
        assert_eq!(server.logins() == 0, before_auth, "{manner:?}");
    }
}

#[tokio::test]
async fn a_command_without_a_status_ended_nobody_knows_how() {
    for (manner, expected) in [
        (Manner::NoStatus, SshEnd::Unknown),
        (Manner::CloseInExec, SshEnd::Unknown),
        (Manner::Signal, SshEnd::Signal("KILL".to_owned())),
        (Manner::FakeSuccess, SshEnd::Code(0)),
    ] {
        let server = Scripted::start(manner).await;
        let (_, end) = run(&server.client(&[&server.host_key])).await.expect("started");
        assert_eq!(end, expected, "{manner:?}");
    }
}

#[tokio::test]
async fn what_a_server_asks_for_is_refused() {
    let server = Scripted::start(Manner::OpenChannels).await;
    let client = server.client(&[&server.host_key]);
    run(&client).await.expect("started");
    let count = || server.seen.channels_refused.load(Ordering::Relaxed);
    let begun = Instant::now();
    while count() < 7 && begun.elapsed() < GIVEN_UP {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!((server.seen.channels_granted.load(Ordering::Relaxed), count()), (0, 7));
}

#[tokio::test]
async fn words_that_look_like_success_are_none() {
    let server = Scripted::start(Manner::FakeSuccess).await;
    let target = server.client(&[&server.host_key]).target().clone();
    let spec = sealock_deploy::TargetSpec { ssh: target, directory: "app".to_owned(), sudo: Vec::new() };
    let told = sealock_deploy::status(&[spec], SshLimits::default()).await;
    let error = told[0].told.as_ref().expect_err("there was no answer");
    assert_eq!(error.code(), "E-OUTCOME-UNKNOWN", "{error}");
    let commands = server.seen.commands.lock().unwrap();
    assert!(commands.iter().all(|command| command.starts_with("'sh' '-c' 'test -f \"$0\"")), "{commands:?}");
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_told_before_anybody_is_asked() {
    let server = Scripted::start(Manner::FakeSuccess).await;
    for (bytes, why) in [(&b"not a key"[..], "not a private key"), (&b"\xff\xfe"[..], "not text")] {
        let mut target = server.client(&[&server.host_key]).target().clone();
        target.auth = SshAuth::Key { secret: "DEPLOY_KEY".to_owned(), bytes: SecretBytes::new(bytes) };
        let client = SshClient::new(target, SshLimits::default());
        let error = run(&client).await.expect_err("no key");
        assert_eq!(error.code(), "E-SSH-KEY");
        assert!(error.to_string().contains(why) && error.to_string().contains("DEPLOY_KEY"), "{error}");
    }
    assert_eq!(server.logins(), 0);
}

#[tokio::test]
async fn a_directory_that_is_no_plain_path_never_reaches_a_shell() {
    let server = Scripted::start(Manner::FakeSuccess).await;
    for directory in ["$(id)", "-x", "/opt/../etc", "a\nb", ""] {
        let ssh = server.client(&[&server.host_key]).target().clone();
        let spec = sealock_deploy::TargetSpec { ssh, directory: directory.to_owned(), sudo: Vec::new() };
        let told = sealock_deploy::status(&[spec], SshLimits::default()).await;
        assert_eq!(told[0].told.as_ref().expect_err("refused").code(), "E-TARGET-FAILED", "{directory:?}");
    }
    assert_eq!(server.logins(), 0);
}

#[tokio::test]
async fn an_agent_can_prove_the_login() {
    let sshd = Sshd::start("dash");
    let socket = sshd.path().join("agent");
    let agent = std::process::Command::new("ssh-agent")
        .arg("-D")
        .arg("-a")
        .arg(&socket)
        .stdout(std::process::Stdio::null())
        .spawn();
    let mut agent = agent.expect("`ssh-agent` is needed for this test");
    while !socket.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut target = sshd.ssh("web1", sshd.port);
    target.auth = SshAuth::Agent(socket.clone());
    let empty = run(&SshClient::new(target.clone(), SshLimits::default())).await;
    let added = std::process::Command::new("ssh-add")
        .env("SSH_AUTH_SOCK", &socket)
        .arg("-q")
        .arg(sshd.path().join("client"))
        .status();
    let proven = run(&SshClient::new(target, SshLimits::default())).await;
    agent.kill().expect("it runs");
    agent.wait().expect("it ended");
    assert_eq!(empty.expect_err("it holds no key").code(), "E-SSH-AUTH");
    assert!(added.expect("`ssh-add` runs").success());
    assert_eq!(proven.expect("it holds the key").1, SshEnd::Code(0));
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_noticed_while_one_waits_and_while_one_writes() {
    let sshd = Sshd::start("dash");
    for sent in [0, 64 << 20] {
        let proxy = Proxy::to(sshd.port).await;
        let limits = SshLimits { keepalive: Duration::from_millis(500), ..SshLimits::default() };
        let client = SshClient::new(sshd.ssh("web1", proxy.port), limits);
        let command = CommandLine::new("sh").words(["-c", "echo begun; sleep 20; cat >/dev/null"]);
        let mut exec = client.exec(&command, vec![b'x'; sent]).await.expect("started");
        while !matches!(exec.next().await.expect("it runs"), SshOutput::Stdout(_)) {}
        proxy.fall_silent();
        let begun = Instant::now();
        let end = loop {
            if let SshOutput::End(end) = exec.next().await.expect("an end") {
                break end;
            }
        };
        assert_eq!(end, SshEnd::Unknown, "{sent} bytes");
        assert!(begun.elapsed() < limits.silence() * 5, "{sent} bytes: it took {:?}", begun.elapsed());
    }
    assert!(SshLimits::default().silence() <= Duration::from_secs(15));
}
