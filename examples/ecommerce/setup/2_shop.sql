-- In database shop, as the role tailwater: what the shop's application works on.
CREATE SCHEMA business;

CREATE TABLE business.users (
  user_id       BIGINT PRIMARY KEY,
  username      TEXT NOT NULL,
  email         TEXT NOT NULL,
  phone         TEXT,
  city          TEXT,
  register_time TIMESTAMP(3) NOT NULL
);

CREATE TABLE business.orders (
  order_id         BIGINT PRIMARY KEY,
  user_id          BIGINT NOT NULL,
  product_name     TEXT NOT NULL,
  product_category TEXT,
  quantity         INT NOT NULL,
  unit_price       NUMERIC(10, 2) NOT NULL,
  total_amount     NUMERIC(10, 2) NOT NULL,
  order_status     TEXT NOT NULL,
  order_time       TIMESTAMP(3) NOT NULL,
  updated_at       TIMESTAMP(3) NOT NULL
);

-- Updates and deletes carry the whole old row, as Flink CDC asks for.
ALTER TABLE business.users REPLICA IDENTITY FULL;
ALTER TABLE business.orders REPLICA IDENTITY FULL;

INSERT INTO business.users VALUES
  (1, '张伟', 'zhangwei@example.com', '13800000001', '北京', '2025-01-05 09:12:33.125'),
  (2, '王芳', 'wangfang@example.com', '13800000002', '上海', '2025-02-11 14:03:07.5'),
  (3, '李娜', 'lina@example.com', '13800000003', '杭州', '2025-03-20 20:45:59.001'),
  (4, '刘洋', 'liuyang@example.com', NULL, '深圳', '2025-04-01 00:00:00'),
  (5, '陈静', 'chenjing@example.com', '13800000005', NULL, '2025-05-17 23:59:59.999');

INSERT INTO business.orders VALUES
  (1001, 1, '  iPhone 15 ', '电子产品', 1, 5999.00, 5999.00, 'COMPLETED',
   '2025-06-01 08:30:00', '2025-06-03 10:00:00'),
  (1002, 2, 'Running shoes', '服装鞋帽', 2, 399.50, 799.00, 'SHIPPED',
   '2025-06-01 23:59:59.999', '2025-06-02 12:00:00.25'),
  (1003, 3, 'Rice cooker', '家居用品', 1, 0.05, 0.05, 'PENDING',
   '2025-06-02 00:00:00', '2025-06-02 00:00:00'),
  (1004, 4, 'USB-C cable', '电子产品', 10, 12.90, 129.00, 'CANCELLED',
   '2025-06-02 12:15:30.5', '2025-06-02 13:00:00'),
  (1005, 5, 'Wool 毛衣', NULL, 3, 188.88, 566.64, 'PENDING',
   '2025-06-02 18:00:00.001', '2025-06-02 18:00:00.001');
