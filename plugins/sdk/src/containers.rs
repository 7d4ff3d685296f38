//! Images and containers, through the Docker engine.
//!
//! The builders are the host's own; [`start`] gives what a container runs the same face as a native program.

pub use crate::host::containers::{Build, Container, ImageId, Push};

use crate::Error;
use crate::process::Running;

/// Starts `container`.
///
/// # Errors
///
/// Denied when the image is not granted; failed when the engine says no.
pub fn start(container: &Container) -> Result<Running, Error> {
    Ok(Running::from_handle(container.start()?))
}
