//! What git knows about a folder: commit, ref, remote, uncommitted changes.

mod remote;
mod uncommitted;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use git2::ErrorCode;

pub use remote::Remote;
pub(crate) use remote::all as remotes;
pub use uncommitted::Uncommitted;

/// A folder whose pipeline is run: the work tree of a git repository, or a plain folder.
///
/// Plain data: it keeps no repository open and can be shared between threads.
#[derive(Clone, Debug)]
pub struct Repository {
    root: PathBuf,
    git: bool,
    facts: Facts,
}

/// What is true of the commit that is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The commit; `None` in a plain folder and before the first commit.
    pub commit: Option<Commit>,
    /// The full ref, such as `refs/heads/main` or `refs/tags/v1`; `None` for a detached commit that no tag or
    /// more than one tag points at.
    pub reference: Option<String>,
    /// The branch's name, when the ref is a branch.
    pub branch: Option<String>,
    /// The tag's name, when the ref is a tag.
    pub tag: Option<String>,
    /// The remote of the branch, else `origin`, else the only one.
    pub remote: Option<Remote>,
}

/// One commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// All hex digits.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
    /// Its author's name.
    pub author: String,
    /// Its author's address.
    pub email: String,
    /// When it was committed, in seconds since 1970.
    pub time_s: i64,
}

/// Why a repository could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepositoryError {
    /// The folder does not exist or cannot be entered.
    #[error("failed to open folder `{path}`")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has no work tree: a bare repository.
    #[error("`{path}` is a bare repository: it has no files to run on")]
    Bare {
        /// Its folder.
        path: PathBuf,
    },
    /// A ref or commit that is not there.
    #[error("`{reference}` is not a branch, tag, or commit of this repository")]
    NoSuchReference {
        /// As it was asked for.
        reference: String,
    },
    /// More uncommitted files, or bytes of them, than a run takes along.
    #[error("{what} of uncommitted files are more than the limit of {limit}")]
    TooMuch {
        /// What was found.
        what: String,
        /// The limit.
        limit: String,
    },
    /// git could not read it.
    #[error("git could not read the repository at `{path}`")]
    Git {
        /// Its folder.
        path: PathBuf,
        /// Why.
        source: git2::Error,
    },
}

impl RepositoryError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchReference { .. } => "E-WORKSPACE-REF",
            Self::TooMuch { .. } => "E-WORKSPACE-LARGE",
            Self::Folder { .. } | Self::Bare { .. } | Self::Git { .. } => "E-WORKSPACE-GIT",
        }
    }
}

impl Repository {
    /// The repository that `dir` is in, at what is checked out; a plain folder when it is in none.
    ///
    /// # Errors
    ///
    /// When there is a repository and it cannot be read, or the folder cannot.
    pub fn discover(dir: &Path) -> Result<Self, RepositoryError> {
        let dir = canonical(dir)?;
        let found = match git2::Repository::discover(&dir) {
            Ok(found) => found,
            Err(error) if error.code() == ErrorCode::NotFound => return Self::none(&dir),
            Err(source) => return Err(RepositoryError::Git { path: dir, source }),
        };
        let Some(root) = found.workdir() else {
            return Err(RepositoryError::Bare { path: found.path().to_owned() });
        };
        let root = canonical(root)?;
        let facts = head_facts(&found).map_err(|source| RepositoryError::Git { path: root.clone(), source })?;
        Ok(Self { root, git: true, facts })
    }

    /// `dir` as a plain folder: no commit, and all of its files are uncommitted.
    ///
    /// # Errors
    ///
    /// When the folder cannot be opened.
    pub fn none(dir: &Path) -> Result<Self, RepositoryError> {
        Ok(Self { root: canonical(dir)?, git: false, facts: Facts::default() })
    }

    /// The same repository at another branch, tag, or commit. Uncommitted changes belong to what is checked
    /// out; whoever runs another commit leaves them out.
    ///
    /// # Errors
    ///
    /// When `reference` names nothing here.
    pub fn at(&self, reference: &str) -> Result<Self, RepositoryError> {
        let missing = || RepositoryError::NoSuchReference { reference: reference.to_owned() };
        if !self.git {
            return Err(missing());
        }
        let git = self.open()?;
        let (object, named) = git.revparse_ext(reference).map_err(|_| missing())?;
        let commit = object.peel_to_commit().map_err(|_| missing())?;
        let name = named.and_then(|found| found.name().ok().map(str::to_owned)).filter(|name| name != "HEAD");
        let read = |source| RepositoryError::Git { path: self.root.clone(), source };
        let facts = facts_of(&git, Some(&commit), name).map_err(read)?;
        Ok(Self { facts, ..self.clone() })
    }

    /// The folder with the files.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it is a git repository.
    pub fn is_git(&self) -> bool {
        self.git
    }

