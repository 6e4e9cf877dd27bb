//! When a change of the source becomes visible in the sink.
//!
//! A change is announced before it is made, and its commit noted right after. A thread with a
//! connection of its own asks the sink, twice per millisecond and with one query, for all rows
//! that are waited for. The latency of a change is from its commit, on the client's clock, to the
//! moment the answer that shows it is in.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::sync::watch;
use tokio_postgres::{Client, NoTls, Row};

const POLL_PAUSE: Duration = Duration::from_micros(500);
const QUERY: &str = "SELECT order_id, (extract(epoch FROM updated_at) * 1000)::bigint, user_city
    FROM result.orders_with_user_info WHERE order_id = ANY ($1)";

/// What the sink is to show of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// The order as of this `updated_at`, in milliseconds, or later.
    Version(i64),
    /// The order with its user in this city.
    City(String),
    /// No such order.
    Gone,
}

impl Want {
    fn is_met(&self, shown: Option<&Shown>) -> bool {
        match (self, shown) {
            (Self::Version(wanted), Some(shown)) => shown.version >= *wanted,
            (Self::City(wanted), Some(shown)) => shown.city.as_ref() == Some(wanted),
            (Self::Gone, shown) => shown.is_none(),
            (_, None) => false,
        }
    }
}

/// A change that was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Ticket(usize);

/// A row of the sink, as far as it is compared here.
struct Shown {
    version: i64,
    city: Option<String>,
}

struct Change {
    order: i64,
    want: Want,
    committed: Option<Instant>,
    seen: Option<Instant>,
}

#[derive(Default)]
struct State {
    changes: Vec<Change>,
    is_closed: bool,
    failure: Option<anyhow::Error>,
}

struct Shared {
    state: Mutex<State>,
    announced: Condvar,
    waited_for: watch::Sender<usize>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Watches the sink until it is dropped.
pub(crate) struct Watcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts to watch the sink on 127.0.0.1.
    pub(crate) fn start(port: u16) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            announced: Condvar::new(),
            waited_for: watch::Sender::new(0),
        });
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || {
                if let Err(error) = poll(&of_thread, port) {
                    of_thread.lock().failure = Some(error);
                    of_thread.waited_for.send_modify(|_| {});
                }
            })
            .context("cannot start the sink's watcher")?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Announces a change that is about to be made.
    pub(crate) fn announce(&self, order: i64, want: Want) -> Ticket {
        let mut state = self.shared.lock();
        state.changes.push(Change { order, want, committed: None, seen: None });
        self.shared.waited_for.send_modify(|count| *count += 1);
        self.shared.announced.notify_one();
        Ticket(state.changes.len() - 1)
    }

    /// Notes when the change was committed.
    pub(crate) fn committed(&self, ticket: Ticket, at: Instant) {
        self.shared.lock().changes[ticket.0].committed = Some(at);
    }

    /// Whether the sink has shown the change.
    pub(crate) fn is_seen(&self, ticket: Ticket) -> bool {
        self.shared.lock().changes[ticket.0].seen.is_some()
    }

    /// Waits until the sink has shown every change that was announced.
    pub(crate) async fn all_seen(&self, limit: Duration) -> anyhow::Result<()> {
        let mut count = self.shared.waited_for.subscribe();
        let end = tokio::time::Instant::now() + limit;
        loop {
            let left = *count.borrow_and_update();
            if let Some(error) = self.shared.lock().failure.take() {
                return Err(error.context("cannot watch the sink"));
            }
            if left == 0 {
                return Ok(());
            }
            if tokio::time::timeout_at(end, count.changed()).await.is_err() {
                bail!("{left} changes are not in the sink after {limit:?}: {}", self.missing());
            }
        }
    }

    /// The times of these changes: the latency of each, and when the last one was seen.
    pub(crate) fn times(&self, tickets: &[Ticket]) -> (Vec<Duration>, Option<Instant>) {
        let state = self.shared.lock();
        let seen = tickets.iter().filter_map(|t| {
            let change = &state.changes[t.0];
            Some((change.committed?, change.seen?))
        });
        let latencies = seen.clone().map(|(from, to)| to.saturating_duration_since(from));
        (latencies.collect(), seen.map(|(_, to)| to).max())
    }

    fn missing(&self) -> String {
        let state = self.shared.lock();
        let missing = state.changes.iter().filter(|change| change.seen.is_none());
        let shown: Vec<String> =
            missing.take(3).map(|c| format!("order {} {:?}", c.order, c.want)).collect();
        shown.join(", ")
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.announced.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread: asks the sink as long as there is something to ask.
fn poll(shared: &Shared, port: u16) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start a runtime")?;
    let client = runtime.block_on(connect(port))?;
    let statement = runtime.block_on(client.prepare(QUERY))?;
    while let Some(orders) = next_question(shared) {
        let rows = runtime.block_on(client.query(&statement, &[&orders]))?;
        note(shared, &orders, &rows, Instant::now());
        std::thread::sleep(POLL_PAUSE);
    }
    Ok(())
}

async fn connect(port: u16) -> anyhow::Result<Client> {
    let connected = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .port(port)
        .user("tailwater")
        .password("tailwater")
        .dbname("warehouse")
        .connect(NoTls)
        .await;
    let (client, connection) = connected.context("cannot connect to the sink")?;
    tokio::spawn(connection);
    Ok(client)
}

/// The orders that something is waited for of; waits until there are some. `None` at the end.
fn next_question(shared: &Shared) -> Option<Vec<i64>> {
    let mut state = shared.lock();
    loop {
        if state.is_closed {
            return None;
        }
        let missing = state.changes.iter().filter(|change| change.seen.is_none());
        let orders: Vec<i64> = missing.map(|change| change.order).collect();
        if !orders.is_empty() {
            return Some(orders);
        }
        state = shared.announced.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Takes an answer up. Changes announced after the question wait for the next one.
fn note(shared: &Shared, asked: &[i64], rows: &[Row], now: Instant) {
    let shown: HashMap<i64, Shown> =
        rows.iter().map(|r| (r.get(0), Shown { version: r.get(1), city: r.get(2) })).collect();
    let mut state = shared.lock();
    let mut met = 0;
    for change in state.changes.iter_mut().filter(|change| change.seen.is_none()) {
        if asked.contains(&change.order) && change.want.is_met(shown.get(&change.order)) {
            change.seen = Some(now);
            met += 1;
        }
    }
    drop(state);
    if met > 0 {
        shared.waited_for.send_modify(|count| *count -= met);
    }
}
