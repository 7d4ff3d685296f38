//! One file a command.

pub mod check;
pub mod compile;
pub mod completions;
pub mod eval;
pub mod explain;
pub mod man;
pub mod plan;
pub mod rollback;
pub mod run;
pub mod runs;
pub mod show;
pub mod status;
pub mod unlock;
pub mod version;
