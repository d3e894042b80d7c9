//! Other people's libraries inside goroutines, one file each. One binary, because they link slowly.

mod axum_reqwest;
mod sqlx_sqlite;
mod tokio_tasks;
mod tokio_types;
mod tonic_grpc;
mod tower_and_util;
