//! One component, many attacks: `attack` says which. What each must come to is in the sandbox's tests.

mod asking;
mod files;
mod logs;
mod memory;
mod network;
mod outputs;
mod time;

use sealock_sdk::{Error, Inputs, Outcome, Step, step};

#[derive(Inputs)]
struct Hostile {
    /// Which attack.
    attack: String,
    /// What it is aimed at.
    #[input(default = "")]
    at: String,
}

type Attack = fn(&str, &mut Step) -> Result<Outcome, Error>;

/// Every attack. The tests read this list: one that nobody claims fails them.
const ATTACKS: &[(&str, Attack)] = &[
    ("loop", time::endless),
    ("storm", time::storm),
    ("sleep", time::sleep),
    ("thread-sleep", time::thread_sleep),
    ("ignore-cancel", time::ignore_cancel),
    ("heed-cancel", time::heed_cancel),
    ("memory", memory::grow),
    ("handles", memory::handles),
    ("drafts", memory::drafts),
    ("random", memory::random),
    ("stack", memory::stack),
    ("trap", memory::trap),
    ("exit", memory::exit),
    ("log-flood", logs::flood),
    ("empty-lines", logs::empty_lines),
    ("stdout-flood", logs::stdout_flood),
    ("one-line", logs::one_line),
    ("bad-utf8", logs::bad_utf8),
    ("huge-string", logs::huge_string),
    ("annotations", logs::annotations),
    ("read", files::read),
    ("write", files::write),
    ("list", files::list),
    ("symlink", files::symlink),
    ("hard-link", files::hard_link),
    ("rename", files::rename),
    ("truncate", files::truncate),
    ("write-much", files::write_much),
    ("many-files", files::many_files),
    ("http", network::get),
    ("http-headers", network::headers),
    ("http-body", network::big_body),
    ("socket", network::socket),
    ("lookup", network::lookup),
    ("output-unknown", outputs::unknown),
    ("output-type", outputs::wrong_type),
    ("output-json", outputs::bad_json),
    ("output-huge", outputs::huge),
    ("summary-huge", outputs::summary),
    ("guess-handle", asking::guess_handle),
    ("exec", asking::exec),
    ("secret", asking::secret),
    ("reveal", asking::reveal),
    ("placeholder", asking::placeholder),
    ("build", asking::build),
    ("push", asking::push),
    ("container", asking::container),
    ("target", asking::target),
    ("script", asking::script),
    ("produce", asking::produce),
    ("not-yet", asking::not_yet),
    ("facts", asking::facts),
    ("everything", asking::everything),
];

#[step]
fn run(inputs: Hostile, step: &mut Step) -> Result<Outcome, Error> {
    let attack = ATTACKS.iter().find(|(name, _)| *name == inputs.attack);
    let (_, attack) = attack.ok_or_else(|| Error::new("E-GUEST", format!("no attack `{}`", inputs.attack)))?;
    attack(&inputs.at, step)
}
