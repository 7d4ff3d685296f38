//! Has the base images of a Dockerfile in the engine before a build with BuildKit starts.
//!
//! BuildKit takes an image that the engine has, and otherwise goes to the registry by itself, with rules of
//! its own: that of engine 20.10 does not heed `insecure-registries`, and hides a refused login behind its try
//! with TLS. The engine's own pull has one set of rules for builds, services, and stages, and clear errors. Whether it is done
//! again is the build's to say.

use sealock_contract::seam::{Build, Refusal};

use super::context::Dockerfile;
use super::engine::Engine;
use super::login::Logins;
use super::{Tell, dockerfile, pull, reference};

/// Pulls what is missing; everything when the build asks for newer ones.
///
/// # Errors
///
/// `E-IMAGE-NAME`, `E-IMAGE-MISSING`, `E-REGISTRY-…`, each with the Dockerfile's line.
pub(super) async fn have(
    engine: &Engine,
    build: &Build,
    file: &Dockerfile,
    logins: &Logins,
    tell: Tell<'_>,
) -> Result<(), Refusal> {
    let own = &engine.known().await?.platform;
    if build.platform.as_ref().is_some_and(|wanted| wanted != own) {
        // For another machine: only BuildKit can choose from what the registry has.
        return Ok(());
    }
    for (image, at) in dockerfile::bases(&dockerfile::instructions(&file.text), &build.args) {
        let had = async {
            if build.pull {
                return pull::pull_once(engine, &reference::parse(&image)?, logins, tell).await;
            }
            pull::have_once(engine, &image, logins, tell).await.map(|_| ())
        };
        had.await.map_err(|refusal| Refusal {
            message: format!("{}, line {}: {}", file.path, at.line, refusal.message),
            ..refusal
        })?;
    }
    Ok(())
}
