//! Removing what is not kept any longer. Chains are of one run each, so none breaks when another goes.

use std::path::Path;
use std::{fs, io};

use rusqlite::{TransactionBehavior, params};

use crate::commit::cause;
use crate::log::path_of;
use crate::{CommitError, Journal};

impl Journal {
    /// Removes the record of `run`, in one commit; its pages are used again. Whoever calls holds the run's folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be written. The record is then whole.
    pub fn forget(&mut self, run: &str) -> Result<(), CommitError> {
        let state = &self.state;
        let cause = |error| cause(error, state);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(cause)?;
        for table in ["events", "plans", "runs"] {
            transaction.execute(&format!("DELETE FROM {table} WHERE run = ?1"), params![run]).map_err(cause)?;
        }
        transaction.commit().map_err(cause)
    }

    /// How many bytes the log of `run` has.
    pub fn log_bytes(state: &Path, run: &str) -> u64 {
        fs::metadata(path_of(state, run)).map_or(0, |log| log.len())
    }

    /// Removes the log of `run`; its record stays.
    ///
    /// # Errors
    ///
    /// When it is there and cannot be removed.
    pub fn remove_log(state: &Path, run: &str) -> io::Result<()> {
        match fs::remove_file(path_of(state, run)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
