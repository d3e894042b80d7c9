//! sqlx with SQLite: pools, transactions and time limits in goroutines.

use std::time::Duration;

use gosched::context::ContextError;
use gosched::{Context, chan, go};
use gosched_ecosystem::{TempDir, on_both};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions};

/// One connection: to each, its memory is a database of its own.
async fn in_memory() -> SqlitePool {
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect("sqlite::memory:")
        .await
        .unwrap();
    create(&pool).await;
    pool
}

async fn create(pool: &SqlitePool) {
    sqlx::query("CREATE TABLE account (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)")
        .execute(pool)
        .await
        .unwrap();
}

async fn insert(pool: &SqlitePool, id: i64, balance: i64) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO account (id, balance) VALUES (?, ?)")
        .bind(id)
        .bind(balance)
        .execute(pool)
        .await
        .map(drop)
}

async fn sum(pool: &SqlitePool) -> i64 {
    sqlx::query_scalar("SELECT COALESCE(SUM(balance), 0) FROM account")
        .fetch_one(pool)
        .await
        .unwrap()
}

#[test]
fn many_goroutines_share_a_pool_of_one_connection() {
    on_both(|| async {
        let pool = in_memory().await;
        let writers: Vec<_> = (0..50)
            .map(|id| {
                let pool = pool.clone();
                go(async move { insert(&pool, id, id * 10).await })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap().unwrap();
        }
        assert_eq!(sum(&pool).await, (0..50).sum::<i64>() * 10);
        let again = insert(&pool, 1, 1).await.unwrap_err();
        assert!(again.as_database_error().unwrap().is_unique_violation());
        pool.close().await;
    });
}

#[test]
fn transactions_of_many_goroutines_on_a_file_lose_nothing() {
    on_both(|| async {
        let dir = TempDir::new("sqlite");
        let path = dir.join("accounts.db");
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .busy_timeout(Duration::from_secs(60));
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(Duration::from_secs(60))
            .connect_with(options)
            .await
            .unwrap();
        create(&pool).await;
        for id in 0..10 {
            insert(&pool, id, 100).await.unwrap();
        }
        let transfers: Vec<_> = (0..40_i64)
            .map(|n| {
                let pool = pool.clone();
                go(async move {
                    // IMMEDIATE: of two that only read at first, SQLite lets one go on to write and fails the other.
                    let mut tx = pool.begin_with("BEGIN IMMEDIATE").await?;
                    for (id, amount) in [(n % 10, -n), ((n + 3) % 10, n)] {
                        let balance: i64 =
                            sqlx::query_scalar("SELECT balance FROM account WHERE id = ?")
                                .bind(id)
                                .fetch_one(&mut *tx)
                                .await?;
                        sqlx::query("UPDATE account SET balance = ? WHERE id = ?")
                            .bind(balance + amount)
                            .bind(id)
                            .execute(&mut *tx)
                            .await?;
                    }
                    // Every fourth is taken back.
                    if n % 4 == 0 {
                        tx.rollback().await
                    } else {
                        tx.commit().await
                    }
                })
            })
            .collect();
        for transfer in transfers {
            transfer.await.unwrap().unwrap();
        }
        assert_eq!(sum(&pool).await, 1_000);
        let first: i64 = sqlx::query_scalar("SELECT balance FROM account WHERE id = 0")
            .fetch_one(&pool)
            .await
            .unwrap();
        // Paid 10 and 30 (0 and 20 were taken back), got 7, 17, 27 and 37.
        assert_eq!(first, 100 - 10 - 30 + 7 + 17 + 27 + 37);
        pool.close().await;
    });
}

#[test]
fn a_transaction_whose_context_ends_is_rolled_back_and_its_connection_goes_on() {
    on_both(|| async {
        let pool = in_memory().await;
        let (ctx, cancel) = Context::background().with_cancel();
        let (wrote, written) = chan(0);
        let worker = go({
            let pool = pool.clone();
            ctx.run(async move {
                let mut tx = pool.begin().await.unwrap();
                sqlx::query("INSERT INTO account (id, balance) VALUES (1, 5)")
                    .execute(&mut *tx)
                    .await
                    .unwrap();
                wrote.send(()).await.unwrap();
                std::future::pending::<()>().await;
                tx.commit().await.unwrap();
            })
        });
        written.recv().await.unwrap();
        cancel.cancel();
        assert_eq!(worker.await.unwrap(), Err(ContextError::Canceled));
        assert_eq!(sum(&pool).await, 0);
        insert(&pool, 1, 7).await.unwrap();
        assert_eq!(sum(&pool).await, 7);
        pool.close().await;
    });
}

#[test]
fn a_wait_for_a_connection_ends_with_its_deadline_and_leaves_the_pool_whole() {
    on_both(|| async {
        let pool = in_memory().await;
        let held = pool.acquire().await.unwrap();
        let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(20));
        let waited = ctx.run(pool.acquire()).await;
        assert_eq!(waited.map(drop), Err(ContextError::DeadlineExceeded));
        let next = go({
            let pool = pool.clone();
            async move { sum(&pool).await }
        });
        drop(held);
        assert_eq!(next.await.unwrap(), 0);
        pool.close().await;
    });
}

#[test]
fn a_query_that_runs_too_long_is_left_at_the_deadline() {
    on_both(|| async {
        let pool = in_memory().await;
        let (ctx, _cancel) = Context::background().with_timeout(Duration::from_millis(20));
        // Three million rows: SQLite is at it for a while, on sqlx's own thread.
        let count = ctx
            .run(
                sqlx::query_scalar::<_, i64>(
                    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000)
                     SELECT COUNT(*) FROM n",
                )
                .fetch_one(&pool),
            )
            .await;
        assert_eq!(count.map(drop), Err(ContextError::DeadlineExceeded));
    });
}
