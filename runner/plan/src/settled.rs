//! The contexts that are known before the run, each made into a value once: an event of a megabyte stands behind every
//! expression of the file.

use std::collections::BTreeMap;
use std::sync::Arc;

use sealock_expression::Value;
use serde_json::Value as Json;

use crate::evaluate::Known;

/// Contexts by name; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled(BTreeMap<&'static str, (Arc<Json>, Value)>);

impl Settled {
    pub(crate) fn set(&mut self, name: &'static str, json: impl Into<Json>) {
        let json = json.into();
        let value = Value::from(&json);
        self.0.insert(name, (Arc::new(json), value));
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        self.0.get(name).map(|(json, _)| &**json)
    }
}

impl Known for Settled {
    fn json(&self, name: &str) -> Option<Json> {
        self.get(name).cloned()
    }

    fn value(&self, name: &str) -> Option<Value> {
        self.0.get(name).map(|(_, value)| value.clone())
    }
}
