//! What the scenarios share: the built binary, the rig, and scratch repositories.
