//! PostgreSQL on a target: dumping, proving that a dump can be restored, restoring, and finding out how far that got.
//!
//! The database's own programs do the work, on the target: those of a container of a Compose service of the environment, or
//! those of the target itself. A backup is a file below `shared/backups/DATABASE`, named after its time and the key of the
//! step that made it.
//!
//! # Invariants
//!
//! - A backup has its name only once it was restored into a scratch database.
//! - A restore fills a new database, and takes the place of the old one by renaming both: there is no half of it. The old one
//!   stays, as `DATABASE_before_restore`.
//! - The password reaches the programs through the environment, never as an argument.

mod database;
mod report;
mod scripts;

pub use database::{Backup, Database, Named};
pub use sealock_rollout::key;
