//! The numbers by which a step names what the broker holds for it.
//!
//! Numbers come from one counter for the whole run, so that a number of another step is not even by
//! chance one of this step's; the table they are looked up in is the step's own.

use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealock_contract::manifest::Place;
use sealock_contract::seam::{Handle, LimitName, Refusal};
use sealock_contract::{ErrorKind, SecretText, StepError, grant, limits};

use crate::running::Running;

/// What a handle of a step stands for.
#[derive(Clone)]
pub enum Object {
    /// A secret input.
    Secret(Arc<SecretHandle>),
    /// Something that was started.
    Running(Arc<dyn Running>),
    /// An answer's body.
    HttpBody(Arc<crate::http::Body>),
    /// What a handler outside this crate keeps for the step, such as an open target.
    Other(Arc<dyn Any + Send + Sync>),
}

/// A secret input that a step opened.
#[derive(Clone, Debug)]
pub struct SecretHandle {
    /// The input's name.
    pub input: String,
    /// What it is made of.
    pub text: SecretText,
    /// The word that stands for it in requests.
    pub placeholder: String,
    /// Where that word is swapped.
    pub place: Option<Place>,
    /// For which `host:port`; the step's network grants when empty.
    pub hosts: Vec<String>,
}

/// The handles of one step.
pub struct HandleTable {
    next: Arc<AtomicU32>,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    closed: bool,
    /// Whether the run wants the step to end: what it starts now hears of it at once.
    asked_to_stop: bool,
    by_number: HashMap<u32, Object>,
}

