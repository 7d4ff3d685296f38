//! The first-party plugins, embedded.
