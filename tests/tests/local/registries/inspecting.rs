//! `plugin inspect` of what a registry has: it is looked at, and nothing of it is kept, locked, or run.

use e2e::depot::Reply;
use serde_json::Value;

use super::support::{LONG_AGO, Yard, asking, large};

const GET: &str = r#"{"capability":"network","to":"api.example.com:443","methods":["GET"],"reason":"ask"}"#;

fn inspected(yard: &Yard, reference: &str, rest: &[&str]) -> Value {
    let name = yard.name(reference);
    yard.call(&[&["plugin", "inspect", &name, "--format", "json"], rest].concat()).exits(0).json()
}

#[test]
fn what_a_registry_has_is_shown_whole_and_leaves_nothing_behind() {
    let yard = Yard::using(&["acme/step:1"]);
    yard.depot.put_plugin("acme/step", "1.0.0", &asking("1.0.0", ""), LONG_AGO);
    let manifest = yard.depot.put_plugin("acme/step", "1.2.0", &asking("1.2.0", GET), LONG_AGO);
    let json = inspected(&yard, "acme/step:1", &[]);
    assert_eq!(json["from"]["version"], "1.2.0", "what `lock` would choose");
    assert_eq!((&json["from"]["manifest"], &json["from"]["locked"]), (&Value::from(manifest), &false.into()));
    assert_eq!(json["manifest"]["version"], "1.2.0");
    assert_eq!(json["manifest"]["requests"][0]["to"], "api.example.com:443");
    let imports = json["imports"].as_array().expect("a list");
    assert!(imports.iter().any(|name| name.as_str().is_some_and(|name| name.starts_with("wasi:http/"))), "{imports:?}");
    let name = yard.name("acme/step:1.0.0");
    yard.call(&["plugin", "inspect", &name]).exits(0).says("1.0.0, not locked").says("plain program");
    assert_eq!((yard.kept(), yard.lockfile()), (Vec::new(), None));
    assert!(!yard.scene.state().exists(), "nothing was run");
}

#[test]
fn what_is_locked_is_shown_with_what_a_pipeline_grants_though_its_tag_moved() {
    let yard = Yard::using(&["acme/step:1.0"]);
    yard.depot.put_plugin("acme/step", "1.0", &asking("1.0.0", GET), LONG_AGO);
    let pipeline = format!(
        "name: yard\nstages:\n  only: {{ steps: [{{ uses: \"{}\", with: {{ greeting: hello }}, allow: {{ network: [\"api.example.com:443\"] }} }}] }}\n",
        yard.name("acme/step:1.0"),
    );
    yard.scene.write("pipelines/main.yml", pipeline);
    yard.call(&["lock"]).exits(0);
    yard.depot.put_plugin("acme/step", "1.0", &asking("6.6.6", ""), LONG_AGO);

    let json = inspected(&yard, "acme/step:1.0", &["--pipeline", "main"]);
    assert_eq!((&json["from"]["locked"], &json["manifest"]["version"]), (&true.into(), &"1.0.0".into()));
    assert_eq!(json["grants"][0]["stage"], "only");
    let granted = json["grants"][0]["granted"].as_array().expect("a list");
    assert!(
        granted
            .iter()
            .any(|part| part["capability"] == "network" && part["what"].to_string().contains("api.example.com:443")),
        "{granted:?}"
    );

    yard.forget_fetched();
    assert_eq!(inspected(&yard, "acme/step:1.0", &[])["manifest"]["version"], "1.0.0");
    assert!(yard.kept().is_empty(), "looking fetches nothing for good");
    yard.call(&["fetch"]).exits(0);
    yard.depot.stop();
    assert_eq!(
        inspected(&yard, "acme/step:1.0", &[])["manifest"]["version"],
        "1.0.0",
        "what is here needs no registry"
    );
}

#[test]
fn a_component_larger_than_any_manifest_is_shown_too() {
    let yard = Yard::using(&[]);
    let component = large(9 << 20);
    yard.depot.put_plugin("acme/step", "1.0", &component, LONG_AGO);
    assert_eq!(inspected(&yard, "acme/step:1.0", &[])["bytes"], component.len());
}

#[test]
fn a_reference_that_names_nothing_is_one_clear_error() {
    let yard = Yard::using(&[]);
    yard.depot.put_plugin("acme/core", "1.0", b"\0asm\x01\0\0\0", LONG_AGO);
    let digest = format!("acme/core@sha256:{}", "0".repeat(64));
    let cases = [
        ("no-such-builtin".to_owned(), 2, "E-PLUGIN-NAME"),
        ("acme/step:1.0".to_owned(), 2, "E-PLUGIN-NAME"),
        (yard.name("acme/core"), 2, "E-PLUGIN-NAME"),
        (yard.name("acme/core@sha512:12"), 2, "E-PLUGIN-NAME"),
        (yard.name("acme/gone:1.0"), 6, "E-PLUGIN-MISSING"),
        (yard.name("acme/core:2.0"), 6, "E-PLUGIN-MISSING"),
        (yard.name(&digest), 6, "E-PLUGIN-MISSING"),
        (yard.name("acme/core:1.0"), 2, "E-PLUGIN-FORMAT"),
        ("127.0.0.1:9/acme/step:1.0".to_owned(), 6, "E-REGISTRY-UNREACHABLE"),
    ];
    for (reference, exit, code) in cases {
        let told = yard.call(&["plugin", "inspect", &reference]);
        told.exits(exit).says(code);
        assert_eq!((told.stdout.as_str(), told.stderr.matches("error[").count()), ("", 1), "{}", told.stderr);
    }
    yard.depot.lie(|_, _| Reply::status(401).header("www-authenticate", "Basic realm=\"x\""));
    yard.call(&["plugin", "inspect", &yard.name("acme/core:1.0")]).exits(6).says("E-REGISTRY-AUTH");
    assert_eq!((yard.kept(), yard.lockfile()), (Vec::new(), None));
}
