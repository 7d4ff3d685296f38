//! Hands a build's files to BuildKit, over its session: first what there is, then the files it asks for.

use std::sync::Arc;

use bollard::grpc::build::fsutil::types::packet::PacketType;
use bollard::grpc::build::fsutil::types::{Packet, Stat};
use bollard::grpc::build::moby::filesync::packet::file_sync_server::FileSync;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use super::context::{BuildContext, Entry, Kind};
use super::wire;

/// Bytes of a file in one message.
const CHUNK_BYTES: usize = 32 << 10;
/// Messages between a file and the connection.
const MESSAGES: usize = 64;
/// How the engine is told to call the Dockerfile.
pub(super) const DOCKERFILE: &str = "Dockerfile";
/// Kinds of files as Go has them in a mode.
const GO_FOLDER: u32 = 1 << 31;
const GO_LINK: u32 = 1 << 27;
const GO_SET_USER: u32 = 1 << 23;
const GO_SET_GROUP: u32 = 1 << 22;
const GO_STICKY: u32 = 1 << 20;

/// The files of one build.
pub(super) struct Files(pub(super) Arc<BuildContext>);

type Packets = BoxStream<'static, Result<Packet, Status>>;
type Sender = mpsc::Sender<Result<Packet, Status>>;

/// What one call hands out.
enum Source {
    Context(Arc<BuildContext>),
    /// The Dockerfile alone.
    Dockerfile(Arc<BuildContext>),
    /// The engine looks for an ignore file; it has been heeded here.
    Nothing,
}

#[tonic::async_trait]
impl FileSync for Files {
    type DiffCopyStream = Packets;
    type TarStreamStream = Packets;

    async fn diff_copy(&self, request: Request<Streaming<Packet>>) -> Result<Response<Packets>, Status> {
        let asks = |key: &str| request.metadata().get_all(key).iter().map(|value| value.as_bytes().to_vec()).collect();
        let folder: Vec<Vec<u8>> = asks("dir-name");
        let only: Vec<Vec<u8>> = asks("followpaths");
        let source = match folder.first().map(Vec::as_slice) {
            Some(b"dockerfile") => Source::Dockerfile(self.0.clone()),
            Some(b"context") if only == [b".dockerignore"] => Source::Nothing,
            Some(b"context") => Source::Context(self.0.clone()),
            _ => return Err(Status::not_found("no folder of that name in this build")),
        };
        let (sender, receiver) = mpsc::channel(MESSAGES);
        tokio::spawn(serve(source, request.into_inner(), sender));
        Ok(Response::new(wire::received(receiver)))
    }

    async fn tar_stream(&self, _: Request<Streaming<Packet>>) -> Result<Response<Packets>, Status> {
        Err(Status::unimplemented("files are handed out one by one"))
    }
}

/// The engine asks for files while it is still told what there is.
async fn serve(source: Source, mut asked: Streaming<Packet>, sender: Sender) {
    let telling = tell(&source, &sender);
    let answering = async {
        while let Some(Ok(packet)) = asked.next().await {
            let is_open = match packet.r#type() {
                PacketType::PacketReq => hand_out(&source, packet.id, &sender).await,
                PacketType::PacketFin => {
                    let _ = sender.send(Ok(message(PacketType::PacketFin))).await;
                    false
                }
                PacketType::PacketErr => false,
                PacketType::PacketStat | PacketType::PacketData => true,
            };
            if !is_open {
                break;
            }
        }
    };
    tokio::join!(telling, answering);
}

async fn tell(source: &Source, sender: &Sender) {
    let entries: &[Entry] = match source {
        Source::Context(context) => &context.entries,
        Source::Dockerfile(context) => {
            let size = i64::try_from(context.dockerfile.text.len()).unwrap_or(i64::MAX);
            let stat = Stat { path: DOCKERFILE.to_owned(), mode: 0o644, size, ..Stat::default() };
            let _ = sender.send(Ok(told(Some(stat)))).await;
            &[]
        }
        Source::Nothing => &[],
    };
    for entry in entries {
        if sender.send(Ok(told(Some(stat(entry))))).await.is_err() {
            return;
        }
    }
    let _ = sender.send(Ok(told(None))).await;
}

