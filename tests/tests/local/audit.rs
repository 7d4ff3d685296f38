//! What steps used of what they were granted: told as events, at the end of a run, and as the `allow` to write.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::support::Scene;

/// Answers everything with 200, for as long as the test lives.
fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for mut socket in listener.incoming().flatten() {
            let _ = socket.read(&mut [0; 4096]);
            let _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
        }
    });
    port
}

fn pipeline(port: u16) -> String {
    format!(
        r#"
name: audit
stages:
  only:
    steps:
      - id: where
        run: echo "url=http://127.0.0.1:{port}/" >> "$GITHUB_OUTPUT"
      - id: late
        uses: smoke-test
        with: {{ url: "${{{{ steps.where.outputs.url }}}}" }}
        allow: {{ network: ["127.0.0.1:{port}", "*.example.com:443"] }}
      - id: typed
        uses: smoke-test
        with: {{ url: "http://127.0.0.1:{port}/" }}
"#
    )
}

#[test]
fn what_was_used_is_an_event_and_the_smallest_allow_is_written_from_it() {
    let port = server();
    let scene = Scene::new(&pipeline(port));
    let told = scene.run(&[]);
    told.exits(0);
    let used: Vec<String> = told
        .of("grant-used")
        .iter()
        .map(|event| format!("{} {} {}", event["step"], event["capability"], event["what"]).replace('"', ""))
        .collect();
    let address = format!("127.0.0.1:{port}");
    assert_eq!(
        used,
        ["where exec sh".to_owned(), format!("late network {address}"), format!("typed network {address}")]
    );

    let allow = scene.call(&["allow", "--from", "latest"]);
    allow.exits(0);
    let wanted = format!("# only / late (pipelines/main.yml:8)\nallow:\n  network: [\"{address}\"]\n");
    assert!(allow.stdout.contains(&wanted), "{}", allow.stdout);
    allow.says("only / typed (pipelines/main.yml:12): needs no `allow`");
    allow.says("only / where (pipelines/main.yml:6): needs no `allow`");

    // And it is enough.
    let smaller = pipeline(port).replace(", \"*.example.com:443\"", "");
    scene.write("pipelines/main.yml", smaller);
    scene.run(&[]).exits(0);
}

#[test]
fn an_audit_tells_used_and_unused_on_standard_error_and_jsonl_stays_as_it_is() {
    let port = server();
    let scene = Scene::new(&pipeline(port));
    let told = scene.call(&["run", "--audit", "--no-cache", "--locked", "--format", "plain"]);
    told.exits(0);
    assert!(!told.stdout.contains("used "), "{}", told.stdout);
    assert!(told.stderr.contains(&format!("used      network 127.0.0.1:{port}")), "{}", told.stderr);
    assert!(told.stderr.contains("unused    network *.example.com:443"), "{}", told.stderr);
    assert!(!told.stderr.contains(&format!("unused    network 127.0.0.1:{port}")), "{}", told.stderr);
    let told = scene.run(&["--audit"]);
    told.exits(0);
    assert!(!told.stderr.contains("audit"), "{}", told.stderr);
    scene.call(&["-v", "show", "--format", "plain"]).says(&format!("used network 127.0.0.1:{port}"));
}

#[test]
fn what_was_refused_stands_in_the_smallest_allow_and_is_marked() {
    let port = server();
    let scene = Scene::new(&pipeline(port).replace(&format!("\"127.0.0.1:{port}\", "), ""));
    scene.run(&[]).exits(3);
    let allow = scene.call(&["allow", "--from", "latest"]);
    allow.exits(0).says("the run did not succeed").says("# was refused: network ");
    allow.says(&format!("allow:\n  network: [\"127.0.0.1:{port}\"]\n"));
}
