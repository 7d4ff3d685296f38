//! Numbers, times, and lists as people read them.

/// `12 ms`, `4.1 s`, `1 m 38 s`, `2 h 3 m`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match ms {
        0..100 => format!("{ms} ms"),
        100..60_000 => format!("{seconds}.{} s", ms % 1000 / 100),
        60_000..3_600_000 => format!("{} m {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} m", seconds / 3600, seconds / 60 % 60),
    }
}

/// As [`duration`], of something that still runs: without milliseconds, which would only flicker.
pub(crate) fn elapsed(ms: u64) -> String {
    if ms < 100 { "0.0 s".to_owned() } else { duration(ms) }
}

/// `1 step`, `2 steps`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// `a`, `a and b`, `a, b, and c`.
pub(crate) fn list<T: AsRef<str>>(items: &[T]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [one, two] => format!("{} and {}", one.as_ref(), two.as_ref()),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{}, and {}", most.join(", "), last.as_ref())
        }
    }
}

/// The first seven characters of a commit.
pub(crate) fn short_commit(commit: &str) -> String {
    commit.chars().take(7).collect()
}

/// A branch or tag without `refs/heads/` and the like.
pub(crate) fn short_ref(reference: &str) -> &str {
    let prefixes = ["refs/heads/", "refs/tags/", "refs/"];
    prefixes.iter().find_map(|prefix| reference.strip_prefix(prefix)).unwrap_or(reference)
}

/// The part of a run's id that says when it began: enough to tell it from the others of a machine.
pub(crate) fn short_run(run: &str) -> String {
    const CHARS: usize = 10;
    let short: String = run.chars().take(CHARS).collect();
    if short.len() < run.len() { format!("{short}…") } else { short }
}

/// One word of a shell: quoted when a shell would read it as more than a word.
pub(crate) fn shell_word(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_as_long_as_they_need_to_be() {
        let shown: Vec<String> = [3, 4_123, 98_000, 7_380_000].map(duration).into();
        assert_eq!(shown, ["3 ms", "4.1 s", "1 m 38 s", "2 h 3 m"]);
    }

    #[test]
    fn lists_read_as_sentences() {
        assert_eq!(list(&["web1"]), "web1");
        assert_eq!(list(&["web1", "web2"]), "web1 and web2");
        assert_eq!(list(&["a", "b", "c"]), "a, b, and c");
    }

    #[test]
    fn a_command_to_type_is_one_word_where_it_must_be() {
        assert_eq!(shell_word("deploy/smoke-test"), "deploy/smoke-test");
        assert_eq!(shell_word("test (3.11)/a'b"), r"'test (3.11)/a'\''b'");
    }
}
