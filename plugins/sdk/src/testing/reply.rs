//! What a program, a container, or a script answers.

/// What something that was started answers: success and nothing written, unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub(crate) exit: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) is_endless: bool,
}

impl Reply {
    /// Exit code 0, and this on standard output.
    pub fn stdout(text: impl Into<Vec<u8>>) -> Self {
        Self { stdout: text.into(), ..Self::default() }
    }

    /// This exit code.
    pub fn exit(code: i32) -> Self {
        Self { exit: code, ..Self::default() }
    }

    /// Never ends by itself.
    pub fn endless() -> Self {
        Self { is_endless: true, ..Self::default() }
    }

    /// With this on standard output.
    #[must_use]
    pub fn with_stdout(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdout = text.into();
        self
    }

    /// With this on standard error.
    #[must_use]
    pub fn with_stderr(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stderr = text.into();
        self
    }
}
