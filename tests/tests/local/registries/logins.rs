//! Who a registry lets in, and that a login goes nowhere else.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use e2e::Depot;
use e2e::authority::SecureServer;
use e2e::depot::{Asked, Reply};

use super::super::guests::guest;
use super::super::support::{Told, finish};
use super::support::{LONG_AGO, Yard, plain};

/// `ada:canary-hunter2` as `Authorization` says it.
const ADA: &str = "Basic YWRhOmNhbmFyeS1odW50ZXIy";
const PASSWORD: &str = "canary-hunter2";

fn yard() -> Yard {
    let yard = Yard::using(&["acme/step:1.0"]);
    yard.depot.put_plugin("acme/step", "1.0", &plain(), LONG_AGO);
    yard
}

/// Lets in whoever says `authorization`, and challenges everybody else.
fn guarded(authorization: &'static str, challenge: String) -> impl Fn(&Asked, Reply) -> Reply + Send + Sync {
    move |asked, truth| match asked.headers.get("authorization") {
        Some(own) if own == authorization => truth,
        _ => Reply::status(401).header("www-authenticate", &challenge),
    }
}

fn write_docker(yard: &Yard, config: &str) {
    fs::create_dir_all(yard.docker()).expect("the folder is ours");
    fs::write(yard.docker().join("config.json"), config).expect("the folder is ours");
}

