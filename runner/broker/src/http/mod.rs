//! HTTP for steps, as the broker sends it.

mod body;

pub use body::Body;
