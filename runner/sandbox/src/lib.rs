//! One step in one wasmtime store, linked only to what was granted.
