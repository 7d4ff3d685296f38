//! Publishing: a component becomes what others refer to, in the CNCF's layout for WebAssembly.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Method, StatusCode};
use sealock_contract::{Digest, Manifest};
use tokio::time::Instant;

use crate::artifact::{
    CONFIG_TYPE, CREATED, Config, ConfigComponent, DESCRIPTION, Descriptor, ImageManifest, LAYER_TYPE, MANIFEST,
    MANIFEST_TYPE, TITLE, VERSION,
};
use crate::registry::{Access, found, url};
use crate::transport::{Answer, Question, Url};
use crate::{Reference, Registry, RegistryError, Repository};

/// What is published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The component.
    pub component: Bytes,
    /// The name of its file.
    pub title: String,
    /// What it says of itself.
    pub manifest: Option<Manifest>,
    /// The interfaces that it imports.
    pub imports: Vec<String>,
    /// The interfaces that it exports.
    pub exports: Vec<String>,
    /// When it is published, or was built where that is to be repeatable.
    pub created: jiff::Timestamp,
}

/// What was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The digest of the manifest: what a pipeline pins.
    pub manifest: Digest,
    /// The digest of the component.
    pub component: Digest,
}

impl Publication {
    fn config(&self) -> Vec<u8> {
        let component = ConfigComponent { exports: self.exports.clone(), imports: self.imports.clone(), target: None };
        let config = Config {
            created: Some(self.created.to_string()),
            author: None,
            architecture: "wasm".to_owned(),
            os: "wasip2".to_owned(),
            layer_digests: vec![Digest::of(&self.component).to_string()],
            component: Some(component),
        };
        serde_json::to_vec(&config).expect("a configuration holds only text")
    }

    fn image(&self, config: &[u8]) -> Vec<u8> {
        let title = BTreeMap::from([(TITLE.to_owned(), self.title.clone())]);
        let image = ImageManifest {
            schema_version: 2,
            media_type: Some(MANIFEST_TYPE.to_owned()),
            config: descriptor(CONFIG_TYPE, config, BTreeMap::new()),
            layers: vec![descriptor(LAYER_TYPE, &self.component, title)],
            annotations: self.annotations(),
        };
        serde_json::to_vec(&image).expect("a manifest holds only text")
    }

    fn annotations(&self) -> BTreeMap<String, String> {
        let mut told = BTreeMap::from([(CREATED.to_owned(), self.created.to_string())]);
        let Some(own) = &self.manifest else {
            return told;
        };
        told.insert(VERSION.to_owned(), own.version.clone());
        told.insert(MANIFEST.to_owned(), serde_json::to_string(own).expect("a manifest holds only text keys"));
        if !own.description.is_empty() {
            told.insert(DESCRIPTION.to_owned(), own.description.clone());
        }
        told
    }
}

fn descriptor(media_type: &str, bytes: &[u8], annotations: BTreeMap<String, String>) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: Digest::of(bytes).to_string(),
        size: bytes.len() as u64,
        urls: Vec::new(),
        annotations,
        artifact_type: None,
    }
}

impl Registry {
    /// Publishes under the reference's tag: the blobs first, so that nobody sees a tag of what is not there yet.
    ///
    /// # Errors
    ///
    /// When the registry does not take it. What was there under the tag before is there still.
    pub async fn publish(&self, to: &Reference, what: &Publication) -> Result<Published, RegistryError> {
        let config = Bytes::from(what.config());
        let image = Bytes::from(what.image(&config));
        let repository = to.repository();
        for blob in [&what.component, &config] {
            self.again(|| self.upload(repository, blob)).await?;
        }
        self.again(|| self.put_manifest(to, MANIFEST_TYPE, &image)).await?;
        Ok(Published { manifest: Digest::of(&image), component: Digest::of(&what.component) })
    }

    /// Puts a blob into a repository that may have it already.
    pub(crate) async fn upload(&self, repository: &Repository, blob: &Bytes) -> Result<(), RegistryError> {
        let digest = Digest::of(blob).to_string();
        let end = Instant::now() + self.patience().component;
        let there = Question::of(Method::HEAD, url(repository, &format!("blobs/{digest}"))?);
        if self.ask(repository, Access::Push, &there, end).await?.status() == StatusCode::OK {
            return Ok(());
        }
        let begin = Question::of(Method::POST, url(repository, "blobs/uploads/")?);
        let begun = accepted(self.ask(repository, Access::Push, &begin, end).await?, repository)?;
        let mut put = Question::of(Method::PUT, place(&begun, &begin.url)?.with_query(&[("digest", &digest)]));
        put.content_type = Some("application/octet-stream");
        put.body = blob.clone();
        accepted(self.ask(repository, Access::Push, &put, end).await?, repository).map(drop)
    }

    /// Puts a manifest under a tag, or under its digest where the reference has one.
    pub(crate) async fn put_manifest(
        &self,
        to: &Reference,
        content_type: &'static str,
        bytes: &Bytes,
    ) -> Result<(), RegistryError> {
        let repository = to.repository();
        let mut put = Question::of(Method::PUT, url(repository, &format!("manifests/{}", to.asked()))?);
        put.content_type = Some(content_type);
        put.body = bytes.clone();
        let end = Instant::now() + self.patience().component;
        accepted(self.ask(repository, Access::Push, &put, end).await?, repository).map(drop)
    }
}

/// Where an upload goes on: a login belongs to the registry alone, so it goes on there or nowhere.
fn place(begun: &Answer, begin: &Url) -> Result<Url, RegistryError> {
    let location = begun.header(LOCATION).and_then(|location| begin.follow(location));
    location.filter(|to| to.has_origin_of(begin)).ok_or_else(|| RegistryError::Answer {
        host: begin.authority(),
        why: "it wants an upload to go on at another host, or does not say where".to_owned(),
    })
}

/// The answer to what changes a repository.
fn accepted(answer: Answer, repository: &Repository) -> Result<Answer, RegistryError> {
    match answer.status() {
        StatusCode::CREATED | StatusCode::ACCEPTED | StatusCode::NO_CONTENT => Ok(answer),
        _ => found(answer, &repository.to_string()),
    }
}
