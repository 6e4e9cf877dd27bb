-- The database of the example: two tables, a publication, and a role that may read them.
CREATE TABLE users (id INT PRIMARY KEY, name TEXT);
CREATE TABLE orders (id INT PRIMARY KEY, user_id INT, amount NUMERIC(10, 2));
INSERT INTO users VALUES (1, 'Alice'), (2, 'Борис'), (3, 'O''Hara "quoted" \ back');
CREATE PUBLICATION flink_cdc_pub FOR TABLE users, orders;
CREATE ROLE first_run LOGIN REPLICATION PASSWORD 'first_run';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO first_run;
