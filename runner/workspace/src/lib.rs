//! Git facts, checkout, and copy-on-write views.