/// Whether the engine still listens.
async fn hand_out(source: &Source, id: u32, sender: &Sender) -> bool {
    let handed = match source {
        Source::Context(context) => file(context, id, sender).await,
        Source::Dockerfile(context) => text(context.dockerfile.text.as_bytes(), id, sender).await,
        Source::Nothing => Err(Status::not_found("no such file in this build")),
    };
    match handed {
        Ok(is_open) => is_open,
        Err(status) => sender.send(Err(status)).await.is_ok(),
    }
}

async fn text(mut bytes: &[u8], id: u32, sender: &Sender) -> Result<bool, Status> {
    while !bytes.is_empty() {
        let (chunk, rest) = bytes.split_at(bytes.len().min(CHUNK_BYTES));
        bytes = rest;
        if sender.send(Ok(piece(id, chunk.to_vec()))).await.is_err() {
            return Ok(false);
        }
    }
    Ok(sender.send(Ok(piece(id, Vec::new()))).await.is_ok())
}

async fn file(context: &Arc<BuildContext>, id: u32, sender: &Sender) -> Result<bool, Status> {
    let unknown = || Status::not_found("no such file in this build");
    let index = usize::try_from(id).map_err(|_| unknown())?;
    let path = context.entries.get(index).ok_or_else(unknown)?.path.clone();
    let (context, sender) = (context.clone(), sender.clone());
    let read = tokio::task::spawn_blocking(move || read_into(&context, &path, id, &sender));
    match read.await {
        Ok(Ok(is_open)) => Ok(is_open),
        Ok(Err(error)) => Err(Status::unavailable(format!("a file of the context cannot be read: {error}"))),
        Err(_) => Ok(false),
    }
}

fn read_into(context: &BuildContext, path: &str, id: u32, sender: &Sender) -> std::io::Result<bool> {
    let mut file = context.open(path)?;
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        let length = std::io::Read::read(&mut file, &mut chunk)?;
        chunk.truncate(length);
        // An empty piece is the end.
        if sender.blocking_send(Ok(piece(id, chunk))).is_err() {
            return Ok(false);
        }
        if length == 0 {
            return Ok(true);
        }
    }
}

fn stat(entry: &Entry) -> Stat {
    let (kind, size, linkname) = match &entry.kind {
        Kind::Folder => (GO_FOLDER, 0, String::new()),
        Kind::File { size } => (0, i64::try_from(*size).unwrap_or(i64::MAX), String::new()),
        Kind::Link { to } => (GO_LINK, 0, to.clone()),
    };
    let mod_time = entry.modified_seconds.saturating_mul(1_000_000_000).saturating_add(entry.modified_nanos);
    Stat { path: entry.path.clone(), mode: kind | go_mode(entry.mode), size, mod_time, linkname, ..Stat::default() }
}

fn go_mode(mode: u32) -> u32 {
    let flag = |bit: u32, go: u32| if mode & bit != 0 { go } else { 0 };
    (mode & 0o777) | flag(0o4000, GO_SET_USER) | flag(0o2000, GO_SET_GROUP) | flag(0o1000, GO_STICKY)
}

fn told(stat: Option<Stat>) -> Packet {
    Packet { stat, ..message(PacketType::PacketStat) }
}

fn piece(id: u32, data: Vec<u8>) -> Packet {
    Packet { id, data, ..message(PacketType::PacketData) }
}

fn message(kind: PacketType) -> Packet {
    Packet { r#type: kind.into(), ..Packet::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_as_go_has_them() {
        let entry = |kind, mode| Entry { path: "a".into(), kind, mode, modified_seconds: 1, modified_nanos: 5 };
        let told = stat(&entry(Kind::File { size: 3 }, 0o4755));
        assert_eq!((told.mode, told.size, told.mod_time), (0o755 | GO_SET_USER, 3, 1_000_000_005));
        assert_eq!(stat(&entry(Kind::Folder, 0o1777)).mode, GO_FOLDER | GO_STICKY | 0o777);
        let link = stat(&entry(Kind::Link { to: "b".into() }, 0o777));
        assert_eq!((link.mode, link.linkname.as_str()), (GO_LINK | 0o777, "b"));
    }
}
