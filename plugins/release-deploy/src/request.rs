//! What the author wrote, checked before anything is asked of a target.

use sealock_rollout::invalid;
use sealock_sdk::Error;

/// Units that systemd can have, each once.
pub(crate) fn units(written: &[String]) -> Result<Vec<String>, Error> {
    if let Some(bad) = written.iter().find(|name| !is_unit(name)) {
        let shown = bad.escape_debug();
        let message = format!("found the unit `{shown}`, expected a name such as `app.service` or `app@3000.service`");
        return Err(invalid("E-UNIT-NAME", message));
    }
    let mut units: Vec<String> = Vec::new();
    for name in written {
        let name = if name.contains('.') { name.clone() } else { format!("{name}.service") };
        if !units.contains(&name) {
            units.push(name);
        }
    }
    Ok(units)
}

fn is_unit(name: &str) -> bool {
    let is_good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'@' | b':');
    name.bytes().all(is_good) && name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// An address that the target can ask itself.
pub(crate) fn health(written: Option<&str>) -> Result<Option<String>, Error> {
    let Some(url) = written else { return Ok(None) };
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    if is_web && url.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(Some(url.to_owned()));
    }
    let message = format!("found the health address `{}`, expected `http://…`", url.escape_debug());
    Err(invalid("E-UNIT-HEALTH", message))
}

/// Folders below `shared/`, in their plain form.
pub(crate) fn folders(written: &[String]) -> Result<Vec<String>, Error> {
    let is_plain = |path: &&String| {
        let is_part =
            |part: &str| !part.is_empty() && part != "." && part != ".." && !part.chars().any(char::is_control);
        path.split('/').all(is_part)
    };
    match written.iter().find(|path| !is_plain(path)) {
        Some(bad) => {
            let message =
                format!("found the shared folder `{}`, expected a path such as `uploads`", bad.escape_debug());
            Err(invalid("E-UNIT-SHARED", message))
        }
        None => Ok(written.to_vec()),
    }
}

/// How many targets a strategy switches at once.
pub(crate) fn batch(strategy: &str, batch: u32) -> usize {
    if strategy == "rolling" { usize::try_from(batch).unwrap_or(usize::MAX) } else { usize::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn units_get_their_ending_and_are_named_once() {
        let named = units(&texts(&["app@3000", "app@3001.service", "app@3000", "x.timer"])).expect("good");
        assert_eq!(named, ["app@3000.service", "app@3001.service", "x.timer"]);
        for bad in ["", "-x", "a b", "a;b", "$(x)", "a/b"] {
            assert_eq!(units(&texts(&[bad])).expect_err(bad).code(), "E-UNIT-NAME");
        }
    }

    #[test]
    fn addresses_and_folders_are_plain() {
        assert_eq!(health(None).expect("none"), None);
        assert!(health(Some("http://127.0.0.1:%i/health")).is_ok());
        for bad in ["", "/health", "file:///etc/passwd", "http://a b"] {
            assert_eq!(health(Some(bad)).expect_err(bad).code(), "E-UNIT-HEALTH");
        }
        assert!(folders(&texts(&["uploads", "var/cache"])).is_ok());
        for bad in ["", "/etc", "../x", "a//b", "a/."] {
            assert_eq!(folders(&texts(&[bad])).expect_err(bad).code(), "E-UNIT-SHARED");
        }
    }
}
