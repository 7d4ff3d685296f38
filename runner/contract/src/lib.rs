//! What the runner and the plugins agree on, as plain data.
//!
//! Four groups of types: *names* ([`Id`], [`Digest`], [`StepName`]), the *manifest* in which a plugin says
//! what it takes and asks for, the *grant* that the plan fixed for a step, and the *seam*: the requests
//! that a sandbox puts to the broker and the answers it gets.
//!
//! # Invariants
//!
//! - No I/O, no clock, no global state.
//! - Everything that crosses the seam is owned, bounded by [`limits`], and serialisable: moving the
//!   sandbox into another process changes no caller.
//! - A secret's bytes are in none of these types; [`secret::SecretText`] names them.

pub mod digest;
pub mod error;
pub mod grant;
pub mod limits;
pub mod manifest;
pub mod name;
pub mod seam;
pub mod secret;
pub mod value;

pub use digest::Digest;
pub use error::{ErrorKind, StepError};
pub use grant::{Grant, GrantTable};
pub use limits::StepLimits;
pub use manifest::Manifest;
pub use name::{Id, StepName};
pub use secret::{SecretPart, SecretText};
pub use value::Value;
