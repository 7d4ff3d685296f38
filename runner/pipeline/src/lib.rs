//! Text becomes a Pipeline, with a span on every value.

mod model;

pub use model::*;
