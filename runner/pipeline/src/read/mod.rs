//! Nodes become the model, with every problem reported and none of them the last.
//!
//! Each file here reads one noun of the model by the tables of [`shape`]; [`reader`] and [`scalar`]
//! are the combinators they are made of. What needs the whole file (names, the graph, what an
//! expression may read) is for [`crate::check`].

mod allow;
mod cron;
mod environment;
mod image;
mod input;
mod kind;
mod matrix;
mod pipeline;
mod plugin;
mod reader;
mod scalar;
pub(crate) mod shape;
pub(crate) mod slot;
mod stage;
mod step;
mod trigger;
mod value;

pub(crate) use kind::shortened;
pub(crate) use reader::{Owner, Reader, StepPlace, Written, WrittenSource, first_line};
