-- Stage 4: the result, from its topic into another PostgreSQL database, kept up to date by key.
SET 'execution.checkpointing.interval' = '1s';

CREATE TABLE IF NOT EXISTS result_orders_with_user_info (
  order_id          BIGINT,
  user_id           BIGINT,
  user_name         STRING,
  user_email        STRING,
  user_city         STRING,
  user_city_tier    STRING,
  product_name      STRING,
  product_category  STRING,
  quantity          INT,
  unit_price        DECIMAL(10, 2),
  total_amount      DECIMAL(10, 2),
  total_amount_yuan STRING,
  order_status      STRING,
  order_time        TIMESTAMP(3),
  order_date        STRING,
  order_hour        INT,
  updated_at        TIMESTAMP(3),
  processed_time    TIMESTAMP_LTZ(3),
  PRIMARY KEY (order_id) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'result_orders_with_user_info',
  'properties.bootstrap.servers' = '127.0.0.1:59092',
  'key.format' = 'json',
  'value.format' = 'json'
);

CREATE TABLE orders_with_user_info (
  order_id          BIGINT,
  user_id           BIGINT,
  user_name         STRING,
  user_email        STRING,
  user_city         STRING,
  user_city_tier    STRING,
  product_name      STRING,
  product_category  STRING,
  quantity          INT,
  unit_price        DECIMAL(10, 2),
  total_amount      DECIMAL(10, 2),
  total_amount_yuan STRING,
  order_status      STRING,
  order_time        TIMESTAMP(3),
  order_date        STRING,
  order_hour        INT,
  updated_at        TIMESTAMP(3),
  processed_time    TIMESTAMP_LTZ(3),
  PRIMARY KEY (order_id) NOT ENFORCED
) WITH (
  'connector' = 'jdbc',
  'url' = 'jdbc:postgresql://127.0.0.1:55432/warehouse?currentSchema=result',
  'table-name' = 'orders_with_user_info',
  'username' = 'tailwater',
  'password' = 'tailwater'
);

INSERT INTO orders_with_user_info SELECT * FROM result_orders_with_user_info;
