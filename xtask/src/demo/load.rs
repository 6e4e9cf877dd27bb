//! Orders at a steady rate, with updates and deletes among them.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::shop::{NOBODY, Shop};
use super::watch::{Ticket, Watcher};

/// The id of the first order.
const FIRST: i64 = 10_000;
const CITIES: &[&str] = &["北京", "成都", "上海", "杭州"];
const LIMIT: Duration = Duration::from_secs(30);

/// What a load has done.
pub(crate) struct Load {
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) inserts: usize,
    pub(crate) updates: usize,
    pub(crate) deletes: usize,
    pub(crate) moves: usize,
    /// Orders inserted per second.
    pub(crate) rate: f64,
    pub(crate) started: Instant,
}

/// A later change of an order, made once the sink has shown the order: what it was before must not
/// be missed.
enum Later {
    Update(i64),
    Delete(i64),
}

struct Waiting {
    order_inserted: Ticket,
    later: Later,
}

/// Inserts `orders` orders at `rate` per second, updates every fifth and deletes every tenth of
/// them, and moves a user to another city with every hundredth. All have been seen at the end.
pub(crate) async fn run(
    shop: &mut Shop<'_>,
    watcher: &Watcher,
    orders: u32,
    rate: u32,
) -> anyhow::Result<Load> {
    let started = Instant::now();
    let mut load = Load {
        tickets: Vec::new(),
        inserts: 0,
        updates: 0,
        deletes: 0,
        moves: 0,
        rate: 0.0,
        started,
    };
    let mut waiting = VecDeque::new();
    for number in 0..orders {
        let due = started + Duration::from_secs(1) * number / rate.max(1);
        tokio::time::sleep_until(due.into()).await;
        let order = FIRST + i64::from(number);
        let user = if number % 25 == 7 { NOBODY } else { i64::from(1 + number % 5) };
        let ticket = shop.insert(order, user).await?;
        load.tickets.push(ticket);
        load.inserts += 1;
        let later = match number % 10 {
            1 | 6 => Some(Later::Update(order)),
            3 => Some(Later::Delete(order)),
            _ => None,
        };
        waiting.extend(later.map(|later| Waiting { order_inserted: ticket, later }));
        if number % 100 == 50 {
            // Order 1001 is of user 1 and stays.
            let city = CITIES[load.moves % CITIES.len()];
            load.tickets.push(shop.move_user(1, city, 1001).await?);
            load.moves += 1;
        }
        while waiting.front().is_some_and(|w| watcher.is_seen(w.order_inserted)) {
            change(shop, &mut load, waiting.pop_front()).await?;
        }
    }
    load.rate = f64::from(orders) / started.elapsed().as_secs_f64();
    watcher.all_seen(LIMIT).await?;
    while !waiting.is_empty() {
        change(shop, &mut load, waiting.pop_front()).await?;
    }
    watcher.all_seen(LIMIT).await?;
    Ok(load)
}

async fn change(
    shop: &mut Shop<'_>,
    load: &mut Load,
    waiting: Option<Waiting>,
) -> anyhow::Result<()> {
    let Some(waiting) = waiting else { return Ok(()) };
    let ticket = match waiting.later {
        Later::Update(order) => {
            load.updates += 1;
            shop.set_status(order, "SHIPPED").await?
        }
        Later::Delete(order) => {
            load.deletes += 1;
            shop.delete(order).await?
        }
    };
    load.tickets.push(ticket);
    Ok(())
}
