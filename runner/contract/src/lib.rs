//! What the runner and the plugins agree on, as plain data.
