//! Which image each service runs, by digest; and the override that says so.

use std::collections::BTreeMap;
use std::fmt::Write;

use sealock_sdk::Error;
use sealock_sdk::image::Reference;

use crate::compose::Compose;
use sealock_rollout::invalid;

/// The name of the override beside the compose file.
pub(crate) const OVERRIDE_FILE: &str = "sealock.override.yml";

/// A service and the image that it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub(crate) service: String,
    /// `repository@digest`.
    pub(crate) reference: String,
    pub(crate) digest: String,
    /// Whether the author's own file says so already.
    pub(crate) is_authors: bool,
    /// Whether the service runs only when somebody asks for a profile.
    pub(crate) may_be_absent: bool,
}

/// Every service whose image is known by digest, in the file's order.
///
/// # Errors
///
/// All problems together: a service that would have to be built, one that is not there, a reference without a digest.
pub(crate) fn pins(compose: &Compose, images: &BTreeMap<String, String>) -> Result<Vec<Pin>, Error> {
    let mut problems = unknown_services(compose, images);
    let mut pins = Vec::new();
    for service in &compose.services {
        match (images.get(&service.name), &service.image, &service.context) {
            (Some(written), ..) => match pin(&service.name, written) {
                Ok(pin) => pins.push(Pin { may_be_absent: service.has_profile, ..pin }),
                Err(problem) => problems.push(problem),
            },
            (None, _, Some(_)) if !service.has_profile => {
                problems.push(format!("service {} has `build`", service.name));
            }
            (None, Some(image), None) => {
                let pin = pin(&service.name, image).ok();
                pins.extend(pin.map(|pin| Pin { is_authors: true, may_be_absent: service.has_profile, ..pin }));
            }
            _ => {}
        }
    }
    if problems.is_empty() {
        return Ok(pins);
    }
    let help = "give each service with `build` its image by digest: \
                images: { SERVICE: \"${{ needs.build.outputs.image }}\" }";
    Err(invalid("E-COMPOSE-IMAGES", format!("`images` does not fit the compose file: {}", problems.join("; ")))
        .help(help))
}

fn unknown_services(compose: &Compose, images: &BTreeMap<String, String>) -> Vec<String> {
    let names: Vec<&str> = compose.services.iter().map(|service| service.name.as_str()).collect();
    let unknown = images.keys().filter(|name| compose.service(name).is_none());
    unknown.map(|name| format!("there is no service `{name}` (there is {})", names.join(", "))).collect()
}

fn pin(service: &str, written: &str) -> Result<Pin, String> {
    let reference: Reference =
        written.parse().map_err(|error: sealock_sdk::image::ReferenceError| format!("service {service}: {error}"))?;
    let Some(digest) = reference.digest() else {
        return Err(format!("service {service}: `{written}` has no digest, and a tag may move"));
    };
    Ok(Pin {
        service: service.to_owned(),
        reference: reference.pinned(digest),
        digest: digest.to_owned(),
        is_authors: false,
        may_be_absent: false,
    })
}

/// The services whose image is named by a tag: Compose pulls what is missing, and nothing holds it to one image.
pub(crate) fn unpinned<'a>(compose: &'a Compose, pins: &[Pin]) -> Vec<&'a str> {
    let is_pinned = |name: &str| pins.iter().any(|pin| pin.service == name);
    let open = compose.services.iter().filter(|service| service.image.is_some() && !is_pinned(&service.name));
    open.map(|service| service.name.as_str()).collect()
}

/// The override. `image` by digest and `up --no-build` are what Compose 1.29 and 2 both understand: a `build` that
/// stays in the author's file is never looked at then (`!reset` would stop Compose 1).
pub(crate) fn override_text(pins: &[Pin]) -> String {
    let mut text = "# Written by Sealock: which image each service runs, by digest.\n".to_owned();
    let own: Vec<&Pin> = pins.iter().filter(|pin| !pin.is_authors).collect();
    if own.is_empty() {
        return text + "services: {}\n";
    }
    text += "services:\n";
    for pin in own {
        let _ = writeln!(text, "  {}:\n    image: {}", quoted(&pin.service), quoted(&pin.reference));
    }
    text
}

/// A JSON text is a YAML text.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: &str = "services:\n  backend: { build: ./backend }\n  debug: { build: ., profiles: [x] }\n  redis: { image: 'redis:7' }\n";

    fn compose(text: &str) -> Compose {
        Compose::parse("compose.yml", text).expect("a good file")
    }

    fn digest(digit: &str) -> String {
        format!("sha256:{}", digit.repeat(64))
    }

    fn images(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
        entries.iter().map(|(service, image)| ((*service).to_owned(), (*image).to_owned())).collect()
    }

    #[test]
    fn a_service_with_build_needs_its_image() {
        let error = pins(&compose(APP), &images(&[])).expect_err("nothing given");
        assert_eq!(error.message(), "`images` does not fit the compose file: service backend has `build`");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let error = pins(&compose(APP), &images(&[("backend", "acme/b:1"), ("web", "x")])).expect_err("two problems");
        assert_eq!(
            error.message(),
            "`images` does not fit the compose file: there is no service `web` (there is backend, debug, redis); \
             service backend: `acme/b:1` has no digest, and a tag may move"
        );
    }

    #[test]
    fn the_tag_is_left_out_and_the_digest_stays() {
        let written = format!("10.0.0.1:5000/acme/b:1@{}", digest("a"));
        let pins = pins(&compose(APP), &images(&[("backend", &written)])).expect("good");
        assert_eq!(pins[0].reference, format!("10.0.0.1:5000/acme/b@{}", digest("a")));
        assert_eq!(unpinned(&compose(APP), &pins), ["redis"]);
    }

    #[test]
    fn the_override_says_what_the_authors_file_does_not() {
        let text = format!("services:\n  web: {{ build: . }}\n  db: {{ image: 'postgres@{}' }}\n", digest("b"));
        let compose = compose(&text);
        let pins = pins(&compose, &images(&[("web", &format!("acme/web@{}", digest("a")))])).expect("good");
        assert_eq!(pins.len(), 2);
        assert_eq!(
            override_text(&pins),
            format!(
                "# Written by Sealock: which image each service runs, by digest.\nservices:\n  \
                 \"web\":\n    image: \"acme/web@{}\"\n",
                digest("a")
            )
        );
    }
}
