//! The entries of an environment, by name.

use sealock_sdk::Error;

use crate::problem::invalid;

/// Names that a file of entries and a shell can hold.
///
/// # Errors
///
/// `E-DEPLOY-ENV` for the first that they cannot.
pub fn env_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<String>, Error> {
    names.map(|name| if is_env_name(name) { Ok(name.to_owned()) } else { Err(bad_env_name(name)) }).collect()
}

fn is_env_name(name: &str) -> bool {
    let is_good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.bytes().all(is_good) && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn bad_env_name(name: &str) -> Error {
    let shown = name.escape_debug();
    let message = format!("`env` has the name `{shown}`; expected letters, digits, and `_`, not starting with a digit");
    invalid("E-DEPLOY-ENV", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_shell_would_read_as_something_else_are_refused() {
        assert_eq!(env_names(["A_1", "_x"].into_iter()).expect("good"), ["A_1", "_x"]);
        for name in ["", "1A", "A-B", "A B", "A=1", "A;rm", "A\nB", "$(x)"] {
            assert_eq!(env_names([name].into_iter()).expect_err(name).code(), "E-DEPLOY-ENV");
        }
    }
}
