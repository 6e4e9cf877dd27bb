INSERT INTO users VALUES (4, 'Dora');
UPDATE users SET name = 'Bob' WHERE id = 1;
UPDATE users SET id = 20 WHERE id = 2;
DELETE FROM users WHERE id = 3;
BEGIN;
INSERT INTO users VALUES (5, 'never');
ROLLBACK;
