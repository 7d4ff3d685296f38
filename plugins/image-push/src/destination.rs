//! Where an image goes.

use sealock_sdk::image::Reference;
use sealock_sdk::{Error, ErrorKind};

/// The references of `to`: at least one, each with no digest of its own.
pub(crate) struct Destinations(Vec<Reference>);

fn invalid(code: &str, message: String) -> Error {
    Error::of_kind(ErrorKind::Invalid, code, message)
}

pub(crate) fn half_a_login(missing: &str) -> Error {
    invalid("E-INPUT-MISSING", format!("a login needs `username` and `password`; {missing} is missing"))
}

impl Destinations {
    pub(crate) fn parse(to: &[String]) -> Result<Self, Error> {
        if to.is_empty() {
            let error = invalid("E-INPUT-MISSING", "`to` is empty".to_owned());
            return Err(error.help("name where the image goes: to: [\"ghcr.io/acme/web:1.2\"]"));
        }
        to.iter().map(|written| destination(written)).collect::<Result<_, _>>().map(Self)
    }

    /// The registry of all of them: a password is for one registry and is shown to no other.
    pub(crate) fn only_registry(&self) -> Result<&str, Error> {
        let first = self.0[0].registry();
        match self.0.iter().find(|reference| reference.registry() != first) {
            None => Ok(first),
            Some(other) => {
                let message = format!("`to` names the registries {first} and {}, and one login", other.registry());
                Err(invalid("E-IMAGE-LOGIN", message).help("push to each registry in a step of its own"))
            }
        }
    }

    /// Each repository once, with `digest`, in the order of `to`.
    pub(crate) fn pinned(&self, digest: &str) -> Vec<String> {
        let mut pinned: Vec<String> = Vec::new();
        for reference in &self.0 {
            let reference = reference.pinned(digest);
            if !pinned.contains(&reference) {
                pinned.push(reference);
            }
        }
        pinned
    }
}

fn destination(written: &str) -> Result<Reference, Error> {
    let reference: Reference = written
        .parse()
        .map_err(|error: sealock_sdk::image::ReferenceError| invalid("E-IMAGE-REFERENCE", error.to_string()))?;
    if reference.digest().is_some() {
        let message = format!("`{written}` names a digest; a push is told a tag and answers with the digest");
        return Err(invalid("E-IMAGE-REFERENCE", message));
    }
    Ok(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destinations(to: &[&str]) -> Result<Destinations, Error> {
        Destinations::parse(&to.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn two_tags_of_one_repository_are_one_reference() {
        let destinations =
            destinations(&["ghcr.io/acme/web:1", "ghcr.io/acme/web:latest", "ghcr.io/acme/copy"]).expect("good");
        assert_eq!(destinations.pinned("sha256:0"), ["ghcr.io/acme/web@sha256:0", "ghcr.io/acme/copy@sha256:0"]);
        assert_eq!(destinations.only_registry().expect("one"), "ghcr.io");
    }

    #[test]
    fn one_login_is_not_shown_to_two_registries() {
        let error =
            destinations(&["ghcr.io/a/b:1", "10.0.0.1:5000/a/b:1"]).expect("good").only_registry().expect_err("two");
        assert_eq!(error.message(), "`to` names the registries ghcr.io and 10.0.0.1:5000, and one login");
    }

    #[test]
    fn a_destination_is_a_reference_without_a_digest() {
        let pinned = format!("a/b@sha256:{}", "0".repeat(64));
        for (to, code) in
            [(vec![], "E-INPUT-MISSING"), (vec!["A/b"], "E-IMAGE-REFERENCE"), (vec![&*pinned], "E-IMAGE-REFERENCE")]
        {
            assert_eq!(destinations(&to).err().expect("refused").code(), code);
        }
    }
}
