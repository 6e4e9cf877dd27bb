//! The command line: tables as Flink's client draws them, JSON lines, exit codes, signals.

use std::path::PathBuf;

use expect_test::expect;
use serde_json::{Value, json};

use crate::binary::{Signal, Workspace};
use crate::scrub::scrub;

const SHOP: &str = "\
CREATE TABLE customers (id INT, name STRING, city STRING, PRIMARY KEY (id) NOT ENFORCED) \
WITH ('connector'='filesystem','path'='file://{{DATA}}/customers_dbz.json','format'='debezium-json');
CREATE TABLE orders (oid INT, cid INT, amt DECIMAL(10,2), ts TIMESTAMP(3)) \
WITH ('connector'='filesystem','path'='file://{{DATA}}/orders.csv','format'='csv');
";

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/sql-client")
}

fn shop() -> String {
    SHOP.replace("{{DATA}}", data().to_str().unwrap())
}

/// The tables of a client's output with the line beneath each, without times.
fn blocks(output: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in output.lines() {
        // Flink's client runs the echo of a statement into the first border.
        let line = line.find("+--").map_or(line, |at| &line[at..]);
        let is_end = line.starts_with("Received a total of ") || line.contains(" in set");
        let last = blocks.last_mut().unwrap();
        if is_end {
            last.push_str(line.split(" (").next().unwrap());
            blocks.push(String::new());
        } else if line.starts_with(['+', '|']) {
            last.push_str(line);
            last.push('\n');
        }
    }
    blocks.pop();
    blocks
}

