//! A network that can be cut, or stall without a sign.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the network does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Weather {
    /// Nothing goes either way, and nobody is told.
    is_stalled: bool,
    /// Connections of an earlier number are cut.
    cuts: u32,
}

/// Between a client and a server on 127.0.0.1.
pub struct Proxy {
    pub port: u16,
    weather: Arc<watch::Sender<Weather>>,
}

impl Proxy {
    pub async fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let weather = Arc::new(watch::channel(Weather { is_stalled: false, cuts: 0 }).0);
        let seen = weather.subscribe();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
                    continue;
                };
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(carry(from_client, to_server, seen.clone()));
                tokio::spawn(carry(from_server, to_client, seen.clone()));
            }
        });
        Self { port, weather }
    }

    /// From now on nothing comes through, without a sign.
    pub fn stall(&self) {
        self.weather.send_modify(|weather| weather.is_stalled = true);
    }

    /// Everything comes through again; what waited is lost with its connections.
    pub fn heal(&self) {
        self.weather.send_modify(|weather| {
            weather.is_stalled = false;
            weather.cuts += 1;
        });
    }

    /// Ends all connections.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.cuts += 1);
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
) {
    let cuts = weather.borrow().cuts;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let is_cut = |weather: &Weather| weather.cuts != cuts;
        let Ok(now) = weather.wait_for(|w| !w.is_stalled || is_cut(w)).await.map(|w| *w) else {
            return;
        };
        if is_cut(&now) {
            return;
        }
        tokio::select! {
            _ = weather.changed() => {}
            read = from.read(&mut buffer) => {
                let Ok(length @ 1..) = read else {
                    return;
                };
                let calm = weather.wait_for(|w| !w.is_stalled || is_cut(w)).await.map(|w| *w);
                if calm.is_err() || calm.is_ok_and(|w| is_cut(&w)) {
                    return;
                }
                if to.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
