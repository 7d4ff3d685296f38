//! Real components in the real sandbox, and a desk that answers what the test says.

mod denials;
mod desks;
mod effects;
mod files;
mod formats;
mod guests;
mod hermetic;
mod kept;
mod limits;
mod network;
mod outputs;
mod programs;
mod rig;
mod steps;