#[test]
fn tables_are_drawn_as_flinks_client_draws_them() {
    let theirs = std::fs::read_to_string(data().join("03_features.out")).unwrap();
    let theirs = blocks(&theirs);
    let script = shop()
        + "SET 'table.local-time-zone' = 'UTC';
SELECT * FROM customers;
SELECT * FROM orders;
SELECT FROM_UNIXTIME(1700000000) a, FROM_UNIXTIME(1700000000, 'yyyy/MM/dd HH:mm') b, \
  DATE_FORMAT(TIMESTAMP '2024-02-03 04:05:06', 'yyyy-MM-dd HH') c, \
  HOUR(TIMESTAMP '2024-02-03 04:05:06') d, UNIX_TIMESTAMP('2024-01-01 00:00:00') e, \
  TO_TIMESTAMP('2024-01-01 10:00:00') f, TO_TIMESTAMP_LTZ(1700000000123, 3) g, \
  CURRENT_DATE > DATE '2020-01-01' h;
SET 'execution.runtime-mode' = 'batch';
SELECT cid, COUNT(*) AS n FROM orders GROUP BY cid ORDER BY n DESC, cid LIMIT 3;";
    let ran = Workspace::new().run(&script, &[]);
    ran.assert_code(0);
    let ours = blocks(&ran.stdout);
    // The blocks of the reference that stand for these statements.
    assert_eq!(theirs.len(), 9);
    let wanted = [&theirs[0], &theirs[1], &theirs[7], &theirs[8]];
    assert_eq!(ours.len(), wanted.len());
    for (ours, theirs) in ours.iter().zip(wanted) {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn a_join_and_an_aggregate_end_with_the_rows_of_flinks_client() {
    let batch = "SET 'execution.runtime-mode' = 'batch';\n".to_owned();
    let script = batch
        + &shop()
        + "SELECT o.oid, c.name, o.amt FROM orders o LEFT JOIN customers c ON o.cid = c.id ORDER BY oid;
SELECT c.city, COUNT(*) AS n, SUM(amt) AS s FROM orders o JOIN customers c ON o.cid = c.id
GROUP BY c.city ORDER BY n DESC;
SELECT * FROM orders WHERE oid > 100;";
    let ran = Workspace::new().run(&script, &[]);
    ran.assert_code(0);
    let (_, tables) = ran.stdout.split_once("ORDER BY oid\n").unwrap();
    expect![[r#"
        +-----+--------+-------+
        | oid |   name |   amt |
        +-----+--------+-------+
        |   1 |    ann | 10.50 |
        |   2 |    ann |  4.25 |
        |   3 | <NULL> |  7.00 |
        |   4 |    cat |  1.00 |
        |   5 |    ann | 99.99 |
        |   6 | <NULL> |  3.00 |
        +-----+--------+-------+
        6 rows in set

        Flink SQL> SELECT c.city, COUNT(*) AS n, SUM(amt) AS s FROM orders o JOIN customers c ON o.cid = c.id
        > GROUP BY c.city ORDER BY n DESC
        +--------+---+--------+
        |   city | n |      s |
        +--------+---+--------+
        |   bern | 3 | 114.74 |
        | <NULL> | 1 |   1.00 |
        +--------+---+--------+
        2 rows in set

        Flink SQL> SELECT * FROM orders WHERE oid > 100
        Empty set

    "#]].assert_eq(tables);
}

#[test]
fn json_lines_have_the_documented_form() {
    let script = shop() + "SELECT id, name FROM customers WHERE id = 3;\nSELECT x FROM customers;";
    let ran = Workspace::new().run(&script, &["--output", "json", "--keep-going"]);
    ran.assert_code(1);
    assert_eq!(ran.stderr, "");
    let ok = |statement| json!({"statement": statement, "kind": "ok"});
    let columns = json!([
        {"name": "id", "type": "INT NOT NULL"},
        {"name": "name", "type": "VARCHAR(2147483647)"}
    ]);
    let expected = [
        ok(1),
        ok(2),
        json!({"statement": 3, "kind": "schema", "columns": columns}),
        json!({"statement": 3, "kind": "row", "op": "+I", "row": ["3", "cat"]}),
        ok(3),
        json!({
            "statement": 4, "kind": "error", "code": "E0102", "file": "script.sql",
            "message": "Column 'x' not found in any table", "hint": "there are: id, name, city",
            "line": 4, "column": 8
        }),
    ];
    assert_eq!(ran.lines(), expected);
}

#[test]
fn without_keep_going_nothing_runs_behind_a_failure() {
    let workspace = Workspace::new();
    workspace.write("bad.csv", "1\nno number\n");
    let table = "CREATE TABLE f (a STRING) WITH ('connector' = 'filesystem', 'path' = 'bad.csv', \
        'format' = 'csv');\n";
    let script = format!("{table}SELECT CAST(a AS INT) AS n FROM f;\nSELECT 'later' AS l;");
    let ran = workspace.run(&script, &["--output", "json"]);
    ran.assert_code(1);
    let lines = ran.lines();
    let failed: Vec<&Value> = lines.iter().filter(|l| l["kind"] == "error").collect();
    assert_eq!(failed.len(), 1, "{}", ran.stdout);
    assert_eq!((&failed[0]["statement"], &failed[0]["line"]), (&json!(2), &json!(2)));
    assert!(!ran.stdout.contains("later"));
    let ran = workspace.run(&script, &["--output", "json", "--keep-going"]);
    ran.assert_code(1);
    assert!(ran.stdout.contains("later"));
}

#[test]
fn several_files_are_one_session_in_their_order() {
    let workspace = Workspace::new();
    workspace.write("1.sql", "CREATE TEMPORARY VIEW v AS SELECT 7 AS seven;");
    workspace.write("2.sql", "SELECT seven FROM v;");
    let args = ["-f", "1.sql", "-f", "2.sql", "--output", "json", "-D", "pipeline.name=x"];
    let ran = workspace.start_with(&args).end();
    ran.assert_code(0);
    assert!(ran.stdout.contains(r#""row":["7"],"statement":2"#), "{}", ran.stdout);
}

#[test]
fn a_statement_set_is_one_job_with_all_its_sinks() {
    let script = shop()
        + "CREATE TABLE a (name STRING) WITH ('connector' = 'print', 'print-identifier' = 'A');
CREATE TABLE b (n BIGINT) WITH ('connector' = 'print', 'print-identifier' = 'B');
EXECUTE STATEMENT SET BEGIN
INSERT INTO a SELECT name FROM customers;
INSERT INTO b SELECT COUNT(*) FROM customers;
END;";
    let ran = Workspace::new().run(&script, &[]);
    ran.assert_code(0);
    let of = |sink: &str| -> Vec<&str> {
        ran.stdout.lines().filter_map(|l| l.strip_prefix(sink)).collect()
    };
    assert_eq!(of("A> "), ["+I[ann]", "+I[bob]", "-U[ann]", "+U[ann]", "+I[cat]", "-D[bob]"]);
    assert_eq!(of("B> ").last(), Some(&"+U[2]"));
    assert_eq!(ran.stdout.matches("successfully submitted").count(), 1);
}

#[test]
fn a_job_that_fails_later_says_so_and_ends_with_1() {
    let workspace = Workspace::new();
    workspace.write("bad.csv", "1\n2\nno number\n");
    let script = "CREATE TABLE f (a STRING) WITH ('connector' = 'filesystem', \
        'path' = 'bad.csv', 'format' = 'csv');
CREATE TABLE nothing (a INT) WITH ('connector' = 'blackhole');
INSERT INTO nothing SELECT CAST(a AS INT) FROM f;";
    let ran = workspace.run(script, &[]);
    ran.assert_code(1);
    expect![[r#"
        [ERROR] failed to compute a value: For input string: invalid character found (cast to INT)
          --> script.sql:3:1
    "#]]
    .assert_eq(&scrub(&ran.stderr, &workspace, None));
    let ran = workspace.run(script, &["--output", "json"]);
    ran.assert_code(1);
    let error = ran.lines().into_iter().find(|l| l["kind"] == "error").unwrap();
    assert_eq!(
        (&error["statement"], &error["line"], &error["column"]),
        (&json!(3), &json!(3), &json!(1))
    );
}

#[test]
fn dml_sync_waits_for_the_job_before_the_next_statement() {
    let script = shop()
        + "CREATE TABLE p (n STRING) WITH ('connector' = 'print');
SET 'table.dml-sync' = 'true';
INSERT INTO p SELECT name FROM customers;
SELECT 'behind' AS it;";
    let ran = Workspace::new().run(&script, &[]);
    ran.assert_code(0);
    let at = |text: &str| ran.stdout.find(text).unwrap_or_else(|| panic!("{}", ran.stdout));
    assert!(at("-D[bob]") < at("Complete execution of the SQL update statement."));
    assert!(at("Complete execution") < at("behind"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_stops_an_unbounded_job_and_an_unbounded_query_cleanly() {
    let shop = crate::shop::Shop::open(3, 3).await;
    let script = shop.script(crate::shop::Pipeline::OrdersWithUsers, "1 h");
    let workspace = Workspace::new();
    let mut job = workspace.start(&script, &[]);
    job.wait_for_output("successfully submitted");
    job.send(Signal::Interrupt);
    let ran = job.end();
    ran.assert_code(0);
    assert_eq!(ran.stderr, "");
    let tables = script.split("INSERT INTO").next().unwrap();
    let mut query =
        workspace.start(&format!("{tables} SELECT user_id, username FROM ods_users;"), &[]);
    query.wait_for_output("user 3 |");
    query.send(Signal::Interrupt);
    let ran = query.end();
    ran.assert_code(0);
    assert_eq!(ran.stderr, "");
    assert!(ran.stdout.ends_with("Received a total of 3 rows\n\n"), "{}", ran.stdout);
}

#[test]
fn a_table_can_be_created_as_a_query_and_filled() {
    let ran = Workspace::new().run(
        "CREATE VIEW v AS SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(x, y);\n\
         CREATE TABLE p WITH ('connector' = 'print') AS SELECT x, x * 2 AS d FROM v WHERE y <> 'b';\n\
         DESCRIBE p;\n\
         CREATE TABLE q (y, x) WITH ('connector' = 'print', 'print-identifier' = 'q') AS SELECT * FROM v;\n\
         CREATE TABLE r (d BIGINT, c AS d + 1) WITH ('connector' = 'print', 'print-identifier' = 'r')\n\
         AS SELECT x AS e, 7 AS d FROM v;",
        &[],
    );
    ran.assert_code(0);
    let rows = |mark: &str| {
        let lines = ran.stdout.lines().filter(|line| line.starts_with(mark));
        let mut rows: Vec<&str> = lines.collect();
        rows.sort_unstable();
        rows.join(" ")
    };
    assert_eq!(rows("+I["), "+I[1, 2]");
    assert_eq!(rows("q> "), "q> +I[a, 1] q> +I[b, 2]");
    assert_eq!(rows("r> "), "r> +I[7, 1] r> +I[7, 2]");
    let is_described = |line: &str| line.contains(" d | ") && line.contains("INT");
    assert!(ran.stdout.lines().any(is_described), "{}", ran.stdout);
}

#[test]
fn print_shows_rows_as_java_does() {
    // What Flink 1.20.5 printed of the same statements.
    let ran = Workspace::new().run(
        "CREATE TABLE p (i INT, d DOUBLE, f FLOAT, dc DECIMAL(10,2), dc2 DECIMAL(38,18), s STRING, bo BOOLEAN,
           dt DATE, tm TIME(0), ts TIMESTAMP(3), ts6 TIMESTAMP(6), l TIMESTAMP_LTZ(3), by_ BYTES, ar ARRAY<INT>,
           m MAP<STRING, INT>, r ROW<x INT, y STRING, z ROW<q TIMESTAMP(3)>>) WITH ('connector' = 'print');
         SET 'table.dml-sync' = 'true';
         INSERT INTO p VALUES (1, 1e10, CAST(0.1 AS FLOAT), 12.30, CAST(0.000000000000000001 AS DECIMAL(38,18)),
           'a\"b, c', true, DATE '2024-01-02', TIME '03:04:05', TIMESTAMP '2024-01-02 03:04:05.678',
           TIMESTAMP '2024-01-02 03:04:05.678901', TO_TIMESTAMP_LTZ(5000, 3), x'6869ff',
           ARRAY[1, CAST(NULL AS INT)], MAP['k', 1], ROW(1, 'z', ROW(TIMESTAMP '2024-01-02 03:04:05.100')));
         INSERT INTO p VALUES (2, 1.0, CAST(100 AS FLOAT), 100.00, CAST(1 AS DECIMAL(38,18)), '', false,
           DATE '0001-01-01', TIME '03:00:00', TIMESTAMP '2024-01-02 03:00:00',
           TIMESTAMP '2024-01-02 00:00:00.5', TO_TIMESTAMP_LTZ(60123, 3), x'', ARRAY[1], MAP['k', 1],
           ROW(1, 'z', CAST(NULL AS ROW<q TIMESTAMP(3)>)));",
        &[],
    );
    ran.assert_code(0);
    let printed: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("+I")).collect();
    assert_eq!(
        printed,
        [
            "+I[1, 1.0E10, 0.1, 12.30, 1E-18, a\"b, c, true, 2024-01-02, 03:04:05, \
             2024-01-02T03:04:05.678, 2024-01-02T03:04:05.678901, 1970-01-01T00:00:05Z, \
             [104, 105, -1], [1, null], {k=1}, +I[1, z, +I[2024-01-02T03:04:05.100]]]",
            "+I[2, 1.0, 100.0, 100.00, 1.000000000000000000, , false, 0001-01-01, 03:00, \
             2024-01-02T03:00, 2024-01-02T00:00:00.500, 1970-01-01T00:01:00.123Z, [], [1], {k=1}, \
             +I[1, z, null]]",
        ]
    );
}
