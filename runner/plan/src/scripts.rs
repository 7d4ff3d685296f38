//! Inputs that are run as programs.

use sealock_contract::Manifest;
use sealock_contract::manifest::InputType;
use sealock_diagnostics::Span;
use sealock_pipeline::{ScriptPlace, Spanned, expressions_in_script};

use crate::WithValue;
use crate::planner::Planner;

/// Whether expressions stand in the script that the author wrote for the input `name`; each is told.
pub(crate) fn refuse(planner: &mut Planner<'_>, manifest: &Manifest, name: &str, value: &WithValue, at: Span) -> bool {
    let WithValue::Scalar { text, .. } = value else {
        return false;
    };
    let takes_env = manifest.inputs.get("env").is_some_and(|spec| spec.kind == InputType::MapOfSecret);
    let place = if takes_env { ScriptPlace::Input(name) } else { ScriptPlace::InputWithoutEnv };
    let found = expressions_in_script(&Spanned::new(text.clone(), at), planner.request.source.text(), place);
    let is_refused = !found.is_empty();
    planner.diagnostics.extend(found);
    is_refused
}
