-- Stage 3: each order with its user.
CREATE TEMPORARY VIEW orders_with_users AS
SELECT
  o.order_id,
  o.user_id,
  COALESCE(u.username, 'Unknown User') AS user_name,
  COALESCE(u.email, 'unknown@example.com') AS user_email,
  u.city AS user_city,
  CASE
    WHEN u.city IN ('北京', '上海', '广州', '深圳') THEN '一线城市'
    ELSE '其他城市'
  END AS user_city_tier,
  o.product_name,
  o.product_category,
  o.quantity,
  o.unit_price,
  o.total_amount,
  o.total_amount_yuan,
  o.order_status,
  o.order_time,
  o.order_date,
  o.order_hour,
  o.updated_at
FROM dwd_orders AS o
LEFT JOIN ods_users AS u ON o.user_id = u.user_id;
