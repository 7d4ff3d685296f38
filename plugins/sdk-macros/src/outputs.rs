//! `#[derive(Outputs)]`.

use proc_macro2::TokenStream;
use quote::quote;
use serde_json::{Map, Value, json};
use syn::{DeriveInput, Field, LitStr};

use crate::field;

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let mut specs = Map::new();
    let mut setters = Vec::new();
    for (ident, field) in field::named_fields(input)? {
        let kind = field::kind(field)?;
        let name = name(field)?.unwrap_or_else(|| field::public_name(ident));
        specs.insert(name.clone(), json!({ "type": kind.word, "description": field::description(&field.attrs) }));
        setters.push(if kind.is_option {
            quote! { if let Some(value) = &self.#ident { step.output(#name, value.clone())?; } }
        } else {
            quote! { step.output(#name, self.#ident.clone())?; }
        });
    }

    let (ident, json) = (&input.ident, Value::Object(specs).to_string());
    Ok(quote! {
        impl ::sealock_sdk::Outputs for #ident {
            const SPEC: &'static str = #json;

            fn set(&self, step: &mut ::sealock_sdk::Step) -> ::core::result::Result<(), ::sealock_sdk::Error> {
                #(#setters)*
                ::core::result::Result::Ok(())
            }
        }
    })
}

fn name(field: &Field) -> syn::Result<Option<String>> {
    let mut name = None;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("output")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("name") {
                return Err(meta.error("expected name"));
            }
            name = Some(meta.value()?.parse::<LitStr>()?.value());
            Ok(())
        })?;
    }
    Ok(name)
}
