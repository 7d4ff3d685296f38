//! `.dockerignore`, as the engine's own tools read it.
//!
//! Patterns are matched against whole paths relative to the context, and a folder that matches takes all
//! that is below it along. The last pattern that matches wins; `!` takes back.

use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};

/// A file of patterns: a longer one would only make the search slow.
const FILE_BYTES: usize = 1 << 20;

/// The patterns of one `.dockerignore`.
#[derive(Clone, Debug, Default)]
pub(super) struct Ignore {
    patterns: Vec<Pattern>,
}

#[derive(Clone, Debug)]
struct Pattern {
    takes_back: bool,
    glob: Vec<Token>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Char(char),
    /// `?`
    One,
    /// `*`
    Some,
    /// `**` at the end.
    Rest,
    /// `**/`
    Folders,
    /// `[a-z]`, `[^a]`
    Class {
        not: bool,
        ranges: Vec<(char, char)>,
    },
}

/// What the patterns say of one path, for the paths below it.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) ignored: bool,
    by_pattern: Vec<bool>,
}

impl Ignore {
    /// Reads the file's text.
    ///
    /// # Errors
    ///
    /// `E-BUILD-IGNORE` with the line that is no pattern.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > FILE_BYTES {
            return Err(bad(0, &format!("the file has {} bytes; {FILE_BYTES} are the most", text.len())));
        }
        let mut patterns = Vec::new();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            // Only a `#` in the first column starts a comment.
            if line.starts_with('#') {
                continue;
            }
            if let Some(pattern) = parse_line(line).map_err(|why| bad(index + 1, why))? {
                patterns.push(pattern);
            }
        }
        Ok(Self { patterns })
    }

    /// Whether a folder that is ignored may hold something that is not.
    pub(super) fn takes_back(&self) -> bool {
        self.patterns.iter().any(|pattern| pattern.takes_back)
    }

    /// What the patterns say of `path`, given what they said of its folder.
    pub(super) fn judge(&self, path: &str, folder: &Verdict) -> Verdict {
        let mut ignored = false;
        let mut by_pattern = vec![false; self.patterns.len()];
        for (index, pattern) in self.patterns.iter().enumerate() {
            let mut is_match = folder.by_pattern.get(index).copied().unwrap_or(false);
            if !is_match {
                // A pattern that could change nothing is not tried.
                if pattern.takes_back != ignored {
                    continue;
                }
                is_match = matches(&pattern.glob, path);
            }
            by_pattern[index] = is_match;
            if is_match {
                ignored = !pattern.takes_back;
            }
        }
        Verdict { ignored, by_pattern }
    }
}

fn parse_line(line: &str) -> Result<Option<Pattern>, &'static str> {
    let line = line.trim();
    let (takes_back, text) = match line.strip_prefix('!') {
        Some(rest) => (true, rest.trim()),
        None => (false, line),
    };
    if text.is_empty() {
        return if takes_back { Err("a `!` stands alone") } else { Ok(None) };
    }
    let cleaned = clean(text);
    let relative = if cleaned.len() > 1 { cleaned.strip_prefix('/').unwrap_or(&cleaned) } else { &cleaned };
    if relative == "." {
        return Ok(None);
    }
    Ok(Some(Pattern { takes_back, glob: parse_glob(relative)? }))
}

/// Go's `filepath.Clean`.
fn clean(path: &str) -> String {
    let is_rooted = path.starts_with('/');
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." if segments.last().is_some_and(|last| *last != "..") => {
                segments.pop();
            }
            ".." if is_rooted => {}
            other => segments.push(other),
        }
    }
    let joined = segments.join("/");
    match (is_rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

fn parse_glob(text: &str) -> Result<Vec<Token>, &'static str> {
    let mut glob = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let token = match c {
            '*' if chars.next_if_eq(&'*').is_some() => {
                chars.next_if_eq(&'/');
                if chars.peek().is_some() { Token::Folders } else { Token::Rest }
            }
            '*' => Token::Some,
            '?' => Token::One,
            '\\' => Token::Char(chars.next().ok_or("it ends in a `\\`")?),
            '[' => parse_class(&mut chars)?,
            other => Token::Char(other),
        };
        glob.push(token);
    }
    Ok(glob)
}

fn parse_class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, &'static str> {
    const OPEN: &str = "a `[` has no `]`";
    let not = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let mut low = chars.next().ok_or(OPEN)?;
        if low == ']' && !ranges.is_empty() {
            return Ok(Token::Class { not, ranges });
        }
        if low == '\\' {
            low = chars.next().ok_or(OPEN)?;
        }
        let mut high = low;
        if chars.peek() == Some(&'-') {
            chars.next();
            match chars.next().ok_or(OPEN)? {
                ']' => {
                    ranges.extend([(low, low), ('-', '-')]);
                    return Ok(Token::Class { not, ranges });
                }
                '\\' => high = chars.next().ok_or(OPEN)?,
                other => high = other,
            }
        }
        if high < low {
            return Err("a range in `[…]` runs backwards");
        }
        ranges.push((low, high));
    }
}

