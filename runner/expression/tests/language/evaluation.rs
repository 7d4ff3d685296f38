//! Values.

use sealock_expression::{Contexts, Expression, Object, Value};
use serde_json::json;

use crate::{failure, failure_with, value, value_with};

#[test]
fn only_operands_that_are_needed_are_evaluated() {
    let broken = "fromJSON('{')";
    assert_eq!(value(&format!("true || {broken}")), true);
    assert_eq!(value(&format!("0 && {broken}")), 0);
    assert_eq!(value(&format!("case(true, 1, {broken})")), 1);
    assert_eq!(value(&format!("case(false, {broken}, 2)")), 2);
    assert_eq!(value(&format!("format('{{0}}', 1, {broken})")), "1");
    assert_eq!(value(&format!("join('one', {broken})")), "one");
    assert_eq!(value(&format!("join(fromJSON('[1]'), {broken})")), "1");
    assert_eq!(value(&format!("contains(fromJSON('[]'), {broken})")), false);
    assert_eq!(value(&format!("(null)[{broken}]")), json!(null));
}

#[test]
fn a_format_is_read_to_its_end_before_an_argument_is_evaluated() {
    let (_, message) = failure("format('{0} {', fromJSON('{'))");
    assert_eq!(message, "The following format string is invalid: {0} {");
}

#[test]
fn a_format_may_repeat_leave_out_and_double() {
    assert_eq!(value("format('{1}{0}{1} {{{0}}}', 'a', 'b', 'c')"), "bab {a}");
    assert_eq!(value("format('{{{{}}}}')"), "{{}}");
    assert_eq!(value("format('{00}', 'a')"), "a");
}

#[test]
fn a_format_takes_no_specifiers_and_no_place_beyond_a_byte() {
    let (_, message) = failure("format('{0:x}}y}', 1)");
    assert_eq!(message, "The format specifiers 'x}y' are not valid for objects of type 'Number'");
    for pattern in ["{256}", "{-1}", "{ 0}", "{0 }", "{0:x", "{}", "{٠}"] {
        let (_, message) = failure(&format!("format('{pattern}', 1)"));
        assert_eq!(message, format!("The following format string is invalid: {pattern}"));
    }
}

#[test]
fn a_star_goes_on_through_groups_functions_and_operators() {
    let contexts = json!({"a": [{"b": 1}, {"b": 2}, {"c": 3}, 4]});
    assert_eq!(value_with("(a.*).b", &contexts), json!([1, 2]));
    assert_eq!(value_with("(null || a.*).b", &contexts), json!([1, 2]));
    assert_eq!(value_with("case(true, a.*, 0).b", &contexts), json!([1, 2]));
    assert_eq!(value_with("fromJSON(toJSON(a.*)).b", &contexts), json!(null));
    assert_eq!(value_with("a.*[0]", &contexts), json!([]));
    assert_eq!(value_with("a[0].b", &contexts), 1);
    assert_eq!(value_with("a[1.9].b", &contexts), 2);
    assert_eq!(value_with("a['1'].b", &contexts), 2);
}

#[test]
fn arrays_and_objects_are_equal_only_to_themselves() {
    let contexts = json!({"a": {"b": [1], "c": {}}});
    assert_eq!(value_with("a.b == a.b && a.c == A.C && a == a", &contexts), true);
    assert_eq!(value_with("a.* == a.*", &contexts), false);
    assert_eq!(value_with("fromJSON('[]') == fromJSON('[]')", &contexts), false);
    assert_eq!(value_with("a.b >= a.b", &contexts), true);
    assert_eq!(value_with("a.b > a.b || a.b < a.b", &contexts), false);
    assert_eq!(value_with("contains(a.*, a.c)", &contexts), true);
}

/// A world that makes its contexts anew whenever it is asked.
struct Forgetful;

impl Contexts for Forgetful {
    fn context(&self, _: &str) -> Option<Value> {
        Some(Object::new().into())
    }
}

#[test]
fn a_context_is_one_object_throughout_an_evaluation() {
    let world: &dyn Contexts = &Forgetful;
    let evaluate = |text| Expression::parse(text).unwrap().evaluate(world).unwrap().to_json();
    assert_eq!(evaluate("github == GITHUB"), true);
    assert_eq!(evaluate("github == env"), false);
    let error = Expression::parse("success()").unwrap().evaluate(world).unwrap_err();
    assert_eq!(error.message, "The function 'success' is not available here");
}

#[test]
fn nulls_are_equal_and_without_order() {
    assert_eq!(value("null == null && null <= null && null >= null"), true);
    assert_eq!(value("null < null || null > null"), false);
}

