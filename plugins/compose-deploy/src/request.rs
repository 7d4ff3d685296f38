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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_login_and_a_bad_project_are_refused() {
        assert!(check(true, true, Some("blog-production")).is_ok() && check(false, false, None).is_ok());
        assert_eq!(check(true, false, None).expect_err("half").code(), "E-INPUT-MISSING");
        assert_eq!(check(false, false, Some("Blog")).expect_err("capital").code(), "E-COMPOSE-PROJECT");
    }
}