/// Follows all ways through the pattern at once: time is linear in the product of both lengths.
fn matches(glob: &[Token], path: &str) -> bool {
    let mut at = vec![false; glob.len() + 1];
    enter(&mut at, glob, 0);
    for c in path.chars() {
        let mut next = vec![false; glob.len() + 1];
        for (index, token) in glob.iter().enumerate().filter(|(index, _)| at[*index]) {
            match token {
                Token::Some if c != '/' => enter(&mut next, glob, index),
                Token::Some => {}
                Token::Rest => enter(&mut next, glob, index),
                Token::Folders => {
                    next[index] = true;
                    if c == '/' {
                        enter(&mut next, glob, index + 1);
                    }
                }
                token if takes(token, c) => enter(&mut next, glob, index + 1),
                _ => {}
            }
        }
        at = next;
    }
    at[glob.len()]
}

/// Marks `index`, and what can be reached from it without a character.
fn enter(at: &mut [bool], glob: &[Token], mut index: usize) {
    at[index] = true;
    while matches!(glob.get(index), Some(Token::Some | Token::Rest | Token::Folders)) {
        index += 1;
        at[index] = true;
    }
}

fn takes(token: &Token, c: char) -> bool {
    match token {
        Token::Char(expected) => *expected == c,
        Token::One => c != '/',
        Token::Class { not, ranges } => ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *not,
        Token::Some | Token::Rest | Token::Folders => false,
    }
}

fn bad(line: usize, why: &str) -> Refusal {
    StepError::new(ErrorKind::Invalid, "E-BUILD-IGNORE", format!("line {line} of the ignore file is no pattern: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ignored(text: &str, path: &str) -> bool {
        let ignore = Ignore::parse(text).expect(text);
        let mut verdict = Verdict::default();
        let mut so_far = String::new();
        for segment in path.split('/') {
            if !so_far.is_empty() {
                so_far.push('/');
            }
            so_far.push_str(segment);
            verdict = ignore.judge(&so_far, &verdict);
        }
        verdict.ignored
    }

    #[test]
    fn patterns_are_rooted_and_take_what_is_below_along() {
        assert!(ignored("node_modules", "node_modules/a/b.js"));
        assert!(!ignored("node_modules", "web/node_modules/b.js"));
        assert!(ignored("/a", "a") && ignored("./a/", "a") && ignored("a/../b", "b"));
        assert!(ignored("**/node_modules", "web/node_modules/b.js"));
        assert!(ignored("**/node_modules", "node_modules"));
        assert!(ignored("*/temp*", "a/temporary.txt") && !ignored("*/temp*", "a/b/temp"));
        assert!(ignored("temp?", "tempa") && !ignored("temp?", "temp"));
        assert!(ignored("**/*.go", "a/b.go") && ignored("**/*.go", "b.go") && !ignored("**/*.go", "b.gox"));
        assert!(ignored("a/**", "a/b/c") && !ignored("a/**", "a"));
        assert!(ignored("**", "anything/at/all"));
        assert!(ignored("a**b", "ab") && ignored("a**b", "ax/b") && !ignored("a**b", "axb"));
    }

    #[test]
    fn the_last_match_wins() {
        assert!(!ignored("*.md\n!README.md", "README.md"));
        assert!(ignored("*.md\n!README*.md\nREADME-secret.md", "README-secret.md"));
        assert!(ignored("*.md\nREADME-secret.md\n!README*.md", "CHANGES.md"));
        assert!(!ignored("*.md\nREADME-secret.md\n!README*.md", "README-secret.md"));
        assert!(!ignored("docs\n!docs/api", "docs/api/x.md") && ignored("docs\n!docs/api", "docs/x.md"));
        assert!(!ignored("*\n!src", "src/main.rs") && ignored("*\n!src", "Cargo.toml"));
    }

    #[test]
    fn comments_blanks_classes_and_escapes_are_as_in_the_engine() {
        assert!(ignored("# no\n\n  a  \n", "a") && !ignored("#a", "#a") && ignored(" #a", "#a"));
        assert!(ignored("[a-c]x", "bx") && !ignored("[^a-c]x", "bx") && ignored("[^a-c]x", "dx"));
        assert!(ignored("\\*x", "*x") && !ignored("\\*x", "ax"));
        assert!(ignored("a.b", "a.b") && !ignored("a.b", "axb"));
        for bad in ["!", "a[", "a[]", "[b-a]", "a\\"] {
            assert_eq!(Ignore::parse(bad).expect_err(bad).code, "E-BUILD-IGNORE", "{bad}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_exponential_time() {
        let pattern = "*a".repeat(400);
        assert!(!ignored(&pattern, &"a".repeat(399)));
        assert!(!ignored(&"**/a/".repeat(200), &"b/".repeat(100)));
    }
}
