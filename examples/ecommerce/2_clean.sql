-- Stage 2: the cleaned detail layer (DWD).
CREATE TEMPORARY VIEW dwd_orders AS
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
