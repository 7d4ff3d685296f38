//! Readers of events: terminal, plain, JSON lines.
