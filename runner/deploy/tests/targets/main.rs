//! Deployments against a real OpenSSH server on loopback, and an SSH client against hostile ones.
//!
//! Each test starts its own server, on a port of its own, in a folder of its own, and fails when there is no
//! `sshd`. What a target's script does is tried with `dash`, `busybox`, and `bash` as the target's `sh`.

#![expect(clippy::unwrap_used, reason = "a poisoned lock is a failed test")]

mod by_hand;
mod desk;
mod hostile;
mod killed;
mod locks;
mod proxy;
mod queue;
mod releases;
mod scripted;
mod scripts;
mod sshd;
