//! How a program ended that a scenario ran, and what it printed.

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; 0 … 255, or -1 after a signal.
    pub code: i32,
    /// Standard output, then standard error.
    pub text: String,
}

impl Ended {
    /// Asserts the exit code, and shows everything that was printed when it is another.
    ///
    /// # Panics
    /// When the code is another.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, reason = "asserting is all that a scenario may want")]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "it ended otherwise:\n{}", self.text);
        self
    }

    /// Asserts that a text was printed.
    ///
    /// # Panics
    /// When it was not.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, reason = "asserting is all that a scenario may want")]
    pub fn saying(self, text: &str) -> Self {
        assert!(self.text.contains(text), "{text} was not said:\n{}", self.text);
        self
    }

    /// Asserts that a text was not printed.
    ///
    /// # Panics
    /// When it was.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use, reason = "asserting is all that a scenario may want")]
    pub fn not_saying(self, text: &str) -> Self {
        assert!(!self.text.contains(text), "{text} was said:\n{}", self.text);
        self
    }

    /// The events that were told as JSON lines, each whole.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        lines.filter(|line| line.starts_with('{'))
    }

    /// What a line has behind `head`.
    ///
    /// # Panics
    /// When there is no such line.
    #[track_caller]
    pub fn value(&self, head: &str) -> &str {
        let found = self.text.lines().find_map(|line| line.split_once(head));
        found.unwrap_or_else(|| panic!("{head} was not said:\n{}", self.text)).1.trim()
    }
}
