//! `wasi:filesystem`: the folders that were handed over as open descriptors, and nothing else.
//!
//! wasmtime keeps a path inside its folder. What is added here: the grant's patterns for `/workspace`, the budgets
//! of written bytes and files, and an event for every path that was refused.
//!
//! # Invariants
//!
//! - Where the grant does not cover the whole workspace, no symbolic link is followed and none is made: a pattern
//!   speaks of names, and a link is a second name.
//! - Every open folder's own path is known, so that a path below it has exactly one spelling.

use std::sync::Arc;

use wasmtime::component::{HasData, Resource};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult, ReaddirIterator};

use super::file_watch::{Counted, FileWatch, Place, Want, refusal, resolve};
use crate::state::StepState;

/// Where the workspace is seen.
pub(crate) const WORKSPACE: &str = "/workspace";

/// Which view of a store the interface is linked to.
pub(crate) struct Files;

impl HasData for Files {
    type Data<'a> = FilesView<'a>;
}

/// wasmtime's own implementation, and what is watched of it.
pub(crate) struct FilesView<'a> {
    inner: WasiFilesystemCtxView<'a>,
    watch: &'a mut FileWatch,
}

/// The view of a store.
pub(crate) fn view(state: &mut StepState) -> FilesView<'_> {
    let inner = WasiFilesystemCtxView { ctx: state.wasi.filesystem(), table: &mut state.table };
    FilesView { inner, watch: &mut state.files }
}

impl FilesView<'_> {
    /// Checks a path before anything is done with it; a denial is an event.
    fn admit(&self, fd: &Resource<Descriptor>, path: &str, want: Want) -> FsResult<Place> {
        let admitted = self.watch.place(fd.rep(), path).and_then(|place| {
            self.watch.check(&place, want)?;
            Ok(place)
        });
        admitted.map_err(|denial| {
            self.watch.note(&denial);
            types::ErrorCode::NotPermitted.into()
        })
    }

    /// Makes an event of what wasmtime itself refused.
    fn watched<T>(&self, path: &str, result: FsResult<T>) -> FsResult<T> {
        result.inspect_err(|error| {
            let refused = [types::ErrorCode::NotPermitted, types::ErrorCode::ReadOnly];
            if error.downcast_ref().is_some_and(|code| refused.contains(code)) {
                self.watch.note(&refusal(path));
            }
        })
    }

    fn hold(&mut self, stream: Resource<DynOutputStream>) -> FsResult<Resource<DynOutputStream>> {
        let inner = self.inner.table.delete(stream).map_err(FsError::trap)?;
        let counted: DynOutputStream = Box::new(Counted { inner, budget: Arc::clone(&self.watch.budget) });
        self.inner.table.push(counted).map_err(FsError::trap)
    }
}

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let folders = preopens::Host::get_directories(&mut self.inner)?;
        for (fd, seen_as) in &folders {
            self.watch.places.insert(fd.rep(), Place::top(seen_as == WORKSPACE));
        }
        Ok(folders)
    }
}

impl types::Host for FilesView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<types::ErrorCode> {
        types::Host::convert_error_code(&mut self.inner, error)
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime_wasi::p2::IoError>,
    ) -> wasmtime::Result<Option<types::ErrorCode>> {
        types::Host::filesystem_error_code(&mut self.inner, error)
    }
}

