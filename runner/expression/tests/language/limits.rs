//! Every limit is hit, names itself, and takes no time to be hit.

use std::time::{Duration, Instant};

use sealock_expression::limits::{EXPRESSION_DEPTH, EXPRESSION_UNITS, JSON_DEPTH, JSON_TEXT_BYTES};
use sealock_expression::{ErrorKind, Expression, ExpressionError, Template};
use serde_json::{Value as Json, json};

use crate::World;

/// What is wrong with `expression`, which must be found soon.
fn limit(expression: &str, contexts: &Json) -> ExpressionError {
    let world = World::new(contexts);
    let started = Instant::now();
    let result = Expression::parse_in(expression, &world.scope()).and_then(|parsed| parsed.evaluate(&world));
    let error = result.expect_err("a limit is passed");
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
    assert_eq!(error.kind, ErrorKind::Limit, "{error}");
    error
}

#[test]
fn an_expression_is_as_long_as_the_limit_and_no_longer() {
    let fits = format!("'{}'", "😀".repeat(EXPRESSION_UNITS / 2 - 1));
    assert!(Expression::parse(&fits).is_ok());
    let error = Expression::parse(&format!("{fits} ")).unwrap_err();
    assert_eq!(error.message, "Exceeded max expression length 21000; found 21001");
    let error = Expression::parse(&"a".repeat(1024 * 1024)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Limit);
}

#[test]
fn a_tree_is_as_deep_as_the_limit_and_no_deeper() {
    let nested = |depth: usize| format!("{}1", "!".repeat(depth - 1));
    assert!(Expression::parse(&nested(EXPRESSION_DEPTH)).is_ok());
    let error = Expression::parse(&nested(EXPRESSION_DEPTH + 1)).unwrap_err();
    assert_eq!((error.kind, error.at), (ErrorKind::Limit, 0..EXPRESSION_DEPTH + 1));
    assert_eq!(error.message, "Exceeded max expression depth 50; found 51");
    for deep in [
        nested(EXPRESSION_UNITS),
        format!("github{}", ".a".repeat(1000)),
        "toJSON(".repeat(1000) + "1" + &")".repeat(1000),
    ] {
        assert_eq!(Expression::parse(&deep).unwrap_err().kind, ErrorKind::Limit);
    }
}

#[test]
fn groups_and_chains_are_not_deep() {
    let groups = "(".repeat(10_000) + "1" + &")".repeat(10_000);
    assert!(Expression::parse(&groups).is_ok());
    let chain = vec!["1"; 5_000].join("&&");
    assert!(Expression::parse(&chain).is_ok());
    let nested_chain = "1||(".repeat(4_000) + "1" + &")".repeat(4_000);
    assert!(Expression::parse(&nested_chain).is_ok());
}

#[test]
fn text_that_is_made_is_bounded() {
    let mut expression = "'0123456789'".to_owned();
    for _ in 0..8 {
        expression = format!("format('{}', {expression})", "{0}".repeat(10));
    }
    let error = limit(&expression, &json!({}));
    assert!(error.message.starts_with("The maximum allowed memory size was exceeded while evaluating"), "{error}");
    let error = limit("join(a, b)", &json!({"a": vec![1; 2_000], "b": "x".repeat(1_000)}));
    assert!(error.message.ends_with("expression: join(a, b)"), "{error}");
    limit("toJSON(a)", &json!({"a": vec!["x".repeat(1_000); 1_000]}));
}

#[test]
fn a_large_value_is_handed_on_without_being_counted() {
    let contexts = json!({"a": {"b": "x".repeat(1024 * 1024)}});
    let value = crate::value_with("case(a.b != '', a.b || 'none', '')", &contexts);
    assert_eq!(value.as_str().map(str::len), Some(1024 * 1024));
}

#[test]
fn results_that_were_let_go_do_not_count() {
    let contexts = json!({"a": "x".repeat(300_000)});
    let one = "contains(format('{0}', a), 'y')";
    let many = vec![one; 20].join(" || ");
    assert_eq!(crate::value_with(&many, &contexts), false);
}

#[test]
fn json_that_is_read_is_bounded_in_length_depth_and_room() {
    let read = |text: String| limit("fromJSON(a)", &json!({"a": text})).message;
    let message = read(" ".repeat(50 * 1024 * 1024));
    assert_eq!(message, format!("fromJSON reads at most {JSON_TEXT_BYTES} bytes; found {}", 50 * 1024 * 1024));
    assert_eq!(read("[".repeat(10_000)), "fromJSON reads at most 100 levels; found more");
    assert_eq!(read(r#"{"a":"#.repeat(10_000)), "fromJSON reads at most 100 levels; found more");
    let message = read(format!("[{}0]", "0,".repeat(500_000)));
    assert!(message.starts_with("The limit of 10485760 bytes of values from JSON was exceeded"), "{message}");
    let message = read("[".repeat(JSON_DEPTH + 1) + &"]".repeat(JSON_DEPTH + 1));
    assert_eq!(message, "fromJSON reads at most 100 levels; found more");
    let fits = "[".repeat(JSON_DEPTH) + &"]".repeat(JSON_DEPTH);
    assert!(crate::value_with("fromJSON(a)", &json!({"a": fits})).is_array());
}

#[test]
fn work_is_bounded_however_it_is_asked_for() {
    let contexts = json!({"a": "x".repeat(1_000_000), "b": vec![json!({"c": 1}); 10_000], "d": vec!["y"; 20_000]});
    for one in ["contains(a, 'y')", "a < a", "a == 'y'", "b.*.c == 1", "contains(d, 'z')", "join(d) == ''"] {
        let many = vec![one; 1_000].join(" || ");
        let error = limit(&many, &contexts);
        assert!(error.message.starts_with("The limit of 67108864 bytes of work was exceeded"), "{error}");
    }
}

#[test]
fn stars_are_text_and_take_linear_time() {
    let contexts = json!({"a": format!("{}b", "a".repeat(1_000_000))});
    let started = Instant::now();
    assert_eq!(crate::value_with(&format!("contains(a, '{}')", "*a".repeat(10_000)), &contexts), false);
    assert_eq!(crate::value_with(&format!("contains('{}', '*b')", "*".repeat(20_000)), &contexts), false);
    assert_eq!(crate::value_with(&format!("contains(a, '{}c')", "a".repeat(20_000)), &contexts), false);
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());
}

#[test]
fn a_template_is_bounded_as_a_whole() {
    let world = World::new(&json!({"env": {"a": "x".repeat(1024 * 1024)}}));
    let template = Template::parse(&"${{ env.a }}-".repeat(11)).unwrap();
    let error = template.evaluate(&world).unwrap_err();
    assert_eq!(error.message, "The limit of 10485760 bytes of a template's text was exceeded");
    let template = Template::parse(&"${{ contains(env.a, 'y') }}-".repeat(200)).unwrap();
    assert_eq!(template.evaluate(&world).unwrap_err().kind, ErrorKind::Limit);
}
