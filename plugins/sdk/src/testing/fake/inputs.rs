//! `inputs`.

use crate::Value;
use crate::testing::state::with;

pub(crate) fn get(name: &str) -> Option<Value> {
    with(|state| state.inputs.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone()))
}
