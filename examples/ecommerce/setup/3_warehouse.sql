-- In database warehouse, as the role tailwater: the table that the pipeline keeps up to date.
CREATE SCHEMA result;

CREATE TABLE result.orders_with_user_info (
  order_id          BIGINT PRIMARY KEY,
  user_id           BIGINT,
  user_name         TEXT,
  user_email        TEXT,
  user_city         TEXT,
  user_city_tier    TEXT,
  product_name      TEXT,
  product_category  TEXT,
  quantity          INT,
  unit_price        NUMERIC(10, 2),
  total_amount      NUMERIC(10, 2),
  total_amount_yuan TEXT,
  order_status      TEXT,
  order_time        TIMESTAMP(3),
  order_date        TEXT,
  order_hour        INT,
  updated_at        TIMESTAMP(3),
  processed_time    TIMESTAMPTZ(3)
);
