//! Builds an image from a Dockerfile, through the Docker engine.
//!
//! The image is named by its own digest, so building it again changes nothing outside: a step without an effect.
//! Its id is not a manifest digest: an image has one only once it is in a registry (`image-push`).

mod request;

use std::collections::BTreeMap;

use sealock_sdk::containers::Build;
use sealock_sdk::{Error, ImageId, Inputs, Json, Outputs, Secret, SecretMap, Step, WorkspacePath, step};
use serde_json::Value;

#[derive(Inputs)]
struct ImageBuild {
    /// The folder that the build may read; `.dockerignore` in it is respected.
    #[input(default = ".")]
    context: WorkspacePath,
    /// The Dockerfile, relative to the context.
    #[input(default = "Dockerfile")]
    file: String,
    /// The stage to stop at; the last one without it.
    target: Option<String>,
    /// Build arguments. They stay readable in the image: use `secrets` for what must not.
    args: Option<Json<BTreeMap<String, Value>>>,
    /// Labels of the image.
    labels: Option<Json<BTreeMap<String, Value>>>,
    /// Such as `linux/amd64`; one, or the engine's own without it.
    platforms: Vec<String>,
    /// Images whose layers may be used again.
    cache_from: Vec<String>,
    /// Whether `RUN` lines have a network.
    #[input(default = true)]
    network: bool,
    /// Build every layer anew.
    #[input(default = false)]
    no_cache: bool,
    /// Ask the registry for newer base images.
    #[input(default = false)]
    pull: bool,
    /// For `RUN --mount=type=secret,id=…`, by id; never part of the image.
    secrets: SecretMap,
    /// The registry of private base images; with `username` and `password`.
    registry: Option<String>,
    /// The account at `registry`.
    username: Option<String>,
    /// Its password.
    password: Option<Secret>,
}

#[derive(Outputs)]
struct Built {
    /// The image in the engine, by its digest.
    digest: ImageId,
}

#[step(outputs = Built)]
fn run(inputs: ImageBuild, step: &mut Step) -> Result<(), Error> {
    let build = Build::new(inputs.context.as_str());
    describe(&build, &inputs)?;
    authorise(&build, &inputs)?;

    step.info(format_args!("building {} with {}", inputs.context.as_str(), inputs.file));
    let digest = ImageId(build.finish()?);
    step.notice(format_args!("built {}", digest.0));
    step.outputs(&Built { digest })
}

fn describe(build: &Build, inputs: &ImageBuild) -> Result<(), Error> {
    build.file(&inputs.file);
    if let Some(target) = &inputs.target {
        build.target(target);
    }
    for (name, value) in request::texts("args", inputs.args.as_ref().map(|args| &args.0))? {
        build.arg(&name, &value);
    }
    for (name, value) in request::texts("labels", inputs.labels.as_ref().map(|labels| &labels.0))? {
        build.label(&name, &value);
    }
    if let Some(platform) = request::platform(&inputs.platforms)? {
        build.platform(platform);
    }
    inputs.cache_from.iter().for_each(|reference| build.cache_from(reference));
    inputs.secrets.iter().for_each(|(id, secret)| build.secret(id, secret.handle()));
    build.network(inputs.network);
    if inputs.no_cache {
        build.no_cache();
    }
    if inputs.pull {
        build.pull();
    }
    Ok(())
}

fn authorise(build: &Build, inputs: &ImageBuild) -> Result<(), Error> {
    let given = [inputs.registry.is_some(), inputs.username.is_some(), inputs.password.is_some()];
    request::check_login(given)?;
    if let (Some(registry), Some(username), Some(password)) = (&inputs.registry, &inputs.username, &inputs.password) {
        build.credentials(registry, username, password.handle());
    }
    Ok(())
}
