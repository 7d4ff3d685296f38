//! A connection that can be cut, or fall silent like a pulled cable.

use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) struct Proxy {
    pub(crate) port: u16,
    open: Arc<Mutex<Vec<JoinHandle<()>>>>,
    accepting: JoinHandle<()>,
    silent: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("bound").port();
        let open = Arc::<Mutex<Vec<JoinHandle<()>>>>::default();
        let kept = open.clone();
        let (silent, silence) = watch::channel(false);
        let accepting = tokio::spawn(async move {
            while let Ok((mut inner, _)) = listener.accept().await {
                let mut silence = silence.clone();
                let carrying = tokio::spawn(async move {
                    let mut outer = TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens");
                    tokio::select! {
                        _ = copy_bidirectional(&mut inner, &mut outer) => {}
                        // Both ends stay open, and nothing goes through.
                        () = async { silence.wait_for(|silent| *silent).await.map(drop).unwrap_or_default() } => {
                            std::future::pending::<()>().await;
                        }
                    }
                });
                kept.lock().unwrap().push(carrying);
            }
        });
        Self { port: own, open, accepting, silent }
    }

    /// Nothing goes through any more, on no connection, and nobody is told.
    pub(crate) fn fall_silent(&self) {
        self.silent.send_replace(true);
    }

    /// Cuts everything that is open now; new connections go through.
    pub(crate) fn cut(&self) {
        self.open.lock().unwrap().drain(..).for_each(|carrying| carrying.abort());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}
