//! A registry, asked by its own interface (OCI distribution 1.1).
//!
//! Every question is asked again a few times when the registry is out of order, with growing pauses. What comes is held to
//! its size and its digest before anybody sees it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Method, StatusCode};
use sealock_contract::Digest;
use serde::Deserialize;
use tokio::time::Instant;

use crate::artifact::Config;
use crate::challenge::{self, Challenge, ChallengeError};
use crate::patience::{DOCUMENT_BYTES, TOKEN_BYTES};
use crate::transport::{Answer, Question, Transport, Url, late};
use crate::{Artifact, Login, Logins, Patience, Reference, RegistryError, Repository, Telling, host, refusal};

/// What a registry says the digest of its answer is.
const DIGEST_HEADER: HeaderName = HeaderName::from_static("docker-content-digest");
/// What is understood where a manifest is asked for: a list too, to say what it is.
const MANIFEST_TYPES: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";

/// How registries are spoken to.
#[derive(Clone, Default)]
pub struct RegistrySettings {
    /// Who this machine is to them.
    pub logins: Logins,
    /// Certificates to trust beside the system's, in PEM form.
    pub extra_roots: Vec<u8>,
    /// How long they are waited for.
    pub patience: Patience,
    /// Who is told of a component that takes long.
    pub telling: Telling,
}

/// All registries: what a reference names says which.
pub struct Registry {
    transport: Transport,
    logins: Logins,
    telling: Telling,
    known: Mutex<HashMap<Door, HeaderValue>>,
}

/// What an authorization is good for.
type Door = (Repository, Access);

/// What is done with a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// It is read.
    Pull,
    /// It is written.
    Push,
}

impl Registry {
    /// Nobody is spoken to yet.
    pub fn new(settings: RegistrySettings) -> Self {
        let transport = Transport::new(settings.extra_roots, settings.patience);
        Self { transport, logins: settings.logins, telling: settings.telling, known: Mutex::default() }
    }

    /// What a reference names, by digest.
    ///
    /// # Errors
    ///
    /// When the registry has no such thing, does not give it, or it is no plugin.
    pub async fn artifact(&self, reference: &Reference) -> Result<Artifact, RegistryError> {
        let (bytes, digest, content_type) = self.again(|| self.manifest_once(reference)).await?;
        let integrity = |why| RegistryError::Integrity { reference: reference.to_string(), why };
        Artifact::read(&bytes, digest, content_type.as_deref()).map_err(integrity)
    }

    /// When a version was published, as its publisher says: by the manifest's annotation and by the configuration, and the
    /// later of both where they differ.
    ///
    /// # Errors
    ///
    /// When the registry does not give the configuration, or gives something else.
    pub async fn created(
        &self,
        repository: &Repository,
        artifact: &Artifact,
    ) -> Result<Option<jiff::Timestamp>, RegistryError> {
        let bytes = self.blob(repository, artifact.config, artifact.config_size).await?;
        let config: Option<Config> = serde_json::from_slice(&bytes).ok();
        let told = [artifact.annotations.get(crate::artifact::CREATED).cloned(), config.and_then(|own| own.created)];
        Ok(told.into_iter().flatten().filter_map(|text| text.parse().ok()).max())
    }

    /// A small blob: a configuration, or a signature.
    ///
    /// # Errors
    ///
    /// When the registry does not give it, or gives something else.
    pub async fn blob(&self, repository: &Repository, digest: Digest, size: u64) -> Result<Bytes, RegistryError> {
        self.again(|| self.blob_once(repository, digest, size)).await
    }

    /// A manifest byte for byte, held to its digest where the reference has one.
    ///
    /// # Errors
    ///
    /// When the registry has no such thing, or gives something else.
    pub async fn manifest(&self, reference: &Reference) -> Result<Bytes, RegistryError> {
        Ok(self.again(|| self.manifest_once(reference)).await?.0)
    }

    async fn manifest_once(&self, reference: &Reference) -> Result<(Bytes, Digest, Option<String>), RegistryError> {
        let repository = reference.repository();
        let mut question = Question::get(url(repository, &format!("manifests/{}", reference.asked()))?);
        question.accept = Some(MANIFEST_TYPES);
        let answer = self.ask(repository, Access::Pull, &question, self.document_end()).await?;
        let answer = found(answer, &reference.to_string())?;
        let content_type = answer.content_type().map(str::to_owned);
        let told = answer.header(DIGEST_HEADER).map(str::to_owned);
        let integrity = |why| RegistryError::Integrity { reference: reference.to_string(), why };
        let too_long = || integrity(format!("its manifest has more than {DOCUMENT_BYTES} bytes"));
        let bytes = answer.bytes_within(DOCUMENT_BYTES).await?.ok_or_else(too_long)?;
        let digest = Digest::of(&bytes);
        if reference.digest().is_some_and(|pinned| pinned != digest) {
            return Err(integrity(format!("the registry gave a manifest with the digest {digest}")));
        }
        if told.is_some_and(|told| told != digest.to_string()) {
            return Err(integrity("the registry says that its manifest has another digest than it has".to_owned()));
        }
        Ok((bytes, digest, content_type))
    }

