//! Statements that show or change what a session knows.

use expect_test::{Expect, expect};

use crate::binary::Workspace;

fn check(script: &str, expected: &Expect) {
    let ran = Workspace::new().run(script, &[]);
    ran.assert_code(0);
    assert_eq!(ran.stderr, "");
    expected.assert_eq(&ran.stdout);
}

#[test]
fn declarations_are_shown_in_tables() {
    check(
        "CREATE TABLE t (id INT NOT NULL, name STRING, PRIMARY KEY (id) NOT ENFORCED) \
WITH ('connector' = 'blackhole');
CREATE TEMPORARY VIEW v AS SELECT 1 AS uno;
SHOW TABLES;
SHOW VIEWS;
DESCRIBE t;
DESC v;
SHOW CREATE TABLE t;
EXPLAIN INSERT INTO t SELECT uno, 'x' FROM v;",
        &expect![[r#"
            Flink SQL> CREATE TABLE t (id INT NOT NULL, name STRING, PRIMARY KEY (id) NOT ENFORCED) WITH ('connector' = 'blackhole')
            [INFO] Execute statement succeeded.

            Flink SQL> CREATE TEMPORARY VIEW v AS SELECT 1 AS uno
            [INFO] Execute statement succeeded.

            Flink SQL> SHOW TABLES
            +------------+
            | table name |
            +------------+
            |          t |
            |          v |
            +------------+
            2 rows in set

            Flink SQL> SHOW VIEWS
            +-----------+
            | view name |
            +-----------+
            |         v |
            +-----------+
            1 row in set

            Flink SQL> DESCRIBE t
            +------+--------+-------+---------+--------+-----------+
            | name |   type |  null |     key | extras | watermark |
            +------+--------+-------+---------+--------+-----------+
            |   id |    INT | FALSE | PRI(id) |        |           |
            | name | STRING |  TRUE |         |        |           |
            +------+--------+-------+---------+--------+-----------+
            2 rows in set

            Flink SQL> DESC v
            +------+------+-------+-----+--------+-----------+
            | name | type |  null | key | extras | watermark |
            +------+------+-------+-----+--------+-----------+
            |  uno |  INT | FALSE |     |        |           |
            +------+------+-------+-----+--------+-----------+
            1 row in set

            Flink SQL> SHOW CREATE TABLE t
            +---------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------+
            |                                                                                                                                                                                                  result |
            +---------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------+
            | CREATE TABLE `default_catalog`.`default_database`.`t` (
              `id` INT NOT NULL,
              `name` VARCHAR(2147483647),
              CONSTRAINT `PK_id` PRIMARY KEY (`id`) NOT ENFORCED
            ) WITH (
              'connector' = 'blackhole'
            )
             |
            +---------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------+
            1 row in set

            Flink SQL> EXPLAIN INSERT INTO t SELECT uno, 'x' FROM v
            +------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------+
            |                                                                                                                                                                                                                                                                                   result |
            +------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------+
            | == Optimized Execution Plan ==
            Sink(table=[default_catalog.default_database.t], changes=[I,UB,UA,D])
            +- Calc(select=[$0, 'x'], fields=[uno, EXPR$1], changelogMode=[I])
               +- Calc(select=[1], fields=[uno], changelogMode=[I])
                  +- Values(rows=[1], fields=[], changelogMode=[I])
             |
            +------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------+
            1 row in set

        "#]],
    );
}

#[test]
fn databases_are_used_and_objects_dropped() {
    check(
        "SHOW CATALOGS;
CREATE DATABASE other;
SHOW DATABASES;
USE other;
SHOW CURRENT DATABASE;
CREATE TEMPORARY VIEW v AS SELECT 1 AS uno;
CREATE TABLE t (a INT) WITH ('connector' = 'blackhole');
DROP VIEW v;
DROP TABLE t;
DROP TABLE IF EXISTS t;
SHOW TABLES;
USE default_database;",
        &expect![[r#"
            Flink SQL> SHOW CATALOGS
            +-----------------+
            |    catalog name |
            +-----------------+
            | default_catalog |
            +-----------------+
            1 row in set

            Flink SQL> CREATE DATABASE other
            [INFO] Execute statement succeeded.

            Flink SQL> SHOW DATABASES
            +------------------+
            |    database name |
            +------------------+
            | default_database |
            |            other |
            +------------------+
            2 rows in set

            Flink SQL> USE other
            [INFO] Execute statement succeeded.

            Flink SQL> SHOW CURRENT DATABASE
            +-----------------------+
            | current database name |
            +-----------------------+
            |                 other |
            +-----------------------+
            1 row in set

            Flink SQL> CREATE TEMPORARY VIEW v AS SELECT 1 AS uno
            [INFO] Execute statement succeeded.

            Flink SQL> CREATE TABLE t (a INT) WITH ('connector' = 'blackhole')
            [INFO] Execute statement succeeded.

            Flink SQL> DROP VIEW v
            [INFO] Execute statement succeeded.

            Flink SQL> DROP TABLE t
            [INFO] Execute statement succeeded.

            Flink SQL> DROP TABLE IF EXISTS t
            [INFO] Execute statement succeeded.

            Flink SQL> SHOW TABLES
            Empty set

            Flink SQL> USE default_database
            [INFO] Execute statement succeeded.

        "#]],
    );
}

#[test]
fn settings_are_set_shown_and_reset() {
    check(
        "SET 'pipeline.name' = 'one';
SET;
RESET 'pipeline.name';
SET;
RESET;",
        &expect![[r#"
            Flink SQL> SET 'pipeline.name' = 'one'
            [INFO] Execute statement succeeded.

            Flink SQL> SET
            +---------------+-------+
            |           key | value |
            +---------------+-------+
            | pipeline.name |   one |
            +---------------+-------+
            1 row in set

            Flink SQL> RESET 'pipeline.name'
            [INFO] Execute statement succeeded.

            Flink SQL> SET
            Empty set

            Flink SQL> RESET
            [INFO] Execute statement succeeded.

        "#]],
    );
}
