//! `containers`: images get made-up digests, containers answer what the kit was told.

use std::cell::RefCell;

use crate::bindings::sealock::step::base;
use crate::bindings::sealock::step::containers as real;
use crate::testing::fake::process::{Running, Stdio};
use crate::testing::fake::secrets::Secret;
use crate::testing::state::{State, with};

pub use real::ImageId;

/// An image to be built.
#[derive(Debug)]
pub struct Build {
    words: RefCell<Vec<String>>,
}

/// Every setting is a word of the call.
impl Build {
    /// From this folder.
    pub fn new(context: &str) -> Self {
        Self { words: RefCell::new(vec![format!("build {context}")]) }
    }

    fn say(&self, word: String) {
        self.words.borrow_mut().push(word);
    }

    /// By this Dockerfile.
    pub fn file(&self, path: &str) {
        self.say(format!("file={path}"));
    }

    /// Up to this stage.
    pub fn target(&self, stage: &str) {
        self.say(format!("target={stage}"));
    }

    /// With this argument.
    pub fn arg(&self, name: &str, value: &str) {
        self.say(format!("arg={name}={value}"));
    }

    /// With this secret.
    pub fn secret(&self, id: &str, value: &Secret) {
        self.say(format!("secret={id}={}", value.placeholder()));
    }

    /// With this label.
    pub fn label(&self, name: &str, value: &str) {
        self.say(format!("label={name}={value}"));
    }

    /// For this platform.
    pub fn platform(&self, platform: &str) {
        self.say(format!("platform={platform}"));
    }

    /// With this cache.
    pub fn cache_from(&self, reference: &str) {
        self.say(format!("cache-from={reference}"));
    }

    /// Into this cache.
    pub fn cache_to(&self, reference: &str) {
        self.say(format!("cache-to={reference}"));
    }

    /// With or without a network.
    pub fn network(&self, allowed: bool) {
        self.say(format!("network={allowed}"));
    }

    /// Without a cache.
    pub fn no_cache(&self) {
        self.say("no-cache".to_owned());
    }

    /// With its base images pulled anew.
    pub fn pull(&self) {
        self.say("pull".to_owned());
    }

    /// As this user.
    pub fn credentials(&self, registry: &str, username: &str, _: &Secret) {
        self.say(format!("as={username}@{registry}"));
    }

    /// Builds.
    ///
    /// # Errors
    ///
    /// Denied without [`Kit::images`](crate::testing::Kit::images).
    pub fn finish(&self) -> Result<ImageId, base::Error> {
        let call = self.words.borrow().join(" ");
        with(|state| {
            state.call(call)?;
            if !state.may_build {
                return Err(state.deny("E-GRANT-CONTAINERS", "building images", "containers: { build: true }"));
            }
            Ok(digest('b'))
        })
    }
}

/// An image to be pushed.
#[derive(Debug)]
pub struct Push {
    words: RefCell<Vec<String>>,
}

impl Push {
    /// This image.
    pub fn new(image: &str) -> Self {
        Self { words: RefCell::new(vec![format!("push {image}")]) }
    }

    /// To there.
    pub fn to(&self, reference: &str) {
        self.words.borrow_mut().push(reference.to_owned());
    }

    /// As this user.
    pub fn credentials(&self, registry: &str, username: &str, _: &Secret) {
        self.words.borrow_mut().push(format!("as={username}@{registry}"));
    }

    /// Pushes.
    ///
    /// # Errors
    ///
    /// Denied without [`Kit::images`](crate::testing::Kit::images).
    pub fn finish(&self) -> Result<String, base::Error> {
        let call = self.words.borrow().join(" ");
        with(|state| {
            state.call(call)?;
            if !state.may_push {
                return Err(state.deny("E-GRANT-CONTAINERS", "pushing images", "containers: { push: […] }"));
            }
            Ok(digest('d'))
        })
    }
}

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// A container to be started.
#[derive(Debug)]
pub struct Container {
    words: RefCell<Vec<String>>,
}

impl Container {
    /// From this image.
    pub fn new(image: &str) -> Self {
        Self { words: RefCell::new(vec![image.to_owned()]) }
    }

    /// With this argument.
    pub fn arg(&self, value: &str) {
        self.words.borrow_mut().push(value.to_owned());
    }

    /// With this program.
    pub fn entrypoint(&self, _: &str) {}

    /// With this entry in its environment.
    pub fn env(&self, name: &str, value: &str) {
        with(|state| state.calls.push(format!("env {name}={value}")));
    }

    /// With this secret in its environment.
    pub fn secret_env(&self, name: &str, value: &Secret) {
        with(|state| state.calls.push(format!("env {name}={}", value.placeholder())));
    }

    /// With this folder.
    pub fn mount(&self, _: &str, _: &str, _: bool) {}

    /// In this folder.
    pub fn workdir(&self, _: &str) {}

    /// As this user.
    pub fn user(&self, _: &str) {}

    /// With or without a network.
    pub fn network(&self, _: bool) {}

    /// Its standard output goes there.
    pub fn stdout(&self, _: &Stdio) {}

    /// Its standard error goes there.
    pub fn stderr(&self, _: &Stdio) {}

    /// For so long.
    pub fn timeout_ms(&self, _: u64) {}

    /// Starts it.
    ///
    /// # Errors
    ///
    /// Denied when the kit was not told of it.
    pub fn start(&self) -> Result<Running, base::Error> {
        let line = self.words.borrow().join(" ");
        let image = self.words.borrow()[0].clone();
        with(|state| {
            state.call(format!("container {line}"))?;
            let entry = format!("containers: {{ images: [{image:?}] }}");
            let reply = State::reply(&state.containers, &line);
            reply.map(Running::new).ok_or_else(|| state.deny("E-GRANT-CONTAINERS", &image, &entry))
        })
    }
}
