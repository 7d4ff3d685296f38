//! Images and containers against a real engine and real registries: those that `tests/rig/up` starts.

mod building;
mod faults;
mod harness;
mod pushing;
mod running;
mod services;
mod stages;
mod torn;
