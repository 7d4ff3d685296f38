//! The language against cases that GitHub's own implementations share: one test for each file.
//!
//! The files stand beside a checkout (`../shared/conformance`) or where `SEALOCK_CONFORMANCE` says;
//! without them the tests say so and pass, except on CI. A case's `options` name implementations
//! that fail it: here every case runs.

use std::fs;
use std::path::PathBuf;

use sealock_expression::{ErrorKind, Expression, ExpressionError, Object, Scope, Value};
use serde_json::{Map, Value as Json};

macro_rules! conformance {
    ($($test:ident => $file:literal,)*) => {
        const FILES: &[&str] = &[$($file),*];
        $(
            #[test]
            fn $test() {
                run_file($file);
            }
        )*
    };
}

conformance! {
    basic => "basic.json",
    case => "case.json",
    coerce_number => "coerce_number.json",
    coerce_string => "coerce_string.json",
    contains => "contains.json",
    ends_with => "endsWith.json",
    format => "format.json",
    from_json => "fromJSON.json",
    join => "join.json",
    number => "number.json",
    op_and => "op_and.json",
    op_dot => "op_dot.json",
    op_eq => "op_eq.json",
    op_gt => "op_gt.json",
    op_gte => "op_gte.json",
    op_idx => "op_idx.json",
    op_idx_star => "op_idx_star.json",
    op_lt => "op_lt.json",
    op_lte => "op_lte.json",
    op_ne => "op_ne.json",
    op_not => "op_not.json",
    op_or => "op_or.json",
    operators_case_insensitive => "operators_case_insensitive.json",
    operators_precedence => "operators_precedence.json",
    starts_with => "startsWith.json",
    syntax_errors => "syntax-errors.json",
    to_json => "tojson.json",
}

#[test]
fn every_file_has_its_test() {
    let Some(folder) = folder() else { return };
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let names = entries.map(|entry| entry.expect("its entries can be read").file_name().into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name != "LICENSE").collect();
    names.sort();
    let mut tested = FILES.to_vec();
    tested.sort_unstable();
    assert_eq!(names, tested);
}

/// The folder of cases, or nothing if there is none and this is no CI.
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment where the cases are")]
#[expect(clippy::print_stdout, reason = "a test that does nothing says so")]
fn folder() -> Option<PathBuf> {
    let beside_checkout = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/conformance");
    let folder = std::env::var_os("SEALOCK_CONFORMANCE").map_or(beside_checkout, PathBuf::from).join("expressions");
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "no conformance cases in {}", folder.display());
    println!("skipped: no conformance cases in {}", folder.display());
    None
}

fn run_file(name: &str) {
    let Some(folder) = folder() else { return };
    let text = fs::read_to_string(folder.join(name)).expect("the file can be read");
    let groups: Map<String, Json> = serde_json::from_str(&text).expect("the file is JSON");
    let cases: Vec<_> = groups.iter().flat_map(|(group, cases)| named(group, cases)).collect();
    assert!(!cases.is_empty(), "{name} has no cases");
    let failures: Vec<_> =
        cases.iter().filter_map(|(group, case)| check(case).err().map(|why| format!("{group}: {why}"))).collect();
    assert!(failures.is_empty(), "{} of {} cases fail:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

fn named<'a>(group: &'a str, cases: &'a Json) -> impl Iterator<Item = (&'a str, &'a Json)> {
    cases.as_array().expect("a group is a list").iter().map(move |case| (group, case))
}

/// Runs one case, or says what was found instead.
fn check(case: &Json) -> Result<(), String> {
    let known = ["expr", "contexts", "result", "err", "options"];
    let unknown = case.as_object().and_then(|case| case.keys().find(|key| !known.contains(&key.as_str())));
    assert_eq!(unknown, None, "a case has a key that this test does not know");
    let expression = case["expr"].as_str().expect("a case has an expression");
    let contexts = case.get("contexts").and_then(Json::as_object).map(Object::from).unwrap_or_default();

    let parsed = Expression::parse_in(expression, &Scope::of(&contexts));
    let found = parsed
        .map_err(|error| (stage_of(&error), error))
        .and_then(|parsed| parsed.evaluate(&contexts).map_err(|error| ("evaluation", error)));
    match (&case["err"], found) {
        (Json::Null, Ok(value)) => check_value(expression, &case["result"], &value),
        (Json::Null, Err((_, error))) => Err(format!("`{expression}` fails: {error}")),
        (expected, Ok(value)) => Err(format!("`{expression}` is {value:?}; expected {expected}")),
        (expected, Err((stage, error))) => {
            let wording = expected["value"].as_str().expect("an error has a wording");
            if expected["kind"] == stage && error.message.contains(wording) {
                return Ok(());
            }
            Err(format!("`{expression}` fails {stage}: {error}; expected {expected}"))
        }
    }
}

/// The cases' name for what fails before there are values.
fn stage_of(error: &ExpressionError) -> &'static str {
    if error.kind == ErrorKind::Lexing { "lexing" } else { "parsing" }
}

fn check_value(expression: &str, expected: &Json, value: &Value) -> Result<(), String> {
    let kind = value.kind().to_string();
    if expected["kind"] == kind.as_str() && is_same(&value.to_json(), &expected["value"]) {
        return Ok(());
    }
    Err(format!("`{expression}` is {kind} {}; expected {expected}", value.to_json()))
}

/// Whether two values are one, whole numbers with a point or without.
fn is_same(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::Number(left), Json::Number(right)) => left.as_f64() == right.as_f64(),
        (Json::Array(left), Json::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| is_same(left, right))
        }
        (Json::Object(left), Json::Object(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|((key, left), (other, right))| key == other && is_same(left, right))
        }
        _ => left == right,
    }
}
