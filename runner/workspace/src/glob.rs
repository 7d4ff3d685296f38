//! The patterns of `hashFiles`, as GitHub's: `*`, `?`, `[…]` within a segment, `**` for any number of segments,
//! `!` to take out again, `#` for remarks; a folder that matches stands for all in it.

/// Patterns in order; the last one that matches decides.
pub(crate) struct Globs {
    globs: Vec<Glob>,
}

struct Glob {
    negated: bool,
    segments: Vec<Segment>,
}

enum Segment {
    /// `**`
    Any,
    Like(Vec<Token>),
}

enum Token {
    Star,
    One,
    Char(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Globs {
    /// Reads patterns, several to a text where it has lines. `root` is taken off absolute ones.
    pub(crate) fn new(patterns: &[&str], root: &str) -> Self {
        let lines = patterns.iter().flat_map(|pattern| pattern.lines()).map(str::trim);
        let globs = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| Glob::new(line, root));
        Self { globs: globs.collect() }
    }

    /// Whether the file at `path` (relative, `/` between segments) is meant.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').collect();
        let mut matched = false;
        for glob in &self.globs {
            if matched == glob.negated && glob.matches(&path) {
                matched = !glob.negated;
            }
        }
        matched
    }

    /// Folders that hold everything that can match.
    pub(crate) fn bases(&self) -> Vec<String> {
        let bases = self.globs.iter().filter(|glob| !glob.negated).map(Glob::base);
        let mut bases: Vec<String> = bases.collect();
        bases.sort();
        bases.dedup();
        bases
    }
}

impl Glob {
    fn new(line: &str, root: &str) -> Self {
        let negated = line.bytes().take_while(|&byte| byte == b'!').count();
        let text = line[negated..].trim();
        let text = text.strip_prefix(root).filter(|rest| rest.starts_with('/')).unwrap_or(text);
        let segments = text.split('/').filter(|segment| !segment.is_empty() && *segment != ".");
        Self { negated: negated % 2 == 1, segments: segments.map(Segment::new).collect() }
    }

    /// Matches the path, or a folder above it.
    fn matches(&self, path: &[&str]) -> bool {
        let is_any = |segment: &Segment| matches!(segment, Segment::Any);
        let is_like = |segment: &Segment, name: &&str| segment.matches(name);
        (1..=path.len()).any(|length| wildcard(&self.segments, &path[..length], is_any, is_like))
    }

    fn base(&self) -> String {
        let literal = |segment: &Segment| match segment {
            Segment::Any => None,
            Segment::Like(tokens) => tokens
                .iter()
                .map(|token| if let Token::Char(c) = token { Some(*c) } else { None })
                .collect::<Option<String>>(),
        };
        self.segments.iter().map_while(literal).collect::<Vec<_>>().join("/")
    }
}

impl Segment {
    fn new(text: &str) -> Self {
        if text == "**" {
            return Self::Any;
        }
        let mut tokens = Vec::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match (c, class(rest)) {
                ('*', _) => tokens.push(Token::Star),
                ('?', _) => tokens.push(Token::One),
                ('[', Some((class, after))) => {
                    tokens.push(class);
                    rest = after;
                }
                ('\\', _) if !rest.is_empty() => {
                    let escaped = rest.chars().next().unwrap_or(c);
                    tokens.push(Token::Char(escaped));
                    rest = &rest[escaped.len_utf8()..];
                }
                _ => tokens.push(Token::Char(c)),
            }
        }
        Self::Like(tokens)
    }

    fn matches(&self, name: &str) -> bool {
        let Self::Like(tokens) = self else { return true };
        let name: Vec<char> = name.chars().collect();
        wildcard(tokens, &name, |token| matches!(token, Token::Star), |token, &c| token.matches(c))
    }
}

impl Token {
    fn matches(&self, c: char) -> bool {
        match self {
            Self::Star | Self::One => true,
            Self::Char(own) => *own == c,
            Self::Class { negated, ranges } => ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated,
        }
    }
}

/// What stands between `[` and `]`, and what follows.
fn class(text: &str) -> Option<(Token, &str)> {
    let (inside, after) = text.split_once(']').filter(|(inside, _)| !inside.is_empty())?;
    let negated = inside.starts_with(['!', '^']);
    let chars: Vec<char> = inside.chars().skip(usize::from(negated)).collect();
    let mut ranges = Vec::new();
    let mut rest = chars.as_slice();
    while let Some((&from, tail)) = rest.split_first() {
        rest = tail;
        let mut to = from;
        if let ['-', last, tail @ ..] = rest {
            (to, rest) = (*last, tail);
        }
        ranges.push((from, to));
    }
    Some((Token::Class { negated, ranges }, after))
}

/// The greedy algorithm with one point of return: time in proportion to the product of the two lengths.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(patterns: &[&str], path: &str) -> bool {
        Globs::new(patterns, "/w").matches(path)
    }

    #[test]
    fn patterns_mean_what_github_means_by_them() {
        assert!(matches(&["**/package-lock.json"], "package-lock.json"));
        assert!(matches(&["**/package-lock.json"], "a/b/package-lock.json"));
        assert!(matches(&["*.lock"], "Cargo.lock"));
        assert!(!matches(&["*.lock"], "a/Cargo.lock"));
        assert!(matches(&["src"], "src/a/b.rs"));
        assert!(matches(&["/w/src/*.rs"], "src/b.rs"));
        assert!(!matches(&["/w2/src/*.rs"], "src/b.rs"));
        assert!(matches(&["[ab]?.txt"], "b1.txt"));
        assert!(!matches(&["[!ab]?.txt"], "b1.txt"));
        assert!(matches(&["**/*.txt\n!b/**\n# remark"], "a/x.txt"));
        assert!(!matches(&["**/*.txt", "!b/**"], "b/x.txt"));
        assert!(matches(&["*"], ".hidden"));
        assert!(matches(&["a[.txt"], "a[.txt"));
    }

    #[test]
    fn twenty_thousand_stars_take_linear_time() {
        let start = std::time::Instant::now();
        assert!(!matches(&[&"*a".repeat(10_000)], &"a".repeat(250)));
        assert!(!matches(&[&"**/a/".repeat(4_000)], &"b/".repeat(100)));
        assert!(start.elapsed().as_millis() < 500, "{:?}", start.elapsed());
    }
}
