//! The author's compose file, read just far enough: which images run, and which files come along.
//!
//! Compose itself is the judge of everything else; it reads the file on the target before anything is switched.

use serde_json::Value;

use crate::volume;
use sealock_rollout::invalid;
use sealock_sdk::Error;

/// What a release needs to know of a compose file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Compose {
    pub(crate) services: Vec<Service>,
    /// Files and folders that the file names relative to itself.
    pub(crate) needs: Vec<Need>,
    /// What two stacks of the file could not both have: volumes of its own, and fixed names of containers.
    single: Vec<String>,
}

/// One service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) image: Option<String>,
    /// The folder that its image would be built from.
    pub(crate) context: Option<String>,
    /// Whether it is only started when somebody asks for a profile.
    pub(crate) has_profile: bool,
    /// A service of the same file that it is like.
    extends: Option<String>,
}

/// A file or folder beside the compose file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// As it was written.
    pub(crate) path: String,
    /// Such as `service redis`.
    pub(crate) owner: String,
    pub(crate) kind: NeedKind,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NeedKind {
    Mount {
        read_only: bool,
    },
    EnvFile {
        required: bool,
    },
    /// Of a top-level config or secret.
    Content,
}

impl Compose {
    /// Reads `text`; `file` is for messages.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Error> {
        let root: Value = serde_saphyr::from_str(text)
            .map_err(|error| invalid("E-COMPOSE-READ", format!("{file} cannot be read as YAML: {error}")))?;
        if root.get("include").is_some() {
            return Err(other_files(file, "`include`"));
        }
        let Some(services) = root.get("services").and_then(Value::as_object).filter(|services| !services.is_empty())
        else {
            return Err(invalid("E-COMPOSE-READ", format!("{file} has no `services`")));
        };
        let mut compose = Self::default();
        for (name, service) in services {
            compose.read_service(file, name, service)?;
        }
        compose.resolve_extends();
        compose.read_contents(&root, "configs");
        compose.read_contents(&root, "secrets");
        compose.read_single(&root);
        Ok(compose)
    }

    /// Whether two stacks of it can run beside each other.
    ///
    /// # Errors
    ///
    /// `E-COMPOSE-COLOUR`, with what they would have to share or fight for.
    pub(crate) fn check_two_stacks(&self, file: &str) -> Result<(), Error> {
        if self.single.is_empty() {
            return Ok(());
        }
        let message = format!("{file} cannot run twice on one target: {}", self.single.join(", "));
        let help = "deploy what keeps data in a step of its own, from a file of its own, and name its network and volumes \
                    `external: true` here; leave `container_name` out";
        Err(invalid("E-COMPOSE-COLOUR", message).help(help))
    }

    fn read_single(&mut self, root: &Value) {
        let is_own = |volume: &Value| volume.get("external").and_then(Value::as_bool) != Some(true);
        let volumes = root.get("volumes").and_then(Value::as_object).into_iter().flatten();
        self.single
            .extend(volumes.filter(|(_, own)| is_own(own)).map(|(name, _)| format!("the volume {name} is its own")));
        let services = root.get("services").and_then(Value::as_object).into_iter().flatten();
        let named = services.filter(|(_, service)| service.get("container_name").is_some());
        self.single.extend(named.map(|(name, _)| format!("service {name} has a `container_name`")));
    }

    /// The service called `name`.
    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.name == name)
    }

    fn read_service(&mut self, file: &str, name: &str, service: &Value) -> Result<(), Error> {
        self.services.push(Service {
            name: name.to_owned(),
            image: service.get("image").and_then(Value::as_str).map(str::to_owned),
            context: service.get("build").and_then(context),
            has_profile: service.get("profiles").and_then(Value::as_array).is_some_and(|list| !list.is_empty()),
            extends: extends(file, name, service)?,
        });
        let owner = format!("service {name}");
        for entry in items(service.get("env_file")) {
            self.needs.extend(env_file(entry, &owner));
        }
        for volume in items(service.get("volumes")) {
            let mount = volume::relative_bind(volume);
            self.needs.extend(mount.map(|bind| Need {
                path: bind.source,
                owner: owner.clone(),
                kind: NeedKind::Mount { read_only: bind.read_only },
            }));
        }
        Ok(())
    }

    /// An image or a build that a service has from one that it extends.
    fn resolve_extends(&mut self) {
        let all = self.services.clone();
        for service in &mut self.services {
            let mut parent = service.extends.clone();
            // As long as the chain can be without going round.
            for _ in 0..all.len() {
                let Some(found) = parent.as_ref().and_then(|name| all.iter().find(|other| other.name == *name)) else {
                    break;
                };
                service.image = service.image.take().or_else(|| found.image.clone());
                service.context = service.context.take().or_else(|| found.context.clone());
                parent.clone_from(&found.extends);
            }
        }
    }

    fn read_contents(&mut self, root: &Value, key: &str) {
        let entries = root.get(key).and_then(Value::as_object).into_iter().flatten();
        let files = entries.filter_map(|(name, entry)| Some((name, entry.get("file")?.as_str()?)));
        self.needs.extend(files.filter(|(_, path)| !path.starts_with(['/', '~'])).map(|(name, path)| Need {
            path: path.to_owned(),
            owner: format!("`{key}.{name}`"),
            kind: NeedKind::Content,
        }));
    }
}

