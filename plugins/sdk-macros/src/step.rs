//! `#[step]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::{FnArg, Ident, ItemFn, LitStr, Path, Token, Type};

use crate::manifest::{self, Manifest};

/// What `#[step(…)]` says.
#[derive(Default)]
pub(crate) struct Attribute {
    outputs: Option<Path>,
    probe: Option<Path>,
    rollback: Option<Path>,
    manifest: Option<LitStr>,
}

impl Parse for Attribute {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut attribute = Self::default();
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            match key.to_string().as_str() {
                "outputs" => attribute.outputs = Some(input.parse()?),
                "probe" => attribute.probe = Some(input.parse()?),
                "rollback" => attribute.rollback = Some(input.parse()?),
                "manifest" => attribute.manifest = Some(input.parse()?),
                _ => return Err(syn::Error::new(key.span(), "expected outputs, probe, rollback, or manifest")),
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(attribute)
    }
}

pub(crate) fn expand(attribute: &Attribute, function: &ItemFn) -> syn::Result<TokenStream> {
    let inputs = inputs_of(function)?;
    let name = &function.sig.ident;
    let section = section(attribute, function, inputs)?;
    let effect = effect(attribute, function, inputs)?;
    Ok(quote! {
        #function

        const _: () = {
            #section

            struct Exported;

            impl ::sealock_sdk::bindings::exports::sealock::step::step::Guest for Exported {
                fn run() -> ::core::result::Result<
                    ::sealock_sdk::bindings::exports::sealock::step::step::Outcome,
                    ::sealock_sdk::bindings::sealock::step::base::Error,
                > {
                    ::sealock_sdk::export::run::<#inputs, _>(#name)
                }
            }

            ::sealock_sdk::bindings::export!(Exported with_types_in ::sealock_sdk::bindings);

            #effect
        };
    })
}

/// The type of the first argument.
fn inputs_of(function: &ItemFn) -> syn::Result<&Type> {
    match function.sig.inputs.first() {
        Some(FnArg::Typed(argument)) if function.sig.inputs.len() == 2 => Ok(&argument.ty),
        _ => Err(syn::Error::new_spanned(&function.sig, "expected `fn run(inputs: …, step: &mut Step)`")),
    }
}

/// The custom section: `plugin.toml` around what the structs say.
fn section(attribute: &Attribute, function: &ItemFn, inputs: &Type) -> syn::Result<TokenStream> {
    let file = attribute.manifest.as_ref().map_or_else(|| "plugin.toml".to_owned(), LitStr::value);
    #[expect(clippy::disallowed_methods, reason = "cargo tells a macro so which crate it is in")]
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let manifest = manifest::read(&folder, &file).map_err(|error| syn::Error::new_spanned(&function.sig, error))?;
    check(attribute, &manifest).map_err(|error| syn::Error::new_spanned(&function.sig, error))?;
    let (opening, path) = (format!("{},\"inputs\":", manifest.opening()), &manifest.path);
    let (outputs_key, outputs) = attribute.outputs.as_ref().map_or_else(
        || ("", quote! { "" }),
        |outputs| (",\"outputs\":", quote! { <#outputs as ::sealock_sdk::Outputs>::SPEC }),
    );
    Ok(quote! {
        const _: &str = include_str!(#path);
        const PARTS: [&str; 5] =
            [#opening, <#inputs as ::sealock_sdk::Inputs>::SPEC, #outputs_key, #outputs, "}"];
        #[cfg_attr(target_family = "wasm", unsafe(link_section = "sealock:manifest"))]
        #[used]
        static MANIFEST: [u8; ::sealock_sdk::export::length(&PARTS)] = ::sealock_sdk::export::join(&PARTS);
    })
}

/// Holds the attribute and the file to one story.
fn check(attribute: &Attribute, manifest: &Manifest) -> Result<(), String> {
    let has_effect = manifest.rest.get("effect").and_then(serde_json::Value::as_bool).unwrap_or(false);
    if attribute.outputs.is_some() && manifest.rest.contains_key("outputs") {
        return Err(format!("{}: `outputs` are the struct's; remove them here", manifest.path));
    }
    match (has_effect, attribute.probe.is_some(), attribute.rollback.is_some()) {
        (true, true, true) | (false, false, false) => Ok(()),
        (true, ..) => Err("a step with `effect = true` needs `probe = …` and `rollback = …`".to_owned()),
        (false, ..) => Err(format!("{}: `probe` and `rollback` need `effect = true`", manifest.path)),
    }
}

fn effect(attribute: &Attribute, function: &ItemFn, inputs: &Type) -> syn::Result<TokenStream> {
    let (probe, rollback) = match (&attribute.probe, &attribute.rollback) {
        (Some(probe), Some(rollback)) => (probe, rollback),
        (None, None) => return Ok(TokenStream::new()),
        _ => return Err(syn::Error::new_spanned(&function.sig, "`probe` and `rollback` come together")),
    };
    Ok(quote! {
        impl ::sealock_sdk::effect_bindings::exports::sealock::step::effect::Guest for Exported {
            fn probe() -> ::core::result::Result<
                ::sealock_sdk::effect_bindings::exports::sealock::step::effect::State,
                ::sealock_sdk::bindings::sealock::step::base::Error,
            > {
                ::sealock_sdk::export::probe::<#inputs>(#probe)
            }

            fn rollback() -> ::core::result::Result<(), ::sealock_sdk::bindings::sealock::step::base::Error> {
                ::sealock_sdk::export::rollback::<#inputs>(#rollback)
            }
        }

        ::sealock_sdk::effect_bindings::export!(Exported with_types_in ::sealock_sdk::effect_bindings);
    })
}
