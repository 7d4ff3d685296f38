//! Which files of the workspace a step may read and write.

use serde::{Deserialize, Serialize};

use super::{Capability, denied};
use crate::StepError;

/// A path pattern: `*` within one segment, `**` for any number of segments, `?` for one character.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(pub String);

impl Pattern {
    /// Whether `path`, relative to the workspace and in its plain form, is meant. Takes time linear in
    /// the product of the two lengths, whatever stars are in the pattern.
    pub fn matches(&self, path: &str) -> bool {
        let pattern: Vec<&str> = self.0.trim_start_matches("./").split('/').filter(|part| !part.is_empty()).collect();
        let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        wildcard(&pattern, &path, |part| *part == "**", |part, name| matches_segment(part, name))
    }
}

impl Pattern {
    /// Whether something below the folder `path` may be meant, or the folder itself.
    pub fn may_lead_to(&self, path: &str) -> bool {
        let mut pattern = self.0.trim_start_matches("./").split('/').filter(|part| !part.is_empty());
        for name in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
            match pattern.next() {
                Some("**") => return true,
                Some(part) if matches_segment(part, name) => {}
                _ => return false,
            }
        }
        true
    }
}

fn matches_segment(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    wildcard(&pattern, &name, |&c| c == '*', |&c, &found| c == '?' || c == found)
}

/// The greedy algorithm with one point of return: the last star is the only one worth going back to.
fn wildcard<P, T>(pattern: &[P], text: &[T], is_star: impl Fn(&P) -> bool, matches: impl Fn(&P, &T) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && is_star(&pattern[p]) {
            back = Some((p, t));
            p += 1;
        } else if p < pattern.len() && matches(&pattern[p], &text[t]) {
            p += 1;
            t += 1;
        } else if let Some((star, from)) = back {
            back = Some((star, from + 1));
            p = star + 1;
            t = from + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(is_star)
}

/// Files of the workspace that a step may read and write; writing includes reading.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileGrant {
    /// What it may read.
    pub read: Vec<Pattern>,
    /// What it may write.
    pub write: Vec<Pattern>,
}

impl FileGrant {
    /// The whole workspace, to read.
    pub fn read_all() -> Self {
        Self { read: vec![Pattern("**".into())], write: Vec::new() }
    }

    /// The whole workspace, to read and write.
    pub fn write_all() -> Self {
        Self { read: vec![Pattern("**".into())], write: vec![Pattern("**".into())] }
    }

    /// Whether the folder `path` is on the way to something that may be read: it may be listed, of it only that.
    pub fn may_lead_to(&self, path: &str) -> bool {
        self.read.iter().chain(&self.write).any(|pattern| pattern.may_lead_to(path))
    }

    /// Whether every file may be read.
    pub fn reads_all(&self) -> bool {
        self.read.iter().chain(&self.write).any(|pattern| pattern.0 == "**")
    }

    /// Whether every file may be written.
    pub fn writes_all(&self) -> bool {
        self.write.iter().any(|pattern| pattern.0 == "**")
    }

    /// Whether `path` may be read.
    ///
    /// # Errors
    ///
    /// `E-GRANT-FILES` with the entry that would grant it.
    pub fn check_read(&self, path: &str) -> Result<(), StepError> {
        let path = plain(path)?;
        if self.read.iter().chain(&self.write).any(|pattern| pattern.matches(&path)) {
            return Ok(());
        }
        Err(denied(Capability::Files, &path, &format!("files: {{ read: [\"{path}\"] }}")))
    }

    /// Whether `path` may be written.
    ///
    /// # Errors
    ///
    /// `E-GRANT-FILES` with the entry that would grant it.
    pub fn check_write(&self, path: &str) -> Result<(), StepError> {
        let path = plain(path)?;
        if self.write.iter().any(|pattern| pattern.matches(&path)) {
            return Ok(());
        }
        Err(denied(Capability::Files, &path, &format!("files: {{ write: [\"{path}\"] }}")))
    }
}

/// `path` relative to the workspace without `.` and empty segments; refused when it is absolute, climbs, or
/// holds a NUL. Symbolic links are the broker's to refuse, when it opens the file.
///
/// # Errors
///
/// `E-GRANT-FILES`.
pub fn plain(path: &str) -> Result<String, StepError> {
    let inside = path.strip_prefix("/workspace/").unwrap_or(path);
    let climbs = inside.split('/').any(|segment| segment == "..");
    if inside.starts_with('/') || climbs || inside.contains('\0') {
        return Err(denied(Capability::Files, path, "files: { read: [\"a path inside the workspace\"] }"));
    }
    let segments: Vec<&str> = inside.split('/').filter(|segment| !segment.is_empty() && *segment != ".").collect();
    Ok(if segments.is_empty() { ".".to_owned() } else { segments.join("/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern(pattern.into()).matches(path)
    }

    #[test]
    fn stars_stay_in_their_segment_and_double_stars_do_not() {
        assert!(matches("**", "a/b/c"));
        assert!(matches("target/**", "target/x/y"));
        assert!(matches("**/*.xml", "a/b/junit.xml"));
        assert!(matches("**/*.xml", "junit.xml"));
        assert!(matches("src/*.rs", "src/lib.rs"));
        assert!(!matches("src/*.rs", "src/a/lib.rs"));
        assert!(!matches("target/**", "targets/x"));
    }

    #[test]
    fn a_pattern_of_stars_takes_no_exponential_time() {
        let pattern = "*a".repeat(2_000);
        assert!(!matches(&pattern, &"a".repeat(1_999)));
        assert!(!matches(&"**/a/".repeat(500), &"a/".repeat(400)));
    }

    #[test]
    fn paths_that_leave_the_workspace_are_denied_before_anything_is_opened() {
        let all = FileGrant::write_all();
        for path in ["../x", "/etc/passwd", "a/../../x", "a\0b", "/workspace/../x"] {
            assert_eq!(all.check_read(path).expect_err(path).code, "E-GRANT-FILES", "{path}");
        }
        assert!(all.check_read("/workspace/a//./b").is_ok());
    }

    #[test]
    fn folders_on_the_way_to_what_is_granted_may_be_listed_and_others_not() {
        let grant = FileGrant { read: vec![Pattern("src/*/x.rs".into())], write: vec![Pattern("target/**".into())] };
        assert!(["", ".", "src", "src/a", "target", "target/deep/er"].iter().all(|path| grant.may_lead_to(path)));
        assert!(["lib", "src/a/b", "src/a/x.rs/y"].iter().all(|path| !grant.may_lead_to(path)));
    }

    #[test]
    fn reading_is_not_writing() {
        let grant = FileGrant { read: vec![Pattern("**".into())], write: vec![Pattern("target/**".into())] };
        assert!(grant.check_read("src/lib.rs").is_ok());
        let denial = grant.check_write("src/lib.rs").expect_err("only target is writable");
        assert_eq!(denial.help.as_deref(), Some("allow: { files: { write: [\"src/lib.rs\"] } }"));
        assert!(grant.check_write("target/x").is_ok());
    }
}
