//! Which machine this is: a run whose state directory was copied must not go on in two places. Locks of files say who goes on
//! with a run on one machine only.

use std::path::Path;

use sealock_contract::Digest;
use sealock_workspace::RunFolder;

use crate::failure::Failure;

/// Where systemd and D-Bus keep the machine's own id.
const ID_FILES: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
/// How much of the digest of an id is kept: the id itself is nobody's business (machine-id(5)).
const DIGEST_CHARS: usize = 32;

/// A machine, as a run has it noted.
struct Machine {
    id: String,
    /// For people.
    name: String,
}

impl Machine {
    /// This one: by its id, or by its name where it has none.
    fn this() -> Self {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let own =
            ID_FILES.iter().filter_map(|path| std::fs::read_to_string(path).ok()).find(|id| !id.trim().is_empty());
        let known = own.map_or_else(|| format!("name {name}"), |id| format!("id {}", id.trim()));
        let id = Digest::of(format!("sealock {known}").as_bytes()).hex().chars().take(DIGEST_CHARS).collect();
        Self { id, name }
    }

    fn read(note: &str) -> Option<Self> {
        let (id, name) = note.trim_end().split_once(' ')?;
        Some(Self { id: id.to_owned(), name: name.to_owned() })
    }
}

/// Notes that the run of `folder` goes on on this machine, and of which repository it is here.
///
/// # Errors
///
/// When that cannot be written.
pub(crate) fn note(folder: &RunFolder, repository: &Path) -> Result<(), Failure> {
    let Machine { id, name } = Machine::this();
    let noted = folder.note_repository(repository).and_then(|()| folder.note_machine(&format!("{id} {name}\n")));
    noted.map_err(|error| Failure::new("E-DISK", error.to_string()))
}

/// The name of the machine that `run` goes on on, when that is another one than this.
pub(crate) fn other(state: &Path, run: &str) -> Option<String> {
    let noted = Machine::read(&RunFolder::machine(state, run)?)?;
    (noted.id != Machine::this().id).then_some(noted.name)
}
