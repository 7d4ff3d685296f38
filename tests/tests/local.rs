//! The built binary on one machine: no rig, no network, no Docker engine. What is asserted is exit codes, stable codes, events,
//! and what is left on the disk and in the process table.

#![expect(
    clippy::disallowed_methods,
    reason = "a test starts from its environment: where the binary is, and what a run must not see"
)]

mod local {
    mod audit;
    mod cancel;
    mod check;
    mod checkout;
    mod compiled;
    mod effects;
    mod evaluate;
    mod examples;
    mod faults;
    mod flow;
    mod foreign;
    mod github;
    mod guests;
    mod handover;
    mod journal;
    mod outside;
    mod plugins;
    mod policy;
    mod registries;
    mod resume;
    mod retention;
    mod shells;
    mod smoke;
    mod support;
    mod trust;
    mod walls;
    mod workspace;
}
