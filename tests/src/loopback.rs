//! A service of the rig as one of this machine: Sealock speaks plain HTTP to registries on loopback only.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A port of this machine that leads to a service elsewhere, until it is closed.
pub struct Loopback {
    /// Host and port.
    pub address: String,
    is_closed: Arc<AtomicBool>,
}

impl Loopback {
    /// Leads to the service at `to`.
    ///
    /// # Panics
    /// When no port is free.
    pub fn to(to: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let is_closed = Arc::new(AtomicBool::new(false));
        let (to, closed) = (to.to_owned(), Arc::clone(&is_closed));
        thread::spawn(move || {
            for near in listener.incoming().flatten() {
                if closed.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(far) = TcpStream::connect(&to) {
                    join(near, far);
                }
            }
        });
        Self { address, is_closed }
    }

    /// Pulls the cable: from here on nobody listens at this address.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        // The loop looks only when somebody comes.
        drop(TcpStream::connect(&self.address));
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.close();
    }
}

fn join(near: TcpStream, far: TcpStream) {
    let ends = near.try_clone().and_then(|near| Ok((near, far.try_clone()?)));
    let Ok((near_again, far_again)) = ends else { return };
    thread::spawn(move || pour(near, far));
    thread::spawn(move || pour(far_again, near_again));
}

fn pour(mut from: TcpStream, mut to: TcpStream) {
    // A connection that breaks is told to its other end.
    let _ = copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
