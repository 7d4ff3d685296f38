//! The export that a step with effects has besides `step`.

#![allow(missing_docs, clippy::pedantic, reason = "generated")]

wit_bindgen::generate!({
    path: "../wit",
    inline: "
        package sealock:sdk;

        world effect-only {
            export sealock:step/effect@0.1.0;
        }
    ",
    world: "sealock:sdk/effect-only",
    with: { "sealock:step/base@0.1.0": crate::bindings::sealock::step::base },
    pub_export_macro: true,
    default_bindings_module: "sealock_sdk::effect_bindings",
});
