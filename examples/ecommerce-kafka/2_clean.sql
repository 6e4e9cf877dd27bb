-- Stage 2: the cleaned detail layer (DWD), topic to topic.
SET 'execution.checkpointing.interval' = '1s';

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

CREATE TABLE IF NOT EXISTS dwd_orders (
  order_id          BIGINT,
  user_id           BIGINT,
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
  PRIMARY KEY (order_id) NOT ENFORCED
) WITH (
  'connector' = 'upsert-kafka',
  'topic' = 'dwd_orders',
  'properties.bootstrap.servers' = '127.0.0.1:59092',
  'key.format' = 'json',
  'value.format' = 'json'
);

INSERT INTO dwd_orders
SELECT
  order_id,
  user_id,
  UPPER(TRIM(product_name)) AS product_name,
  CASE product_category
    WHEN '电子产品' THEN 'ELECTRONICS'
    WHEN '服装鞋帽' THEN 'CLOTHING'
    ELSE 'OTHER'
  END AS product_category,
  quantity,
  unit_price,
  total_amount,
  CONCAT('¥', CAST(total_amount AS STRING)) AS total_amount_yuan,
  CASE order_status
    WHEN 'PENDING' THEN '待处理'
    WHEN 'SHIPPED' THEN '已发货'
    WHEN 'COMPLETED' THEN '已完成'
    ELSE order_status
  END AS order_status,
  order_time,
  DATE_FORMAT(order_time, 'yyyy-MM-dd') AS order_date,
  CAST(HOUR(order_time) AS INT) AS order_hour,
  updated_at
FROM ods_orders
WHERE order_id IS NOT NULL;
