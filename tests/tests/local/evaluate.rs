//! `sealock eval`: a value as JSON, or an error with its place.

use super::support::{Scene, script};

#[test]
fn values_are_printed_as_json() {
    let scene = Scene::without_git(&script("true"));
    let cases = [
        ("1 == '1'", "true"),
        ("'a' == 'A'", "true"),
        ("format('{0}-{1}', 'x', 2)", "\"x-2\""),
        ("fromJSON('[1, {\"a\": null}]')", "[1,{\"a\":null}]"),
        ("fromJSON('[{\"a\":1},{\"a\":2}]').*.a", "[1,2]"),
        ("null || 'x' && 0x10", "16"),
        ("fromJSON('\"NaN\"') == 'NaN'", "true"),
    ];
    for (expression, expected) in cases {
        let told = scene.call(&["eval", expression]);
        told.exits(0);
        let expected: serde_json::Value = serde_json::from_str(expected).expect("the table is JSON");
        assert_eq!(told.json(), expected, "{expression}");
    }
}

#[test]
fn numbers_that_json_lacks_are_texts() {
    let scene = Scene::without_git(&script("true"));
    for (expression, expected) in [("NaN", "NaN"), ("Infinity", "Infinity"), ("-Infinity", "-Infinity")] {
        let told = scene.call(&["eval", expression]);
        told.exits(0);
        assert_eq!(told.json(), expected, "{expression}");
    }
}

#[test]
fn contexts_come_from_a_file() {
    let scene = Scene::without_git(&script("true"));
    scene.write("context.json", r#"{"own":{"list":[1,2]}}"#);
    let told = scene.call(&["eval", "own.list[1]", "--context", "context.json"]);
    told.exits(0);
    assert_eq!(told.json(), 2);
    scene.call(&["eval", "github.ref", "--context", "context.json"]).exits(2).says("E-EXPR-CONTEXT");
    scene.write("broken.json", "{");
    scene.call(&["eval", "1", "--context", "broken.json"]).exits(2);
    scene.call(&["eval", "1", "--context", "absent.json"]).exits(2);
}

#[test]
fn an_error_has_its_place() {
    let scene = Scene::without_git(&script("true"));
    let cases =
        [("1 +", "1:3"), ("nope('x')", "1:1"), ("'open", "1:1"), ("format('{0}')", "1:"), ("fromJSON('{')", "1:")];
    for (expression, place) in cases {
        let told = scene.call(&["eval", expression]);
        told.exits(2).says(&format!("expression:{place}")).says("E-EXPR-");
        assert_eq!(told.stdout, "", "{expression}");
    }
}

#[test]
fn what_people_try_first_is_answered_with_what_to_write() {
    let scene = Scene::new("name: x\nstages: { a: { steps: [{ run: \"true\" }] } }\n");
    scene.call(&["eval", "github.ref"]).exits(2).says("--context FILE");
    scene.call(&["eval", "${{ 1 + 1 }}"]).exits(2).says("sealock eval '1 + 1'");
    scene.call(&["show"]).exits(2).says("`sealock run` makes one");
    scene.run(&[]).exits(0);
    scene.call(&["show", "--logs", "b"]).exits(2).says("this run has a/1");
    scene.call(&["run", "--jobs", "0"]).exits(2).says("--jobs");
}
