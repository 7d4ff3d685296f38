//! What a registry says when it refuses: its own words, as far as they can be shown.

use serde::Deserialize;

use crate::Login;
use crate::transport::{Answer, Question};

/// Of a refusal's body: it is a few hundred bytes of JSON.
const BODY_BYTES: u64 = 64 << 10;
/// Of its words: a page of them helps nobody.
const WORDS_CHARS: usize = 200;

/// `{"errors":[{"code":"DENIED","message":"…"}]}`
#[derive(Deserialize)]
struct Refusal {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Why this answer refuses `question`: its status, and what it says of it. A login that it repeats is not shown.
pub(crate) async fn told(answer: Answer, question: &Question, login: Option<&Login>) -> String {
    let status = answer.status().as_u16();
    let body = answer.bytes(BODY_BYTES).await.unwrap_or_default();
    let words = words(&body).filter(|words| {
        let sent = question.authorization.as_ref().and_then(|value| value.to_str().ok()?.split(' ').next_back());
        !sent.is_some_and(|sent| words.contains(sent)) && !login.is_some_and(|login| login.stands_in(words))
    });
    words.map_or_else(|| format!("it answered {status}"), |words| format!("it answered {status}: {words}"))
}

/// The first message, or else the code, in one line.
fn words(body: &[u8]) -> Option<String> {
    let refusal: Refusal = serde_json::from_slice(body).ok()?;
    let reason = refusal.errors.into_iter().next()?;
    let text = if reason.message.trim().is_empty() { reason.code } else { reason.message };
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let words: String = words.join(" ").chars().take(WORDS_CHARS).collect();
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_is_told_in_one_short_line() {
        let told = |text: &str| words(text.as_bytes());
        let two = r#"{"errors":[{"code":"DENIED","message":"no\n\u001b[2K push","detail":{}},{"message":"b"}]}"#;
        assert_eq!(told(two).as_deref(), Some("no [2K push"));
        assert_eq!(told(r#"{"errors":[{"code":"DENIED"}]}"#).as_deref(), Some("DENIED"));
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "x".repeat(10_000));
        assert_eq!(told(&long).map(|words| words.len()), Some(200));
        for text in ["", "<html>", "{}", r#"{"errors":[]}"#, r#"{"errors":[{"message":" "}]}"#] {
            assert_eq!(told(text), None, "{text}");
        }
    }
}
