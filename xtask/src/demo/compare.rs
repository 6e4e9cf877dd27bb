//! The whole sink against the query over the source, column by column.

use anyhow::Context;
use tokio_postgres::Client;

/// The query's columns, without the time of processing.
const COLUMNS: &[&str] = &[
    "order_id",
    "user_id",
    "user_name",
    "user_email",
    "user_city",
    "user_city_tier",
    "product_name",
    "product_category",
    "quantity",
    "unit_price",
    "total_amount",
    "total_amount_yuan",
    "order_status",
    "order_time",
    "order_date",
    "order_hour",
    "updated_at",
];

/// What the pipeline is to make of the source, said in PostgreSQL's own words.
const EXPECTED: &str = "SELECT ARRAY[
    o.order_id::text, o.user_id::text,
    coalesce(u.username, 'Unknown User'), coalesce(u.email, 'unknown@example.com'), u.city,
    CASE WHEN u.city IN ('北京', '上海', '广州', '深圳') THEN '一线城市' ELSE '其他城市' END,
    upper(trim(o.product_name)),
    CASE o.product_category WHEN '电子产品' THEN 'ELECTRONICS' WHEN '服装鞋帽' THEN 'CLOTHING'
      ELSE 'OTHER' END,
    o.quantity::text, o.unit_price::text, o.total_amount::text, '¥' || o.total_amount,
    CASE o.order_status WHEN 'PENDING' THEN '待处理' WHEN 'SHIPPED' THEN '已发货'
      WHEN 'COMPLETED' THEN '已完成' ELSE o.order_status END,
    o.order_time::text, to_char(o.order_time, 'YYYY-MM-DD'),
    extract(hour FROM o.order_time)::int::text, o.updated_at::text]
  FROM business.orders o LEFT JOIN business.users u USING (user_id) ORDER BY o.order_id";

type Table = Vec<Vec<Option<String>>>;

/// How sink and source stand to each other.
pub(crate) struct Comparison {
    pub(crate) expected: usize,
    pub(crate) found: usize,
    /// Each with order and column; empty if the tables are the same.
    pub(crate) differences: Vec<String>,
}

/// Reads both and compares them.
pub(crate) async fn compare(source: &Client, sink: &Client) -> anyhow::Result<Comparison> {
    let columns: Vec<String> = COLUMNS.iter().map(|name| format!("{name}::text")).collect();
    let actual = format!(
        "SELECT ARRAY[{}] FROM result.orders_with_user_info ORDER BY order_id",
        columns.join(", ")
    );
    let expected = read(source, EXPECTED).await.context("cannot read the source")?;
    let found = read(sink, &actual).await.context("cannot read the sink")?;
    Ok(Comparison {
        expected: expected.len(),
        found: found.len(),
        differences: differences(&expected, &found),
    })
}

async fn read(client: &Client, sql: &str) -> anyhow::Result<Table> {
    Ok(client.query(sql, &[]).await?.iter().map(|row| row.get(0)).collect())
}

/// What differs between two tables; both are sorted by their first column, a number.
fn differences(expected: &Table, found: &Table) -> Vec<String> {
    let id = |row: &Vec<Option<String>>| -> i64 {
        row.first().and_then(|id| id.as_ref()?.parse().ok()).unwrap_or_default()
    };
    let mut differences = Vec::new();
    let (mut left, mut right) = (expected.iter().peekable(), found.iter().peekable());
    loop {
        match (left.peek(), right.peek()) {
            (None, None) => return differences,
            (Some(row), other) if other.is_none_or(|other| id(other) > id(row)) => {
                differences.push(format!("order {} is missing in the sink", id(row)));
                left.next();
            }
            (other, Some(row)) if other.is_none_or(|other| id(other) > id(row)) => {
                differences.push(format!("order {} is only in the sink", id(row)));
                right.next();
            }
            (Some(row), Some(other)) => {
                for (name, (wanted, given)) in COLUMNS.iter().zip(row.iter().zip(*other)) {
                    if wanted != given {
                        let what = format!("{name} is {given:?}, expected {wanted:?}");
                        differences.push(format!("order {}: {what}", id(row)));
                    }
                }
                left.next();
                right.next();
            }
            (Some(_), None) | (None, Some(_)) => unreachable!("taken by the guards above"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, user: &str) -> Vec<Option<String>> {
        vec![Some(id.to_string()), Some(user.to_owned())]
    }

    #[test]
    fn equal_tables_have_no_differences() {
        let table = vec![row(2, "a"), row(10, "b")];
        assert!(differences(&table, &table.clone()).is_empty());
    }

    #[test]
    fn names_missing_superfluous_and_differing_rows() {
        let expected = vec![row(1, "a"), row(2, "b"), row(10, "c")];
        let found = vec![row(2, "x"), row(3, "d"), row(10, "c"), row(11, "e")];
        assert_eq!(
            differences(&expected, &found),
            [
                "order 1 is missing in the sink",
                "order 2: user_id is Some(\"x\"), expected Some(\"b\")",
                "order 3 is only in the sink",
                "order 11 is only in the sink",
            ]
        );
    }
}
