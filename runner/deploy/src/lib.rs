//! Targets: lock and fence, release ledger, releases, on-target script.
