//! What a sandbox asks and what the broker answers.
//!
//! A host function is decode → ask → encode. Asking is one trait, [`Desk`], made by the broker for one
//! step: whose step it is follows from *which* desk is asked, never from what the caller says. Behind a
//! process wall a socket implements it. Handles are numbers in the broker's table for that step; a
//! request that names a handle of another step names nothing.

mod command;
mod containers;
mod desk;
mod http;
mod note;
mod outcome;
mod targets;

use serde::{Deserialize, Serialize};

pub use command::{Command, Exit, Stdio};
pub use containers::{Build, ContainerCommand, ContainersRequest, Credentials, Mount, Push};
pub use desk::{Answer, Desk};
pub use http::{HttpRequest, HttpResponse};
pub use note::{Annotation, Level, Location, Note};
pub use outcome::{EffectState, LimitName, Outcome, StopCause};
pub use targets::{Release, ReleaseState, Script, TargetsRequest};

use crate::{Digest, StepError};

/// A number in the broker's table of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Handle(pub u32);

/// One thing that a step asks the broker to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// Send an HTTP request. Answered by [`Response::Http`].
    Http(HttpRequest),
    /// More of an answer's body. Answered by [`Response::Bytes`], empty at the end.
    HttpRead {
        /// From [`HttpResponse::body`].
        body: Handle,
        /// At most so many bytes.
        max: u32,
    },
    /// A handle of a secret input, or of one entry of a map (`env.NAME`). Answered by [`Response::Secret`].
    SecretOpen {
        /// The input's name.
        input: String,
    },
    /// The word that stands for a secret in a request. Answered by [`Response::Text`].
    SecretPlaceholder {
        /// From [`Response::Secret`].
        secret: Handle,
    },
    /// The bytes of a secret. Answered by [`Response::Bytes`].
    SecretReveal {
        /// From [`Response::Secret`].
        secret: Handle,
    },
    /// Mask this value, too, from now on. Answered by [`Response::Done`].
    SecretMask {
        /// What the step derived itself.
        value: String,
    },
    /// Start a native program. Answered by [`Response::Running`].
    Start(Command),
    /// Wait for what was started here, in a container, or on a target. Answered by [`Response::Exit`].
    Wait {
        /// From [`Response::Running`].
        running: Handle,
        /// For ever without one.
        timeout_ms: Option<u64>,
    },
    /// What was captured since the last call. Answered by [`Response::Bytes`], empty at the end.
    ReadOutput {
        /// From [`Response::Running`].
        running: Handle,
        /// Standard error instead of standard output.
        error: bool,
        /// At most so many bytes.
        max: u32,
    },
    /// End it with everything that it started. Answered by [`Response::Done`].
    Kill {
        /// From [`Response::Running`].
        running: Handle,
    },
    /// Hash and keep a file or folder as the step's product. Answered by [`Response::Digest`].
    Produce {
        /// In the workspace.
        path: String,
    },
    /// Images and containers.
    Containers(ContainersRequest),
    /// Machines deployed to.
    Targets(TargetsRequest),
    /// Forget a handle; something still running under it is killed. Answered by [`Response::Done`].
    Drop {
        /// Any handle of this step.
        handle: Handle,
    },
}

/// What the broker answers when it did what it was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// It is done and there is nothing to tell.
    Done,
    /// An answer has come; its body is read by its handle.
    Http(HttpResponse),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A text.
    Text(String),
    /// A secret may be used by this handle.
    Secret {
        /// For later requests.
        handle: Handle,
        /// Its name, not its value.
        name: String,
    },
    /// Something runs.
    Running(Handle),
    /// It ended, or `None` when the time given passed first.
    Exit(Option<Exit>),
    /// A digest.
    Digest(Digest),
    /// An image in the engine.
    Image(String),
    /// Names.
    Names(Vec<String>),
    /// A target is open.
    Target {
        /// For later requests.
        handle: Handle,
        /// Its name.
        name: String,
        /// The environment's directory on it.
        directory: String,
    },
    /// A release, when there is one.
    Release(Option<Release>),
}

/// Why the broker did not do what it was asked.
pub type Refusal = StepError;
