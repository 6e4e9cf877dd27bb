//! What happens in the shop, and what must be seen of it in the sink.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio_postgres::Client;

use super::cluster::Cluster;
use super::compare::compare;
use super::load::{self, Load};
use super::pipeline::{Memory, Pipeline};
use super::report::{Goal, Latencies, Measure, Report, duration, megabytes};
use super::shop::{NOBODY, Shop};
use super::watch::{Ticket, Want, Watcher};

const LIMIT: Duration = Duration::from_secs(30);
/// The orders that the shop starts with.
const START_ORDERS: [i64; 5] = [1001, 1002, 1003, 1004, 1005];
const NEW_ORDER: i64 = 2001;
const ORDER_OF_NOBODY: i64 = 2002;
const ITS_NEW_NUMBER: i64 = 2003;

/// How much is done.
pub(crate) struct Scale {
    pub(crate) orders: u32,
    pub(crate) rate: u32,
}

/// A demo while it runs.
pub(crate) struct Scenario<'a> {
    watcher: &'a Watcher,
    shop: Shop<'a>,
    source: Client,
    sink: Client,
    report: &'a mut Report,
}

/// Announces the rows that the shop starts with; to be called before the pipeline starts.
pub(crate) fn expect_start_orders(watcher: &Watcher) -> Vec<Ticket> {
    START_ORDERS.iter().map(|order| watcher.announce(*order, Want::Version(0))).collect()
}

