//! The name of the Compose project.

/// *Folder-environment*, in the letters that Compose takes: the environment's folder is named after the pipeline
/// unless its author chose another one, and stays the same from release to release.
pub(crate) fn name(directory: &str, environment: &str) -> String {
    let folder = directory.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let letters = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' => c,
        _ => '-',
    };
    let name: String = format!("{folder}-{environment}").chars().map(letters).collect();
    let name = name.trim_start_matches(['-', '_']);
    if name.is_empty() { "sealock".to_owned() } else { name.to_owned() }
}

/// Whether Compose takes `name`.
pub(crate) fn is_name(name: &str) -> bool {
    let is_good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    name.bytes().all(is_good) && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_made_of_what_compose_takes() {
        for (directory, environment, expected) in [
            ("/opt/blog-creator", "production", "blog-creator-production"),
            ("/home/deploy/deploy/Blog.Creator/", "Staging", "blog-creator-staging"),
            ("/", "é", "sealock"),
        ] {
            assert_eq!(name(directory, environment), expected);
            assert!(is_name(expected));
        }
        assert!(!is_name("-x") && !is_name("") && !is_name("A"));
    }
}