impl types::HostDescriptor for FilesView<'_> {
    fn read_via_stream(&mut self, fd: Resource<Descriptor>, offset: u64) -> FsResult<Resource<DynInputStream>> {
        self.inner.read_via_stream(fd, offset)
    }

    fn write_via_stream(&mut self, fd: Resource<Descriptor>, offset: u64) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.inner.write_via_stream(fd, offset)?;
        self.hold(stream)
    }

    fn append_via_stream(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        let stream = self.inner.append_via_stream(fd)?;
        self.hold(stream)
    }

    async fn advise(
        &mut self,
        fd: Resource<Descriptor>,
        offset: u64,
        length: u64,
        advice: types::Advice,
    ) -> FsResult<()> {
        self.inner.advise(fd, offset, length, advice).await
    }

    async fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.inner.sync_data(fd).await
    }

    async fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<types::DescriptorFlags> {
        self.inner.get_flags(fd).await
    }

    async fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<types::DescriptorType> {
        self.inner.get_type(fd).await
    }

    async fn set_size(&mut self, fd: Resource<Descriptor>, size: u64) -> FsResult<()> {
        self.watch.budget.take_bytes(size).map_err(FsError::trap)?;
        self.inner.set_size(fd, size).await
    }

    async fn set_times(
        &mut self,
        fd: Resource<Descriptor>,
        accessed: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        let is_writable = self.watch.places.get(&fd.rep()).is_some_and(|place| place.writable || !place.in_workspace);
        if !is_writable {
            self.admit(&fd, ".", Want::Write)?;
        }
        self.inner.set_times(fd, accessed, modified).await
    }

    async fn read(&mut self, fd: Resource<Descriptor>, length: u64, offset: u64) -> FsResult<(Vec<u8>, bool)> {
        self.inner.read(fd, length, offset).await
    }

    async fn write(&mut self, fd: Resource<Descriptor>, bytes: Vec<u8>, offset: u64) -> FsResult<u64> {
        self.watch.budget.take_bytes(bytes.len() as u64).map_err(FsError::trap)?;
        self.inner.write(fd, bytes, offset).await
    }

    async fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<ReaddirIterator>> {
        let place = self.admit(&fd, ".", Want::Look)?;
        let entries = self.inner.read_directory(fd).await?;
        if place.in_workspace && !self.watch.files().reads_all() {
            self.watch.listings.insert(entries.rep(), place.path);
        }
        Ok(entries)
    }

    async fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        self.inner.sync(fd).await
    }

    async fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.admit(&fd, &path, Want::Write)?;
        self.watch.budget.take_file().map_err(FsError::trap)?;
        let result = self.inner.create_directory_at(fd, path.clone()).await;
        self.watched(&path, result)
    }

    async fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<types::DescriptorStat> {
        self.inner.stat(fd).await
    }

    async fn stat_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: types::PathFlags,
        path: String,
    ) -> FsResult<types::DescriptorStat> {
        self.admit(&fd, &path, looking(flags))?;
        let result = self.inner.stat_at(fd, flags, path.clone()).await;
        self.watched(&path, result)
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: types::PathFlags,
        path: String,
        accessed: types::NewTimestamp,
        modified: types::NewTimestamp,
    ) -> FsResult<()> {
        self.admit(&fd, &path, Want::Write)?;
        let result = self.inner.set_times_at(fd, flags, path.clone(), accessed, modified).await;
        self.watched(&path, result)
    }

    /// A second name of a file that may be written: both names must be.
    async fn link_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: types::PathFlags,
        path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        self.admit(&fd, &path, Want::Write)?;
        self.admit(&new_fd, &new_path, Want::Write)?;
        self.watch.budget.take_file().map_err(FsError::trap)?;
        let result = self.inner.link_at(fd, flags, path, new_fd, new_path.clone()).await;
        self.watched(&new_path, result)
    }

    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: types::PathFlags,
        path: String,
        open_flags: types::OpenFlags,
        flags: types::DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let place = self.admit(&fd, &path, wanted(open_flags, flags))?;
        if open_flags.contains(types::OpenFlags::CREATE) {
            self.watch.budget.take_file().map_err(FsError::trap)?;
        }
        let result = self.inner.open_at(fd, path_flags, path.clone(), open_flags, flags).await;
        let opened = self.watched(&path, result)?;
        let writable = wanted(open_flags, flags) == Want::Write;
        self.watch.places.insert(opened.rep(), Place { writable, ..place });
        Ok(opened)
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        self.admit(&fd, &path, Want::LookAtLink)?;
        let result = self.inner.readlink_at(fd, path.clone()).await;
        self.watched(&path, result)
    }

    async fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.admit(&fd, &path, Want::Write)?;
        let result = self.inner.remove_directory_at(fd, path.clone()).await;
        self.watched(&path, result)
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        self.admit(&fd, &path, Want::Write)?;
        self.admit(&new_fd, &new_path, Want::Write)?;
        let result = self.inner.rename_at(fd, path, new_fd, new_path.clone()).await;
        self.watched(&new_path, result)
    }

    /// A link must point inside the workspace, seen from its own folder, and needs a grant of all of it.
    async fn symlink_at(&mut self, fd: Resource<Descriptor>, target: String, path: String) -> FsResult<()> {
        let place = self.admit(&fd, &path, Want::Write)?;
        let folder = place.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let leaves = target.starts_with('/') || resolve(folder, &target).starts_with("..");
        if leaves || (place.in_workspace && !self.watch.files().writes_all()) {
            self.watch.note(&refusal(&target));
            return Err(types::ErrorCode::NotPermitted.into());
        }
        self.watch.budget.take_file().map_err(FsError::trap)?;
        let result = self.inner.symlink_at(fd, target, path.clone()).await;
        self.watched(&path, result)
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.admit(&fd, &path, Want::Write)?;
        let result = self.inner.unlink_file_at(fd, path.clone()).await;
        self.watched(&path, result)
    }

    async fn is_same_object(
        &mut self,
        one: Resource<Descriptor>,
        other: Resource<Descriptor>,
    ) -> wasmtime::Result<bool> {
        self.inner.is_same_object(one, other).await
    }

    async fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<types::MetadataHashValue> {
        self.inner.metadata_hash(fd).await
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: types::PathFlags,
        path: String,
    ) -> FsResult<types::MetadataHashValue> {
        self.admit(&fd, &path, looking(flags))?;
        self.inner.metadata_hash_at(fd, flags, path).await
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        self.watch.forget(fd.rep());
        types::HostDescriptor::drop(&mut self.inner, fd)
    }
}

fn looking(flags: types::PathFlags) -> Want {
    if flags.contains(types::PathFlags::SYMLINK_FOLLOW) { Want::Look } else { Want::LookAtLink }
}

fn wanted(open: types::OpenFlags, flags: types::DescriptorFlags) -> Want {
    let writes = types::DescriptorFlags::WRITE | types::DescriptorFlags::MUTATE_DIRECTORY;
    let changes = types::OpenFlags::CREATE | types::OpenFlags::TRUNCATE;
    if flags.intersects(types::DescriptorFlags::WRITE) || open.intersects(changes) {
        Want::Write
    } else if open.contains(types::OpenFlags::DIRECTORY) || flags.intersects(writes) {
        Want::Look
    } else {
        Want::Read
    }
}

impl types::HostDirectoryEntryStream for FilesView<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<ReaddirIterator>,
    ) -> FsResult<Option<types::DirectoryEntry>> {
        loop {
            let entry = self.inner.read_directory_entry(Resource::new_borrow(stream.rep())).await?;
            match &entry {
                Some(found) if !self.watch.may_see(stream.rep(), &found.name) => {}
                _ => return Ok(entry),
            }
        }
    }

    fn drop(&mut self, stream: Resource<ReaddirIterator>) -> wasmtime::Result<()> {
        self.watch.listings.remove(&stream.rep());
        types::HostDirectoryEntryStream::drop(&mut self.inner, stream)
    }
}
