//! Plugins of registries: published, locked, fetched, run. The registry is the tests' own, on loopback.

mod inspecting;
mod lies;
mod locking;
mod logins;
mod publishing;
mod signed;
mod stranger;
pub(crate) mod support;
