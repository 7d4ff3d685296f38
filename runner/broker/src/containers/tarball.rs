//! A context as an archive, for engines without BuildKit.

use std::io::{self, Read, Write};
use std::sync::Arc;

use bytes::Bytes;
use tar::{Builder, EntryType, Header};
use tokio::sync::mpsc;

use super::context::{BuildContext, Entry, IGNORE_FILE, Kind};

/// Pieces between the writer and the connection.
const PIECES: usize = 16;

/// Where the Dockerfile lies in the archive.
pub(super) fn dockerfile_name(context: &BuildContext) -> String {
    context.dockerfile.inside.clone().unwrap_or_else(|| OUTSIDE.to_owned())
}

/// For a Dockerfile outside the context. An ignore file in the archive keeps it out of `COPY . .`.
const OUTSIDE: &str = ".sealock.Dockerfile";

/// The archive, piece by piece. Reading it stops when the receiver is dropped; an archive that could not be
/// finished lacks its end, and the engine refuses it.
pub(super) fn archive(context: Arc<BuildContext>) -> mpsc::Receiver<Bytes> {
    let (pieces, receiver) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let mut archive = Builder::new(io::BufWriter::with_capacity(64 << 10, Pieces(pieces)));
        archive.mode(tar::HeaderMode::Deterministic);
        if let Err(error) = write(&context, &mut archive) {
            tracing::debug!(%error, "the build context was not read to its end");
        }
    });
    receiver
}

fn write(context: &BuildContext, archive: &mut Builder<impl Write>) -> io::Result<()> {
    for entry in &context.entries {
        append(context, archive, entry)?;
    }
    if context.dockerfile.inside.is_none() {
        append_text(archive, OUTSIDE, &context.dockerfile.text)?;
        append_text(archive, IGNORE_FILE, &format!("{OUTSIDE}\n{IGNORE_FILE}\n"))?;
    }
    archive.finish()?;
    archive.get_mut().flush()
}

fn append(context: &BuildContext, archive: &mut Builder<impl Write>, entry: &Entry) -> io::Result<()> {
    if entry.path == IGNORE_FILE && context.dockerfile.inside.is_none() {
        return Ok(());
    }
    let mut header = Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_mtime(u64::try_from(entry.modified_seconds).unwrap_or(0));
    match &entry.kind {
        Kind::Folder => {
            header.set_entry_type(EntryType::Directory);
            header.set_size(0);
            archive.append_data(&mut header, format!("{}/", entry.path), io::empty())
        }
        Kind::Link { to } => {
            header.set_entry_type(EntryType::Symlink);
            header.set_size(0);
            archive.append_link(&mut header, &entry.path, to)
        }
        Kind::File { size } => {
            header.set_size(*size);
            // A file that has become shorter is filled up: the archive's shape must hold.
            let bytes = context.open(&entry.path)?.chain(io::repeat(0)).take(*size);
            archive.append_data(&mut header, &entry.path, bytes)
        }
    }
}

fn append_text(archive: &mut Builder<impl Write>, path: &str, text: &str) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(text.len() as u64);
    archive.append_data(&mut header, path, text.as_bytes())
}

struct Pieces(mpsc::Sender<Bytes>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        self.0.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
