//! Text for people.

use std::time::Duration;

/// What a message shows of a body.
const SHOWN_CHARS: usize = 200;

/// Such as `0.12 s` or `31 s`.
pub(crate) fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.2} s") } else { format!("{seconds:.0} s") }
}

/// The start of `text` on one line, without what moves a cursor.
pub(crate) fn shown(text: &str) -> String {
    let clean = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
    let line = clean.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_shown_on_one_line_and_not_for_ever() {
        assert_eq!(shown("{\n  \"a\": 1\u{1b}[2J\r\n}\n"), "{ \"a\": 1 [2J }");
        assert_eq!(shown(&"ä".repeat(300)).chars().count(), SHOWN_CHARS + 1);
    }

    #[test]
    fn short_times_have_hundredths() {
        assert_eq!(seconds(Duration::from_millis(123)), "0.12 s");
        assert_eq!(seconds(Duration::from_secs(31)), "31 s");
    }
}
