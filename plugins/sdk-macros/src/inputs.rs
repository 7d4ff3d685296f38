//! `#[derive(Inputs)]`.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::{Map, Value, json};
use syn::{DeriveInput, Expr, ExprArray, ExprRange, ExprUnary, Field, Ident, Lit, LitStr, UnOp};

use crate::field::{self, Kind};

/// What `#[input(…)]` says.
#[derive(Default)]
struct Attribute {
    name: Option<String>,
    default: Option<Value>,
    minimum: Option<Value>,
    maximum: Option<Value>,
    options: Vec<Value>,
    required: bool,
    script: bool,
    environment: bool,
    place: Option<String>,
    hosts: Vec<Value>,
}

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut specs = Map::new();
    let mut readers = Vec::new();
    for (ident, field) in field::named_fields(input)? {
        let attribute = read_attribute(field)?;
        let kind = field::kind(field)?;
        let name = attribute.name.clone().unwrap_or_else(|| field::public_name(ident));
        readers.push(reader(ident, &kind, &name));
        specs.insert(name, spec(field, &kind, attribute));
    }

    let (ident, json) = (&input.ident, Value::Object(specs).to_string());
    Ok(quote! {
        impl ::sealock_sdk::Inputs for #ident {
            const SPEC: &'static str = #json;

            fn read() -> ::core::result::Result<Self, ::sealock_sdk::Error> {
                ::core::result::Result::Ok(Self { #(#readers),* })
            }
        }
    })
}

fn reader(ident: &Ident, kind: &Kind, name: &str) -> TokenStream {
    if kind.is_option {
        quote! { #ident: ::sealock_sdk::input::optional(#name)? }
    } else if kind.may_be_empty {
        quote! { #ident: ::sealock_sdk::input::optional(#name)?.unwrap_or_default() }
    } else {
        quote! { #ident: ::sealock_sdk::input::required(#name)? }
    }
}

fn spec(field: &Field, kind: &Kind, attribute: Attribute) -> Value {
    let word = word(kind, &attribute);
    let must_be_there = !kind.is_option && !kind.may_be_empty && attribute.default.is_none();
    let required = must_be_there || attribute.required;
    let mut spec = Map::new();
    spec.insert("type".into(), word.into());
    spec.insert("description".into(), field::description(&field.attrs).into());
    spec.insert("required".into(), required.into());
    let optional = [
        ("default", attribute.default),
        ("minimum", attribute.minimum),
        ("maximum", attribute.maximum),
        ("options", (!attribute.options.is_empty()).then_some(Value::Array(attribute.options))),
        ("place", attribute.place.map(Value::String)),
        ("environment", attribute.environment.then_some(Value::Bool(true))),
        ("hosts", (!attribute.hosts.is_empty()).then_some(Value::Array(attribute.hosts))),
    ];
    spec.extend(optional.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?))));
    Value::Object(spec)
}

fn word(kind: &Kind, attribute: &Attribute) -> &'static str {
    match attribute {
        Attribute { script: true, .. } => "script",
        Attribute { options, .. } if !options.is_empty() => "choice",
        _ => kind.word,
    }
}

/// A script is text, and the environment's `env` a map of secrets.
fn check_kind(field: &Field, attribute: &Attribute) -> syn::Result<()> {
    let kind = field::kind(field)?;
    let wanted = [(attribute.script, "script", "string"), (attribute.environment, "environment", "map of secret")];
    match wanted.into_iter().find(|(is_set, _, word)| *is_set && *word != kind.word) {
        Some((_, key, word)) => Err(syn::Error::new_spanned(field, format!("`{key}` goes with a {word}"))),
        None => Ok(()),
    }
}

fn read_attribute(field: &Field) -> syn::Result<Attribute> {
    let mut read = Attribute::default();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("input")) {
        attribute.parse_nested_meta(|meta| {
            let key = meta.path.get_ident().map(Ident::to_string).unwrap_or_default();
            match key.as_str() {
                "name" => read.name = Some(meta.value()?.parse::<LitStr>()?.value()),
                "default" => read.default = Some(json_of(&meta.value()?.parse()?)?),
                "range" => (read.minimum, read.maximum) = bounds(&meta.value()?.parse()?)?,
                "options" => read.options = list_of(&meta.value()?.parse()?)?,
                "required" => read.required = true,
                "script" => read.script = true,
                "environment" => read.environment = true,
                "place" => read.place = Some(meta.value()?.parse::<LitStr>()?.value()),
                "hosts" => read.hosts = list_of(&meta.value()?.parse()?)?,
                _ => {
                    let known = "name, default, range, options, required, script, environment, place, or hosts";
                    return Err(meta.error(format!("expected {known}")));
                }
            }
            Ok(())
        })?;
    }
    check_kind(field, &read)?;
    Ok(read)
}

fn bounds(range: &ExprRange) -> syn::Result<(Option<Value>, Option<Value>)> {
    if range.end.is_some() && matches!(range.limits, syn::RangeLimits::HalfOpen(_)) {
        return Err(syn::Error::new_spanned(range, "write `..=`: the greatest value is meant"));
    }
    let bound = |end: &Option<Box<Expr>>| end.as_deref().map(json_of).transpose();
    Ok((bound(&range.start)?, bound(&range.end)?))
}

fn list_of(array: &ExprArray) -> syn::Result<Vec<Value>> {
    array.elems.iter().map(json_of).collect()
}

fn json_of(expression: &Expr) -> syn::Result<Value> {
    match expression {
        Expr::Lit(literal) => json_of_literal(&literal.lit),
        Expr::Array(array) => Ok(Value::Array(list_of(array)?)),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => match json_of(expr)? {
            Value::Number(number) if number.is_i64() => Ok(json!(-number.as_i64().unwrap_or_default())),
            Value::Number(number) => Ok(json!(-number.as_f64().unwrap_or_default())),
            _ => Err(syn::Error::new_spanned(expression, "expected a number")),
        },
        _ => Err(syn::Error::new_spanned(expression, "expected a literal or a list of literals")),
    }
}

fn json_of_literal(literal: &Lit) -> syn::Result<Value> {
    match literal {
        Lit::Str(text) => Ok(text.value().into()),
        Lit::Bool(flag) => Ok(flag.value.into()),
        Lit::Int(number) => Ok(number.base10_parse::<i64>()?.into()),
        Lit::Float(number) => Ok(number.base10_parse::<f64>()?.into()),
        _ => Err(syn::Error::new_spanned(literal, "expected text, a number, or a boolean")),
    }
}
