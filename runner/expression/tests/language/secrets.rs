//! Secrets are named in one way, and never become values.

use sealock_expression::{Expression, Piece, SecretUseKind, Template};
use serde_json::json;

use crate::World;

/// How `expression` names secrets: the part, and `direct`, `argument`, or `dynamic`.
fn uses(expression: &str) -> Vec<(&str, &'static str)> {
    let parsed = Expression::parse(expression).expect("the expression is right");
    let uses = parsed.secret_uses().into_iter();
    uses.map(|named| {
        let kind = match named.kind {
            SecretUseKind::Direct { .. } => "direct",
            SecretUseKind::AsArgument { .. } => "argument",
            SecretUseKind::Dynamic => "dynamic",
        };
        (&expression[named.at], kind)
    })
    .collect()
}

#[test]
fn a_secret_alone_is_lawful() {
    for expression in ["secrets.A", "secrets['A']", "Secrets . A", "(secrets.A)"] {
        assert_eq!(uses(expression), [(expression, "direct")]);
        assert_eq!(Expression::parse(expression).unwrap().as_secret().as_deref(), Some("A"));
    }
}

#[test]
fn a_secret_in_an_operator_or_function_is_not() {
    for (expression, part) in [
        ("secrets.A == 'x'", "secrets.A"),
        ("!secrets.A", "secrets.A"),
        ("env.A || secrets.A", "secrets.A"),
        ("format('{0}', secrets['A'])", "secrets['A']"),
        ("toJSON(secrets.A)", "secrets.A"),
        ("hashFiles(secrets.A)", "secrets.A"),
        ("env[secrets.A]", "secrets.A"),
        ("secrets.A.length", "secrets.A.length"),
        ("case(true, secrets.A, 1)", "secrets.A"),
    ] {
        assert_eq!(uses(expression), [(part, "argument")]);
        assert_eq!(Expression::parse(expression).unwrap().as_secret(), None);
    }
}

#[test]
fn secrets_whose_name_is_not_written_are_not() {
    for (expression, part) in [
        ("secrets", "secrets"),
        ("toJSON(secrets)", "secrets"),
        ("secrets.*", "secrets.*"),
        ("secrets[inputs.x]", "secrets[inputs.x]"),
        ("secrets[format('A')]", "secrets[format('A')]"),
        ("secrets.*.x", "secrets.*.x"),
        ("(null || secrets).A", "secrets"),
    ] {
        assert_eq!(uses(expression), [(part, "dynamic")]);
    }
    assert_eq!(
        uses("secrets[secrets.A] == secrets"),
        [("secrets[secrets.A]", "dynamic"), ("secrets.A", "argument"), ("secrets", "dynamic")]
    );
}

#[test]
fn a_template_with_secrets_is_pieces() {
    let world = World::new(&json!({"env": {"HOST": "db", "NONE": ""}}));
    let text = "pg://app:${{ secrets.PW }}@${{ env.HOST }}:${{ 5432 }}/${{ secrets['Db'] }}${{ env.NONE }}";
    let template = Template::parse(text).unwrap();
    let pieces = template.evaluate_secret(&world).unwrap();
    let text = |text: &str| Piece::Text(text.to_owned());
    let secret = |name: &str| Piece::Secret(name.to_owned());
    assert_eq!(pieces, [text("pg://app:"), secret("PW"), text("@db:5432/"), secret("Db")]);
    assert!(template.secret_uses().iter().all(sealock_expression::SecretUse::is_lawful));
}

#[test]
fn a_template_hands_out_no_secret_that_is_named_unlawfully() {
    let world = World::new(&json!({"secrets": {"A": "canary"}, "inputs": {"x": "A"}}));
    for text in
        ["a ${{ format('{0}', secrets.A) }}", "${{ secrets.A }}${{ toJSON(secrets) }}", "${{ secrets[inputs.x] }}"]
    {
        let error = Template::parse(text).unwrap().evaluate_secret(&world).unwrap_err();
        assert!(text[error.at].starts_with("secrets"));
        assert!(!error.message.contains("canary"));
    }
}
