//! A Plan becomes a run.