impl HandleTable {
    pub(crate) fn new(next: Arc<AtomicU32>) -> Self {
        Self { next, entries: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps `object` under a new handle.
    ///
    /// # Errors
    ///
    /// `E-LIMIT-HANDLES` when the step holds the most it may, `E-DESK-CLOSED` when it has ended.
    pub fn insert(&self, object: Object) -> Result<Handle, Refusal> {
        let mut entries = self.lock();
        if entries.closed {
            return Err(closed());
        }
        if entries.by_number.len() >= limits::HANDLES {
            return Err(too_many());
        }
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if number != 0 && !entries.by_number.contains_key(&number) {
                if let (Object::Running(running), true) = (&object, entries.asked_to_stop) {
                    running.ask();
                }
                entries.by_number.insert(number, object);
                return Ok(Handle(number));
            }
        }
    }

    fn get(&self, handle: Handle) -> Option<Object> {
        self.lock().by_number.get(&handle.0).cloned()
    }

    /// The secret under `handle`.
    ///
    /// # Errors
    ///
    /// `E-GRANT-SECRET`: a number that this step was not given is a secret that it was not given.
    pub fn secret(&self, handle: Handle) -> Result<Arc<SecretHandle>, Refusal> {
        match self.get(handle) {
            Some(Object::Secret(secret)) => Ok(secret),
            _ => Err(grant::denied(
                grant::Capability::Secrets,
                &format!("handle {}", handle.0),
                "secrets: [a secret that the step is given]",
            )),
        }
    }

    /// What runs under `handle`.
    ///
    /// # Errors
    ///
    /// `E-HANDLE-UNKNOWN`.
    pub fn running(&self, handle: Handle) -> Result<Arc<dyn Running>, Refusal> {
        match self.get(handle) {
            Some(Object::Running(running)) => Ok(running),
            _ => Err(unknown(handle, "something that runs")),
        }
    }

    /// The body under `handle`.
    ///
    /// # Errors
    ///
    /// `E-HANDLE-UNKNOWN`.
    pub fn body(&self, handle: Handle) -> Result<Arc<crate::http::Body>, Refusal> {
        match self.get(handle) {
            Some(Object::HttpBody(body)) => Ok(body),
            _ => Err(unknown(handle, "an answer's body")),
        }
    }

    /// What another crate's handler kept under `handle`, when it is a `T`.
    ///
    /// # Errors
    ///
    /// `E-HANDLE-UNKNOWN`.
    pub fn other<T: Any + Send + Sync>(&self, handle: Handle) -> Result<Arc<T>, Refusal> {
        let found = match self.get(handle) {
            Some(Object::Other(other)) => other.downcast::<T>().ok(),
            _ => None,
        };
        found.ok_or_else(|| unknown(handle, "that kind of thing"))
    }

    /// All secrets that the step has opened, for swapping placeholders.
    pub fn secrets(&self) -> Vec<Arc<SecretHandle>> {
        let is_secret = |object: &Object| match object {
            Object::Secret(secret) => Some(secret.clone()),
            _ => None,
        };
        self.lock().by_number.values().filter_map(is_secret).collect()
    }

    /// Forgets `handle`, and gives what it stood for.
    ///
    /// # Errors
    ///
    /// `E-HANDLE-UNKNOWN`.
    pub(crate) fn remove(&self, handle: Handle) -> Result<Object, Refusal> {
        self.lock().by_number.remove(&handle.0).ok_or_else(|| unknown(handle, "anything"))
    }

    /// Asks everything that runs to stop, and whatever is started from now on.
    pub(crate) fn ask_to_stop(&self) {
        let mut entries = self.lock();
        entries.asked_to_stop = true;
        for object in entries.by_number.values() {
            if let Object::Running(running) = object {
                running.ask();
            }
        }
    }

    /// Forgets everything, takes nothing more, and gives what still ran.
    pub(crate) fn close(&self) -> Vec<Arc<dyn Running>> {
        let mut entries = self.lock();
        entries.closed = true;
        let is_running = |object: Object| match object {
            Object::Running(running) => Some(running),
            _ => None,
        };
        entries.by_number.drain().filter_map(|(_, object)| is_running(object)).collect()
    }
}

/// The refusal of a desk that is closed.
pub(crate) fn closed() -> Refusal {
    StepError::new(ErrorKind::Cancelled, "E-DESK-CLOSED", "the step has ended, and so has everything it may ask for")
}

fn too_many() -> Refusal {
    let message = format!("the step holds {} handles and may not hold more", limits::HANDLES);
    StepError::new(ErrorKind::Quota, LimitName::Handles.code(), message).help("drop what is no longer needed")
}

fn unknown(handle: Handle, expected: &str) -> Refusal {
    let message = format!("handle {} does not name {expected} of this step", handle.0);
    StepError::new(ErrorKind::NotFound, "E-HANDLE-UNKNOWN", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other() -> Object {
        Object::Other(Arc::new("x"))
    }

    #[test]
    fn a_number_of_another_step_names_nothing_here() {
        let next = Arc::new(AtomicU32::new(1));
        let (one, two) = (HandleTable::new(next.clone()), HandleTable::new(next));
        let handle = one.insert(other()).expect("room");
        assert!(one.other::<&str>(handle).is_ok());
        assert!(two.insert(other()).is_ok());
        assert_eq!(two.other::<&str>(handle).expect_err("not its own").code, "E-HANDLE-UNKNOWN");
        assert_eq!(two.secret(handle).expect_err("not its own").code, "E-GRANT-SECRET");
    }

    #[test]
    fn there_is_a_most_and_dropping_makes_room() {
        let table = HandleTable::new(Arc::new(AtomicU32::new(1)));
        let handles: Vec<_> = (0..limits::HANDLES).map(|_| table.insert(other()).expect("room")).collect();
        assert_eq!(table.insert(other()).expect_err("full").code, "E-LIMIT-HANDLES");
        assert!(table.remove(handles[0]).is_ok());
        assert!(table.insert(other()).is_ok());
    }

    #[test]
    fn the_counter_running_over_does_not_replace_a_live_handle() {
        let table = HandleTable::new(Arc::new(AtomicU32::new(u32::MAX)));
        let numbers: Vec<_> = (0..3).map(|_| table.insert(other()).expect("room").0).collect();
        assert_eq!(numbers, [u32::MAX, 1, 2]);
        table.next.store(u32::MAX, Ordering::Relaxed);
        assert_eq!(table.insert(other()).expect("room").0, 3);
    }

    #[test]
    fn a_closed_table_takes_nothing() {
        let table = HandleTable::new(Arc::new(AtomicU32::new(1)));
        assert!(table.close().is_empty());
        assert_eq!(table.insert(other()).expect_err("closed").code, "E-DESK-CLOSED");
    }
}
