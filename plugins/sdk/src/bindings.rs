//! What `wit-bindgen` makes of `step.wit`: the interfaces as they are, for what the SDK does not wrap.

#![allow(missing_docs, clippy::pedantic, reason = "generated")]

wit_bindgen::generate!({
    path: "../wit",
    world: "sealock:step/full-step@0.1.0",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "sealock_sdk::bindings",
});
