//! Plugins of registries: published, locked, fetched, run. The registry is the tests' own, on loopback.

mod lies;
mod locking;
mod logins;
mod publishing;
mod signed;
mod support;
