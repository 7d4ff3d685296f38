//! Mounts of files and folders that stand beside the compose file.

use serde_json::Value;

/// Such a mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bind {
    pub(crate) source: String,
    pub(crate) read_only: bool,
}

/// The mount that `volume` describes, when its source is a path relative to the compose file.
pub(crate) fn relative_bind(volume: &Value) -> Option<Bind> {
    match volume {
        Value::String(short) => short_form(short),
        Value::Object(long) => {
            let is_bind = long.get("type").and_then(Value::as_str) == Some("bind");
            let source = long.get("source").or_else(|| long.get("src")).and_then(Value::as_str)?;
            let read_only = long.get("read_only").and_then(Value::as_bool).unwrap_or(false);
            let is_beside = is_bind && !source.starts_with(['/', '~']) && !starts_with_variable(source);
            is_beside.then(|| Bind { source: source.to_owned(), read_only })
        }
        _ => None,
    }
}

/// `SOURCE:TARGET[:OPTIONS]`. A source without a dot in front is the name of a volume.
fn short_form(short: &str) -> Option<Bind> {
    let (source, rest) = split_outside_braces(short)?;
    if !source.starts_with('.') {
        return None;
    }
    let options = rest.rsplit_once(':').map_or("", |(_, options)| options);
    let read_only = options.split(',').any(|option| option == "ro");
    Some(Bind { source: source.to_owned(), read_only })
}

/// At the first `:` that is not part of `${NAME:-default}`.
fn split_outside_braces(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

fn starts_with_variable(source: &str) -> bool {
    source.starts_with('$') && !source.starts_with("$$")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn source(volume: serde_json::Value) -> Option<(String, bool)> {
        relative_bind(&volume).map(|bind| (bind.source, bind.read_only))
    }

    #[test]
    fn short_forms() {
        assert_eq!(source(json!("./a.conf:/a.conf:ro")), Some(("./a.conf".into(), true)));
        assert_eq!(source(json!("../a:/a:z,ro")), Some(("../a".into(), true)));
        assert_eq!(source(json!(".:/app")), Some((".".into(), false)));
        for other in ["data:/data", "/srv:/srv", "~/x:/x", "/anonymous", "${DIR:-./x}:/x"] {
            assert_eq!(source(json!(other)), None, "{other}");
        }
    }

    #[test]
    fn long_forms() {
        let bind = json!({ "type": "bind", "source": "conf/a", "target": "/a", "read_only": true });
        assert_eq!(source(bind), Some(("conf/a".into(), true)));
        assert_eq!(source(json!({ "type": "volume", "source": "data", "target": "/a" })), None);
        assert_eq!(source(json!({ "type": "bind", "source": "/srv", "target": "/a" })), None);
    }
}
