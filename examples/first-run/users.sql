-- Every change of a user that is not a deletion, as it comes from the connector's topic.
CREATE TABLE users_cdc (
  `before` ROW<id INT, name STRING>,
  `after` ROW<id INT, name STRING>,
  `op` STRING,
  `ts_ms` BIGINT,
  `source` MAP<STRING, STRING>
) WITH (
  'connector' = 'kafka',
  'topic' = 'debezium.pg_cdc',
  'properties.bootstrap.servers' = '${KAFKA_BOOTSTRAP}',
  'properties.group.id' = 'first-run',
  'scan.startup.mode' = 'earliest-offset',
  'format' = 'json'
);

CREATE VIEW users_current AS
SELECT
  `after`.id AS user_id,
  `after`.name AS user_name,
  `op` AS operation_type,
  FROM_UNIXTIME(`ts_ms` / 1000) AS change_time
FROM users_cdc
WHERE `op` <> 'd';

CREATE TABLE users_summary (
  user_id INT,
  user_name STRING,
  operation_type STRING,
  last_update TIMESTAMP(3)
) WITH (
  'connector' = 'print',
  'print-identifier' = 'first_run'
);

INSERT INTO users_summary
SELECT user_id, user_name, operation_type, TO_TIMESTAMP(change_time)
FROM users_current;
