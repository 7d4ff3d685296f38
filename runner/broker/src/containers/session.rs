//! A BuildKit session: while a build runs, the engine asks here for files, secrets, and logins.

use std::collections::HashMap;
use std::sync::Arc;

use bollard::grpc::build::health::health_server::{Health, HealthServer};
use bollard::grpc::build::health::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse, health_check_response,
};
use bollard::grpc::build::moby::buildkit::secrets::v1::secrets_server::{Secrets, SecretsServer};
use bollard::grpc::build::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard::grpc::build::moby::filesync::packet::file_sync_server::FileSyncServer;
use bollard::grpc::build::moby::filesync::v1::auth_server::{Auth, AuthServer};
use bollard::grpc::build::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use futures_util::stream::BoxStream;
use http::request::Builder;
use sealock_contract::seam::Refusal;
use sealock_secrets::SecretBytes;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Response, Status};

use super::context::BuildContext;
use super::engine::{Engine, refused};
use super::filesync::Files;
use super::label;
use super::login::Logins;
use super::wire::{Pipe, empty};

/// Said in errors.
const DOING: &str = "open a session for the build";
/// What the engine may call, as it wants it listed.
const METHODS: &[&str] = &[
    "/grpc.health.v1.Health/Check",
    "/moby.filesync.v1.FileSync/DiffCopy",
    "/moby.filesync.v1.Auth/Credentials",
    "/moby.buildkit.secrets.v1.Secrets/GetSecret",
];

/// What a session hands out.
pub(super) struct Offers {
    pub(super) context: Arc<BuildContext>,
    pub(super) secrets: HashMap<String, SecretBytes>,
    pub(super) logins: Logins,
    /// Contexts sent under one key are compared, and only what changed is sent again.
    pub(super) shared_key: String,
}

/// An open session. Dropping it closes the connection.
pub(super) struct Session {
    id: String,
    _open: DropGuard,
}

impl Session {
    /// Opens one at `engine`.
    ///
    /// # Errors
    ///
    /// `E-DOCKER-CONNECT`, `E-DOCKER-LOST`, `E-DOCKER-REFUSED`.
    pub(super) async fn open(engine: &Engine, offers: Offers) -> Result<Self, Refusal> {
        let id = format!("sealock{}{}", label::random(), label::random());
        let mut builder = Builder::new()
            .method(http::Method::POST)
            .header("Connection", "Upgrade")
            .header("Upgrade", "h2c")
            .header("X-Docker-Expose-Session-Uuid", &id)
            .header("X-Docker-Expose-Session-Name", "sealock")
            .header("X-Docker-Expose-Session-Sharedkey", &offers.shared_key);
        for method in METHODS {
            builder = builder.header("X-Docker-Expose-Session-Grpc-Method", *method);
        }
        let answer = engine.send(DOING, builder, "/session", empty()).await?;
        let answer = answer.successful().await.map_err(|(_, message)| refused(DOING, &message))?;
        let connection = answer.upgraded().await.map_err(|error| engine.lost(DOING, &error))?;
        let closed = CancellationToken::new();
        tokio::spawn(serve(Pipe::new(connection, closed.clone()), offers));
        Ok(Self { id, _open: closed.drop_guard() })
    }

    /// By which the build names it.
    pub(super) fn id(&self) -> &str {
        &self.id
    }
}

async fn serve(pipe: Pipe, offers: Offers) {
    let router = tonic::transport::Server::builder()
        .add_service(HealthServer::new(Alive))
        .add_service(FileSyncServer::new(Files(offers.context)))
        .add_service(SecretsServer::new(Secret(offers.secrets)))
        .add_service(AuthServer::new(Login(offers.logins)));
    let incoming = futures_util::stream::iter([Ok::<_, std::io::Error>(pipe)]);
    if let Err(error) = router.serve_with_incoming(incoming).await {
        tracing::debug!(%error, "a build's session ended");
    }
}

/// The engine closes sessions that do not answer.
struct Alive;

#[tonic::async_trait]
impl Health for Alive {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(&self, _: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let status = health_check_response::ServingStatus::Serving.into();
        Ok(Response::new(HealthCheckResponse { status }))
    }

    async fn list(&self, _: Request<HealthListRequest>) -> Result<Response<HealthListResponse>, Status> {
        Err(Status::unimplemented("only Check is answered"))
    }

    async fn watch(&self, _: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Err(Status::unimplemented("only Check is answered"))
    }
}

struct Secret(HashMap<String, SecretBytes>);

#[tonic::async_trait]
impl Secrets for Secret {
    async fn get_secret(&self, request: Request<GetSecretRequest>) -> Result<Response<GetSecretResponse>, Status> {
        match self.0.get(&request.get_ref().id) {
            Some(secret) => Ok(Response::new(GetSecretResponse { data: secret.expose().to_vec() })),
            None => Err(Status::not_found("the step gave no secret of that id")),
        }
    }
}

struct Login(Logins);

#[tonic::async_trait]
impl Auth for Login {
    async fn credentials(&self, request: Request<CredentialsRequest>) -> Result<Response<CredentialsResponse>, Status> {
        let (username, secret) = self.0.answer(&request.get_ref().host).unwrap_or_default();
        Ok(Response::new(CredentialsResponse { username, secret }))
    }

    // The engine fetches tokens itself when it may not ask for them here.

    async fn fetch_token(&self, _: Request<FetchTokenRequest>) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unavailable("tokens are fetched by the engine"))
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unavailable("tokens are fetched by the engine"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unavailable("tokens are fetched by the engine"))
    }
}
