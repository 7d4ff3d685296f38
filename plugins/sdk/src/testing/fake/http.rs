//! Requests, answered by what the kit was told to serve.

use std::time::Duration;

use crate::Error;
use crate::http::{Beginning, BodyEnd, Request, Url};
use crate::testing::state::{Served, with};

/// A server's answer.
#[derive(Debug)]
pub(crate) struct Answer(Served);

pub(crate) fn send(request: &Request, url: &Url<'_>) -> Result<Answer, Error> {
    let scheme = if url.is_secure { "https" } else { "http" };
    let whole = format!("{scheme}://{}{}", url.authority, url.path);
    with(|state| {
        state.call(format!("http {} {whole}", request.method))?;
        let served = state.served.iter().find(|served| whole.starts_with(&served.url)).cloned();
        let entry = format!("network: [{:?}]", endpoint(url));
        served.map(Answer).ok_or_else(|| state.deny("E-GRANT-NETWORK", &whole, &entry).into())
    })
}

fn endpoint(url: &Url<'_>) -> String {
    let has_port = url.authority.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let usual = if url.is_secure { 443 } else { 80 };
    if has_port { url.authority.to_owned() } else { format!("{}:{usual}", url.authority) }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.0.status
    }

    pub(crate) fn header(&self, name: &str) -> Option<Vec<u8>> {
        let found = self.0.headers.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }

    pub(crate) fn headers(&self) -> Vec<(String, Vec<u8>)> {
        self.0.headers.clone()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the real one can fail")]
    pub(crate) fn bytes(self, _: usize) -> Result<Vec<u8>, Error> {
        Ok(self.0.body)
    }

    #[expect(clippy::unnecessary_wraps, reason = "the real one can fail")]
    pub(crate) fn beginning(self, most: usize, _: Duration) -> Result<Beginning, Error> {
        let mut bytes = self.0.body;
        let end = if bytes.len() > most { BodyEnd::TooLong } else { BodyEnd::Whole };
        bytes.truncate(most);
        Ok(Beginning { bytes, end })
    }
}