fn log_in(yard: &Yard) {
    write_docker(yard, &format!(r#"{{"auths":{{"{}":{{"auth":"YWRhOmNhbmFyeS1odW50ZXIy"}}}}}}"#, yard.depot.address));
}

fn without_the_password(told: &Told) {
    assert!(!told.stdout.contains(PASSWORD) && !told.stderr.contains(PASSWORD), "{}{}", told.stdout, told.stderr);
}

#[test]
fn dockers_own_file_lets_in_and_a_wrong_one_is_told() {
    let yard = yard();
    yard.depot.lie(guarded(ADA, "Basic realm=\"x\"".to_owned()));
    yard.call(&["lock"]).exits(6).says("E-REGISTRY-AUTH").says("docker login");
    write_docker(
        &yard,
        &format!(r#"{{"auths":{{"{}":{{"username":"ada","password":"wrong"}}}}}}"#, yard.depot.address),
    );
    yard.call(&["lock"]).exits(6).says("E-REGISTRY-AUTH");
    write_docker(&yard, "{ broken");
    yard.call(&["lock"]).exits(2).says("E-REGISTRY-CREDENTIALS").says("config.json");
    assert_eq!((yard.kept(), yard.lockfile()), (Vec::new(), None));
    log_in(&yard);
    without_the_password(yard.call(&["lock"]).exits(0));
    yard.run().exits(0);
}

#[test]
fn a_credential_program_is_asked_as_docker_asks_it() {
    let yard = yard();
    yard.depot.lie(guarded(ADA, "Basic realm=\"x\"".to_owned()));
    write_docker(&yard, r#"{"credsStore":"tests"}"#);
    yard.call(&["lock"]).exits(2).says("E-REGISTRY-CREDENTIALS").says("docker-credential-tests");
    let program = yard.docker().join("docker-credential-tests");
    let script = format!(
        "#!/bin/sh\nread server || true\n[ \"$1 $server\" = \"get {}\" ] || exit 1\necho '{{\"ServerURL\":\"x\",\"Username\":\"ada\",\"Secret\":\"{PASSWORD}\"}}'\n",
        yard.depot.address
    );
    fs::write(&program, script).expect("the folder is ours");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    let path = format!("{}:{}", yard.docker().display(), std::env::var("PATH").expect("a search path"));
    let told = finish(yard.command(&["lock"]).env("PATH", path).spawn().expect("it starts"));
    without_the_password(told.exits(0));
}

#[test]
fn publishing_takes_a_user_and_a_password_from_standard_input() {
    let yard = yard();
    yard.depot.lie(guarded(ADA, "Basic realm=\"x\"".to_owned()));
    let file = guest("guest_polite.wasm");
    let name = yard.name("acme/new:1.0");
    let publish = |password: &str| {
        let words = [
            "plugin",
            "publish",
            &name,
            "--file",
            file.to_str().expect("a path"),
            "--username",
            "ada",
            "--password-stdin",
        ];
        let mut child = yard.command(&words).stdin(Stdio::piped()).spawn().expect("it starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(password.as_bytes()).expect("it reads");
        drop(stdin);
        finish(child)
    };
    let told = publish("wrong\n");
    told.exits(6).says("E-REGISTRY-AUTH").says("does not take this name or this password").says("that were given");
    assert!(!told.stderr.contains("docker login"), "{}", told.stderr);
    // It takes the name and the password, and lets their holder read alone; it says so, and may even repeat what it was given.
    for (message, shown) in [("no \u{1b}[2Kpush\nfor ada", true), (PASSWORD, false), (&ADA["Basic ".len()..], false)] {
        let reads = guarded(ADA, "Basic realm=\"x\"".to_owned());
        let body = serde_json::json!({ "errors": [{ "code": "DENIED", "message": message }] }).to_string();
        yard.depot.lie(move |asked, truth| match asked.method.as_str() {
            "POST" if asked.has_authorization() => Reply::status(403).body("application/json", body.clone()),
            _ => reads(asked, truth),
        });
        let told = publish(&format!("{PASSWORD}\n"));
        told.exits(6).says("E-REGISTRY-AUTH").says("it answered 403").says("that were given");
        assert_eq!(told.stderr.contains("it answered 403: no [2Kpush for ada\n"), shown, "{}", told.stderr);
        assert!(
            !told.stderr.contains("docker login") && !told.stderr.contains(&ADA["Basic ".len()..]),
            "{}",
            told.stderr
        );
        without_the_password(&told);
    }
    yard.depot.lie(guarded(ADA, "Basic realm=\"x\"".to_owned()));
    without_the_password(publish(&format!("{PASSWORD}\n")).exits(0));
    yard.call(&["plugin", "publish", &name, "--username", "ada"]).exits(2);
}

#[test]
fn a_token_server_of_the_registry_gets_the_login_and_the_registry_the_token() {
    let yard = yard();
    log_in(&yard);
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"tests\"", yard.depot.address);
    yard.depot.lie(move |asked, truth| match asked.headers.get("authorization").map(String::as_str) {
        Some(ADA) if asked.path.starts_with("/token?service=tests&scope=repository%3Aacme%2Fstep%3Apull") => {
            Reply::status(200).body("application/json", r#"{"token":"t0ken"}"#)
        }
        Some("Bearer t0ken") => truth,
        _ => Reply::status(401).header("www-authenticate", &realm),
    });
    without_the_password(yard.call(&["lock"]).exits(0));
    let asked = yard.depot.asked();
    assert_eq!(asked.iter().filter(|asked| asked.path.starts_with("/token")).count(), 1, "one token does for all");
}

#[test]
fn an_identity_token_goes_to_the_token_server_as_a_form_and_nowhere_as_a_login() {
    let yard = yard();
    let identity = format!(r#"{{"auths":{{"{}":{{"identitytoken":"{PASSWORD}"}}}}}}"#, yard.depot.address);
    write_docker(&yard, &identity);
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"te sts\"", yard.depot.address);
    let form = format!(
        "grant_type=refresh_token&client_id=sealock&service=te%20sts&scope=repository%3Aacme%2Fstep%3Apull&refresh_token={PASSWORD}"
    );
    yard.depot.lie(move |asked, truth| match asked.headers.get("authorization").map(String::as_str) {
        None if asked.method == "POST" && asked.path == "/token" && asked.body == form.as_bytes() => {
            Reply::status(200).body("application/json", r#"{"access_token":"t0ken"}"#)
        }
        Some("Bearer t0ken") => truth,
        _ => Reply::status(401).header("www-authenticate", &realm),
    });
    without_the_password(yard.call(&["lock"]).exits(0));
    let asked = yard.depot.asked();
    let to_server: Vec<&Asked> = asked.iter().filter(|asked| asked.path.starts_with("/token")).collect();
    assert_eq!(to_server.len(), 1, "one token does for all");
    assert!(!to_server[0].has_authorization());
    let kind = to_server[0].headers.get("content-type").map(String::as_str);
    assert_eq!(kind, Some("application/x-www-form-urlencoded"));
    let elsewhere = |asked: &&Asked| !asked.path.starts_with("/token");
    let told = |asked: &Asked| format!("{:?}{}", asked.headers, String::from_utf8_lossy(&asked.body));
    assert!(!asked.iter().filter(elsewhere).any(|asked| told(asked).contains(PASSWORD)));
}

/// Somebody who answers everything in plain HTTP, whatever was asked.
fn plain_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            // Whoever is gone already needs no answer.
            let _ = stream.read(&mut asked).and_then(|_| stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
        }
    });
    address
}

#[test]
fn no_login_goes_to_a_token_server_elsewhere() {
    let yard = yard();
    log_in(&yard);
    let elsewhere = Depot::start();
    elsewhere.lie(|_, _| Reply::status(401));
    let realm = format!("Bearer realm=\"http://{}/token\"", elsewhere.address);
    yard.depot.lie(guarded("nobody", realm));
    without_the_password(yard.call(&["lock"]).exits(6).says("E-REGISTRY-AUTH"));
    assert!(!elsewhere.asked().is_empty() && !elsewhere.asked().iter().any(Asked::has_authorization));

    yard.depot.lie(guarded("nobody", "Bearer realm=\"http://example.com/token\"".to_owned()));
    yard.call(&["lock"]).exits(6).says("E-REGISTRY-AUTH").says("not secure");
    yard.depot.lie(guarded("nobody", format!("Bearer realm=\"https://{}/token\"", plain_server())));
    yard.call(&["lock"]).exits(6).says("E-REGISTRY-UNREACHABLE").says("does not speak TLS");
    yard.depot.lie(guarded("nobody", "Negotiate".to_owned()));
    yard.call(&["lock"]).exits(6).says("E-REGISTRY-AUTH");
}

#[test]
fn a_certificate_that_is_over_or_too_early_is_told_with_this_machines_clock() {
    let yard = yard();
    let roots = yard.docker().with_extension("pem");
    for (first, last, says) in [(2020, 2021, "ended on 2021-01-01 00:00:00 UTC"), (2088, 2090, "begins on 2088-01-01")]
    {
        let server = SecureServer::start("127.0.0.1", first, last);
        fs::write(&roots, &server.authority).expect("the folder is ours");
        let realm = format!("Bearer realm=\"https://127.0.0.1:{}/token\"", server.port);
        yard.depot.lie(guarded("nobody", realm));
        let lock = yard.command(&["lock"]).env("SEALOCK_CA_FILE", &roots).spawn().expect("the binary starts");
        let told = finish(lock);
        told.exits(6).says("E-REGISTRY-UNREACHABLE").says(says).says("the clock of this machine says 20");
    }
}

/// Gives whoever logs in as Ada a token, and others none.
fn token_server() -> Depot {
    let depot = Depot::start();
    depot.lie(|asked, _| match asked.headers.get("authorization") {
        Some(own) if own == ADA => Reply::status(200).body("application/json", r#"{"token":"stolen"}"#),
        _ => Reply::status(401),
    });
    depot
}

#[test]
fn a_registry_that_names_the_token_server_of_another_gets_no_token_of_it() {
    let yard = yard();
    let victim = token_server();
    let auth = r#"{"auth":"YWRhOmNhbmFyeS1odW50ZXIy"}"#;
    write_docker(&yard, &format!(r#"{{"auths":{{"{}":{auth},"{}":{auth}}}}}"#, victim.address, yard.depot.address));
    let realm = format!("Bearer realm=\"http://{}/token\",service=\"victim\"", victim.address);
    yard.depot.lie(guarded("Bearer stolen", realm));
    yard.call(&["lock"]).exits(6).says("E-REGISTRY-AUTH").says("is another host");
    yard.publish("acme/new:1.0").exits(6).says("E-REGISTRY-AUTH");
    assert!(!victim.asked().is_empty() && !victim.asked().iter().any(Asked::has_authorization));
    assert!(!yard.depot.asked().iter().any(Asked::has_authorization));
}

#[test]
fn no_login_of_this_machine_serves_what_is_not_trusted() {
    let yard = yard();
    log_in(&yard);
    yard.depot.lie(guarded(ADA, "Basic realm=\"x\"".to_owned()));
    yard.call(&["lock"]).exits(0);
    yard.forget_fetched();
    yard.depot.forget();
    let own = r#"{"number":7,"pull_request":{"head":{"ref":"x","repo":{"full_name":"acme/blog"}},"base":{"ref":"main","repo":{"full_name":"acme/blog"}}}}"#;
    yard.scene.write("../event.json", own);
    let told = yard.call(&["run", "--event", "../event.json"]);
    told.exits(6).says("E-REGISTRY-AUTH").says("no login of this machine is used here");
    let mut fetch = yard.command(&["fetch"]);
    let event = yard.scene.repo().join("../event.json");
    fetch.env("GITHUB_ACTIONS", "true").env("GITHUB_EVENT_NAME", "pull_request").env("GITHUB_EVENT_PATH", event);
    finish(fetch.spawn().expect("it starts")).exits(6).says("E-REGISTRY-AUTH");
    assert!(!yard.depot.asked().is_empty() && !yard.depot.asked().iter().any(Asked::has_authorization));
    yard.run().exits(0);
}

#[test]
fn a_redirect_to_another_host_loses_the_login() {
    let yard = yard();
    log_in(&yard);
    let elsewhere = Depot::start();
    let component = plain();
    elsewhere.lie(move |_, _| Reply::status(200).body("application/octet-stream", component.clone()));
    let target = format!("http://{}/store", elsewhere.address);
    yard.depot.lie(move |asked, truth| match asked.headers.get("authorization") {
        Some(_) if asked.is_blob() && truth.body.len() > 10_000 => Reply::status(307).header("location", &target),
        Some(_) => truth,
        None => Reply::status(401).header("www-authenticate", "Basic realm=\"x\""),
    });
    yard.call(&["lock"]).exits(0);
    assert!(!elsewhere.asked().is_empty() && !elsewhere.asked().iter().any(Asked::has_authorization));
}

#[test]
fn an_upload_does_not_go_on_elsewhere() {
    let yard = yard();
    log_in(&yard);
    let elsewhere = Depot::start();
    let target = format!("http://{}/upload", elsewhere.address);
    yard.depot.lie(move |asked, truth| match asked.method.as_str() {
        "POST" => Reply::status(202).header("location", &target),
        _ => truth,
    });
    yard.publish("acme/new:1.0").exits(6).says("E-REGISTRY-ANSWER");
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn a_registry_that_always_wants_another_login_is_asked_twice() {
    let yard = yard();
    log_in(&yard);
    yard.depot.lie(|_, _| Reply::status(401).header("www-authenticate", "Basic realm=\"x\""));
    yard.call(&["lock"]).exits(6).says("E-REGISTRY-AUTH");
    assert_eq!(yard.depot.asked().len(), 2);
}
