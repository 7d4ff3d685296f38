//! What holds for every text.

use proptest::prelude::*;
use sealock_expression::{Contexts, Expression, Object, Template, Value};
use serde_json::{Value as Json, json};

use crate::World;

/// Words of the language and words that are none, in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = [
        "github",
        "env",
        ".",
        "[",
        "]",
        "(",
        ")",
        "*",
        ",",
        "!",
        "==",
        "!=",
        "<",
        ">=",
        "&&",
        "||",
        "'a'",
        "'",
        "''",
        "1",
        "-1.5e3",
        "0x",
        "NaN",
        "null",
        "true",
        "x",
        "format(",
        "contains(",
        "fromJSON(",
        "toJSON(",
        "join(",
        "case(",
        "success()",
        "'{0}{'",
        "'[1,{}]'",
        " ",
        "\n",
        "${{",
        "}}",
        "😀",
        "é",
        "@",
        "\u{0}",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..24).prop_map(|words| words.concat())
}

/// Expressions that can be read.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        prop::sample::select(vec![
            "null",
            "true",
            "NaN",
            "-Infinity",
            "0x1F",
            "''",
            "'a''b'",
            "'{0}'",
            "'[1,{\"a\":2}]'"
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec!["env", "env.list", "env.object.*", "env.text", "env['none']"])
            .prop_map(str::to_owned),
        any::<f64>().prop_filter("a literal", |number| number.is_finite()).prop_map(|number| format!("{number:e}")),
    ];
    leaf.prop_recursive(5, 48, 3, |inner| {
        let operators = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", "&&", "||"]);
        let functions = prop::sample::select(vec!["contains", "startsWith", "endsWith", "join", "format"]);
        prop_oneof![
            (inner.clone(), operators, inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            (functions, inner.clone(), inner.clone())
                .prop_map(|(name, left, right)| format!("{name}({left}, {right})")),
            (inner.clone(), inner.clone()).prop_map(|(base, key)| format!("(null || {base})[{key}]")),
            inner.clone().prop_map(|inner| format!("(1 && {inner}).*")),
            inner.clone().prop_map(|inner| format!("!{inner}")),
            inner.clone().prop_map(|inner| format!("fromJSON(toJSON({inner}))")),
            (inner.clone(), inner).prop_map(|(one, two)| format!("case({one}, {two}, 1)")),
        ]
    })
}

fn world() -> World {
    World::new(
        &json!({"env": {"list": [1, "a", null, [true]], "object": {"a": {"b": 1}, "A b": "x"}, "text": "Ärger"}, "github": {}}),
    )
}

fn json_value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        ".{0,8}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-z]{1,4}", inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_a_place_inside_it(text in prop_oneof![any::<String>(), soup()]) {
        for result in [
            Expression::parse(&text).map(drop),
            Expression::parse_condition(&text).map(drop),
            Template::parse(&text).map(drop),
        ] {
            if let Err(error) = result {
                prop_assert!(text.get(error.at.clone()).is_some(), "{:?} is no place in {text:?}", error.at);
            }
        }
    }

    #[test]
    fn whatever_is_read_is_analysed_and_evaluated(text in prop_oneof![soup(), expression()]) {
        let Ok(parsed) = Expression::parse(&text) else { return Ok(()) };
        for reference in parsed.references() {
            prop_assert!(text.get(reference.at).is_some());
        }
        let _ = (parsed.taint(|_| false), parsed.findings(), parsed.secret_uses(), parsed.functions_called());
        if let Err(error) = parsed.evaluate(&world()) {
            prop_assert!(text.get(error.at).is_some());
        }
    }

    #[test]
    fn a_generated_expression_can_be_read(text in expression()) {
        prop_assert!(Expression::parse(&text).is_ok(), "{text}");
    }

    #[test]
    fn equality_has_two_sides(left in expression(), right in expression()) {
        let world = world();
        let evaluate = |text: String| Expression::parse(&text).and_then(|parsed| parsed.evaluate(&world)).ok();
        let (one, other) = (evaluate(format!("{left} == {right}")), evaluate(format!("{right} == {left}")));
        if let (Some(one), Some(other)) = (one, other) {
            prop_assert_eq!(one.to_json(), other.to_json());
        }
    }

    #[test]
    fn a_number_that_was_written_reads_and_writes_the_same(number in any::<f64>()) {
        let text = Value::from(number).to_text();
        let read = Value::String(text.clone());
        prop_assert_eq!(Value::from(read.to_number()).to_text(), text);
        if number.is_normal() {
            let off = (read.to_number() - number).abs() / number.abs();
            prop_assert!(off < 1e-14, "{number} was written so that it reads {}", read.to_number());
        }
    }

    #[test]
    fn a_whole_number_is_written_as_it_is(number in -999_999_999_999_999_i64..=999_999_999_999_999) {
        #[expect(clippy::cast_precision_loss, reason = "fifteen digits fit a double")]
        let value = Value::from(number as f64);
        prop_assert_eq!(value.to_text().to_string(), number.to_string());
        prop_assert_eq!(value.to_json(), Json::from(number));
    }

    #[test]
    fn json_goes_through_unchanged(json in json_value()) {
        let contexts: Object = [("x", Value::from(&json))].into_iter().collect();
        prop_assert_eq!(&contexts.context("X").unwrap().to_json(), &json);
        let world = World(contexts);
        let parsed = Expression::parse_in("fromJSON(toJSON(x))", &world.scope()).unwrap();
        prop_assert_eq!(parsed.evaluate(&world).unwrap().to_json(), json);
    }

    #[test]
    fn text_with_expressions_in_it_comes_out_in_order(parts in prop::collection::vec("[^$']{0,6}", 1..5)) {
        let around = |before: &str, after: &str| {
            parts.iter().flat_map(|part| [before, part, after]).collect::<String>()
        };
        let (source, expected) = (around("<{{${{ '", "' }}>"), around("<{{", ">"));
        let template = Template::parse(&source).unwrap();
        prop_assert_eq!(template.evaluate(&world()).unwrap().to_text().to_string(), expected);
    }
}
