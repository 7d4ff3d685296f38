//! The commit's files, written by git2 into the state directory.

use std::fs;
use std::io;
use std::path::Path;

use git2::build::CheckoutBuilder;
use git2::{IndexEntry, RepositoryInitOptions};

use super::notes::Notes;
use super::{CheckoutError, git_folder};
use crate::{Repository, files};

/// Makes `home` whole or not at all: everything is written beside it and then renamed.
pub(super) fn export(repository: &Repository, folder: &Path, home: &Path) -> Result<(), CheckoutError> {
    let disk = |source| CheckoutError::Disk { path: home.to_owned(), source };
    let making = tempfile::Builder::new().prefix(".making-").tempdir_in(folder).map_err(disk)?;
    let tree = making.path().join("tree");
    fs::create_dir(&tree).map_err(disk)?;
    let mut notes = Notes::new().map_err(disk)?;
    if let Some(commit) = &repository.facts().commit {
        let failed = |source| CheckoutError::Git { commit: commit.id.clone(), source };
        let original = repository.open()?;
        let entries = write_files(&original, &commit.id, &tree).map_err(failed)?;
        fs::rename(tree.join(".git/index"), making.path().join("index")).map_err(disk)?;
        fs::remove_dir_all(tree.join(".git")).map_err(disk)?;
        notes.look_at(&tree, &entries).map_err(disk)?;
    }
    notes.write(making.path()).map_err(disk)?;
    files::remove(home).map_err(disk)?;
    fs::rename(making.keep(), home).map_err(disk)
}

/// Checks out through a repository of our own that borrows the original's objects: the index, attributes, and
/// configuration of the original's work tree have no say in what is written.
fn write_files(original: &git2::Repository, commit: &str, tree: &Path) -> Result<Vec<IndexEntry>, git2::Error> {
    let own = borrowing(original, tree)?;
    let commit = own.find_commit(git2::Oid::from_str(commit)?)?;
    let mut index = own.index()?;
    index.read_tree(&commit.tree()?)?;
    index.write()?;
    own.checkout_index(Some(&mut index), Some(CheckoutBuilder::new().force().update_index(true)))?;
    index.write()?;
    Ok(index.iter().collect())
}

fn borrowing(original: &git2::Repository, tree: &Path) -> Result<git2::Repository, git2::Error> {
    let own = git2::Repository::init_opts(
        tree,
        RepositoryInitOptions::new().external_template(false).no_reinit(true).initial_head("sealock"),
    )?;
    let failed = |error: io::Error| git2::Error::from_str(&error.to_string());
    git_folder::write_alternates(original, own.path()).map_err(failed)?;
    git_folder::write_config(&[], &own.path().join("config"))?;
    git2::Repository::open(tree)
}
