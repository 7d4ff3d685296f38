//! Events, sinks, and the versioned wire format.
