//! What can still be read of a journal that cannot be trusted.
//!
//! Nothing here stops at a break: what stands behind it is handed over too, and said not to be verified. Where a page
//! of the file is damaged the records on it are left out.

use std::collections::BTreeSet;

use rusqlite::{Row, params};
use sealock_events::Event;

use crate::chain::{self, Hash};
use crate::commit::number;
use crate::read::StoredEvent;
use crate::{Journal, RunHead};

/// Records that are fetched at once where the file can be read.
const PAGE_EVENTS: usize = 512;
/// Numbers that are tried behind one that cannot be read, where nothing says how many there are: a damaged file must not
/// be searched for ever.
const TRIED_MAX: u64 = 10_000;

/// One thing that could be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum Salvaged {
    /// The head of a run.
    Head {
        /// The head.
        head: RunHead,
    },
    /// A record.
    Record {
        /// The run.
        run: String,
        /// Its number.
        seq: u64,
        /// Whether the chain holds from the run's head to here.
        is_verified: bool,
        /// The event, or the bytes where they are none.
        event: Result<Box<Event>, Vec<u8>>,
    },
}

impl Journal {
    /// Hands over everything that can be read, run by run. It ends when `take` says no.
    pub fn salvage(&self, mut take: impl FnMut(Salvaged) -> bool) {
        for run in self.readable_runs() {
            if !self.salvage_run(&run, &mut take) {
                return;
            }
        }
    }

    fn readable_runs(&self) -> BTreeSet<String> {
        let mut runs = BTreeSet::new();
        for text in ["SELECT run FROM runs", "SELECT DISTINCT run FROM events"] {
            let Ok(mut query) = self.connection.prepare(text) else { continue };
            let Ok(rows) = query.query_map([], |row| row.get::<_, String>(0)) else { continue };
            runs.extend(rows.map_while(Result::ok));
        }
        runs
    }

    fn salvage_run(&self, run: &str, take: &mut impl FnMut(Salvaged) -> bool) -> bool {
        let (mut hash, mut end) = (None, None);
        if let Ok(stored) = self.head(run) {
            (hash, end) = (Some(chain::of_head(&stored.head)), Some(stored.seq));
            if !take(Salvaged::Head { head: stored.head }) {
                return false;
            }
        }
        let mut after = 0;
        let mut tried = 0;
        while tried < TRIED_MAX {
            let page = self.page(run, after, PAGE_EVENTS).or_else(|_| self.one(run, after + 1));
            match page.as_deref() {
                Ok([]) => break,
                Ok(found) => {
                    for record in found {
                        hash = hash.filter(|_| record.seq == after + 1).and_then(|hash| next(&hash, record));
                        after = record.seq;
                        if !take(salvaged(run, record, hash.is_some())) {
                            return false;
                        }
                    }
                    tried = 0;
                }
                Err(_) => (hash, after, tried) = (None, after + 1, tried + 1),
            }
            if end.is_some_and(|end| after >= end && page.is_err()) {
                break;
            }
        }
        true
    }

    fn one(&self, run: &str, seq: u64) -> rusqlite::Result<Vec<StoredEvent>> {
        let text = "SELECT seq, record, hash FROM events WHERE run = ?1 AND seq = ?2";
        let read = |row: &Row<'_>| Ok(StoredEvent { seq, record: row.get(1)?, hash: row.get(2)? });
        self.connection.prepare_cached(text)?.query_row(params![run, number(seq)], read).map(|found| vec![found])
    }
}

/// The hash after `record`, when it is the one that it has.
fn next(before: &Hash, record: &StoredEvent) -> Option<Hash> {
    Some(chain::next(before, &record.record)).filter(|hash| *hash == record.hash)
}

fn salvaged(run: &str, record: &StoredEvent, is_verified: bool) -> Salvaged {
    let event = serde_json::from_slice(&record.record).map_err(|_| record.record.clone());
    Salvaged::Record { run: run.to_owned(), seq: record.seq, is_verified, event }
}
