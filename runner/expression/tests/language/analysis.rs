//! What is known of an expression before it has a value.

use sealock_expression::{Expression, PathPart};

fn references(expression: &str) -> Vec<(String, &str)> {
    let references = Expression::parse(expression).expect("the expression is right").references().into_iter();
    references.map(|reference| (reference.to_string(), &expression[reference.at])).collect()
}

#[test]
fn every_reading_of_a_context_is_told_with_its_path() {
    let expression = "needs.test.outputs['a b'] == format('{0}', STEPS[matrix.x].*.y) && !github";
    assert_eq!(
        references(expression),
        [
            ("needs.test.outputs.a b".to_owned(), "needs.test.outputs['a b']"),
            ("steps[…].*.y".to_owned(), "STEPS[matrix.x].*.y"),
            ("matrix.x".to_owned(), "matrix.x"),
            ("github".to_owned(), "github"),
        ]
    );
}

#[test]
fn literal_indexes_are_keys_and_functions_have_none() {
    let parsed = Expression::parse("matrix[0][true]['X']").unwrap();
    let reference = parsed.references().pop().unwrap();
    let key = |key: &str| PathPart::Key(key.to_owned());
    assert_eq!(reference.path, [key("0"), key("true"), key("X")]);
    assert!(reference.is_whole);
    assert_eq!(references("fromJSON('{}').a.b"), []);
    assert_eq!(references("fromJSON(env.A).a"), [("env.A".to_owned(), "env.A")]);
    assert!(!Expression::parse("env.A == 1").unwrap().references()[0].is_whole);
}

#[test]
fn calls_are_told_in_the_order_of_writing() {
    let parsed = Expression::parse("Format('{0}', hashfiles('a')) == tojson(1)").unwrap();
    let calls: Vec<_> = parsed.functions_called().into_iter().map(|call| call.function).collect();
    assert_eq!(calls, ["format", "hashFiles", "toJSON"]);
}

#[test]
fn a_condition_that_asks_for_the_status_says_so() {
    for expression in ["always()", "!CANCELLED()", "env.A && (success() || failure())"] {
        assert!(Expression::parse(expression).unwrap().calls_status_function(), "{expression}");
    }
    for expression in ["true", "'always()'", "env.success"] {
        assert!(!Expression::parse(expression).unwrap().calls_status_function(), "{expression}");
    }
}
