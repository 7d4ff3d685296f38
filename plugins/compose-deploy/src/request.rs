//! What the author wrote, checked before anything is asked of a target.

use sealock_sdk::Error;

use crate::problem::invalid;
use crate::project;

/// A login has both of its parts or none, and Compose takes the project's name.
pub(crate) fn check(has_username: bool, has_password: bool, project: Option<&str>) -> Result<(), Error> {
    if has_username != has_password {
        let missing = if has_username { "password" } else { "username" };
        let message = format!("a login needs `username` and `password`; {missing} is missing");
        return Err(invalid("E-INPUT-MISSING", message));
    }
    match project {
        Some(name) if !project::is_name(name) => {
            let message = format!("found the project `{name}`, expected lowercase letters, digits, `-`, and `_`");
            Err(invalid("E-COMPOSE-PROJECT", message))
        }
        _ => Ok(()),
    }
}

/// How many targets a strategy switches at once.
pub(crate) fn batch(strategy: &str, batch: u32) -> Result<usize, Error> {
    match strategy {
        "all-at-once" => Ok(usize::MAX),
        "rolling" => Ok(usize::try_from(batch).unwrap_or(usize::MAX)),
        other => {
            let error = invalid("E-NOT-YET", format!("the strategy {other} is not built yet"));
            Err(error.help("use `all-at-once` or `rolling`"))
        }
    }
}

/// Names that `.env` and a shell can hold.
pub(crate) fn env_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<Vec<String>, Error> {
    names.map(|name| if is_env_name(name) { Ok(name.to_owned()) } else { Err(bad_env_name(name)) }).collect()
}

fn is_env_name(name: &str) -> bool {
    let is_good = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    name.bytes().all(is_good) && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn bad_env_name(name: &str) -> Error {
    let shown = name.escape_debug();
    let message = format!("`env` has the name `{shown}`; expected letters, digits, and `_`, not starting with a digit");
    invalid("E-COMPOSE-ENV", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_shell_would_read_as_something_else_are_refused() {
        assert_eq!(env_names(["A_1", "_x"].into_iter()).expect("good"), ["A_1", "_x"]);
        for name in ["", "1A", "A-B", "A B", "A=1", "A;rm", "A\nB", "$(x)"] {
            assert_eq!(env_names([name].into_iter()).expect_err(name).code(), "E-COMPOSE-ENV");
        }
    }

    #[test]
    fn strategies_that_are_not_built_say_so() {
        assert_eq!(batch("all-at-once", 1).expect("built"), usize::MAX);
        assert_eq!(batch("rolling", 2).expect("built"), 2);
        for strategy in ["blue-green", "canary"] {
            assert_eq!(batch(strategy, 1).expect_err("not built").code(), "E-NOT-YET");
        }
    }

    #[test]
    fn half_a_login_and_a_bad_project_are_refused() {
        assert!(check(true, true, Some("blog-production")).is_ok() && check(false, false, None).is_ok());
        assert_eq!(check(true, false, None).expect_err("half").code(), "E-INPUT-MISSING");
        assert_eq!(check(false, false, Some("Blog")).expect_err("capital").code(), "E-COMPOSE-PROJECT");
    }
}
