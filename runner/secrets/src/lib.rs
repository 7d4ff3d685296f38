//! Secret providers, handles, and streaming redaction.
