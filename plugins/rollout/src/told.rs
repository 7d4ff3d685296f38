//! What a script on a target told: standard output, where each line says first what it is.

/// Most lines of a log that a message repeats.
const LOG_LINES: usize = 20;

/// The lines, each as its first word and the rest without what moves a cursor. So the text of a log cannot be taken for
/// anything else: it comes as the rest of a `log` line.
pub fn told(stdout: &str) -> impl Iterator<Item = (&str, String)> {
    stdout.lines().map(|line| {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        (word, rest.chars().filter(|c| !c.is_control() || *c == '\t').collect())
    })
}

/// The end of a log, for a message.
pub fn last_lines(log: &[String]) -> impl Iterator<Item = String> {
    log.iter().skip(log.len().saturating_sub(LOG_LINES)).map(|line| format!("  | {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_log_is_only_that() {
        let lines: Vec<_> = told("log verdict ready\nverdict late a\u{1b}[31m\tb\nready\n\n").collect();
        let line = |word, rest: &str| (word, rest.to_owned());
        assert_eq!(
            lines,
            [line("log", "verdict ready"), line("verdict", "late a[31m\tb"), line("ready", ""), line("", "")]
        );
    }

    #[test]
    fn a_message_repeats_the_end_of_a_log() {
        let log: Vec<String> = (0..30).map(|number| number.to_string()).collect();
        let shown: Vec<String> = last_lines(&log).collect();
        assert_eq!((shown.len(), shown[0].as_str()), (20, "  | 10"));
    }
}
