//! Handles of secrets.

use std::sync::Arc;

use sealock_contract::grant::{Capability, denied};
use sealock_contract::seam::{Answer, Handle, Refusal, Request, Response};
use sealock_contract::{ErrorKind, StepError};

use crate::handler::Handler;
use crate::handles::{Object, SecretHandle};
use crate::step::Step;

/// Opens, stands in for, reveals, and masks secrets.
pub(crate) struct Secrets;

impl Handler for Secrets {
    fn handle<'a>(&'a self, step: &'a Arc<Step>, request: Request) -> Answer<'a> {
        Box::pin(async move {
            match request {
                Request::SecretOpen { input } => open(step, input),
                Request::SecretPlaceholder { secret } => {
                    Ok(Response::Text(step.handles().secret(secret)?.placeholder.clone()))
                }
                Request::SecretReveal { secret } => reveal(step, secret),
                Request::SecretMask { value } => step.mask(value).map(|()| Response::Done),
                _ => Err(StepError::new(ErrorKind::Other, "E-DESK-HANDLER", "this is not a request for secrets")),
            }
        })
    }
}

fn open(step: &Step, input: String) -> Result<Response, Refusal> {
    let Some(declared) = step.secret_input(&input) else {
        return Err(denied(Capability::Secrets, &input, &format!("secrets: [the secret of `with.{input}`]")));
    };
    // Declared by the plugin, and not given by the author: nothing to grant.
    if declared.text.parts.is_empty() {
        let message = format!("the secret input `{input}` was not given");
        return Err(StepError::new(ErrorKind::NotFound, "E-SECRET-MISSING", message));
    }
    for name in declared.text.names() {
        step.grant().check_secret(name)?;
        step.acts_on(Capability::Secrets, name);
    }
    let secret = SecretHandle {
        placeholder: placeholder()?,
        text: declared.text.clone(),
        place: declared.place,
        hosts: declared.hosts.clone(),
        input: input.clone(),
    };
    let handle = step.handles().insert(Object::Secret(Arc::new(secret)))?;
    Ok(Response::Secret { handle, name: input })
}

/// A word that nobody can guess: a guess that is right would be swapped like the word itself.
fn placeholder() -> Result<String, Refusal> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)
        .map_err(|error| StepError::new(ErrorKind::Io, "E-FILE-IO", format!("no random bytes: {error}")))?;
    Ok(format!("sealock-secret-{:032x}", u128::from_ne_bytes(random)))
}

fn reveal(step: &Step, secret: Handle) -> Result<Response, Refusal> {
    let secret = step.handles().secret(secret)?;
    step.grant().check_reveal(&secret.input)?;
    step.acts_on(Capability::Reveal, &secret.input);
    Ok(Response::Bytes(step.secret_bytes(&secret)?.expose().to_vec()))
}