#[test]
fn names_of_contexts_functions_and_keys_ignore_case() {
    let contexts = json!({"gitHub": {"Ref_Name": "main"}});
    assert_eq!(value_with("GITHUB.REF_NAME", &contexts), "main");
    assert_eq!(value_with("github['ref_NAME']", &contexts), "main");
    assert_eq!(value("TOJSON(FromJson('1'))"), "1");
}

#[test]
fn literals_do_not_ignore_case() {
    let (blamed, message) = failure("True");
    assert_eq!(blamed, "True");
    assert!(message.starts_with("Unrecognized named-value: 'True'"), "{message}");
}

#[test]
fn comparison_binds_tighter_than_equality_and_goes_from_left_to_right() {
    assert_eq!(value("1 < 2 == true"), true);
    assert_eq!(value("3 > 2 > 1"), false);
    assert_eq!(value("true || false && false"), true);
    assert_eq!(value("!true == false"), true);
    assert_eq!(value("!(1 == 2) && 'x'"), "x");
}

#[test]
fn strings_hold_doubled_quotes_and_anything_else() {
    assert_eq!(value("'it''s'"), "it's");
    assert_eq!(value("''''"), "'");
    assert_eq!(value("'a\nb\"\\n 😀'"), "a\nb\"\\n 😀");
}

#[test]
fn json_is_written_as_at_github() {
    let contexts = json!({"a": {"text": "\"\\\u{8}\u{c}\n\r\t\u{1}\u{7f}\u{85}\u{2028}é/<", "list": [[], {}, [1.5]]}});
    let written = concat!(
        "{\n  \"text\": \"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\u{7f}\\u0085\\u2028é/<\",\n",
        "  \"list\": [\n    [],\n    {},\n    [\n      1.5\n    ]\n  ]\n}"
    );
    assert_eq!(value_with("toJSON(a)", &contexts), written);
    assert_eq!(value("toJSON(NaN)"), "NaN");
    assert_eq!(value("toJSON(1e15)"), "1E+15");
}

#[test]
fn json_is_read_strictly_and_the_last_of_equal_keys_counts() {
    assert_eq!(value("fromJSON(' {\"a\": 1, \"b\": 2, \"A\": 3} ')"), json!({"a": 3, "b": 2}));
    for text in ["", " ", "{", "[1,]", "{''a'': 1}", "nul", "1 2", "NaN", "// x\n1", "\"\\ud800\""] {
        let (_, message) = failure(&format!("fromJSON('{text}')"));
        assert!(message.starts_with("Error parsing fromJson: "), "{text:?}: {message}");
    }
}

#[test]
fn join_takes_any_separator_that_is_a_value() {
    let contexts = json!({"a": [1, null, "x"]});
    assert_eq!(value_with("join(a)", &contexts), "1,,x");
    assert_eq!(value_with("join(a, null)", &contexts), "1x");
    assert_eq!(value_with("join(a, 0)", &contexts), "100x");
    assert_eq!(value_with("join(a, a)", &contexts), "1,,x");
}

#[test]
fn what_is_neither_text_nor_number_is_in_no_text() {
    let contexts = json!({"a": ["x"], "o": {"x": "x"}});
    assert_eq!(value_with("startsWith(a, 'A') || endsWith('Array', a)", &contexts), false);
    assert_eq!(value_with("contains(o, 'x') || contains('Object', o)", &contexts), false);
    assert_eq!(value_with("contains(123, 2) && startsWith(true, 'T')", &contexts), true);
}

#[test]
fn functions_that_need_the_run_are_asked_of_it() {
    assert_eq!(value("success() && !failure()"), true);
    assert_eq!(value("hashFiles('a', 'b')"), "hash of 2 patterns");
    let (blamed, message) = failure("1 == hashFiles('a', 'b', 'c', 'd')");
    assert_eq!((blamed.as_str(), message.as_str()), ("hashFiles('a', 'b', 'c', 'd')", "too many patterns"));
}

#[test]
fn a_context_without_a_value_is_an_error_and_a_key_without_one_is_null() {
    let contexts = json!({"github": {}});
    assert_eq!(value_with("github.event.issue.title", &contexts), json!(null));
    let (blamed, message) = failure_with("github.x == needs.x", &contexts);
    assert_eq!((blamed.as_str(), message.as_str()), ("needs", "The context 'needs' has no value here"));
}

#[test]
fn a_value_that_looks_like_an_expression_stays_text() {
    let contexts = json!({"steps": {"a": {"outputs": {"x": "${{ github.token }}::set-env name=A::b"}}}});
    assert_eq!(value_with("steps.a.outputs.x", &contexts), "${{ github.token }}::set-env name=A::b");
    assert_eq!(value_with("format('{0}', format('{{0}}'))", &contexts), "{0}");
}
