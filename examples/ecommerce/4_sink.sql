-- Stage 4: the result, kept up to date by key in another PostgreSQL database.
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

INSERT INTO orders_with_user_info
SELECT
  order_id, user_id, user_name, user_email, user_city, user_city_tier,
  product_name, product_category, quantity, unit_price, total_amount, total_amount_yuan,
  order_status, order_time, order_date, order_hour, updated_at,
  CURRENT_TIMESTAMP AS processed_time
FROM orders_with_users;