impl<'a> Scenario<'a> {
    /// Connects to both databases.
    pub(crate) async fn open(
        cluster: &Cluster,
        watcher: &'a Watcher,
        report: &'a mut Report,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            watcher,
            shop: Shop::open(cluster, watcher).await?,
            source: cluster.connect_as_owner("shop").await?,
            sink: cluster.connect_as_owner("warehouse").await?,
            report,
        })
    }

    /// Waits for the rows that the shop starts with; says when the first was seen.
    pub(crate) async fn start_orders(
        &mut self,
        tickets: &[Ticket],
        started: Instant,
    ) -> anyhow::Result<Duration> {
        for ticket in tickets {
            self.watcher.committed(*ticket, started);
        }
        self.watcher.all_seen(LIMIT).await?;
        let (latencies, _) = self.watcher.times(tickets);
        let latencies = Latencies::new(latencies);
        let (first, last) = (latencies.quantile(0.0), latencies.quantile(1.0));
        let detail = format!("first after {}, last after {}", duration(first), duration(last));
        self.report.check(true, "the 5 orders that were there are in the sink", &detail);
        Ok(first)
    }

    /// One change after the other, each looked at.
    pub(crate) async fn single_changes(&mut self) -> anyhow::Result<()> {
        let ticket = self.shop.insert(NEW_ORDER, 1).await?;
        self.shows(ticket, NEW_ORDER, "order_status", "待处理", "an inserted order is").await?;
        let states = [
            ("SHIPPED", "已发货", "its update to SHIPPED is"),
            ("COMPLETED", "已完成", "its update to COMPLETED is"),
        ];
        for (status, shown, what) in states {
            let ticket = self.shop.set_status(NEW_ORDER, status).await?;
            self.shows(ticket, NEW_ORDER, "order_status", shown, what).await?;
        }
        let tier = "user_city_tier";
        self.looks(NEW_ORDER, tier, "一线城市", "a user of 北京 is", "").await?;
        let ticket = self.shop.move_user(1, "成都", NEW_ORDER).await?;
        self.shows(ticket, NEW_ORDER, tier, "其他城市", "the user moved to 成都 is").await?;
        let ticket = self.shop.insert(ORDER_OF_NOBODY, NOBODY).await?;
        let (name, email) = ("Unknown User", "unknown@example.com");
        let what = "an order without a user has the name";
        self.shows(ticket, ORDER_OF_NOBODY, "user_name", name, what).await?;
        self.looks(ORDER_OF_NOBODY, "user_email", email, "and the address", "").await?;
        let ticket = self.shop.delete(NEW_ORDER).await?;
        let latency = self.seen(ticket).await?;
        let is_gone = self.value(NEW_ORDER, "order_id").await?.is_none();
        self.report.check(is_gone, "a deleted order is gone", &duration(latency));
        let tickets = self.shop.renumber(ORDER_OF_NOBODY, ITS_NEW_NUMBER).await?;
        let latency = self.seen(tickets[1]).await?;
        let old = self.value(ORDER_OF_NOBODY, "order_id").await?;
        let new = self.value(ITS_NEW_NUMBER, "user_name").await?;
        let is_right = old.is_none() && new.as_deref() == Some("Unknown User");
        let text = "an order whose number changed is there under the new one alone";
        self.report.check(is_right, text, &duration(latency));
        Ok(())
    }

    /// Many changes; then the whole sink must be what the source says.
    pub(crate) async fn load(&mut self, scale: &Scale) -> anyhow::Result<Load> {
        let load = load::run(&mut self.shop, self.watcher, scale.orders, scale.rate).await?;
        let done = format!(
            "{} orders inserted at {:.0}/s, {} updated, {} deleted, {} users moved: all seen",
            load.inserts, load.rate, load.updates, load.deletes, load.moves
        );
        self.report.check(true, &done, "");
        self.tables_agree().await?;
        let sql = "SELECT count(*) FILTER (WHERE processed_time IS NULL
              OR processed_time NOT BETWEEN pg_postmaster_start_time() AND clock_timestamp())
            FROM result.orders_with_user_info";
        let wrong: i64 = self.sink.query_one(sql, &[]).await?.get(0);
        let text = "processed_time of every row is a time since the start";
        self.report.check(wrong == 0, text, "");
        Ok(load)
    }

    async fn tables_agree(&mut self) -> anyhow::Result<()> {
        let end = Instant::now() + LIMIT;
        // The last change of a user is seen at one order; its other orders may follow.
        let comparison = loop {
            let comparison = compare(&self.source, &self.sink).await?;
            if comparison.differences.is_empty() || Instant::now() > end {
                break comparison;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let text = format!(
            "{} rows expected of the source, {} rows in the sink, every column compared",
            comparison.expected, comparison.found
        );
        self.report.check(comparison.differences.is_empty(), &text, "");
        self.report.explain(&comparison.differences);
        Ok(())
    }

    /// Waits for a change and checks a column of the order.
    async fn shows(
        &mut self,
        ticket: Ticket,
        order: i64,
        column: &str,
        wanted: &str,
        what: &str,
    ) -> anyhow::Result<()> {
        let latency =
            self.seen(ticket).await.with_context(|| format!("waiting: {what} {wanted}"))?;
        self.looks(order, column, wanted, what, &duration(latency)).await
    }

    async fn looks(
        &mut self,
        order: i64,
        column: &str,
        wanted: &str,
        what: &str,
        detail: &str,
    ) -> anyhow::Result<()> {
        let value = self.value(order, column).await?;
        let is_right = value.as_deref() == Some(wanted);
        self.report.check(is_right, &format!("{what} {wanted}"), detail);
        if !is_right {
            self.report.explain(&[format!("{column} of order {order} is {value:?}")]);
        }
        Ok(())
    }

    async fn seen(&self, ticket: Ticket) -> anyhow::Result<Duration> {
        self.watcher.all_seen(LIMIT).await?;
        let (latencies, _) = self.watcher.times(&[ticket]);
        latencies.first().copied().context("a change was seen without its commit")
    }

    /// A column of an order in the sink; `None` if there is no such order or it is NULL.
    async fn value(&self, order: i64, column: &str) -> anyhow::Result<Option<String>> {
        let sql =
            format!("SELECT {column}::text FROM result.orders_with_user_info WHERE order_id = $1");
        let row = self.sink.query_opt(&sql, &[&order]).await.context("cannot read the sink")?;
        Ok(row.and_then(|row| row.get(0)))
    }
}

/// What was measured.
pub(crate) struct Figures {
    pub(crate) first_row: Duration,
    pub(crate) idle: Memory,
    pub(crate) end: Memory,
    pub(crate) binary_size: u64,
    pub(crate) load: Load,
}

impl Figures {
    /// Reads what is to be read while the pipeline still runs.
    pub(crate) fn take(
        pipeline: &Pipeline,
        binary: &Path,
        first_row: Duration,
        idle: Memory,
        load: Load,
    ) -> anyhow::Result<Self> {
        let binary_size = std::fs::metadata(binary).context("cannot see the binary")?.len();
        Ok(Self { first_row, idle, end: pipeline.memory()?, binary_size, load })
    }

    /// As the report shows them.
    pub(crate) fn measures(&self, watcher: &Watcher) -> Vec<Measure> {
        let (latencies, last) = watcher.times(&self.load.tickets);
        let changes = latencies.len();
        let latencies = Latencies::new(latencies);
        let shown = |share| duration(latencies.quantile(share));
        let took = last.map_or(Duration::ZERO, |last| last - self.load.started);
        let goal = |text, is_met| Some(Goal { text, is_met });
        let measure = |name, text, goal| Measure { name, text, goal };
        vec![
            measure(
                "start of tailwater to first row in the sink",
                duration(self.first_row),
                goal("<= 300 ms", self.first_row <= Duration::from_millis(300)),
            ),
            measure(
                "latency, commit to visible in the sink: p99",
                shown(0.99),
                goal("<= 50 ms", latencies.quantile(0.99) <= Duration::from_millis(50)),
            ),
            measure(
                "  p50, p95, max",
                format!("{}, {}, {}", shown(0.5), shown(0.95), shown(1.0)),
                None,
            ),
            measure(
                "changes",
                format!(
                    "{changes} in {}, {:.0}/s",
                    duration(took),
                    changes as f64 / took.as_secs_f64().max(1e-3)
                ),
                None,
            ),
            measure(
                "memory of tailwater, idle",
                megabytes(self.idle.now),
                goal("<= 40 MB", self.idle.now <= 40_000_000),
            ),
            measure("memory of tailwater, peak", megabytes(self.end.peak), None),
            measure(
                "release binary",
                megabytes(self.binary_size),
                goal("<= 60 MB", self.binary_size <= 60_000_000),
            ),
        ]
    }
}
