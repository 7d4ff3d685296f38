//! Step results and compiled components on disk.
