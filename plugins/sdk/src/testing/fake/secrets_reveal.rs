//! `secrets-reveal`.

use crate::bindings::sealock::step::base;
use crate::testing::fake::secrets::Secret;
use crate::testing::state::with;

pub(crate) fn reveal(secret: &Secret) -> Result<Vec<u8>, base::Error> {
    let name = secret.name();
    with(|state| {
        if !state.may_reveal {
            return Err(state.deny("E-GRANT-REVEAL", &format!("revealing {name}"), "reveal: true"));
        }
        state.call(format!("reveal {name}"))?;
        Ok(state.secrets.get(&name).cloned().unwrap_or_default())
    })
}
