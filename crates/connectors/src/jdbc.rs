//! Tables of a PostgreSQL database: Flink's `'connector' = 'jdbc'`.
//!
//! The sink writes what it has gathered in one transaction and as few round trips as there can be:
//!
//! ```text
//! DELETE FROM t USING UNNEST($1, ...) AS u (...) WHERE t.key = u.key
//! INSERT INTO t (...) SELECT ... FROM UNNEST($1, ...) AS u (...) ON CONFLICT (key) DO UPDATE ...
//! ```
//! The source reads a table once, by `COPY`, and ends.

mod arrays;
mod consolidate;
mod ddl;
mod fit;
mod options;
mod sink;
mod source;
mod statements;
mod target;
mod url;

pub use sink::JdbcSinkFactory;
pub use source::JdbcSourceFactory;
