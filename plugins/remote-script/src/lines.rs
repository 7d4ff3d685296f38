//! A script's output: lines for the log, and the text for the output.

/// What one output may hold.
const TEXT_BYTES: usize = 1 << 20;
/// A line that never ends must not be held for ever.
const LINE_BYTES: usize = 64 << 10;

/// Splits bytes into lines as they come, and keeps the first of them.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    rest: Vec<u8>,
    kept: Vec<u8>,
}

impl Lines {
    /// Takes more bytes, none at the end, and tells every line that is complete.
    pub(crate) fn take(&mut self, bytes: &[u8], mut tell: impl FnMut(&str)) {
        let room = TEXT_BYTES - self.kept.len();
        self.kept.extend(&bytes[..bytes.len().min(room)]);
        self.rest.extend(bytes);
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            tell(&text(&line[..end]));
        }
        if (bytes.is_empty() && !self.rest.is_empty()) || self.rest.len() > LINE_BYTES {
            tell(&text(&std::mem::take(&mut self.rest)));
        }
    }

    /// What was kept, without the last line end.
    pub(crate) fn into_text(self) -> String {
        let text = String::from_utf8_lossy(&self.kept);
        text.strip_suffix('\n').unwrap_or(&text).to_owned()
    }
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(parts: &[&str]) -> (Vec<String>, String) {
        let (mut lines, mut told) = (Lines::default(), Vec::new());
        for part in parts.iter().copied().chain([""]) {
            lines.take(part.as_bytes(), |line| told.push(line.to_owned()));
        }
        (told, lines.into_text())
    }

    #[test]
    fn lines_are_told_whole_however_they_come() {
        let (told, text) = split(&["on", "e\ntw", "o\r\nthr", "ee"]);
        assert_eq!(told, ["one", "two", "three"]);
        assert_eq!(text, "one\ntwo\r\nthree");
    }

    #[test]
    fn only_the_last_line_end_is_left_out() {
        assert_eq!(split(&["a\n\n"]).1, "a\n");
        assert_eq!(split(&[]), (Vec::new(), String::new()));
    }

    #[test]
    fn a_line_without_an_end_and_a_long_text_are_bounded() {
        let (told, text) = split(&[&"x".repeat(LINE_BYTES + 1), &"y".repeat(TEXT_BYTES)]);
        assert_eq!(told[0].len(), LINE_BYTES + 1);
        assert_eq!(text.len(), TEXT_BYTES);
    }
}