    async fn blob_once(&self, repository: &Repository, digest: Digest, size: u64) -> Result<Bytes, RegistryError> {
        let integrity = |why| RegistryError::Integrity { reference: named(repository, digest), why };
        if size > DOCUMENT_BYTES {
            return Err(integrity(format!("it has {size} bytes; {DOCUMENT_BYTES} are the most")));
        }
        let answer = self.ask_blob(repository, digest, size, self.document_end()).await?;
        let bytes = answer.bytes(DOCUMENT_BYTES).await?;
        if bytes.len() as u64 != size || Digest::of(&bytes) != digest {
            return Err(integrity(format!("the registry gave {} other bytes", bytes.len())));
        }
        Ok(bytes)
    }

    /// The answer with a blob, when it is as long as the blob.
    pub(crate) async fn ask_blob(
        &self,
        repository: &Repository,
        digest: Digest,
        size: u64,
        end: Instant,
    ) -> Result<Answer, RegistryError> {
        let question = Question::get(url(repository, &format!("blobs/{digest}"))?);
        let answer = found(self.ask(repository, Access::Pull, &question, end).await?, &named(repository, digest))?;
        match answer.content_length() {
            Some(length) if length != size => {
                let why = format!("the registry gives {length} bytes where it has {size}");
                Err(RegistryError::Integrity { reference: named(repository, digest), why })
            }
            _ => Ok(answer),
        }
    }

    /// Asks with the authorization that the registry wants, which is found out once. Where the registry itself refuses, that
    /// is told in its own words; but whether a blob is there may be refused where it may be put all the same.
    pub(crate) async fn ask(
        &self,
        repository: &Repository,
        access: Access,
        question: &Question,
        end: Instant,
    ) -> Result<Answer, RegistryError> {
        let mut question = question.clone();
        let answer = self.ask_authorized(repository, access, &mut question, end).await?;
        let is_refused = matches!(answer.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if !is_refused || question.method == Method::HEAD || answer.host() != question.url.authority() {
            return Ok(answer);
        }
        let login = self.logins.find(repository.host()).await.ok().flatten();
        Err(self.refused(repository, refusal::told(answer, &question, login.as_ref()).await))
    }

    async fn ask_authorized(
        &self,
        repository: &Repository,
        access: Access,
        question: &mut Question,
        end: Instant,
    ) -> Result<Answer, RegistryError> {
        let door = (repository.clone(), access);
        question.authorization = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&door).cloned();
        let answer = self.transport.ask(question, end).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || answer.host() != question.url.authority() {
            return Ok(answer);
        }
        let challenge = Challenge::read(answer.headers(), &question.url);
        let is_basic = challenge == Ok(Challenge::Basic);
        let authorization = self.authorize(repository, access, challenge, end).await?;
        question.authorization = Some(authorization.clone());
        let answer = self.transport.ask(question, end).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(door, authorization);
        } else if is_basic && answer.host() == question.url.authority() {
            return Err(self.refused(repository, "it does not take this name or this password".to_owned()));
        }
        Ok(answer)
    }

    fn refused(&self, repository: &Repository, why: String) -> RegistryError {
        let host = repository.host().to_owned();
        let is_given = self.logins.is_given(&host);
        RegistryError::Login { host, why, is_given }
    }

    async fn authorize(
        &self,
        repository: &Repository,
        access: Access,
        challenge: Result<Challenge, ChallengeError>,
        end: Instant,
    ) -> Result<HeaderValue, RegistryError> {
        let refused = |why: String| self.refused(repository, why);
        match challenge {
            Ok(Challenge::Basic) => {
                let login = self.logins.find(repository.host()).await?;
                let value = login.as_ref().and_then(Login::basic);
                value.ok_or_else(|| refused("it wants a name and a password, and there are none for it".to_owned()))
            }
            Ok(Challenge::Bearer { realm, service }) => {
                self.token(repository, access, realm, service.as_deref(), end).await
            }
            Err(ChallengeError::Unknown) => {
                Err(refused("it wants a login of a kind that is not known here".to_owned()))
            }
            Err(ChallengeError::Realm(realm)) => {
                let why = format!("it wants logins sent to `{realm}`, which is not secure; nothing was sent");
                Err(refused(why))
            }
        }
    }

    /// A token for the repository, of the server that the registry named. The registry's login goes there only where that
    /// server is its own: another's would give a token that the registry could use against it.
    async fn token(
        &self,
        repository: &Repository,
        access: Access,
        realm: Url,
        service: Option<&str>,
        end: Instant,
    ) -> Result<HeaderValue, RegistryError> {
        let actions = if access == Access::Push { "pull,push" } else { "pull" };
        let scope = format!("repository:{}:{actions}", repository.path());
        let is_own = host::may_log_in(&realm, repository.host());
        let login = if is_own { self.logins.find(repository.host()).await? } else { None };
        let host = realm.authority();
        let answer = self.transport.ask(&token_question(realm, service, &scope, login.as_ref()), end).await?;
        if matches!(answer.status().as_u16(), 400 | 401 | 403 | 404) {
            let known = match (is_own, login) {
                (_, Some(_)) => "does not take this name or this password",
                (true, None) => "gives nothing without a login, and there is none for it",
                (false, None) => "gives nothing without a login, and is another host: none is sent there",
            };
            return Err(self.refused(repository, format!("its token server {host} {known}")));
        }
        let answer = found(answer, &repository.to_string())?;
        let bytes = answer.bytes(TOKEN_BYTES).await?;
        let token = Given::read(&bytes).and_then(|token| challenge::bearer(&token));
        token.ok_or_else(|| RegistryError::Answer { host, why: "expected a token".to_owned() })
    }

    pub(crate) fn document_end(&self) -> Instant {
        Instant::now() + self.transport.patience().document
    }

    pub(crate) fn patience(&self) -> &Patience {
        self.transport.patience()
    }

    pub(crate) fn telling(&self) -> &Telling {
        &self.telling
    }

    /// Does what takes several questions about one plugin, in the time that there is for all of them.
    pub(crate) async fn in_search_time<T>(
        &self,
        repository: &Repository,
        questions: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, RegistryError> {
        let patience = self.transport.patience().search;
        let done = tokio::time::timeout(patience, questions).await;
        done.unwrap_or_else(|_| Err(late(repository.host(), "what it was asked about one plugin was not answered")))
    }

    /// Tries until it succeeds, fails for good, or was tried often enough.
    pub(crate) async fn again<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, RegistryError>
    where
        F: Future<Output = Result<T, RegistryError>>,
    {
        let patience = self.transport.patience();
        let mut number = 1;
        loop {
            let error = match attempt().await {
                Err(error) if error.is_transient() && number < patience.attempts => error,
                other => return other,
            };
            number += 1;
            let after = if let RegistryError::Unavailable { after, .. } = &error { *after } else { None };
            let Some(pause) = patience.pause_before(number, after) else {
                return Err(error);
            };
            tokio::time::sleep(pause).await;
        }
    }
}

