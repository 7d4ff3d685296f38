//! Typed inputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::host::{inputs, secrets};
use crate::{Error, ErrorKind, Value};

pub use crate::secrets::{Secret, SecretMap};

/// A struct of inputs, made by `#[derive(Inputs)]`.
pub trait Inputs: Sized {
    /// The manifest's `inputs`, as JSON.
    const SPEC: &'static str;

    /// Reads every input from the host.
    ///
    /// # Errors
    ///
    /// An input that is missing or of another type, which the plan has already ruled out.
    fn read() -> Result<Self, Error>;
}

impl Inputs for () {
    const SPEC: &'static str = "{}";

    fn read() -> Result<Self, Error> {
        Ok(())
    }
}

/// A type that an input can have.
pub trait FromInput: Sized {
    /// Reads the input called `name`; `None` when it was not given.
    ///
    /// # Errors
    ///
    /// When it is of another type.
    fn from_input(name: &str) -> Result<Option<Self>, Error>;
}

/// The input called `name`, which must be there.
///
/// # Errors
///
/// When it is not, or is of another type.
pub fn required<T: FromInput>(name: &str) -> Result<T, Error> {
    T::from_input(name)?
        .ok_or_else(|| Error::of_kind(ErrorKind::Invalid, "E-INPUT-MISSING", format!("input `{name}` is missing")))
}

/// The input called `name`, when it was given.
///
/// # Errors
///
/// When it is of another type.
pub fn optional<T: FromInput>(name: &str) -> Result<Option<T>, Error> {
    T::from_input(name)
}

fn wrong(name: &str, expected: &str) -> Error {
    Error::of_kind(ErrorKind::Invalid, "E-INPUT-TYPE", format!("input `{name}` is not {expected}"))
}

fn text(name: &str) -> Result<Option<String>, Error> {
    match inputs::get(name) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text)),
        Some(_) => Err(wrong(name, "a text")),
    }
}

fn integer<T: TryFrom<i64>>(name: &str) -> Result<Option<T>, Error> {
    match inputs::get(name) {
        None => Ok(None),
        Some(Value::Integer(number)) => {
            number.try_into().map(Some).map_err(|_| wrong(name, "a whole number in this range"))
        }
        Some(_) => Err(wrong(name, "a whole number")),
    }
}

impl FromInput for String {
    fn from_input(name: &str) -> Result<Option<Self>, Error> {
        text(name)
    }
}

impl FromInput for bool {
    fn from_input(name: &str) -> Result<Option<Self>, Error> {
        match inputs::get(name) {
            None => Ok(None),
            Some(Value::Flag(flag)) => Ok(Some(flag)),
            Some(_) => Err(wrong(name, "`true` or `false`")),
        }
    }
}

impl FromInput for f64 {
    fn from_input(name: &str) -> Result<Option<Self>, Error> {
        match inputs::get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(number)),
            #[expect(clippy::cast_precision_loss, reason = "a number that an author typed")]
            Some(Value::Integer(number)) => Ok(Some(number as f64)),
            Some(_) => Err(wrong(name, "a number")),
        }
    }
}

impl FromInput for Vec<String> {
    fn from_input(name: &str) -> Result<Option<Self>, Error> {
        match inputs::get(name) {
            None => Ok(None),
            Some(Value::Items(items)) => Ok(Some(items)),
            Some(_) => Err(wrong(name, "a list of texts")),
        }
    }
}

impl FromInput for Duration {
    fn from_input(name: &str) -> Result<Option<Self>, Error> {
        Ok(integer(name)?.map(Self::from_millis))
    }
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl FromInput for $kind {
            fn from_input(name: &str) -> Result<Option<Self>, Error> {
                integer(name)
            }
        }
    )*};
}

integers!(i64, u64, i32, u32, u16, usize);

/// A number of bytes; a pipeline's author writes `64MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(
    /// In bytes.
    pub u64,
);

impl FromInput for Size {
    fn from_input(name: &str) -> Result<Option<Self>, Error> {
        Ok(integer(name)?.map(Self))
    }
}

/// A file or folder of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspacePath {
    written: String,
    full: PathBuf,
}

impl WorkspacePath {
    /// The path relative to the workspace, as the author wrote it.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl AsRef<Path> for WorkspacePath {
    /// Where the component finds it: below `/workspace`.
    fn as_ref(&self) -> &Path {
        &self.full
    }
}

impl FromInput for WorkspacePath {
    fn from_input(name: &str) -> Result<Option<Self>, Error> {
        let path = text(name)?;
        Ok(path.map(|written| Self { full: crate::workspace().join(&written), written }))
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $kind:ident),*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $kind(
            /// As it was given.
            pub String,
        );

        impl AsRef<str> for $kind {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromInput for $kind {
            fn from_input(name: &str) -> Result<Option<Self>, Error> {
                Ok(text(name)?.map(Self))
            }
        }
    )*};
}

texts! {
    /// The name of a target of the stage's environment.
    TargetName,
    /// `sha256:…`.
    Digest,
    /// An image in the engine.
    ImageId
}

/// Anything with keys, read by serde.
#[derive(Clone, Debug, PartialEq)]
pub struct Json<T>(
    /// What was read.
    pub T,
);

impl<T: DeserializeOwned> FromInput for Json<T> {
    fn from_input(name: &str) -> Result<Option<Self>, Error> {
        let json = match inputs::get(name) {
            None => return Ok(None),
            Some(Value::Json(json)) => json,
            Some(_) => return Err(wrong(name, "a map")),
        };
        let read = serde_json::from_str(&json);
        read.map(|value| Some(Self(value))).map_err(|error| wrong(name, &format!("of the expected shape: {error}")))
    }
}

impl FromInput for Secret {
    fn from_input(name: &str) -> Result<Option<Self>, Error> {
        match secrets::get(name) {
            Ok(secret) => Ok(Some(Self(secret))),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

impl FromInput for SecretMap {
    /// The host tells the keys as a list; each value is a handle.
    fn from_input(name: &str) -> Result<Option<Self>, Error> {
        let Some(keys) = Vec::<String>::from_input(name)? else {
            return Ok(None);
        };
        let entries: Result<BTreeMap<_, _>, Error> =
            keys.into_iter().map(|key| Ok((key.clone(), required::<Secret>(&format!("{name}.{key}"))?))).collect();
        Ok(Some(Self(entries?)))
    }
}
