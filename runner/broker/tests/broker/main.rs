//! The broker from outside: real programs behind the wall, hostile servers on loopback, and sandboxes that
//! lie.

mod files;
mod ground;
mod http;
mod liar;
mod process;
mod rig;
mod servers;
mod tls;
mod used;
