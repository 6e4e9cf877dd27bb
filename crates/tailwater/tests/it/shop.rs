//! The shop of `examples/ecommerce` in a database of its own, with the result tables beside it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tailwater_testkit_postgres::{Client, Cluster};

use crate::binary::Running;

const TABLES: &str = "
CREATE SCHEMA business;
CREATE TABLE business.users (
  user_id bigint PRIMARY KEY, username text, email text, phone text, city text,
  register_time timestamp(3));
CREATE TABLE business.orders (
  order_id bigint PRIMARY KEY, user_id bigint, product_name text, product_category text,
  quantity int, unit_price numeric(10, 2), total_amount numeric(10, 2), order_status text,
  order_time timestamp(3), updated_at timestamp(3));
ALTER TABLE business.users REPLICA IDENTITY FULL;
ALTER TABLE business.orders REPLICA IDENTITY FULL;
CREATE SCHEMA result;
CREATE TABLE result.orders_with_user_info (
  order_id bigint PRIMARY KEY, user_id bigint, user_name text, user_email text, user_city text,
  user_city_tier text, product_name text, product_category text, quantity int,
  unit_price numeric(10, 2), total_amount numeric(10, 2), total_amount_yuan text,
  order_status text, order_time timestamp(3), order_date text, order_hour int,
  updated_at timestamp(3), processed_time timestamptz(3));
CREATE TABLE result.city_totals (
  city text PRIMARY KEY, orders bigint, buyers bigint, amount numeric(38, 2),
  biggest numeric(10, 2));";

const ROWS: &str = "
INSERT INTO business.users SELECT i, 'user ' || i, 'u' || i || '@example.com', NULL,
  (ARRAY['北京', '上海', '成都', 'Oslo', NULL])[1 + i % 5], '2024-01-01'::timestamp + i * interval '1 minute'
  FROM generate_series(1, $USERS) i;
INSERT INTO business.orders SELECT i, i % ($USERS + 5), ' thing ' || i,
  (ARRAY['电子产品', '服装鞋帽', '食品'])[1 + i % 3], i % 7, 1.5, (i % 7) * 1.5,
  (ARRAY['PENDING', 'SHIPPED', 'COMPLETED', 'LOST'])[1 + i % 4],
  '2024-03-01'::timestamp + i * interval '1 minute', '2024-03-02'
  FROM generate_series(1, $ORDERS) i;";

/// Orders with their users, as the pipeline of the example must have them.
const ORDERS_WITH_USERS: &str = "
SELECT o.order_id, o.user_id, coalesce(u.username, 'Unknown User'),
  coalesce(u.email, 'unknown@example.com'), u.city,
  CASE WHEN u.city IN ('北京', '上海', '广州', '深圳') THEN '一线城市' ELSE '其他城市' END,
  upper(trim(o.product_name)),
  CASE o.product_category WHEN '电子产品' THEN 'ELECTRONICS' WHEN '服装鞋帽' THEN 'CLOTHING'
    ELSE 'OTHER' END,
  o.quantity, o.unit_price, o.total_amount, '¥' || o.total_amount,
  CASE o.order_status WHEN 'PENDING' THEN '待处理' WHEN 'SHIPPED' THEN '已发货'
    WHEN 'COMPLETED' THEN '已完成' ELSE o.order_status END,
  o.order_time, to_char(o.order_time, 'YYYY-MM-DD'), extract(hour FROM o.order_time)::int,
  o.updated_at
FROM business.orders o LEFT JOIN business.users u ON o.user_id = u.user_id";

const CITY_TOTALS: &str = "
SELECT u.city, count(*), count(DISTINCT o.user_id), sum(o.total_amount), max(o.total_amount)
FROM business.orders o JOIN business.users u ON o.user_id = u.user_id
WHERE u.city IS NOT NULL GROUP BY u.city";

const CITY_TOTALS_SINK: &str = "
CREATE TABLE city_totals (
  city STRING, orders BIGINT, buyers BIGINT, amount DECIMAL(38, 2), biggest DECIMAL(10, 2),
  PRIMARY KEY (city) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = 'jdbc:postgresql://127.0.0.1:55432/warehouse?currentSchema=result',
  'table-name' = 'city_totals', 'username' = 'tailwater', 'password' = 'tailwater'
);
INSERT INTO city_totals
SELECT u.city, COUNT(*), COUNT(DISTINCT o.user_id), SUM(o.total_amount), MAX(o.total_amount)
FROM ods_orders o JOIN ods_users u ON o.user_id = u.user_id
WHERE u.city IS NOT NULL GROUP BY u.city;";