/// What a token server gives.
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
}

impl Given {
    fn read(bytes: &[u8]) -> Option<String> {
        let given: Self = serde_json::from_slice(bytes).ok()?;
        given.token.or(given.access_token)
    }
}

fn token_question(realm: Url, service: Option<&str>, scope: &str, login: Option<&Login>) -> Question {
    if let Some(Login::Identity(token)) = login {
        let mut question = Question::of(Method::POST, realm);
        question.content_type = Some("application/x-www-form-urlencoded");
        question.body = challenge::refresh_form(service, scope, token).into();
        return question;
    }
    let service = service.map(|service| ("service", service));
    let pairs: Vec<_> = service.into_iter().chain([("scope", scope)]).collect();
    let mut question = Question::get(realm.with_query(&pairs));
    question.authorization = login.and_then(Login::basic);
    question
}

/// The answer with what was asked for.
pub(crate) fn found(answer: Answer, reference: &str) -> Result<Answer, RegistryError> {
    match answer.status() {
        StatusCode::OK => Ok(answer),
        StatusCode::NOT_FOUND => Err(RegistryError::Missing { reference: reference.to_owned() }),
        status => Err(answer.refusal().unwrap_or_else(|| RegistryError::Answer {
            host: answer.host().to_owned(),
            why: format!("it answered {}; expected 200", status.as_u16()),
        })),
    }
}

/// The name of Docker's own registry is not where it answers.
pub(crate) fn url(repository: &Repository, below: &str) -> Result<Url, RegistryError> {
    let host = if repository.host() == "docker.io" { "registry-1.docker.io" } else { repository.host() };
    let url = Url::of_registry(host, &format!("/v2/{}/{below}", repository.path()));
    let why = || "it is no address".to_owned();
    url.ok_or_else(|| RegistryError::Unreachable { host: host.to_owned(), why: why(), may_pass: false })
}

pub(crate) fn named(repository: &Repository, digest: Digest) -> String {
    format!("{repository}@{digest}")
}
