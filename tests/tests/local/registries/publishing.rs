//! From a component's file to a step that runs, and what is between.

use std::process::Child;

use super::super::guests::guest;
use super::super::support::finish;
use super::support::{LONG_AGO, Yard, plain, read, replaced, saying};

#[test]
fn what_is_published_is_locked_and_runs_by_reference_and_by_short_name() {
    let yard = Yard::using(&["acme/step:1.0"]);
    let pipeline = format!(
        "name: yard\nplugins: {{ mine: \"{}\" }}\nstages:\n  only: {{ steps: [{{ uses: \"{}\", with: {{ greeting: one }} }}, {{ uses: mine, with: {{ greeting: two }} }}] }}\n",
        yard.name("acme/other:2.0"),
        yard.name("acme/step:1.0"),
    );
    yard.scene.write("pipelines/main.yml", pipeline);
    for reference in ["acme/step:1.0", "acme/other:2.0"] {
        yard.publish(reference).exits(0).says("@sha256:");
    }
    let checked = yard.call(&["check", "--format", "json"]);
    assert_eq!(checked.exits(2).json()["diagnostics"][0]["code"], "E-LOCK-MISSING");
    yard.run().exits(5).says("E-LOCK-MISSING").says("sealock lock");

    yard.call(&["lock"]).exits(0).says("asks for nothing");
    let told = yard.run();
    assert_eq!(told.exits(0).of("step-finished").len(), 2);
    yard.call(&["check"]).exits(0);
    yard.call(&["plugin", "list"]).exits(0).says(&yard.name("acme/step:1.0")).says("Data in, data out");
    yard.call(&["lock"]).exits(0).says("up to date (2 plugins)");
}

#[test]
fn what_is_locked_and_fetched_runs_without_any_network() {
    let yard = Yard::using(&["acme/step:1.0"]);
    yard.publish("acme/step:1.0").exits(0);
    yard.call(&["lock"]).exits(0);
    yard.forget_fetched();
    yard.call(&["check"]).exits(0).says("E-PLUGIN-ABSENT");
    yard.call(&["fetch"]).exits(0).says("fetched");
    yard.depot.forget();
    yard.run().exits(0);
    assert!(yard.depot.asked().is_empty(), "a run asked the registry for what it had");
    yard.depot.stop();
    yard.run().exits(0);
    yard.call(&["fetch"]).exits(0).says("is here");

    yard.forget_fetched();
    yard.call(&["fetch"]).exits(6).says("E-REGISTRY-UNREACHABLE");
    yard.run().exits(6).says("E-REGISTRY-UNREACHABLE");
    assert_eq!(yard.kept(), Vec::<String>::new());
}

#[test]
fn runs_that_start_at_once_share_the_cache() {
    let yard = Yard::using(&["acme/step:1.0"]);
    yard.publish("acme/step:1.0").exits(0);
    yard.call(&["lock"]).exits(0);
    yard.forget_fetched();
    let start = || yard.command(&["run", "--format", "plain"]).spawn().expect("the binary starts");
    let children: Vec<Child> = (0..4).map(|_| start()).collect();
    for child in children {
        finish(child).exits(0);
    }
    assert_eq!(yard.kept().len(), 2, "a component and its manifest: {:?}", yard.kept());
}

#[test]
fn the_same_component_published_at_the_same_moment_has_the_same_digest() {
    let yard = Yard::using(&[]);
    let file = guest("guest_polite.wasm");
    let digests = ["a/x:1", "a/y:1"].map(|reference| {
        let mut command =
            yard.command(&["plugin", "publish", &yard.name(reference), "--file", file.to_str().expect("a plain path")]);
        let told = finish(command.env("SOURCE_DATE_EPOCH", "1700000000").spawn().expect("the binary starts"));
        told.exits(0).stdout.split('@').nth(1).expect("a digest").to_owned()
    });
    assert_eq!(digests[0], digests[1]);
    let mut command =
        yard.command(&["plugin", "publish", &yard.name("a/z:1"), "--file", file.to_str().expect("a path")]);
    finish(command.env("SOURCE_DATE_EPOCH", "yesterday").spawn().expect("it starts")).exits(2).says("E-SOURCE-DATE");
}

