//! Scripts on targets.

use std::time::Duration;

use sealock_contract::Digest;
use sealock_contract::seam::{Exit, Request, TargetsRequest};

use crate::desk::{Counter, TOKEN, script};
use crate::proxy::Proxy;
use crate::sshd::{SHELLS, Sshd, begin};

async fn counter(sshd: &Sshd) -> Counter {
    Counter::open(sshd.begin("run1", &["web1"]).await, &["web1"])
}

#[tokio::test]
async fn values_reach_a_script_as_they_are_and_its_end_comes_back() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let counter = counter(&sshd).await;
        let target = counter.target("web1").await;
        let odd = ["", "a b", "$(id)", "it's", "new\nline\n", "-n", "`x`", "\\", "\"", "ü"];
        let mut asked = script(
            target,
            "for word in \"$@\"; do printf '[%s]' \"$word\"; done\nprintf '<%s>' \"$ODD\"\ncat\npwd >&2\nexit 3\n",
        );
        asked.args = odd.map(str::to_owned).to_vec();
        asked.env = vec![("ODD".to_owned(), "'; id; '\n".to_owned())];
        asked.stdin_bytes = Some(b"input $HOME\n".to_vec());
        let (exit, out, err) = counter.run(asked).await;
        assert_eq!(exit, Ok(Exit::Code(3)), "{shell}: {err}");
        let expected = odd.map(|word| ["[", word, "]"].concat()).concat();
        assert_eq!(out, expected + "<'; id; '\n>input $HOME\n", "{shell}");
        assert_eq!(err.trim(), sshd.directory("web1").display().to_string(), "{shell}");
    }
}

#[tokio::test]
async fn output_comes_while_the_script_runs_and_in_any_amount() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let counter = counter(&sshd).await;
        let target = counter.target("web1").await;
        let text = "echo first; while ! test -e go; do sleep 0.1; done; echo last";
        let running = counter.start(script(target, text)).await.expect("started");
        let request = Request::ReadOutput { running, error: false, max: 100 };
        sealock_contract::seam::Desk::call(&*counter.desk, request).await.expect("captured");
        // It waits for this file: what came only at its end would never have come.
        std::fs::write(sshd.directory("web1").join("go"), "").expect("it is ours");
        assert_eq!(counter.wait(running).await, Ok(Exit::Code(0)));
        let (exit, out, _) = counter.run(script(target, "seq 1 200000")).await;
        assert_eq!(exit, Ok(Exit::Code(0)));
        let expected: String = (1..=200_000).flat_map(|number: u32| [number.to_string(), "\n".to_owned()]).collect();
        assert!(out == expected, "{shell}: {} of {} bytes", out.len(), expected.len());
    }
}

#[tokio::test]
async fn a_cut_connection_loses_nothing_and_runs_nothing_twice() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let proxy = Proxy::to(sshd.port).await;
        let targets = vec![sshd.target_through("web1", proxy.port)];
        let counter = Counter::open(begin("run1", targets, &|_| {}).await.expect("free"), &["web1"]);
        let target = counter.target("web1").await;
        let text = "echo begun >>began; for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i; sleep 0.2; done; exit 4";
        let running = counter.start(script(target, text)).await.expect("started");
        for _ in 0..2 {
            tokio::time::sleep(Duration::from_millis(700)).await;
            proxy.cut();
        }
        assert_eq!(counter.wait(running).await, Ok(Exit::Code(4)), "{shell}");
        let expected: String =
            (1..=10).flat_map(|number: u32| ["line ".to_owned(), number.to_string(), "\n".to_owned()]).collect();
        assert_eq!(counter.output(running, false).await, expected, "{shell}");
        let began = std::fs::read_to_string(sshd.directory("web1").join("began")).expect("it ran");
        assert_eq!(began, "begun\n", "{shell}: it ran more than once");
        proxy.cut();
        counter.stage(target, "app.txt", "one").await.expect("the connection is made again");
    }
}

#[tokio::test]
async fn killing_and_running_out_of_time_end_everything_it_started() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let counter = counter(&sshd).await;
        let target = counter.target("web1").await;
        let text = "(while :; do echo x >>alive; sleep 0.1; done) & trap '' TERM; while :; do sleep 0.1; done";
        let mut asked = script(target, text);
        asked.timeout_ms = Some(2500);
        let (exit, ..) = counter.run(asked).await;
        assert_eq!(exit.expect_err("too long").code, "E-PROCESS-TIMEOUT", "{shell}");
        let alive = || std::fs::metadata(sshd.directory("web1").join("alive")).expect("it ran").len();
        let length = alive();
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(alive(), length, "{shell}: something still runs");
    }
}

#[tokio::test]
async fn secrets_are_in_no_argument_no_file_and_no_output() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let counter = counter(&sshd).await;
        let target = counter.target("web1").await;
        let secret = counter.secret().await;
        let mut asked = script(
            target,
            "cat >/dev/null; echo \"${#TOKEN} $TOKEN\"; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; \
             find .sealock -type f -exec grep -l \"$TOKEN\" {} +; true",
        );
        asked.secret_env = vec![("TOKEN".to_owned(), secret)];
        asked.stdin_secret = Some(secret);
        let (exit, out, err) = counter.run(asked).await;
        assert_eq!(exit, Ok(Exit::Code(0)), "{shell}: {err}");
        assert!(out.starts_with(&format!("{} ***\n", TOKEN.len())), "{shell}: {out}");
        assert!(!out.contains(TOKEN));
        let found: Vec<_> = out.lines().filter(|line| line.starts_with(".sealock/")).collect();
        let own_output = |line: &&str| line.ends_with("/out");
        assert!(found.iter().all(own_output), "{shell}: the secret stands in {found:?}");
        let arguments = out.lines().nth(1).expect("the arguments of all programs");
        assert!(!arguments.contains("***"), "{shell}: the secret was an argument");
    }
}

