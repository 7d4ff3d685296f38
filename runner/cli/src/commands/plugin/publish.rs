//! `sealock plugin publish REF`

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use sealock_contract::Digest;
use sealock_registry::signature::SigningKey;
use sealock_registry::{Login, Publication, Reference, ReferenceError, RegistryError};
use zeroize::Zeroizing;

use super::component;
use crate::exit_code;
use crate::failure::Failure;
use crate::lock::{self, Registries};
use crate::password::Password;
use crate::shell::Shell;

/// No registry takes a longer password; a pipe without an end must not fill memory.
const PASSWORD_BYTES_MAX: u64 = 64 << 10;

/// Publish a component, so that pipelines name it by this reference. Pipelines that locked an earlier one keep it.
#[derive(Debug, Args)]
pub(crate) struct Publish {
    /// Where to, by tag, such as `ghcr.io/acme/step:1.2.0`
    reference: String,
    /// The component; the only `.wasm` file of the folder without it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Sign it with this private key, so that `cosign` and the policies of others know whose it is; `SEALOCK_SIGN_PASSWORD`
    /// opens a key of `cosign`
    #[arg(long, value_name = "FILE", env = "SEALOCK_SIGN_KEY", hide_env = true)]
    sign_key: Option<PathBuf>,
    /// Publish even where the tag has other code already
    #[arg(long, env = "SEALOCK_OVERWRITE", hide_env = true)]
    overwrite: bool,
    /// Log in as this user, not as Docker's files say
    #[arg(long, value_name = "NAME", requires = "password_stdin", env = "SEALOCK_USERNAME", hide_env = true)]
    username: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username")]
    password_stdin: bool,
}

impl Publish {
    /// Publishes.
    ///
    /// # Errors
    ///
    /// When the file is no component, or the registry does not take it.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let wrong = |error: ReferenceError| Failure::new("E-PLUGIN-NAME", error.to_string());
        let to: Reference = self.reference.parse().map_err(wrong)?;
        if to.digest().is_some() || to.tag().is_none() {
            let message = format!("`{to}` has a digest, which is known only when it is published");
            return Err(Failure::new("E-PLUGIN-NAME", message).help("give a tag, such as `:1.2.0`"));
        }
        let key = self.sign_key.as_ref().map(|path| key(shell, path)).transpose()?;
        let publication = self.publication(shell)?;
        self.warn_of_version(shell, &to, &publication);
        let registries = Registries::open_as(shell, self.login(&to)?)?;
        self.refuse_other(&registries, &to, &publication)?;
        let published = registries.wait(async |registry| registry.publish(&to, &publication).await)?;
        shell.answer(&format!("{}@{}\n", to.repository(), published.manifest));
        shell.tell(&format!("published {to}: {} bytes, {}\n", publication.component.len(), published.component));
        if let Some(key) = key {
            let pinned = to.repository().pinned(published.manifest);
            registries
                .wait(async |registry| registry.sign(&pinned, &key, publication.created).await)
                .map_err(|failure| failure.help("it is published, and not signed: publish it again"))?;
            shell.tell(&format!("signed with the key {}\n", key.public().digest()));
        }
        Ok(exit_code::SUCCESS)
    }

    fn publication(&self, shell: &Shell) -> Result<Publication, Failure> {
        let path = match &self.file {
            Some(file) => shell.path(file),
            None => only_component(shell.directory())?,
        };
        let bytes = component::read(&path)?;
        let refused = |error: &sealock_sandbox::FormatError| {
            Failure::new(error.code(), format!("{} cannot be published: {error}", path.display()))
        };
        let found = sealock_sandbox::inspect(&bytes).map_err(|error| refused(&error))?;
        let title = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let created = created(shell)?;
        let (manifest, imports, exports) = (found.manifest, found.imports, found.exports);
        Ok(Publication { component: bytes.into(), title, manifest, imports, exports, created })
    }

    /// A tag stands for one code: whoever named it gets no other by it, unless that is wanted.
    fn refuse_other(&self, registries: &Registries, to: &Reference, publication: &Publication) -> Result<(), Failure> {
        if self.overwrite {
            return Ok(());
        }
        let there = registries.wait(async |registry| match registry.artifact(to).await {
            Ok(artifact) => Ok(Some(format!("the component {}", artifact.component))),
            Err(RegistryError::Integrity { .. }) => Ok(Some("something that is no plugin".to_owned())),
            // Whoever may push and not read is told by the registry what may not be pushed.
            Err(RegistryError::Missing { .. } | RegistryError::Login { .. }) => Ok(None),
            Err(error) => Err(error),
        })?;
        let own = format!("the component {}", Digest::of(&publication.component));
        match there.filter(|there| *there != own) {
            None => Ok(()),
            Some(there) => Err(Failure::new("E-PLUGIN-PUBLISHED", format!("`{to}` is there already: it has {there}"))
                .help("publish another version, or replace it with `--overwrite`; who locked it keeps what it was")),
        }
    }

    fn warn_of_version(&self, shell: &mut Shell, to: &Reference, publication: &Publication) {
        let own = publication.manifest.as_ref().map(|manifest| manifest.version.as_str());
        if let (Some(own), Some(tag)) = (own, to.tag())
            && tag.strip_prefix('v').unwrap_or(tag).split('.').count() == 3
            && tag.strip_prefix('v').unwrap_or(tag) != own
        {
            shell.tell(&format!("warning: the tag is {tag}, and the plugin says that it is {own}\n"));
        }
    }

    fn login(&self, to: &Reference) -> Result<Option<(String, Login)>, Failure> {
        let Some(user) = self.username.clone() else {
            return Ok(None);
        };
        let mut password = Zeroizing::new(String::new());
        let read = std::io::stdin().lock().take(PASSWORD_BYTES_MAX).read_to_string(&mut password);
        read.map_err(|error| Failure::new("E-FILE-READ", format!("standard input: {error}")))?;
        let password = Zeroizing::new(password.trim_end_matches(['\r', '\n']).to_owned());
        Ok(Some((to.repository().host().to_owned(), Login::Password { user, password })))
    }
}

fn key(shell: &Shell, path: &Path) -> Result<SigningKey, Failure> {
    let password = shell.surroundings().sign_password.as_ref();
    lock::signing_key(&shell.path(path), password.map(Password::reveal))
}

/// Now, or when the environment says that it was built.
fn created(shell: &Shell) -> Result<Timestamp, Failure> {
    let now = Timestamp::from_second(Timestamp::now().as_second()).expect("now is a moment");
    let Some(text) = &shell.surroundings().source_date else {
        return Ok(now);
    };
    let moment = text.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    moment.ok_or_else(|| {
        let message = format!("SOURCE_DATE_EPOCH is `{text:.40}`; expected seconds since 1970");
        Failure::new("E-SOURCE-DATE", message)
    })
}

fn only_component(folder: &Path) -> Result<PathBuf, Failure> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let found: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "wasm")).collect();
    if let [only] = &found[..] {
        return Ok(only.clone());
    }
    let mut names: Vec<_> =
        found.iter().filter_map(|path| path.file_name()).map(|name| name.to_string_lossy()).collect();
    names.sort();
    let what = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let message = format!("expected one `.wasm` file in {}, found {what}", folder.display());
    Err(Failure::new("E-FILE-READ", message).help("name the component: `--file target/step.wasm`"))
}
