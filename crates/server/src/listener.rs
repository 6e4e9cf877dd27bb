//! Listening and the way to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::{Router, middleware};
use tokio::net::TcpListener;

use crate::access::{Access, guard};

/// A port that is ours, not yet served.
pub struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Takes the port; 0 takes any.
    ///
    /// # Errors
    /// As the system refuses it.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Answers until `end`, then finishes the requests that are being answered.
///
/// # Errors
/// If the listener breaks.
pub async fn serve(
    listener: Listener,
    access: Access,
    router: Router,
    end: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let router = router.layer(middleware::from_fn_with_state(access, guard));
    axum::serve(listener.listener, router).with_graceful_shutdown(end).await
}
