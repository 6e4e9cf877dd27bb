//! What is wrong with a script is said in one text: what, where, how to mend it.

use expect_test::{Expect, expect};

use crate::binary::Workspace;
use crate::scrub::scrub;

const TABLES: &str = "\
CREATE TABLE people (id INT, name STRING, age INT, PRIMARY KEY (id) NOT ENFORCED)
WITH ('connector' = 'filesystem', 'path' = 'people.json', 'format' = 'debezium-json');
CREATE TABLE out_print (name STRING, n BIGINT) WITH ('connector' = 'print');
";

/// A script behind [`TABLES`] is refused, nothing has run, and this is said.
fn check(script: &str, expected: &Expect) {
    let workspace = Workspace::new();
    workspace.write("people.json", "");
    let ran = workspace.run(&format!("{TABLES}{script}"), &[]);
    expected.assert_eq(&scrub(&ran.stderr, &workspace, None));
    ran.assert_code(1);
    assert_eq!(ran.stdout, "", "something has run");
}

#[test]
fn an_unknown_table_gets_a_proposal() {
    check(
        "SELECT * FROM peple;",
        &expect![[r#"
        error[E0101]: Object 'peple' not found
         --> script.sql:4:15
          |
        4 | SELECT * FROM peple;
          |               ^^^^^
          |
          = help: did you mean 'people'?

    "#]],
    );
}

#[test]
fn an_unknown_column_gets_a_proposal() {
    check(
        "SELECT id,\n  nam\nFROM people;",
        &expect![[r#"
        error[E0102]: Column 'nam' not found in any table
         --> script.sql:5:3
          |
        5 |   nam
          |   ^^^
          |
          = help: did you mean 'name'?

    "#]],
    );
}

#[test]
fn a_syntax_error_points_at_the_word() {
    check(
        "SELECT id FORM people;",
        &expect![[r#"
        error[E0001]: encountered "people", expected the end of the statement
         --> script.sql:4:16
          |
        4 | SELECT id FORM people;
          |                ^^^^^^
          |
          = help: did you mean "FROM" for "FORM"?

    "#]],
    );
}

#[test]
fn an_unknown_option_gets_a_proposal() {
    check(
        "CREATE TABLE t (a INT) WITH (\n  'connector' = 'jdbc',\n  \
         'url' = 'jdbc:postgresql://127.0.0.1/x',\n  'tabel-name' = 't',\n  'username' = 'u'\n);\nSELECT * FROM t;",
        &expect![[r#"
            error[E0150]: unknown option "tabel-name"
             --> script.sql:7:3
              |
            7 |   'tabel-name' = 't',
              |   ^^^^^^^^^^^^^^^^^^
              |
              = help: did you mean "table-name"?

            error[E0150]: required option "table-name" is missing
             --> script.sql:4:14
              |
            4 | CREATE TABLE t (a INT) WITH (
              |              ^
              |
              = help: add 'table-name' = '...' to WITH (...)

        "#]],
    );
}

#[test]
fn an_unknown_connector_gets_a_proposal() {
    check(
        "CREATE TABLE t (a INT) WITH ('connector' = 'postgre-cdc');\nSELECT * FROM t;",
        &expect![[r#"
            error[E0150]: Could not find any factory for identifier 'postgre-cdc' that implements 'org.apache.flink.table.factories.DynamicTableFactory'
             --> script.sql:4:30
              |
            4 | CREATE TABLE t (a INT) WITH ('connector' = 'postgre-cdc');
              |                              ^^^^^^^^^^^^^^^^^^^^^^^^^^^
              |
              = help: did you mean 'postgres-cdc'?

        "#]],
    );
}

#[test]
fn a_missing_option_is_named() {
    check(
        "CREATE TABLE t (a INT) WITH (\n  'connector' = 'postgres-cdc', 'hostname' = 'h',\n  \
         'username' = 'u', 'password' = 'top-secret', 'database-name' = 'd',\n  \
         'schema-name' = 's', 'table-name' = 't'\n);\nSELECT * FROM t;",
        &expect![[r#"
            error[E0150]: required option "slot.name" is missing
             --> script.sql:4:14
              |
            4 | CREATE TABLE t (a INT) WITH (
              |              ^
              |
              = help: add 'slot.name' = '...' to WITH (...)

        "#]],
    );
}

#[test]
fn an_insert_of_other_types_is_refused() {
    check(
        "INSERT INTO out_print SELECT age, name FROM people;",
        &expect![[r#"
            error[E0142]: Column types of query result and sink for 'default_catalog.default_database.out_print' do not match.
             --> script.sql:4:23
              |
            4 | INSERT INTO out_print SELECT age, name FROM people;
              |                       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^
              |
              = note: Cause: Incompatible types for sink column 'name' at position 0: the query gives INT, the sink takes VARCHAR(2147483647).
          
                      Query schema: [age: INT, name: VARCHAR(2147483647)]
                      Sink schema:  [name: VARCHAR(2147483647), n: BIGINT]
              = help: write CAST(... AS VARCHAR(2147483647))

        "#]],
    );
}

#[test]
fn an_insert_of_another_number_of_columns_is_refused() {
    check(
        "INSERT INTO out_print SELECT name FROM people;",
        &expect![[r#"
            error[E0142]: Column types of query result and sink for 'default_catalog.default_database.out_print' do not match.
             --> script.sql:4:23
              |
            4 | INSERT INTO out_print SELECT name FROM people;
              |                       ^^^^^^^^^^^^^^^^^^^^^^^
              |
              = note: Cause: Different number of columns: the query has 1, the sink takes 2.
          
                      Query schema: [name: VARCHAR(2147483647)]
                      Sink schema:  [name: VARCHAR(2147483647), n: BIGINT]

        "#]],
    );
}

#[test]
fn changes_into_a_sink_without_primary_key_are_refused() {
    check(
        "CREATE TABLE totals (name STRING, n BIGINT) WITH (\n  'connector' = 'jdbc',\n  \
         'url' = 'jdbc:postgresql://127.0.0.1/x', 'table-name' = 't', 'username' = 'u'\n);\n\
         INSERT INTO totals SELECT name, COUNT(*) FROM people GROUP BY name;",
        &expect![[r#"
            error[E0143]: Table sink 'default_catalog.default_database.totals' doesn't support consuming update and delete changes which is produced by node GroupAggregate
             --> script.sql:8:13
              |
            8 | INSERT INTO totals SELECT name, COUNT(*) FROM people GROUP BY name;
              |             ^^^^^^
              |
              = help: declare PRIMARY KEY (...) NOT ENFORCED on the sink table, so that changes are written by key, or use a format that carries changes, such as debezium-json

        "#]],
    );
}

#[test]
fn changelog_mode_upsert_needs_a_primary_key() {
    check(
        "CREATE TABLE t (a INT) WITH (\n  'connector' = 'postgres-cdc', 'hostname' = 'h',\n  \
         'username' = 'u', 'password' = 'top-secret', 'database-name' = 'd',\n  \
         'schema-name' = 's', 'table-name' = 't', 'slot.name' = 'x',\n  \
         'changelog-mode' = 'upsert'\n);\nSELECT * FROM t;",
        &expect![[r#"
            error[E0150]: option 'changelog-mode': mode "upsert" needs a primary key
             --> script.sql:8:3
              |
            8 |   'changelog-mode' = 'upsert'
              |   ^^^^^^^^^^^^^^^^^^^^^^^^^^^
              |
              = help: declare PRIMARY KEY (...) NOT ENFORCED in the table

        "#]],
    );
}

#[test]
fn a_wrong_value_of_a_setting_is_refused() {
    check(
        "SET 'execution.checkpointing.interval' = 'often';",
        &expect![[r#"
            error[E0161]: cannot set 'execution.checkpointing.interval' to 'often': "often" is no duration such as '500ms', '10s' or '3min'
             --> script.sql:4:42
              |
            4 | SET 'execution.checkpointing.interval' = 'often';
              |                                          ^^^^^^^

        "#]],
    );
}

#[test]
fn all_errors_of_a_script_are_told_at_once_and_nothing_runs() {
    check(
        "INSERT INTO out_print SELECT name, CAST(id AS BIGINT) FROM people;\n\
         SELECT nobody FROM people;\n\
         SELECT 1 +;\n\
         INSERT INTO out_prind SELECT 'a', 1;",
        &expect![[r#"
            error[E0102]: Column 'nobody' not found in any table
             --> script.sql:5:8
              |
            5 | SELECT nobody FROM people;
              |        ^^^^^^
              |
              = help: there are: id, name, age

            error[E0001]: encountered ";", expected an expression
             --> script.sql:6:11
              |
            6 | SELECT 1 +;
              |           ^

            error[E0101]: Cannot find table '`default_catalog`.`default_database`.`out_prind`' in any of the catalogs
             --> script.sql:7:13
              |
            7 | INSERT INTO out_prind SELECT 'a', 1;
              |             ^^^^^^^^^
              |
              = help: did you mean 'out_print'?

        "#]],
    );
}

#[test]
fn a_password_in_the_shown_line_is_stars() {
    check(
        "CREATE TABLE t (a INT) WITH (\n  'connector' = 'jdbc', 'table-name' = 't',\n  \
         'url' = 'jdbc:postgresql://h/x?user=u&password=s3cret', 'password' = 's3cret', 'x' = '1');\n\
         SELECT * FROM t;",
        &expect![[r#"
            error[E0150]: unknown option "x"
             --> script.sql:6:82
              |
            6 |   'url' = 'jdbc:postgresql://h/x?user=u&password=******', 'password' = '******', 'x' = '1');
              |                                                                                  ^^^^^^^^^
              |
              = help: the options are connector, url, table-name, username, password, connection.max-retry-timeout, scan.partition.column, scan.partition.lower-bound, scan.partition.upper-bound, sink.buffer-flush.max-rows, sink.buffer-flush.interval, sink.max-retries

        "#]],
    );
}

#[test]
fn several_files_are_told_apart() {
    let workspace = Workspace::new();
    workspace.write("1.sql", "CREATE TABLE t (a INT) WITH ('connector' = 'print');\n");
    workspace.write("2.sql", "-- second\nINSERT INTO t SELECT 'x';\n");
    let ran = workspace.start_with(&["-f", "1.sql", "-f", "2.sql"]).end();
    ran.assert_code(1);
    expect![[r#"
        error[E0142]: Column types of query result and sink for 'default_catalog.default_database.t' do not match.
         --> 2.sql:2:15
          |
        2 | INSERT INTO t SELECT 'x';
          |               ^^^^^^^^^^
          |
          = note: Cause: Incompatible types for sink column 'a' at position 0: the query gives CHAR(1) NOT NULL, the sink takes INT.

                  Query schema: [EXPR$0: CHAR(1) NOT NULL]
                  Sink schema:  [a: INT]
          = help: write CAST(... AS INT)

    "#]].assert_eq(&ran.stderr);
    let missing = workspace.start_with(&["-f", "3.sql"]).end();
    missing.assert_code(1);
    expect![[r#"
        error: cannot read "3.sql": No such file or directory (os error 2)
    "#]]
    .assert_eq(&missing.stderr);
}

const LENIENT: &str = "CREATE TABLE out_time (moment TIMESTAMP(3)) WITH ('connector' = 'print');\n\
     INSERT INTO out_time SELECT s FROM (VALUES ('2026-01-02 03:04:05'), ('x'), ('')) AS t(s)\n\
     WHERE s != '';\n";

#[test]
fn what_flink_refuses_although_it_is_plain_runs_with_a_warning() {
    let workspace = Workspace::new();
    workspace.write("1.sql", LENIENT);
    let ran = workspace.start_with(&["-f", "1.sql"]).end();
    ran.assert_code(0);
    expect![[r#"
        warning[W0114]: '!=' is taken as '<>'; Flink refuses it: Bang equal '!=' is not allowed under the current SQL conformance level
         --> 1.sql:3:9
          |
        3 | WHERE s != '';
          |         ^^
          |
          = help: write <> instead

        warning[W0142]: the text for 'moment' is read by TO_TIMESTAMP; Flink refuses it: Column types of query result and sink do not match
         --> 1.sql:2:22
          |
        2 |   INSERT INTO out_time SELECT s FROM (VALUES ('2026-01-02 03:04:05'), ('x'), ('')) AS t(s)
          |  ______________________^
        3 | | WHERE s != '';
          | |_____________^
          |
          = help: write TO_TIMESTAMP(...), the column is TIMESTAMP(3)

    "#]].assert_eq(&ran.stderr);
    // A job's rows come when they come.
    let printed: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("+I")).collect();
    assert_eq!(printed, ["+I[2026-01-02T03:04:05]", "+I[null]"]);
}

#[test]
fn strict_as_flink_the_same_is_refused() {
    let workspace = Workspace::new();
    workspace.write("1.sql", LENIENT);
    let ran = workspace.start_with(&["-D", "tailwater.flink-strict=true", "-f", "1.sql"]).end();
    ran.assert_code(1);
    expect![[r#"
        error[E0114]: Bang equal '!=' is not allowed under the current SQL conformance level
         --> 1.sql:3:9
          |
        3 | WHERE s != '';
          |         ^^
          |
          = help: write <> instead

    "#]]
    .assert_eq(&ran.stderr);
    workspace.write("2.sql", &LENIENT.replace("!=", "<>"));
    let ran = workspace.start_with(&["-D", "tailwater.flink-strict=true", "-f", "2.sql"]).end();
    ran.assert_code(1);
    expect![[r#"
        error[E0142]: Column types of query result and sink for 'default_catalog.default_database.out_time' do not match.
         --> 2.sql:2:22
          |
        2 |   INSERT INTO out_time SELECT s FROM (VALUES ('2026-01-02 03:04:05'), ('x'), ('')) AS t(s)
          |  ______________________^
        3 | | WHERE s <> '';
          | |_____________^
          |
          = note: Cause: Incompatible types for sink column 'moment' at position 0: the query gives VARCHAR(19) NOT NULL, the sink takes TIMESTAMP(3).

                  Query schema: [s: VARCHAR(19) NOT NULL]
                  Sink schema:  [moment: TIMESTAMP(3)]
          = help: write CAST(... AS TIMESTAMP(3))

    "#]].assert_eq(&ran.stderr);
}

#[test]
fn options_of_a_format_that_contradict_each_other_are_refused() {
    check(
        "CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'people.json', 'format' = 'json',\n\
         'json.ignore-parse-errors' = 'true', 'json.fail-on-missing-field' = 'true');\nSELECT * FROM t;",
        &expect![[r#"
            error[E0150]: option 'json.fail-on-missing-field': fail-on-missing-field and ignore-parse-errors shouldn't both be true.
             --> script.sql:5:38
              |
            5 | 'json.ignore-parse-errors' = 'true', 'json.fail-on-missing-field' = 'true');
              |                                      ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^

        "#]],
    );
}
