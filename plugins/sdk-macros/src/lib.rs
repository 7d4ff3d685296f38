//! The macros of `sealock-sdk`: `#[derive(Inputs)]`, `#[derive(Outputs)]`, and `#[step]`.
//!
//! The structs decide the manifest's inputs and outputs; `plugin.toml` says the rest. `#[step]` puts the two
//! together at compile time and leaves the manifest in the component's custom section `sealock:manifest`.

mod field;
mod inputs;
mod manifest;
mod outputs;
mod step;

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemFn, parse_macro_input};

/// Makes a struct the inputs of a step: its fields are read from the host, and described in the manifest.
///
/// The first paragraph of a field's documentation is its description. A field's type says the input's type:
/// `String`, integers, `f64`, `bool`, `Vec<String>` (a list), `Duration`, `Size`, `WorkspacePath`, `Secret`,
/// `SecretMap`, `TargetName`, `Digest`, `ImageId`, `Json<T>` (a map). An `Option` is not required.
///
/// `#[input(…)]` takes `default = VALUE`, `range = 0.0..=100.0` (or `1..`), `options = ["a", "b"]` (a choice),
/// `required` (a list that is not left out), `name = "fail-on"`, and, for secrets, `place = "header"` and
/// `hosts = ["hooks.slack.com:443"]`. Names are the field's with `-` for `_`; durations and sizes have their default
/// as a pipeline's author writes it, `"10s"`.
#[proc_macro_derive(Inputs, attributes(input))]
pub fn derive_inputs(tokens: TokenStream) -> TokenStream {
    let input = parse_macro_input!(tokens as DeriveInput);
    inputs::derive(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Makes a struct the outputs of a step: `step.outputs(&value)?` sets them all, and the manifest describes them.
///
/// An `Option` that is `None` is not set. `#[output(name = "…")]` names a field differently.
#[proc_macro_derive(Outputs, attributes(output))]
pub fn derive_outputs(tokens: TokenStream) -> TokenStream {
    let input = parse_macro_input!(tokens as DeriveInput);
    outputs::derive(&input).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// Makes a function the step that this component exports.
///
/// The function takes the inputs and `&mut Step`, and returns `Outcome`, `()`, or a `Result` of either.
/// `#[step(outputs = Report)]` names the struct of the outputs; `probe = …, rollback = …` name the two functions
/// of a step with effects; `manifest = "other.toml"` reads another file than `plugin.toml`.
#[proc_macro_attribute]
pub fn step(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let attribute = parse_macro_input!(attribute as step::Attribute);
    let function = parse_macro_input!(item as ItemFn);
    step::expand(&attribute, &function).unwrap_or_else(|error| error.to_compile_error()).into()
}