#[tokio::test]
async fn another_user_is_become_only_where_the_target_allows_it() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        sshd.program(
            "sudo",
            "#!/bin/sh\necho \"$*\" >>\"${0%/*}/sudo.log\"\n[ \"$1 $2\" = '-n -u' ] || exit 9\nshift 4\nexec \"$@\"\n",
        );
        let counter = counter(&sshd).await;
        let target = counter.target("web1").await;
        let mut asked = script(target, "echo \"$1 $VALUE\"; cat; exit 5");
        asked.args = vec!["a'b".to_owned()];
        asked.env = vec![("VALUE".to_owned(), "it's".to_owned())];
        asked.stdin_bytes = Some(b"input\n".to_vec());
        asked.user = Some("root".to_owned());
        let (refused, ..) = counter.run(asked.clone()).await;
        assert_eq!(refused.expect_err("not in the entry").code, "E-TARGET-SUDO");
        asked.user = Some("app".to_owned());
        let (exit, out, err) = counter.run(asked.clone()).await;
        assert_eq!((exit, out.as_str()), (Ok(Exit::Code(5)), "a'b it's\ninput\n"), "{shell}: {err}");
        let log = std::fs::read_to_string(sshd.path().join("bin/sudo.log")).expect("sudo was used");
        assert!(log.lines().all(|line| line.starts_with("-n -u app --") && !line.contains("it's")), "{shell}: {log}");
        sshd.program("sudo", "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n");
        let (refused, ..) = counter.run(asked).await;
        let refused = refused.expect_err("sudo says no");
        assert_eq!(refused.code, "E-TARGET-SUDO");
        assert!(refused.message.contains("a password is required"), "{refused}");
    }
}

#[tokio::test]
async fn an_image_is_pulled_by_digest_and_the_login_leaves_nothing() {
    let sshd = Sshd::start("busybox");
    let counter = counter(&sshd).await;
    let target = counter.target("web1").await;
    let digest = Digest::of(b"image");
    let image = format!("127.0.0.1:5000/acme/app@{digest}");
    let password = Some(counter.secret().await);
    let pull = |image: &str| TargetsRequest::PullImage {
        target,
        image: image.to_owned(),
        username: Some("ci".to_owned()),
        password,
    };
    assert_eq!(counter.targets(pull(&image)).await.expect_err("no docker").code, "E-TARGET-DOCKER");
    assert_eq!(counter.targets(pull("a:latest")).await.expect_err("no digest").code, "E-IMAGE-DIGEST");
    sshd.program(
        "docker",
        "#!/bin/sh\nlog=${0%/*}/docker.log\n[ \"$1\" = version ] || echo \"$*\" >>\"$log\"\ncase $1 in\n\
         login) cat >\"$DOCKER_CONFIG/config.json\"; echo \"$DOCKER_CONFIG\" >\"$log.config\"; wc -c <\"$DOCKER_CONFIG/config.json\" >>\"$log\" ;;\n\
         pull) [ -f \"$DOCKER_CONFIG/config.json\" ] || exit 1 ;;\nesac\n",
    );
    counter.targets(pull(&image)).await.expect("pulled");
    let read = |file: &str| std::fs::read_to_string(sshd.path().join("bin").join(file)).expect("docker was used");
    let log: Vec<String> = read("docker.log").lines().map(|line| line.trim().to_owned()).collect();
    let size = TOKEN.len().to_string();
    let login = "login --username ci --password-stdin 127.0.0.1:5000";
    assert_eq!(log, [login, size.as_str(), &format!("pull --quiet {image}")]);
    assert!(!std::path::Path::new(read("docker.log.config").trim()).exists(), "the login was left there");
    sshd.program("docker", "#!/bin/sh\n[ \"$1\" != version ] || exit 0\necho \"denied for $(cat)\" >&2\nexit 1\n");
    let refused = counter.targets(pull(&image)).await.expect_err("docker says no");
    assert_eq!(refused.code, "E-TARGET-PULL");
    assert!(refused.message.contains("denied for ***"), "{refused}");
    sshd.program("docker", "#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n");
    let stopped = counter.targets(pull(&image)).await.expect_err("no engine");
    assert_eq!(stopped.code, "E-TARGET-DOCKER", "{stopped}");
    assert!(stopped.message.contains("Cannot connect"), "{stopped}");
}

#[tokio::test]
async fn a_step_reaches_only_the_targets_that_it_is_granted() {
    let sshd = Sshd::start("dash");
    let counter = Counter::open(sshd.begin("run1", &["web1", "web2"]).await, &["web1"]);
    let denied = counter.targets(TargetsRequest::Open { name: "web2".to_owned() }).await.expect_err("not granted");
    assert_eq!(denied.code, "E-GRANT-TARGET");
    let unknown = counter.start(script(sealock_contract::seam::Handle(77), "true")).await.expect_err("no handle");
    assert_eq!(unknown.code, "E-HANDLE-UNKNOWN");
    let target = counter.target("web1").await;
    let mut asked = script(target, "true");
    asked.env = vec![("A;id".to_owned(), String::new())];
    assert_eq!(counter.start(asked).await.expect_err("no name").code, "E-TARGET-WORD");
}
