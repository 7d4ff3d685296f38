//! Runs a step in your own process: plain `cargo test`, fake grants, recorded host calls.
//!
//! A [`Kit`] is a fake host. It grants exactly what is given to it; everything else answers `denied`, as the real
//! one does. What the step did comes back as [`Ended`].
//!
//! ```no_run
//! # use sealock_sdk::{Error, Inputs, Outcome, Step};
//! # #[derive(Inputs)]
//! # struct Wanted { /** The file. */ file: sealock_sdk::WorkspacePath }
//! # fn run(_: Wanted, _: &mut Step) -> Result<Outcome, Error> { Ok(Outcome::Success) }
//! use sealock_sdk::testing::Kit;
//!
//! let mut kit = Kit::new();
//! kit.file("notes.txt", "one\ntwo\n").input("file", "notes.txt");
//! kit.answer("https://hooks.example.com/", 204, "");
//! let ended = kit.run(run);
//! assert_eq!(ended.outcome(), &Outcome::Success);
//! assert_eq!(ended.wrote("out/report.txt").as_deref(), Some("2 lines\n"));
//! assert_eq!(ended.progress, [(2, Some(2), "all of it".to_owned())]);
//! ```
//!
//! # What is different from the real host
//!
//! Files are those of a folder of the kit's own: a [`WorkspacePath`](crate::WorkspacePath) leads there, a literal
//! `/workspace/…` does not; [`workspace`](crate::workspace) is right in both. Clocks and dice are real also for a
//! hermetic step. Limits of memory, time, and sizes are not held. `sealock plugin test` has all of that.

mod ended;
pub(crate) mod fake;
mod files;
mod given;
mod kit;
mod reply;
mod state;

pub use ended::{Annotated, Ended};
pub use kit::Kit;
pub use reply::Reply;
