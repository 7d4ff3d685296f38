//! The durable record of a run: SQLite, append-only, hash-chained.
