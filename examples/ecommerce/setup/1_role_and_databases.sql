-- As a superuser: the role of the pipeline, and two databases that it owns.
CREATE ROLE tailwater LOGIN REPLICATION PASSWORD 'tailwater';
CREATE DATABASE shop OWNER tailwater;
CREATE DATABASE warehouse OWNER tailwater;
