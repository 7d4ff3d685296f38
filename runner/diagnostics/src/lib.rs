//! Diagnostics with spans, and their renderings for a terminal, GitHub, JSON, and SARIF.
