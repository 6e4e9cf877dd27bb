-- Stage 1: the tables of the shop, from PostgreSQL to one compacted topic each: two jobs.
-- Hosts, ports and passwords of the demo; put your own here.
SET 'execution.checkpointing.interval' = '1s';

CREATE TABLE shop_orders (
  order_id         BIGINT,
  user_id          BIGINT,
  product_name     STRING,
  product_category STRING,
  quantity         INT,
  unit_price       DECIMAL(10, 2),
  total_amount     DECIMAL(10, 2),
  order_status     STRING,
  order_time       TIMESTAMP(3),
  updated_at       TIMESTAMP(3),
  PRIMARY KEY (order_id) NOT ENFORCED
) WITH (
  'connector' = 'postgres-cdc',
  'hostname' = '127.0.0.1',
  'port' = '55432',
  'username' = 'tailwater',
  'password' = 'tailwater',
  'database-name' = 'shop',
  'schema-name' = 'business',
  'table-name' = 'orders',
  'slot.name' = 'tailwater_orders',
  'decoding.plugin.name' = 'pgoutput'
);

CREATE TABLE shop_users (
  user_id       BIGINT,
  username      STRING,
  email         STRING,
  phone         STRING,
  city          STRING,
  register_time TIMESTAMP(3),
  PRIMARY KEY (user_id) NOT ENFORCED
) WITH (
  'connector' = 'postgres-cdc',
  'hostname' = '127.0.0.1',
  'port' = '55432',
  'username' = 'tailwater',
  'password' = 'tailwater',
  'database-name' = 'shop',
  'schema-name' = 'business',
  'table-name' = 'users',
  'slot.name' = 'tailwater_users',
  'decoding.plugin.name' = 'pgoutput'
);

CREATE TABLE IF NOT EXISTS ods_orders (
  order_id         BIGINT,
  user_id          BIGINT,
  product_name     STRING,
  product_category STRING,
  quantity         INT,
  unit_price       DECIMAL(10, 2),
  total_amount     DECIMAL(10, 2),
  order_status     STRING,
  order_time       TIMESTAMP(3),
  updated_at       TIMESTAMP(3),
  PRIMARY KEY (order_id) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'ods_orders',
  'properties.bootstrap.servers' = '127.0.0.1:59092',
  'key.format' = 'json',
  'value.format' = 'json'
);

CREATE TABLE IF NOT EXISTS ods_users (
  user_id       BIGINT,
  username      STRING,
  email         STRING,
  phone         STRING,
  city          STRING,
  register_time TIMESTAMP(3),
  PRIMARY KEY (user_id) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'ods_users',
  'properties.bootstrap.servers' = '127.0.0.1:59092',
  'key.format' = 'json',
  'value.format' = 'json'
);

INSERT INTO ods_orders SELECT * FROM shop_orders;
INSERT INTO ods_users SELECT * FROM shop_users;
