//! Random transactions on the shop's tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tailwater_testkit_postgres::Client;

/// A sequence of numbers that is the same for the same seed.
pub(crate) struct Random(u64);

impl Random {
    /// `TAILWATER_SEED` if that is set, else one from the clock; printed.
    pub(crate) fn new() -> Self {
        let asked = std::env::var("TAILWATER_SEED").ok().and_then(|s| s.parse().ok());
        let clock = std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
        let seed = asked.unwrap_or(clock);
        println!("TAILWATER_SEED={seed}");
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }
}

/// A task that writes until it is told to stop.
pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<u64>,
}

impl Writer {
    /// Begins to write some hundred transactions a second.
    pub(crate) fn start(client: Client, mut random: Random, users: u64, orders: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_millis(3));
            let mut transactions = 0;
            let mut next_order = orders + 1;
            while !is_stopped.load(Ordering::Relaxed) {
                pace.tick().await;
                let statements: Vec<String> = (0..=random.below(4))
                    .map(|_| statement(&mut random, users, &mut next_order))
                    .collect();
                let end = if random.below(20) == 0 { "ROLLBACK" } else { "COMMIT" };
                let sql = format!("BEGIN; {}; {end};", statements.join("; "));
                client.batch_execute(&sql).await.unwrap();
                transactions += 1;
            }
            transactions
        });
        Self { stop, task }
    }

    /// Stops; gives the number of transactions.
    pub(crate) async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

const CITIES: [&str; 7] = ["'北京'", "'上海'", "'深圳'", "'成都'", "'Oslo'", "''", "NULL"];
const STATUS: [&str; 4] = ["'PENDING'", "'SHIPPED'", "'COMPLETED'", "'RETURNED'"];

fn statement(random: &mut Random, users: u64, next_order: &mut u64) -> String {
    let order = 1 + random.below(*next_order);
    let user = 1 + random.below(users + 20);
    let (city, status) = (random.one_of(&CITIES), random.one_of(&STATUS));
    let amount = random.below(100_000);
    match random.below(10) {
        0..3 => {
            let first = *next_order;
            *next_order += 1 + random.below(5);
            let last = *next_order - 1;
            format!(
                "INSERT INTO business.orders SELECT i, {user} + i % 3, ' new ' || i, '电子产品', 2, \
                 {amount} / 200.0, {amount} / 100.0, {status}, '2024-05-01 10:00:00.123', \
                 '2024-05-01' FROM generate_series({first}, {last}) i"
            )
        }
        3 => format!(
            "UPDATE business.orders SET order_status = {status}, total_amount = {amount} / 100.0 \
             WHERE order_id BETWEEN {order} AND {order} + 3"
        ),
        4 => format!("UPDATE business.orders SET user_id = {user} WHERE order_id = {order}"),
        5 => {
            *next_order += 1;
            let free = *next_order - 1;
            format!("UPDATE business.orders SET order_id = {free} WHERE order_id = {order}")
        }
        6 => {
            let last = order + random.below(4);
            format!("DELETE FROM business.orders WHERE order_id BETWEEN {order} AND {last}")
        }
        7 => format!("DELETE FROM business.users WHERE user_id = {user}"),
        8 => format!(
            "INSERT INTO business.users VALUES ({user}, 'name {amount}', NULL, NULL, {city}, \
             '2024-05-01') ON CONFLICT (user_id) DO UPDATE SET city = {city}"
        ),
        _ => format!("UPDATE business.users SET city = {city} WHERE user_id = {user}"),
    }
}
