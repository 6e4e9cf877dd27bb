//! The shop: its databases, and what its application does to orders and users.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use tokio_postgres::{Client, Statement};

use super::cluster::Cluster;
use super::watch::{Ticket, Want, Watcher};

const ROLE_AND_DATABASES: &str =
    include_str!("../../../examples/ecommerce/setup/1_role_and_databases.sql");
const SHOP: &str = include_str!("../../../examples/ecommerce/setup/2_shop.sql");
const WAREHOUSE: &str = include_str!("../../../examples/ecommerce/setup/3_warehouse.sql");

/// A user id that no user has.
pub(crate) const NOBODY: i64 = 999;

const INSERT: &str = "INSERT INTO business.orders
    VALUES ($1, $2, $3, $4, $5, $6::bigint / 100.0, $5::int * $6::bigint / 100.0, 'PENDING', $7, $7)";
const SET_STATUS: &str =
    "UPDATE business.orders SET order_status = $2, updated_at = $3 WHERE order_id = $1";
const DELETE: &str = "DELETE FROM business.orders WHERE order_id = $1";
const RENUMBER: &str =
    "UPDATE business.orders SET order_id = $2, updated_at = $3 WHERE order_id = $1";
const MOVE_USER: &str = "UPDATE business.users SET city = $2 WHERE user_id = $1";
const PRODUCTS: &[&str] = &["  Laptop Air ", "Wool scarf", "电饭煲 Pro", "usb-C hub", "Tea 茶叶"];
const CATEGORIES: &[Option<&str>] = &[Some("电子产品"), Some("服装鞋帽"), Some("家居用品"), None];

/// Creates the role, both databases and the rows that a shop starts with.
pub(crate) async fn create(cluster: &Cluster) -> anyhow::Result<()> {
    let superuser = cluster.connect_as_superuser().await?;
    // Databases are not created in a transaction, as several statements in one text are.
    for statement in ROLE_AND_DATABASES.split(";\n") {
        superuser.batch_execute(statement).await.context("cannot create the databases")?;
    }
    let shop = cluster.connect_as_owner("shop").await?;
    shop.batch_execute(SHOP).await.context("cannot create the shop's tables")?;
    let warehouse = cluster.connect_as_owner("warehouse").await?;
    warehouse.batch_execute(WAREHOUSE).await.context("cannot create the warehouse's table")
}

/// The shop's application; each change is a transaction that the watcher knows of.
pub(crate) struct Shop<'a> {
    client: Client,
    watcher: &'a Watcher,
    insert: Statement,
    set_status: Statement,
    delete: Statement,
    move_user: Statement,
    last_version: i64,
}

impl<'a> Shop<'a> {
    /// Connects.
    pub(crate) async fn open(cluster: &Cluster, watcher: &'a Watcher) -> anyhow::Result<Self> {
        let client = cluster.connect_as_owner("shop").await?;
        Ok(Self {
            insert: client.prepare(INSERT).await?,
            set_status: client.prepare(SET_STATUS).await?,
            delete: client.prepare(DELETE).await?,
            move_user: client.prepare(MOVE_USER).await?,
            client,
            watcher,
            last_version: 0,
        })
    }

    /// A new order; its other columns vary with its id.
    pub(crate) async fn insert(&mut self, order: i64, user: i64) -> anyhow::Result<Ticket> {
        let version = self.next_version();
        let at = |count: usize| usize::try_from(order).unwrap_or(0) % count;
        let (product, category) = (PRODUCTS[at(PRODUCTS.len())], CATEGORIES[at(CATEGORIES.len())]);
        let quantity = i32::try_from(1 + order % 9)?;
        let cents = 1 + order * 7919 % 100_000;
        let time = time(version);
        let ticket = self.watcher.announce(order, Want::Version(version));
        let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
            [&order, &user, &product, &category, &quantity, &cents, &time];
        self.client.execute(&self.insert, &values).await.context("cannot insert an order")?;
        self.watcher.committed(ticket, Instant::now());
        Ok(ticket)
    }

    /// Moves an order on.
    pub(crate) async fn set_status(&mut self, order: i64, status: &str) -> anyhow::Result<Ticket> {
        let version = self.next_version();
        let ticket = self.watcher.announce(order, Want::Version(version));
        let done = self.client.execute(&self.set_status, &[&order, &status, &time(version)]).await;
        self.watcher.committed(ticket, Instant::now());
        done.context("cannot update an order")?;
        Ok(ticket)
    }

    /// Deletes an order.
    pub(crate) async fn delete(&mut self, order: i64) -> anyhow::Result<Ticket> {
        let ticket = self.watcher.announce(order, Want::Gone);
        let done = self.client.execute(&self.delete, &[&order]).await;
        self.watcher.committed(ticket, Instant::now());
        done.context("cannot delete an order")?;
        Ok(ticket)
    }

    /// Gives an order another number: the tickets of the old, which must go, and of the new.
    pub(crate) async fn renumber(&mut self, old: i64, new: i64) -> anyhow::Result<[Ticket; 2]> {
        let version = self.next_version();
        let gone = self.watcher.announce(old, Want::Gone);
        let there = self.watcher.announce(new, Want::Version(version));
        let done = self.client.execute(RENUMBER, &[&old, &new, &time(version)]).await;
        let now = Instant::now();
        self.watcher.committed(gone, now);
        self.watcher.committed(there, now);
        done.context("cannot change an order's number")?;
        Ok([gone, there])
    }

    /// Moves a user to another city, seen at `order`, which must be this user's.
    pub(crate) async fn move_user(
        &mut self,
        user: i64,
        city: &str,
        order: i64,
    ) -> anyhow::Result<Ticket> {
        let ticket = self.watcher.announce(order, Want::City(city.to_owned()));
        let done = self.client.execute(&self.move_user, &[&user, &city]).await;
        self.watcher.committed(ticket, Instant::now());
        done.context("cannot update a user")?;
        Ok(ticket)
    }

    /// Milliseconds since 1970, each later than the one before.
    fn next_version(&mut self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        self.last_version = now.max(self.last_version + 1);
        self.last_version
    }
}

fn time(version: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(version.unsigned_abs())
}
