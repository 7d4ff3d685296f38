//! The wall around native programs.
