//! Pushes an image to a registry: blobs and the manifest by digest first, tags last.
//!
//! # Probe and rollback
//!
//! `probe` asks the registry for each tag: *applied* when all name the image's digest. Else, also where the registry does not
//! answer, it is *not applied*, which is always safe: a push of the same image is idempotent, so made again it changes nothing
//! that the first one did, and does what is missing. The host looks instead of pushing in a probe. `rollback` undoes nothing: a manifest that nobody names harms nobody, deployments run by digest,
//! and moving a tag back would hand an old image to whoever pulls next.

mod destination;

use sealock_sdk::containers::Push;
use sealock_sdk::{Digest, EffectState, Error, ImageId, Inputs, Outputs, Secret, Step, step};

use destination::Destinations;

#[derive(Inputs)]
struct ImagePush {
    /// The image in the engine, such as `image-build` gives it.
    image: ImageId,
    /// Where to, with tags, such as `ghcr.io/acme/web:1.2`.
    #[input(required)]
    to: Vec<String>,
    /// The account at the registry.
    username: Option<String>,
    /// Its password or token.
    password: Option<Secret>,
}

#[derive(Outputs)]
struct Pushed {
    /// The first repository with the digest: what a deployment runs, whatever happens to the tag.
    reference: String,
    /// The manifest's digest in the registry.
    digest: Digest,
    /// Every repository pushed to, with the digest.
    references: Vec<String>,
}

#[step(outputs = Pushed, probe = probe, rollback = rollback)]
fn run(inputs: ImagePush, step: &mut Step) -> Result<(), Error> {
    let destinations = Destinations::parse(&inputs.to)?;
    let push = push(&inputs, &destinations)?;
    step.info(format_args!("pushing {} to {}", inputs.image.0, inputs.to.join(", ")));
    let pushed = Pushed::to(&destinations, push.finish()?);
    step.notice(format_args!("pushed {}", pushed.references.join(", ")));
    step.outputs(&pushed)
}

impl Pushed {
    fn to(destinations: &Destinations, digest: String) -> Self {
        let references = destinations.pinned(&digest);
        Self { reference: references[0].clone(), digest: Digest(digest), references }
    }
}

fn push(inputs: &ImagePush, destinations: &Destinations) -> Result<Push, Error> {
    let push = Push::new(&inputs.image.0);
    inputs.to.iter().for_each(|reference| push.to(reference));
    if let Some((username, password)) = login(inputs)? {
        push.credentials(destinations.only_registry()?, username, password.handle());
    }
    Ok(push)
}

fn login(inputs: &ImagePush) -> Result<Option<(&str, &Secret)>, Error> {
    match (&inputs.username, &inputs.password) {
        (Some(username), Some(password)) => Ok(Some((username, password))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(destination::half_a_login("password")),
        (None, Some(_)) => Err(destination::half_a_login("username")),
    }
}

fn probe(inputs: ImagePush, step: &mut Step) -> Result<EffectState, Error> {
    let destinations = Destinations::parse(&inputs.to)?;
    match push(&inputs, &destinations)?.finish() {
        Ok(digest) => {
            step.outputs(&Pushed::to(&destinations, digest))?;
            Ok(EffectState::Applied)
        }
        Err(why) => {
            let why = Error::from(why);
            step.info(format_args!("{why}; pushed again, it changes nothing that is there"));
            Ok(EffectState::NotApplied)
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the form that the SDK gives it")]
fn rollback(inputs: ImagePush, step: &mut Step) -> Result<(), Error> {
    step.info(format_args!("what was pushed stays, by its digest; {} keep naming it", inputs.to.join(", ")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use sealock_sdk::Value;
    use sealock_sdk::testing::Kit;

    use super::*;

    fn kit() -> Kit {
        let mut kit = Kit::new();
        kit.input("image", "sha256:aa").input("to", vec!["ghcr.io/acme/web:1".to_owned()]);
        kit
    }

    #[test]
    fn what_is_pushed_is_named_by_its_digest() {
        let ended = kit().images().input("username", "ci").secret("password", "s3cret").run(run);
        ended.outcome();
        assert_eq!(ended.calls, ["push sha256:aa ghcr.io/acme/web:1 as=ci@ghcr.io"]);
        let pinned = format!("ghcr.io/acme/web@sha256:{}", "d".repeat(64));
        assert_eq!(ended.output("reference"), Some(&Value::Text(pinned)));
    }

    #[test]
    fn what_the_registry_has_is_applied_and_what_it_does_not_have_is_pushed_again() {
        let ended = kit().images().probe(probe);
        assert!(matches!(ended.outcome(), EffectState::Applied));
        assert!(ended.output("reference").is_some());
        assert!(matches!(kit().probe(probe).outcome(), EffectState::NotApplied));
    }

    #[test]
    fn a_push_that_is_not_granted_and_half_a_login_are_errors() {
        assert!(kit().run(run).error().is_denied());
        assert_eq!(kit().images().input("username", "ci").run(run).error().code(), "E-INPUT-MISSING");
    }
}
