//! What the author wrote, checked before anything is asked of a target.

use sealock_sdk::Error;

use crate::project;
use sealock_rollout::invalid;

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

#[cfg(test)]
mod tests {
    use super::*;

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
