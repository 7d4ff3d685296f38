//! Secrets made for the tests, that may not be found in anything Sealock writes.

use std::path::Path;

/// Names of files under `folder`, and of `streams`, that hold one of the secrets.
pub fn leaks(secrets: &[String], folder: &Path, streams: &[(&str, &[u8])]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, bytes) in streams {
        look(secrets, name, bytes, &mut found);
    }
    walk(secrets, folder, &mut found);
    found
}

fn walk(secrets: &[String], folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        match kind {
            Ok(kind) if kind.is_dir() => walk(secrets, &path, found),
            Ok(kind) if kind.is_file() => {
                let bytes = std::fs::read(&path).unwrap_or_default();
                look(secrets, &path.display().to_string(), &bytes, found);
            }
            _ => {}
        }
    }
}

fn look(secrets: &[String], name: &str, bytes: &[u8], found: &mut Vec<String>) {
    let text = String::from_utf8_lossy(bytes);
    for secret in secrets.iter().filter(|secret| text.contains(secret.as_str())) {
        found.push(format!("{name} holds {}…", &secret[..secret.len().min(8)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_file_and_in_a_stream_is_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(folder.path().join("runs")).expect("a folder");
        std::fs::write(folder.path().join("runs/log"), b"\xff\0token=canary-1\n").expect("a file");
        let secrets = ["canary-1".to_owned()];
        let found = leaks(&secrets, folder.path(), &[("output", b"a canary-1"), ("errors", b"none")]);
        assert_eq!(found.len(), 2, "{found:?}");
    }
}
