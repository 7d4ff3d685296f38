//! `secrets`.

use crate::ErrorKind;
use crate::bindings::sealock::step::base;
use crate::testing::state::{error, with};

/// A handle.
#[derive(Debug)]
pub struct Secret {
    name: String,
}

impl Secret {
    pub(crate) fn name(&self) -> String {
        self.name.clone()
    }

    pub(crate) fn placeholder(&self) -> String {
        format!("placeholder-of-{}", self.name)
    }
}

pub(crate) fn get(input: &str) -> Result<Secret, base::Error> {
    let is_there = with(|state| state.secrets.contains_key(input));
    if is_there {
        return Ok(Secret { name: input.to_owned() });
    }
    Err(error(ErrorKind::NotFound, "E-SECRET-MISSING", format!("there is no secret `{input}`"), None))
}

pub(crate) fn mask(value: &str) {
    with(|state| state.masked.push(value.to_owned()));
}
