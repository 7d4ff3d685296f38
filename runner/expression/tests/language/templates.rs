//! Text with expressions in it, and conditions.

use sealock_expression::{ErrorKind, Expression, Segment, Template};
use serde_json::{Value as Json, json};

use crate::World;

fn evaluate(text: &str) -> Json {
    let world = World::new(&json!({"env": {"A": "a", "N": 1.5, "L": [1]}}));
    Template::parse(text)
        .and_then(|template| template.evaluate(&world))
        .unwrap_or_else(|error| panic!("{error}"))
        .to_json()
}

/// What is wrong with the template `text`: the part that is to blame, and the message.
fn blame(text: &str) -> (&str, String) {
    let error = Template::parse(text).expect_err("the template is wrong");
    assert_eq!(error.kind, ErrorKind::Parsing);
    (&text[error.at], error.message)
}

#[test]
fn one_expression_keeps_its_kind_and_text_makes_text() {
    assert_eq!(evaluate("${{ env.L }}"), json!([1]));
    assert_eq!(evaluate("${{ env.N }}"), 1.5);
    assert_eq!(evaluate("${{ env.missing }}"), json!(null));
    assert_eq!(evaluate("${{ env.N }} "), "1.5 ");
    assert_eq!(evaluate("<${{ env.L }}${{ env.missing }}${{ true }}>"), "<Arraytrue>");
    assert_eq!(evaluate(""), "");
    assert_eq!(evaluate("plain }} $ {{ text"), "plain }} $ {{ text");
}

#[test]
fn delimiters_in_a_string_are_part_of_it() {
    assert_eq!(evaluate("${{ '}}' }}"), "}}");
    assert_eq!(evaluate("a ${{ '${{ x }}' }} b"), "a ${{ x }} b");
    assert_eq!(evaluate("${{ 'it''s }}' }}"), "it's }}");
    assert_eq!(evaluate("${{'x'}}}"), "x}");
}

#[test]
fn segments_have_their_places() {
    let text = "é${{ env.A }}${{env.N}}!";
    let template = Template::parse(text).unwrap();
    let places: Vec<_> = template.segments().iter().map(|segment| &text[segment.at()]).collect();
    assert_eq!(places, ["é", "${{ env.A }}", "${{env.N}}", "!"]);
    let inner: Vec<_> = template.expressions().map(|expression| (expression.text(), &text[expression.at()])).collect();
    assert_eq!(inner, [("env.A", "env.A"), ("env.N", "env.N")]);
    assert!(matches!(&template.segments()[0], Segment::Text { text, .. } if text == "é"));
}

#[test]
fn a_template_without_expressions_is_literal() {
    assert_eq!(Template::parse("}} '${").unwrap().literal(), Some("}} '${"));
    assert_eq!(Template::parse("").unwrap().literal(), Some(""));
    assert!(Template::parse("").unwrap().segments().is_empty());
    assert!(!Template::parse("${{ 1 }}").unwrap().is_literal());
}

#[test]
fn an_expression_must_be_closed_not_empty_and_not_nested() {
    let (blamed, message) = blame("a ${{ env.A }");
    assert_eq!(blamed, "${{");
    assert!(message.starts_with("The expression is not closed."), "{message}");
    assert_eq!(blame("${{ 'a }}").0, "${{");
    for empty in ["${{}}", "a ${{   }}"] {
        assert_eq!(blame(empty), ("", "An expression was expected".to_owned()));
    }
    let nested = "${{ format(${{ env.A }}) }}";
    assert_eq!(blame(nested), ("${{", "An expression cannot hold another `${{`".to_owned()));
    let error = Template::parse(nested).unwrap_err();
    assert_eq!(error.at.start, 11);
}

#[test]
fn a_condition_stands_in_delimiters_as_a_whole_or_not_at_all() {
    for (text, inner, start) in
        [("success()", "success()", 0), (" ${{ success() }} ", "success()", 5), ("env.A == '${{'", "env.A == '${{'", 0)]
    {
        let condition = Expression::parse_condition(text).unwrap();
        assert_eq!((condition.text(), condition.at().start), (inner, start));
    }
    for text in ["${{ env.A }} == 'a'", "!${{ env.A }}", "${{ 1 }}${{ 2 }}"] {
        let error = Expression::parse_condition(text).unwrap_err();
        assert_eq!(&text[error.at], "${{");
        assert!(error.message.starts_with("A condition is one expression"), "{}", error.message);
    }
    for text in ["", "  ", "${{ }}"] {
        assert_eq!(Expression::parse_condition(text).unwrap_err().message, "An expression was expected");
    }
}
