//! Where a target is: `user@host` or `user@host:port`.

use std::fmt;
use std::str::FromStr;

const DEFAULT_PORT: u16 = 22;
/// Longest host name of the domain name system; longer ones are an attack on whatever prints them.
const HOST_CHARS_MAX: usize = 253;
/// Longest login name of Linux.
const USER_CHARS_MAX: usize = 32;

/// A login on a host. The parts are plain: none starts with `-`, none holds a space or a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAddress {
    user: String,
    host: String,
    port: u16,
}

/// Why a text is not an [`SshAddress`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no `user@`.
    #[error("expected `user@host` or `user@host:port`, found no user")]
    NoUser,
    /// The user is not a login name.
    #[error("the user is not a login name: {why}")]
    User {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The host is neither a name nor an address.
    #[error("the host is neither a name nor an address: {why}")]
    Host {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The port is not a number between 1 and 65535.
    #[error("the port is not a number between 1 and 65535")]
    Port,
}

impl SshAddress {
    /// From its parts.
    ///
    /// # Errors
    ///
    /// Which part is wrong.
    pub fn new(user: &str, host: &str, port: u16) -> Result<Self, AddressError> {
        check_user(user)?;
        check_host(host)?;
        if port == 0 {
            return Err(AddressError::Port);
        }
        Ok(Self { user: user.to_owned(), host: host.to_owned(), port })
    }

    /// The login name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The host's name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for SshAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (user, place) = text.split_once('@').ok_or(AddressError::NoUser)?;
        let (host, port) = split_port(place)?;
        Self::new(user, host, port)
    }
}

fn split_port(place: &str) -> Result<(&str, u16), AddressError> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(AddressError::Host { why: "`[` without `]`" })?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, parse_port(port)?)),
            None if after.is_empty() => Ok((host, DEFAULT_PORT)),
            None => Err(AddressError::Port),
        };
    }
    match place.split_once(':') {
        Some((host, port)) => Ok((host, parse_port(port)?)),
        None => Ok((place, DEFAULT_PORT)),
    }
}

fn parse_port(text: &str) -> Result<u16, AddressError> {
    let digits_only = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits_only { text.parse().map_err(|_| AddressError::Port) } else { Err(AddressError::Port) }
}

fn check_user(user: &str) -> Result<(), AddressError> {
    let is_user_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let why = match user {
        "" => "it is empty",
        _ if user.starts_with('-') => "it starts with `-`",
        _ if user.len() > USER_CHARS_MAX => "it is longer than 32 characters",
        _ if !user.chars().all(is_user_char) => "it holds a character other than letters, digits, `_`, `-`, `.`",
        _ => return Ok(()),
    };
    Err(AddressError::User { why })
}

fn check_host(host: &str) -> Result<(), AddressError> {
    if host.parse::<std::net::IpAddr>().is_ok() {
        return Ok(());
    }
    let is_host_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let why = match host {
        "" => "it is empty",
        _ if host.starts_with('-') => "it starts with `-`",
        _ if host.len() > HOST_CHARS_MAX => "it is longer than 253 characters",
        _ if !host.chars().all(is_host_char) => "it holds a character other than letters, digits, `_`, `-`, `.`",
        _ if host.split('.').any(|label| label.is_empty() || label.starts_with('-')) => {
            "a part is empty or starts with `-`"
        }
        _ => return Ok(()),
    };
    Err(AddressError::Host { why })
}

impl fmt::Display for SshAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, host, port } = self;
        if host.contains(':') { write!(f, "{user}@[{host}]:{port}") } else { write!(f, "{user}@{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, AddressError> {
        text.parse::<SshAddress>().map(|address| address.to_string())
    }

    #[test]
    fn the_forms_of_the_language_are_read() {
        assert_eq!(read("deploy@web1.example.com"), Ok("deploy@web1.example.com:22".to_owned()));
        assert_eq!(read("root@10.0.0.2:2222"), Ok("root@10.0.0.2:2222".to_owned()));
        assert_eq!(read("root@[fd00::2]:22"), Ok("root@[fd00::2]:22".to_owned()));
    }

    #[test]
    fn options_commands_and_line_ends_are_refused() {
        let hostile = [
            "web1",
            "@web1",
            "root@",
            "-l@web1",
            "root@-oProxyCommand=id",
            "root@web1\n",
            "root@$(id)",
            "root@a b",
            "a@b@c",
            "root@web1:",
            "root@web1:0",
            "root@web1:+22",
            "root@web1:99999",
            "ro;ot@web1",
            "root@a..b",
            "root@[::1",
            "root@[::1]22",
        ];
        for text in hostile {
            assert!(read(text).is_err(), "{text:?} was taken");
        }
    }
}
