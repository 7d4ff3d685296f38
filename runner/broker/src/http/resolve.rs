//! From a name to the addresses that may be dialled.

use std::io;
use std::net::{IpAddr, SocketAddr};

use futures_util::future::BoxFuture;
use sealock_contract::grant::{Capability, Endpoint, NetworkGrant, denied};
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};

/// Turns names into addresses.
pub trait Resolver: Send + Sync {
    /// The addresses of `host`, best first. Asked once for each request.
    ///
    /// # Errors
    ///
    /// When the name is not known, or nobody could be asked.
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// As the machine resolves names.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// The addresses of `endpoint` that `granted` reaches.
pub(super) async fn checked(
    resolver: &dyn Resolver,
    granted: &NetworkGrant,
    endpoint: &Endpoint,
) -> Result<Vec<SocketAddr>, Refusal> {
    let found = every(resolver, &endpoint.host, endpoint.port).await?;
    let reached: Vec<_> = found.iter().copied().filter(|address| granted.allows_address(address.ip())).collect();
    match found.first() {
        Some(inside) if reached.is_empty() => Err(goes_inside(endpoint, inside.ip())),
        _ => Ok(reached),
    }
}

/// Every address of `host`.
pub(super) async fn every(resolver: &dyn Resolver, host: &str, port: u16) -> Result<Vec<SocketAddr>, Refusal> {
    if let Some(address) = Endpoint::new(host, port).address() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = resolver.resolve(host).await.map_err(|error| unknown(host, &error.to_string()))?;
    if found.is_empty() {
        return Err(unknown(host, "it has no address"));
    }
    Ok(found.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

fn goes_inside(endpoint: &Endpoint, address: IpAddr) -> Refusal {
    let entry = format!("network: [{{ host: \"{endpoint}\", private: true }}]");
    let mut refusal = denied(Capability::Network, &endpoint.to_string(), &entry);
    refusal.message = format!("network {endpoint} is not granted at {address}, which is not a public address");
    refusal
}

fn unknown(host: &str, why: &str) -> Refusal {
    StepError::new(ErrorKind::Remote, "E-HTTP-DNS", format!("the name `{host}` does not resolve: {why}")).retryable()
}
