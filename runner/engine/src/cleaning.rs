//! No text of an event holds a secret: the last net before the journal, the log, and every sink.
//!
//! What steps print is redacted as a stream where it comes in, which catches what is split. Causes, intents, names, and
//! whatever else an event carries is looked through here, whole. Without secrets nothing is looked at.

use sealock_events::{EventKind, LogLevel};
use sealock_secrets::{Redactor, Vault};
use serde_json::Value as Json;

/// Masks the secrets that events hold.
pub(crate) struct Cleaning {
    vault: Vault,
    redactor: Redactor,
}

impl Cleaning {
    pub(crate) fn new(vault: &Vault) -> Self {
        Self { vault: vault.clone(), redactor: vault.redactor() }
    }

    /// The event, with every secret in its texts masked.
    pub(crate) fn clean(&self, kind: EventKind) -> EventKind {
        if self.vault.hides_nothing() {
            return kind;
        }
        if let EventKind::Log { stage, step, level, text } = kind {
            return EventKind::Log { stage, step, level, text: self.redactor.redact_text(&text).into_owned() };
        }
        let Ok(written) = serde_json::to_string(&kind) else { return kind };
        // The forms that are looked for include those in JSON: what is clean as JSON holds no secret in any text.
        if matches!(self.redactor.redact_text(&written), std::borrow::Cow::Borrowed(_)) {
            return kind;
        }
        let cleaned = serde_json::to_value(&kind).map(|value| self.clean_json(value));
        cleaned.and_then(serde_json::from_value).unwrap_or_else(|_| left_out())
    }

    fn clean_json(&self, value: Json) -> Json {
        match value {
            Json::String(text) => self.redactor.redact_text(&text).into_owned().into(),
            Json::Array(items) => items.into_iter().map(|item| self.clean_json(item)).collect(),
            Json::Object(entries) => entries
                .into_iter()
                .map(|(name, entry)| (self.redactor.redact_text(&name).into_owned(), self.clean_json(entry)))
                .collect(),
            other => other,
        }
    }
}

/// For an event that is none any more without its secret.
fn left_out() -> EventKind {
    EventKind::Log {
        stage: String::new(),
        step: String::new(),
        level: LogLevel::Warning,
        text: "something that happened cannot be told, because its words are a secret".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use sealock_events::Cause;
    use sealock_secrets::SecretBytes;
    use serde_json::json;

    use super::*;

    fn cleaning() -> Cleaning {
        let vault = Vault::new();
        vault.register("TOKEN", SecretBytes::new(b"hunter2-\"quoted\"-hunter2".to_vec())).expect("long enough");
        Cleaning::new(&vault)
    }

    #[test]
    fn causes_names_and_inputs_are_masked_wherever_they_stand() {
        let secret = "hunter2-\"quoted\"-hunter2";
        let inputs = json!({ "to": [format!("registry/{secret}")], secret: 1 });
        let intent = EventKind::EffectIntent {
            stage: "a".into(),
            step: "b".into(),
            key: "k".into(),
            fence: None,
            component: "sha256:0".into(),
            inputs,
        };
        let cleaned = serde_json::to_string(&cleaning().clean(intent)).expect("JSON");
        assert!(!cleaned.contains("hunter2"), "{cleaned}");
        assert!(cleaned.contains("registry/***"), "{cleaned}");
        let cause =
            Cause { code: "E-STEP-FAILED".into(), message: format!("`{secret}` is no folder"), help: None, exit: 1 };
        let failed = EventKind::StageFinished {
            stage: "a".into(),
            result: sealock_events::Conclusion::Failure,
            outputs: serde_json::Map::new(),
            cause: Some(cause),
            duration_ms: 1,
        };
        let cleaned = serde_json::to_string(&cleaning().clean(failed)).expect("JSON");
        assert!(!cleaned.contains("hunter2") && cleaned.contains("`***` is no folder"), "{cleaned}");
    }

    #[test]
    fn what_holds_no_secret_stays_as_it_is() {
        let kind = EventKind::StageStarted { stage: "test".into() };
        assert_eq!(cleaning().clean(kind.clone()), kind);
    }
}
