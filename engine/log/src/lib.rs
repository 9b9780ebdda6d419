//! The durable, ordered log on SQLite.
