//! What is wrong is told with GitHub's words and the exact place.

use sealock_expression::{ErrorKind, Expression, HASH_FILES, Scope, Template};

use crate::failure;

/// The kind of what is wrong with `expression`, and the part that is to blame.
fn blame(expression: &str) -> (ErrorKind, &str) {
    let error = Expression::parse(expression).expect_err("the expression is wrong");
    (error.kind, &expression[error.at])
}

#[test]
fn malformed_words_are_told_apart_from_words_out_of_order() {
    for (expression, blamed) in [
        ("1 @ 2", "@"),
        ("a.b@c", "a"),
        ("github.b@c", "b@c"),
        ("'open", "'open"),
        ("1 = 1", "="),
        ("1 & 2", "&"),
        ("1.2.3", "1.2.3"),
        ("-", "-"),
        ("1 +2a", "+2a"),
        ("github.\u{202e}x", "\u{202e}x"),
        ("\"x\"", "\"x\""),
        ("${{", "${{"),
    ] {
        let (kind, found) = blame(expression);
        let expected = if blamed == "a" { ErrorKind::UnknownContext } else { ErrorKind::Lexing };
        assert_eq!((kind, found), (expected, blamed), "{expression}");
    }
    for (expression, blamed) in [
        ("1 2", "2"),
        ("(1", "1"),
        ("1)", ")"),
        ("github[1", "1"),
        ("github[)", ")"),
        ("github.", "."),
        ("github.*x", "x"),
        ("github..x", "."),
        ("'a'.b", "."),
        ("'a'[0]", "["),
        ("!", "!"),
        ("&& 1", "&&"),
        ("1 && && 1", "&&"),
        ("contains(,)", ","),
        ("contains(1,)", ")"),
        ("(1, 2)", ","),
        ("github.success()", "("),
        ("*", "*"),
        ("contains(*)", "*"),
        ("format(", "("),
        ("()", ")"),
    ] {
        assert_eq!(blame(expression), (ErrorKind::Parsing, blamed), "{expression}");
    }
}

#[test]
fn positions_count_utf16_and_places_count_bytes() {
    let expression = "'😀é' == unknown.x";
    let error = Expression::parse(expression).unwrap_err();
    assert_eq!(error.at, 12..19);
    assert_eq!(
        error.message,
        "Unrecognized named-value: 'unknown'. Located at position 10 within expression: '😀é' == unknown.x"
    );
}

#[test]
fn the_first_thing_that_is_wrong_is_told() {
    assert_eq!(blame("nope(1 @"), (ErrorKind::UnknownFunction, "nope"));
    assert_eq!(blame("1 2 nope()"), (ErrorKind::Parsing, "2"));
    assert_eq!(blame("contains(1) @"), (ErrorKind::Parsing, "("));
}

#[test]
fn numbers_of_arguments_are_checked_where_the_call_opens() {
    for (expression, words) in [
        ("1 && contains('a')", "Too few parameters supplied: '('. Located at position 14 "),
        ("toJSON(1, 2)", "Too many parameters supplied: '('. Located at position 7 "),
        ("success(1)", "Too many parameters supplied: '('. Located at position 8 "),
        ("hashFiles()", "Too few parameters supplied: '('. Located at position 10 "),
        (
            "case(true, 1, false, 2)",
            "Even number of parameters supplied, requires an odd number of parameters: '('. Located at position 5 ",
        ),
    ] {
        let (blamed, message) = failure(expression);
        assert_eq!(blamed, "(");
        assert!(message.starts_with(words), "{message}");
    }
}

#[test]
fn what_fails_while_evaluating_blames_its_own_part() {
    let (blamed, _) = failure("'a' == format('{1}', 'b')");
    assert_eq!(blamed, "format('{1}', 'b')");
    let (blamed, message) = failure("!(fromJSON( '[1' ))[0]");
    assert_eq!(blamed, "(fromJSON( '[1' ))");
    assert!(message.starts_with("Error parsing fromJson: EOF"), "{message}");
    let (blamed, _) = failure("case(false, 1, 'yes', 2, 3)");
    assert_eq!(blamed, "case(false, 1, 'yes', 2, 3)");
}

#[test]
fn places_in_a_template_are_those_of_its_text() {
    let text = "é ${{ 'a' }} ${{  github.ref && nope }}";
    let error = Template::parse(text).unwrap_err();
    assert_eq!((error.kind, &text[error.at]), (ErrorKind::UnknownContext, "nope"));
    assert!(error.message.ends_with("position 15 within expression: github.ref && nope"), "{}", error.message);
}

#[test]
fn a_scope_decides_which_names_are_known() {
    let scope = Scope::new(["one"]);
    assert!(Expression::parse_in("ONE.x", &scope).is_ok());
    assert_eq!(Expression::parse_in("github.x", &scope).unwrap_err().kind, ErrorKind::UnknownContext);
    assert_eq!(Expression::parse_in("hashFiles('x')", &scope).unwrap_err().kind, ErrorKind::UnknownFunction);
    assert!(Expression::parse_in("hashFiles('x')", &scope.with_functions(&[HASH_FILES])).is_ok());
}
