//! Images from Dockerfiles.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use sealock_contract::Grant;
use sealock_contract::seam::{Build, ContainersRequest, Note};
use std::sync::Arc;

use crate::harness::{Bench, NoPlace};

fn build(context: &str) -> Build {
    Build { context: context.into(), network: true, ..Build::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_arguments_labels_secrets_and_ignored_files_are_as_the_dockerfile_says() {
    let bench = Bench::new();
    bench.write(
        "app/Dockerfile",
        "FROM busybox AS base\nARG WHO=nobody\nWORKDIR /app\nCOPY . .\n\
         RUN --mount=type=secret,id=token echo \"got $(cat /run/secrets/token)\" && sha256sum < /run/secrets/token > digest\n\
         RUN echo \"made for $WHO\" > made\n\
         FROM base AS extra\nRUN touch extra\nFROM base AS last\nRUN touch last\n",
    );
    bench.write("app/.dockerignore", "# not needed\n*.log\nDockerfile\nnode_modules\n!keep.log\n");
    for file in ["a.log", "keep.log", "main.txt", "node_modules/x.js", "deep/er/file"] {
        bench.write(&format!("app/{file}"), file);
    }
    bench.write("outside.txt", "not for the image");
    symlink("../outside.txt", bench.workspace().join("app/link")).expect("linked");
    std::fs::set_permissions(
        bench.workspace().join("app/main.txt"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("set");
    let request = Build {
        target: Some("extra".into()),
        args: vec![("WHO".into(), "the rig & co".into())],
        labels: vec![("org.example.team".into(), "a=b, \"c\"".into())],
        secrets: vec![("token".into(), bench.secret("TOKEN").await)],
        platform: Some("linux/amd64".into()),
        no_cache: true,
        ..build("app")
    };
    let id = bench.build(request).await.expect("built");
    assert!(id.starts_with("sha256:") && id.len() == 71, "{id}");

    let list = "cd /app; find . | sort; cat made; readlink link; stat -c %a main.txt; cat main.txt deep/er/file";
    let found = bench.docker(&["run", "--rm", "--network=none", &id, "sh", "-c", list]);
    let expected = "./deep\n./deep/er\n./deep/er/file\n./digest\n./extra\n./keep.log\n./link\n./made\n./main.txt\n\
                    made for the rig & co\n../outside.txt\n755\nmain.txtdeep/er/file";
    assert!(found.contains("./.dockerignore"), "{found}");
    assert_eq!(found.replace(".\n./.dockerignore\n", ""), expected);
    let labels = bench.docker(&["inspect", "--format", "{{json .Config.Labels}}", &id]);
    assert!(labels.contains(r#""org.example.team":"a=b, \"c\"""#), "{labels}");
    assert!(labels.contains(&format!(r#""dev.sealock.run":"{}""#, bench.run)), "{labels}");
    assert!(labels.contains(r#""dev.sealock.step":"build/image""#), "{labels}");

    let log = bench.told.log();
    assert!(log.contains("[base 5/5] RUN echo \"made for the rig & co\" > made"), "{log}");
    assert!(log.contains("got ***"), "the secret reached the build and is masked: {log}");
    assert!(!log.contains("tok-3n-of-the-build"), "{log}");
    let history = bench.docker(&["history", "--no-trunc", &id]);
    assert!(!history.contains("tok-3n-of-the-build"), "{history}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dockerfile_beside_its_context_does_not_become_part_of_it() {
    let bench = Bench::new();
    bench.write("docker/api.Dockerfile", "FROM busybox\nCOPY . /app\n");
    bench.write("app/main.txt", "x");
    let id = bench.build(Build { file: Some("../docker/api.Dockerfile".into()), ..build("app") }).await.expect("built");
    assert_eq!(bench.docker(&["run", "--rm", &id, "ls", "-A", "/app"]), "main.txt");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_instruction_is_named_with_its_line() {
    let bench = Bench::new();
    bench.write(
        "Dockerfile",
        "FROM busybox\n\n# why not\nRUN echo before && \\\n    echo there && \\\n    exit 3\nRUN echo after\n",
    );
    let refusal = bench.build(build(".")).await.expect_err("exit 3");
    assert_eq!(refusal.code, "E-IMAGE-BUILD");
    assert!(refusal.message.contains("Dockerfile, line 4:"), "{}", refusal.message);
    assert!(refusal.message.contains("exit code: 3"), "{}", refusal.message);
    let log = bench.told.log();
    assert!(log.contains("before\n") && log.contains("there") && log.contains("ERROR"), "{log}");
    let annotated = bench.told.notes().into_iter().find_map(|note| match note {
        Note::Annotation(annotation) => annotation.location,
        _ => None,
    });
    assert_eq!(annotated.map(|location| (location.file, location.line)), Some(("Dockerfile".into(), 4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_built_is_said_with_what_is_missing() {
    let bench = Bench::new();
    bench.write("a/Dockerfile", "FROM busybox\nRUNN x\n");
    let refusal = bench.build(build("a")).await.expect_err("no such instruction");
    assert_eq!(refusal.code, "E-IMAGE-BUILD");
    assert!(refusal.message.to_lowercase().contains("unknown instruction: runn"), "{}", refusal.message);

    assert_eq!(bench.build(build("absent")).await.expect_err("no folder").code, "E-FILE-NOT-FOUND");
    bench.write("b/x", "");
    assert_eq!(bench.build(build("b")).await.expect_err("no Dockerfile").code, "E-FILE-NOT-FOUND");
    let outside = Build { file: Some("../../../etc/passwd".into()), ..build("a") };
    assert_eq!(bench.build(outside).await.expect_err("outside").code, "E-GRANT-FILES");
    bench.write("c/Dockerfile", "FROM busybox\nCOPY absent /\n");
    let refusal = bench.build(build("c")).await.expect_err("no such file");
    assert_eq!(refusal.code, "E-IMAGE-BUILD");
    assert!(refusal.message.contains("line 2") && refusal.message.contains("absent"), "{}", refusal.message);
    bench.write("d/Dockerfile", "FROM busybox\nRUN wget -q -O- http://10.213.0.1:5000/v2/\n");
    let refusal = bench.build(Build { network: false, ..build("d") }).await.expect_err("no network");
    assert!(refusal.message.contains("line 2"), "{}", refusal.message);
    assert!(bench.build(build("d")).await.is_ok(), "with a network it works");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_image_behind_a_login_is_had_with_the_login_only() {
    let bench = Bench::new();
    let base = format!("{}/sealock-test/base:{}", bench.rig.login, bench.run.to_lowercase());
    bench.docker(&["tag", "busybox", &base]);
    let (user, password) = (bench.rig.user.clone(), bench.rig.password.clone());
    let config = tempfile::tempdir().expect("a folder");
    let config = config.path().to_str().expect("text");
    bench.docker(&["--config", config, "login", "--username", &user, "--password", &password, &bench.rig.login]);
    bench.docker(&["--config", config, "push", "--quiet", &base]);
    bench.docker(&["rmi", &base]);
    bench.write("Dockerfile", &format!("FROM {base}\nRUN true\n"));
    let without = bench.build(build(".")).await.expect_err("no login");
    assert_eq!(without.code, "E-REGISTRY-AUTH", "{}", without.message);
    assert!(without.message.starts_with("Dockerfile, line 1:"), "{}", without.message);
    let credentials = vec![bench.login(&bench.rig.login, "PASSWORD").await];
    bench.build(Build { credentials, ..build(".") }).await.expect("built with the login");
    bench.docker(&["rmi", &base]);
}

#[tokio::test(flavor = "multi_thread")]
async fn giving_up_on_a_build_stops_it() {
    let bench = Bench::new();
    bench.write("Dockerfile", "FROM busybox\nRUN echo begun && sleep 4321\n");
    let build = bench.call(ContainersRequest::Build(build(".")));
    let begun = async {
        while !bench.told.log().contains(" begun") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        ended = build => panic!("{ended:?}"),
        () = begun => {}
    }
    let dropped = Instant::now();
    while is_sleeping() {
        assert!(dropped.elapsed() < Duration::from_secs(10), "the build goes on");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The engine's processes are this machine's.
fn is_sleeping() -> bool {
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    processes
        .into_iter()
        .any(|process| std::fs::read(process.path().join("cmdline")).is_ok_and(|line| line == b"sleep\x004321\0"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_built_without_a_grant() {
    let bench = Bench::with(Grant::default(), Arc::new(NoPlace));
    bench.write("Dockerfile", "FROM busybox\n");
    let refusal = bench.build(build(".")).await.expect_err("no grant");
    assert_eq!(refusal.code, "E-GRANT-CONTAINERS");
    assert_eq!(refusal.help.as_deref(), Some("allow: { containers: { build: true } }"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_without_buildkit_builds_the_same_and_takes_no_secrets() {
    let bench = Bench::without_buildkit();
    bench.write(
        "docker/api.Dockerfile",
        "FROM busybox AS one\nARG WHO\nCOPY . /app\nRUN echo $WHO > /app/who\nFROM busybox\n",
    );
    bench.write("app/.dockerignore", "*.log\n");
    for file in ["a.log", "deep/main.txt"] {
        bench.write(&format!("app/{file}"), file);
    }
    let long = "long/".repeat(60) + "name";
    bench.write(&format!("app/{long}"), "far away");
    symlink("deep/main.txt", bench.workspace().join("app/link")).expect("linked");
    let args = vec![("WHO".into(), "me".into())];
    let file = Some("../docker/api.Dockerfile".into());
    let request = Build { file, args, target: Some("one".into()), ..build("app") };
    let id = bench.build(request.clone()).await.expect("built");
    let list = format!("cd /app; ls -A; readlink link; cat who {long}");
    assert_eq!(
        bench.docker(&["run", "--rm", &id, "sh", "-c", &list]),
        "deep\nlink\nlong\nwho\ndeep/main.txt\nme\nfar away"
    );
    let secrets = vec![("token".into(), bench.secret("TOKEN").await)];
    let refusal = bench.build(Build { secrets, ..request }).await.expect_err("no secrets");
    assert_eq!(refusal.code, "E-ENGINE-UNSUPPORTED");

    bench.write("b/Dockerfile", "FROM busybox\nENV A=1\n\nRUN exit 4\n");
    let refusal = bench.build(build("b")).await.expect_err("exit 4");
    assert_eq!(refusal.code, "E-IMAGE-BUILD");
    assert!(refusal.message.contains("line 4: `RUN exit 4`"), "{}", refusal.message);
    assert_eq!(bench.left_over(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_blog_creators_images_build_as_their_dockerfiles_are() {
    let bench = Bench::new();
    let app = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/apps/blog-creator/.");
    let copied = std::process::Command::new("cp").args(["-a", app]).arg(bench.workspace()).status().expect("cp");
    assert!(copied.success());
    for part in ["backend", "frontend"] {
        let args = vec![("RELEASE".into(), "1.0".into()), ("GIT_SHA".into(), "0123abc".into())];
        let id = bench.build(Build { args, ..build(part) }).await.unwrap_or_else(|refusal| panic!("{refusal:?}"));
        let label = "{{index .Config.Labels \"org.opencontainers.image.version\"}} {{.Config.User}}";
        let user = if part == "backend" { "appuser" } else { "nodeuser" };
        assert_eq!(bench.docker(&["inspect", "--format", label, &id]), format!("1.0 {user}"));
    }
}