/// What is to be kept up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pipeline {
    /// The four files of the example: a LEFT JOIN.
    OrdersWithUsers,
    /// An INNER JOIN with an aggregate by city.
    CityTotals,
}

/// The database.
pub(crate) struct Shop {
    cluster: Arc<Cluster>,
    pub(crate) database: String,
    pub(crate) client: Client,
}

impl Shop {
    /// A shop with so many users and orders.
    pub(crate) async fn open(users: u32, orders: u32) -> Self {
        let cluster = Cluster::shared();
        let database = cluster.create_database().await;
        let client = cluster.connect(&database).await;
        client.batch_execute(TABLES).await.unwrap();
        let rows = ROWS.replace("$USERS", &users.to_string());
        let rows = rows.replace("$ORDERS", &orders.to_string());
        client.batch_execute(&rows).await.unwrap();
        Self { cluster, database, client }
    }

    pub(crate) fn port(&self) -> u16 {
        self.cluster.port()
    }

    pub(crate) fn password(&self) -> &str {
        self.cluster.password()
    }

    /// Another connection.
    pub(crate) async fn connect(&self) -> Client {
        self.cluster.connect(&self.database).await
    }

    /// The script of a pipeline for this database.
    pub(crate) fn script(&self, pipeline: Pipeline, interval: &str) -> String {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples/ecommerce");
        let read = |name| std::fs::read_to_string(directory.join(name)).unwrap();
        let text = match pipeline {
            Pipeline::OrdersWithUsers => {
                ["1_sources.sql", "2_clean.sql", "3_join.sql", "4_sink.sql"].map(read).concat()
            }
            Pipeline::CityTotals => read("1_sources.sql") + CITY_TOTALS_SINK,
        };
        self.adapt(&text, interval)
    }

    /// A script of the example for this database.
    pub(crate) fn adapt(&self, text: &str, interval: &str) -> String {
        let password = self.cluster.password().replace('\'', "''");
        text.replace("'1s'", &format!("'{interval}'"))
            .replace("55432", &self.cluster.port().to_string())
            .replace("'shop'", &format!("'{}'", self.database))
            .replace("/warehouse?", &format!("/{}?", self.database))
            .replace("tailwater_", &format!("{}_", self.database))
            .replace("'username' = 'tailwater'", "'username' = 'postgres'")
            .replace("'password' = 'tailwater'", &format!("'password' = '{password}'"))
    }

    /// How many rows of the sink differ from those of the query in the source, and one of them.
    pub(crate) async fn difference(&self, pipeline: Pipeline) -> Option<String> {
        let (query, sink) = match pipeline {
            Pipeline::OrdersWithUsers => {
                let sink = "SELECT order_id, user_id, user_name, user_email, user_city, \
                    user_city_tier, product_name, product_category, quantity, unit_price, \
                    total_amount, total_amount_yuan, order_status, order_time, order_date, \
                    order_hour, updated_at FROM result.orders_with_user_info";
                (ORDERS_WITH_USERS, sink)
            }
            Pipeline::CityTotals => (CITY_TOTALS, "SELECT * FROM result.city_totals"),
        };
        let sql = format!(
            "WITH wanted AS ({query}), there AS ({sink}),
             missing AS (SELECT * FROM wanted EXCEPT ALL SELECT * FROM there),
             extra AS (SELECT * FROM there EXCEPT ALL SELECT * FROM wanted)
             SELECT (SELECT count(*) FROM missing), (SELECT count(*) FROM extra),
               (SELECT missing::text FROM missing ORDER BY 1 LIMIT 1),
               (SELECT extra::text FROM extra ORDER BY 1 LIMIT 1)"
        );
        let row = self.client.query_one(&sql, &[]).await.unwrap();
        let (missing, extra): (i64, i64) = (row.get(0), row.get(1));
        let one = |at| row.get::<_, Option<String>>(at).unwrap_or_default();
        (missing + extra > 0).then(|| {
            format!("{missing} rows missing: {}\n{extra} rows too many: {}", one(2), one(3))
        })
    }

    /// Waits until the sink holds what the query over the source gives.
    pub(crate) async fn wait_until_equal(&self, pipeline: Pipeline, binary: &mut Running) {
        let end = Instant::now() + Duration::from_secs(60);
        while let Some(difference) = self.difference(pipeline).await {
            binary.assert_alive();
            assert!(Instant::now() < end, "{difference}\n{}", binary.stderr());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
