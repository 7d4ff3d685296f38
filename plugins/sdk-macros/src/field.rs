//! What a field's type and documentation say.

use syn::{Attribute, Expr, Field, GenericArgument, Lit, Meta, PathArguments, Type};

/// The type of one field, as the manifest and the reader need it.
pub(crate) struct Kind {
    /// The manifest's word for it.
    pub(crate) word: &'static str,
    /// Whether it is an `Option`.
    pub(crate) is_option: bool,
    /// Whether it is empty when it is not given.
    pub(crate) may_be_empty: bool,
}

const KNOWN: &[(&str, &str)] = &[
    ("String", "string"),
    ("i64", "integer"),
    ("u64", "integer"),
    ("i32", "integer"),
    ("u32", "integer"),
    ("u16", "integer"),
    ("usize", "integer"),
    ("f64", "number"),
    ("bool", "boolean"),
    ("Vec", "list"),
    ("Duration", "duration"),
    ("Size", "size"),
    ("WorkspacePath", "path"),
    ("Secret", "secret"),
    ("SecretMap", "map of secret"),
    ("TargetName", "target"),
    ("Digest", "digest"),
    ("ImageId", "image-id"),
    ("Json", "map"),
];

/// Reads the type of `field`.
pub(crate) fn kind(field: &Field) -> syn::Result<Kind> {
    let (inner, is_option) = match option_of(&field.ty) {
        Some(inner) => (inner, true),
        None => (&field.ty, false),
    };
    let name = last_segment(inner).map(|segment| segment.ident.to_string()).unwrap_or_default();
    let Some((_, word)) = KNOWN.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = KNOWN.iter().map(|(known, _)| *known).collect();
        return Err(syn::Error::new_spanned(inner, format!("expected one of {}", known.join(", "))));
    };
    Ok(Kind { word, is_option, may_be_empty: matches!(*word, "list" | "map of secret") })
}

fn last_segment(kind: &Type) -> Option<&syn::PathSegment> {
    match kind {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// `T` of `Option<T>`.
fn option_of(kind: &Type) -> Option<&Type> {
    let segment = last_segment(kind).filter(|segment| segment.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    })
}

/// The first paragraph of the documentation, on one line.
pub(crate) fn description(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(doc_line);
    let paragraph: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    paragraph.join(" ")
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(literal) if pair.path.is_ident("doc") => match &literal.lit {
            Lit::Str(text) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    }
}

/// The name that people write for the field called `ident`.
pub(crate) fn public_name(ident: &syn::Ident) -> String {
    ident.to_string().trim_start_matches("r#").replace('_', "-")
}

/// The fields of a struct that has names for them.
pub(crate) fn named_fields(input: &syn::DeriveInput) -> syn::Result<impl Iterator<Item = (&syn::Ident, &Field)>> {
    match &input.data {
        syn::Data::Struct(data) if matches!(data.fields, syn::Fields::Named(_)) => {
            Ok(data.fields.iter().filter_map(|field| field.ident.as_ref().map(|ident| (ident, field))))
        }
        _ => Err(syn::Error::new_spanned(&input.ident, "expected a struct with named fields")),
    }
}
