//! Values of inputs and outputs.

use std::time::Duration;

pub use crate::bindings::sealock::step::base::Value;
use crate::{Digest, ImageId};

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Digest> for Value {
    fn from(digest: Digest) -> Self {
        Self::Text(digest.0)
    }
}

impl From<ImageId> for Value {
    fn from(image: ImageId) -> Self {
        Self::Text(image.0)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Vec<String>> for Value {
    fn from(items: Vec<String>) -> Self {
        Self::Items(items)
    }
}

impl From<Duration> for Value {
    fn from(duration: Duration) -> Self {
        Self::Integer(duration.as_millis().try_into().unwrap_or(i64::MAX))
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        Self::Json(json.to_string())
    }
}

macro_rules! integers {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Value {
            fn from(number: $kind) -> Self {
                Self::Integer(number.try_into().unwrap_or(i64::MAX))
            }
        }
    )*};
}

integers!(i64, u64, i32, u32, u16, usize);

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(one), Self::Text(other)) | (Self::Json(one), Self::Json(other)) => one == other,
            (Self::Flag(one), Self::Flag(other)) => one == other,
            (Self::Integer(one), Self::Integer(other)) => one == other,
            (Self::Number(one), Self::Number(other)) => one == other,
            (Self::Items(one), Self::Items(other)) => one == other,
            _ => false,
        }
    }
}