    /// What is true of the commit.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// What differs between the commit and the folder: tracked changes, staged or not, and untracked files
    /// that git does not ignore. In a plain folder everything, but no `.git` and nothing below `leave_out`
    /// (the state and cache directories, when they are in it).
    ///
    /// # Errors
    ///
    /// When the folder cannot be read, or more is uncommitted than a run takes along.
    pub fn uncommitted(&self, leave_out: &[&Path]) -> Result<Uncommitted, RepositoryError> {
        if !self.git {
            return uncommitted::whole_folder(&self.root, leave_out);
        }
        uncommitted::changes(&self.open()?, &self.root, leave_out)
    }

    /// The files that differ between the commit `from` and this one; `None` when `from` is not here, as in a shallow checkout.
    pub fn changed_since(&self, from: &str) -> Option<Vec<String>> {
        let git = self.git.then(|| self.open().ok()).flatten()?;
        let tree = |id: &str| git.find_commit(git2::Oid::from_str(id).ok()?).ok()?.tree().ok();
        let (old, new) = (tree(from)?, tree(&self.facts.commit.as_ref()?.id)?);
        let diff = git.diff_tree_to_tree(Some(&old), Some(&new), None).ok()?;
        let sides = diff.deltas().flat_map(|delta| [delta.old_file().path_bytes(), delta.new_file().path_bytes()]);
        let paths: BTreeSet<String> = sides.flatten().map(|path| String::from_utf8_lossy(path).into_owned()).collect();
        Some(paths.into_iter().collect())
    }

    /// A file as `commit` has it; nothing when that has no such file.
    ///
    /// # Errors
    ///
    /// When `commit` is not here, as in a shallow checkout, or git cannot read it.
    pub fn file_at(&self, commit: &str, path: &Path) -> Result<Option<Vec<u8>>, RepositoryError> {
        let missing = |_| RepositoryError::NoSuchReference { reference: commit.to_owned() };
        let read = |source| RepositoryError::Git { path: self.root.clone(), source };
        let git = self.open()?;
        let commit = git2::Oid::from_str(commit).and_then(|id| git.find_commit(id)).map_err(missing)?;
        let entry = match commit.tree().and_then(|tree| tree.get_path(path)) {
            Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
            entry => entry.map_err(read)?,
        };
        let object = entry.to_object(&git).map_err(read)?;
        Ok(object.as_blob().map(|blob| blob.content().to_vec()))
    }

    pub(crate) fn open(&self) -> Result<git2::Repository, RepositoryError> {
        git2::Repository::open(&self.root).map_err(|source| RepositoryError::Git { path: self.root.clone(), source })
    }
}

fn canonical(dir: &Path) -> Result<PathBuf, RepositoryError> {
    dir.canonicalize().map_err(|source| RepositoryError::Folder { path: dir.to_owned(), source })
}

fn head_facts(git: &git2::Repository) -> Result<Facts, git2::Error> {
    let head = git.find_reference("HEAD")?;
    let branch = head.symbolic_target().ok().flatten().map(str::to_owned);
    let commit = match git.head() {
        Ok(head) => Some(head.peel_to_commit()?),
        Err(error) if matches!(error.code(), ErrorCode::UnbornBranch | ErrorCode::NotFound) => None,
        Err(error) => return Err(error),
    };
    facts_of(git, commit.as_ref(), branch)
}

fn facts_of(
    git: &git2::Repository,
    commit: Option<&git2::Commit<'_>>,
    reference: Option<String>,
) -> Result<Facts, git2::Error> {
    let reference = match (reference, commit) {
        (None, Some(commit)) => only_tag(git, commit.id())?,
        (named, _) => named,
    };
    let after = |prefix: &str| reference.as_deref().and_then(|name| name.strip_prefix(prefix)).map(str::to_owned);
    let branch = after("refs/heads/");
    Ok(Facts {
        commit: commit.map(commit_facts),
        remote: remote::of(git, branch.as_deref()),
        tag: after("refs/tags/"),
        branch,
        reference,
    })
}

fn commit_facts(commit: &git2::Commit<'_>) -> Commit {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let author = commit.author();
    let first_line = commit.message_bytes().split(|&byte| byte == b'\n').find(|line| !line.is_empty());
    Commit {
        id: commit.id().to_string(),
        subject: text(first_line.unwrap_or_default()),
        author: text(author.name_bytes()),
        email: text(author.email_bytes()),
        time_s: commit.time().seconds(),
    }
}

/// The tag that points at `commit`, when there is exactly one.
fn only_tag(git: &git2::Repository, commit: git2::Oid) -> Result<Option<String>, git2::Error> {
    let mut found = None;
    for tag in git.references_glob("refs/tags/*")? {
        let tag = tag?;
        if tag.peel_to_commit().is_ok_and(|target| target.id() == commit) {
            if found.is_some() {
                return Ok(None);
            }
            found = tag.name().ok().map(str::to_owned);
        }
    }
    Ok(found)
}
