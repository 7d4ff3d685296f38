//! What a registry lists, page by page: the tags of a repository, and what refers to a manifest.
//!
//! # Invariants
//!
//! - Every list has its bound, in pages and in what is kept of them.
//! - A page leads to the next one of the same registry, and nowhere else.

use http::StatusCode;
use http::header::LINK;
use sealock_contract::Digest;
use serde::Deserialize;

use crate::artifact::{Descriptor, INDEX_TYPE};
use crate::patience::{DOCUMENT_BYTES, REFERRER_PAGES, REFERRERS, TAG_PAGES, TAGS};
use crate::registry::{Access, found, url};
use crate::signature::rank;
use crate::transport::{Answer, Question, Url};
use crate::{Registry, RegistryError, Repository, json};

/// A page of a list, and where the next one is.
struct Page<T> {
    items: Vec<T>,
    next: Option<Url>,
}

impl Registry {
    /// All tags of a repository, in the registry's order, and no more than ten thousand.
    ///
    /// # Errors
    ///
    /// When the registry does not give them.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<String>, RegistryError> {
        let mut tags = Vec::new();
        let mut next = Some(url(repository, "tags/list?n=1000")?);
        for _ in 0..TAG_PAGES {
            let Some(url) = next.take().filter(|_| tags.len() < TAGS) else {
                break;
            };
            let page = self.again(|| self.tag_page(repository, &url)).await?;
            tags.extend(page.items);
            next = page.next;
        }
        tags.truncate(TAGS);
        Ok(tags)
    }

    /// What refers to a manifest, such as its signatures, and no more than 64 of it: by the registry's own list, or by the
    /// tag that stands for one where it has none. What says that it signs is never left out for what does not.
    ///
    /// # Errors
    ///
    /// When the registry does not give the list, or it is none.
    pub async fn referrers(&self, repository: &Repository, manifest: Digest) -> Result<Vec<Descriptor>, RegistryError> {
        let own = url(repository, &format!("referrers/{manifest}"))?;
        if let Some(found) = self.referrers_from(repository, own).await? {
            return Ok(found);
        }
        let by_tag = url(repository, &format!("manifests/{}", manifest.to_string().replace(':', "-")))?;
        Ok(self.referrers_from(repository, by_tag).await?.unwrap_or_default())
    }

    /// Whether the registry itself lists what refers to a manifest.
    ///
    /// # Errors
    ///
    /// When it does not say.
    pub(crate) async fn lists_referrers(&self, repository: &Repository, of: Digest) -> Result<bool, RegistryError> {
        let own = url(repository, &format!("referrers/{of}"))?;
        Ok(self.again(|| self.referrer_page(repository, &own)).await?.is_some())
    }

    /// The list whose first page is `first`; nothing when there is none.
    async fn referrers_from(
        &self,
        repository: &Repository,
        first: Url,
    ) -> Result<Option<Vec<Descriptor>>, RegistryError> {
        let mut listed: Option<Vec<Descriptor>> = None;
        let mut next = Some(first);
        for _ in 0..REFERRER_PAGES {
            let Some(url) = next.take() else { break };
            let Some(page) = self.again(|| self.referrer_page(repository, &url)).await? else { break };
            let listed = listed.get_or_insert_default();
            listed.extend(page.items);
            // Whoever may push could push anything a hundred times, and no signature is to be hidden behind it.
            listed.sort_by_key(rank);
            listed.truncate(REFERRERS);
            next = page.next;
        }
        Ok(listed)
    }

    async fn tag_page(&self, repository: &Repository, url: &Url) -> Result<Page<String>, RegistryError> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let answer = self.ask(repository, Access::Pull, &Question::get(url.clone()), self.document_end()).await?;
        let answer = found(answer, &repository.to_string())?;
        let next = next_page(&answer, url);
        let host = answer.host().to_owned();
        let bytes = answer.bytes(DOCUMENT_BYTES).await?;
        let why = || "expected a list of tags".to_owned();
        let list: List = serde_json::from_slice(&bytes).map_err(|_| RegistryError::Answer { host, why: why() })?;
        Ok(Page { items: list.tags.unwrap_or_default(), next })
    }

    /// The page at `url`; nothing when there is none.
    async fn referrer_page(
        &self,
        repository: &Repository,
        url: &Url,
    ) -> Result<Option<Page<Descriptor>>, RegistryError> {
        #[derive(Deserialize)]
        struct Index {
            manifests: Vec<Descriptor>,
        }
        let mut question = Question::get(url.clone());
        question.accept = Some(INDEX_TYPE);
        let answer = self.ask(repository, Access::Pull, &question, self.document_end()).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = found(answer, &repository.to_string())?;
        let next = next_page(&answer, url);
        let host = answer.host().to_owned();
        let bytes = answer.bytes(DOCUMENT_BYTES).await?;
        let why = || "expected a list of what refers to a manifest".to_owned();
        let index = json::read(&bytes).and_then(serde_json::from_value::<Index>);
        let index = index.map_err(|_| RegistryError::Answer { host, why: why() })?;
        Ok(Some(Page { items: index.manifests, next }))
    }
}

/// Where the page after this one is, by `Link: <…>; rel="next"`; nothing where that is another host.
fn next_page(answer: &Answer, url: &Url) -> Option<Url> {
    let (address, rest) = answer.header(LINK)?.strip_prefix('<')?.split_once('>')?;
    let address = rest.contains("rel=\"next\"").then_some(address)?;
    url.follow(address).filter(|to| to.has_origin_of(url))
}
