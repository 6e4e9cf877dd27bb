//! The PostgreSQL replication protocol as bytes: no sockets, no clock.