#[test]
fn a_published_plugin_has_the_layout_that_others_read() {
    let yard = Yard::using(&[]);
    yard.publish("acme/step:1.2.0").exits(0).says("the plugin says that it is 0.1.0");
    let sent = |method: &str, part: &str| {
        let asked =
            yard.depot.asked().into_iter().rev().find(|asked| asked.method == method && asked.path.contains(part));
        asked.unwrap_or_else(|| panic!("no {method} {part}"))
    };
    let manifest = sent("PUT", "/manifests/1.2.0");
    assert_eq!(manifest.headers["content-type"], e2e::depot::MANIFEST_TYPE);
    let manifest: serde_json::Value = serde_json::from_slice(&manifest.body).expect("JSON");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().expect("layers").len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["annotations"]["org.opencontainers.image.title"], "guest_polite.wasm");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.version"], "0.1.0");
    let own = manifest["annotations"]["io.github.sealock.manifest"].as_str().expect("the plugin's own manifest");
    assert!(own.contains("\"greeting\""), "{own}");
    let config: serde_json::Value = serde_json::from_slice(&sent("PUT", "/blobs/uploads/").body).expect("JSON");
    assert_eq!((&config["architecture"], &config["os"]), (&"wasm".into(), &"wasip2".into()));
    assert_eq!(config["layerDigests"][0], manifest["layers"][0]["digest"]);
    assert!(!config["component"]["exports"].as_array().expect("exports").is_empty());
}

#[test]
fn what_is_no_component_is_neither_published_nor_taken() {
    let polite = read(&guest("guest_polite.wasm"));
    let hermetic = r#"{"name":"x","version":"1.0.0","world":"sealock:step/hermetic-step@0.1.0","requests":[{"capability":"network"}]}"#;
    let wrong = [
        ("core module", b"\0asm\x01\0\0\0".to_vec()),
        ("cut short", polite[..polite.len() / 2].to_vec()),
        ("another version", replaced(&polite, b"sealock:step/inputs@0.1.0", b"sealock:step/inputs@0.9.0")),
        ("an unknown interface", replaced(&polite, b"sealock:step/inputs@0.1.0", b"sealock:evil/inputs@0.1.0")),
        ("more than its world has", saying(hermetic)),
        ("a manifest that is none", saying("{}")),
        ("no WebAssembly", b"#!/bin/sh\n".to_vec()),
    ];
    for (what, bytes) in wrong {
        let yard = Yard::using(&["acme/step:1.0"]);
        yard.scene.write("bad.wasm", &bytes);
        let told = yard.call(&["plugin", "publish", &yard.name("acme/step:1.0"), "--file", "bad.wasm"]);
        told.exits(2).says("E-PLUGIN-FORMAT");
        assert!(yard.depot.asked().is_empty(), "{what}");

        yard.depot.put_plugin("acme/step", "1.0", &bytes, LONG_AGO);
        yard.call(&["lock"]).exits(2).says("E-PLUGIN-FORMAT");
        assert_eq!((yard.kept(), yard.lockfile()), (Vec::new(), None), "{what}");
    }
}

#[test]
fn a_tag_that_has_other_code_is_not_published_over_by_chance() {
    let yard = Yard::using(&[]);
    yard.publish("acme/step:0.1.0").exits(0);
    yard.publish("acme/step:0.1.0").exits(0);
    yard.depot.put_plugin("acme/step", "0.1.0", &plain(), LONG_AGO);
    let other = yard.depot.manifest("acme/step", "0.1.0");
    yard.publish("acme/step:0.1.0").exits(3).says("E-PLUGIN-PUBLISHED").says("--overwrite").says("sha256:");
    assert_eq!(yard.depot.manifest("acme/step", "0.1.0"), other);
    let file = guest("guest_polite.wasm");
    let name = yard.name("acme/step:0.1.0");
    let file = file.to_str().expect("a plain path");
    yard.call(&["plugin", "publish", &name, "--file", file, "--overwrite"]).exits(0);
    assert_ne!(yard.depot.manifest("acme/step", "0.1.0"), other);
}

#[test]
fn a_plain_program_without_a_manifest_is_published_and_runs() {
    let yard = Yard::using(&["acme/tool:1.0"]);
    yard.depot.put_plugin("acme/tool", "1.0", &plain(), LONG_AGO);
    yard.call(&["lock"]).exits(0).says("asks for nothing");
    assert!(yard.run().exits(0).stdout.contains("greeting: hello"));
}