fn other_files(file: &str, what: &str) -> Error {
    let message = format!("{file} takes parts of other files with {what}, which compose-deploy does not bring along");
    invalid("E-NOT-YET", message).help("write one file with `docker compose config --no-interpolate` and deploy that")
}

fn extends(file: &str, name: &str, service: &Value) -> Result<Option<String>, Error> {
    match service.get("extends") {
        Some(Value::String(other)) => Ok(Some(other.clone())),
        Some(extends) if extends.get("file").is_some() => {
            Err(other_files(file, &format!("`extends` of service {name}")))
        }
        Some(extends) => Ok(extends.get("service").and_then(Value::as_str).map(str::to_owned)),
        None => Ok(None),
    }
}

/// The folder of a build in either of its two forms.
fn context(build: &Value) -> Option<String> {
    match build {
        Value::String(context) => Some(context.clone()),
        Value::Object(build) => Some(build.get("context").and_then(Value::as_str).unwrap_or(".").to_owned()),
        _ => None,
    }
}

/// One value or a list of them.
fn items(value: Option<&Value>) -> Vec<&Value> {
    match value {
        Some(Value::Array(items)) => items.iter().collect(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one],
    }
}

fn env_file(entry: &Value, owner: &str) -> Option<Need> {
    let (path, required) = match entry {
        Value::String(path) => (path, true),
        Value::Object(entry) => {
            let required = entry.get("required").and_then(Value::as_bool).unwrap_or(true);
            (
                match entry.get("path")? {
                    Value::String(path) => path,
                    _ => return None,
                },
                required,
            )
        }
        _ => return None,
    };
    let is_relative = !path.starts_with(['/', '~']);
    is_relative.then(|| Need { path: path.clone(), owner: owner.to_owned(), kind: NeedKind::EnvFile { required } })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Compose {
        Compose::parse("compose.yml", text).expect("a good file")
    }

    fn refusal(text: &str) -> String {
        Compose::parse("compose.yml", text).expect_err("a bad file").message().to_owned()
    }

    fn needs(text: &str) -> Vec<(String, String, NeedKind)> {
        parse(text).needs.into_iter().map(|need| (need.owner, need.path, need.kind)).collect()
    }

    #[test]
    fn images_builds_and_profiles_are_seen_in_all_their_forms() {
        let compose = parse(
            "version: '3.8'\nservices:\n  web: { build: ./web, image: acme/web }\n  api: { build: { dockerfile: X } }\n  \
             db: { image: 'postgres:15' }\n  debug: { build: ., profiles: [debug] }\n",
        );
        let contexts: Vec<_> = compose.services.iter().map(|service| service.context.as_deref()).collect();
        assert_eq!(contexts, [Some("./web"), Some("."), None, Some(".")]);
        assert!(compose.service("debug").expect("there").has_profile);
        assert_eq!(compose.service("db").expect("there").image.as_deref(), Some("postgres:15"));
    }

    #[test]
    fn anchors_and_merge_keys_are_followed() {
        let compose = parse(
            "x-app: &app\n  build: ./app\n  env_file: .env\nservices:\n  one:\n    <<: *app\n  two:\n    <<: *app\n    image: x\n",
        );
        assert!(compose.services.iter().all(|service| service.context.as_deref() == Some("./app")));
        assert_eq!(compose.needs.len(), 2);
    }

    #[test]
    fn a_service_has_the_build_of_the_one_that_it_extends() {
        let compose = parse(
            "services:\n  base: { build: ./app }\n  one: { extends: { service: base } }\n  two: { extends: one }\n  \
             round: { extends: round }\n",
        );
        assert_eq!(compose.service("two").expect("there").context.as_deref(), Some("./app"));
        assert_eq!(compose.service("round").expect("there").context, None);
    }

    #[test]
    fn files_beside_the_compose_file_are_found_and_others_are_not() {
        let text = "services:\n  redis:\n    volumes:\n      - ./config/redis.conf:/etc/redis.conf:ro\n      - data:/data\n      - /srv/x:/x\n    \
                    env_file: [.env, { path: more.env, required: false }, /etc/env]\nconfigs: { nginx: { file: ./nginx.conf } }\n\
                    secrets: { token: { environment: TOKEN } }\nvolumes: { data: }\n";
        let redis = || "service redis".to_owned();
        assert_eq!(
            needs(text),
            [
                (redis(), ".env".to_owned(), NeedKind::EnvFile { required: true }),
                (redis(), "more.env".to_owned(), NeedKind::EnvFile { required: false }),
                (redis(), "./config/redis.conf".to_owned(), NeedKind::Mount { read_only: true }),
                ("`configs.nginx`".to_owned(), "./nginx.conf".to_owned(), NeedKind::Content),
            ]
        );
    }

    #[test]
    fn two_stacks_share_no_data_and_no_names() {
        let shared = "services: { web: { image: x } }\nvolumes: { data: { external: true } }\n";
        assert!(parse(shared).check_two_stacks("f").is_ok());
        let own = "services: { web: { image: x, container_name: web } }\nvolumes: { data: }\n";
        let error = parse(own).check_two_stacks("compose.yml").expect_err("its own");
        let told = "compose.yml cannot run twice on one target: the volume data is its own, service web has a `container_name`";
        assert_eq!((error.code(), error.message()), ("E-COMPOSE-COLOUR", told));
    }

    #[test]
    fn tags_that_only_compose_understands_do_not_stop_the_reading() {
        assert_eq!(parse("services:\n  web:\n    image: x\n    ports: !reset []\n").services.len(), 1);
    }

    #[test]
    fn what_cannot_be_deployed_is_said_at_once() {
        assert!(refusal("services: [").starts_with("compose.yml cannot be read as YAML: "));
        assert_eq!(refusal("service: {}"), "compose.yml has no `services`");
        assert!(refusal("include: [a.yml]\nservices: { a: { image: x } }").contains("`include`"));
        assert!(
            refusal("services: { a: { extends: { file: b.yml, service: c } } }").contains("`extends` of service a")
        );
    }

    #[test]
    fn a_file_that_grows_when_it_is_read_is_refused() {
        let mut bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (name, of) in ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip(["a", "b", "c", "d", "e", "f", "g", "h"])
        {
            let nine = vec![format!("*{of}"); 9].join(",");
            bomb = format!("{bomb}{name}: &{name} [{nine}]\n");
        }
        assert!(refusal(&bomb).starts_with("compose.yml cannot be read as YAML: "));
    }
}
