//! gosched inside an application that runs on tokio.

mod common;

use std::time::Duration;

use common::{Census, FAR, eventually, thread_name, within};
use gosched::runtime::Runtime;
use gosched::{Context, chan, go, select, time};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// Runs `future` as the main task of a tokio application, on each kind of tokio runtime.
fn on_tokio<F>(make: impl Fn() -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    within(move || {
        for threads in [0, 2] {
            let mut builder = match threads {
                0 => tokio::runtime::Builder::new_current_thread(),
                _ => tokio::runtime::Builder::new_multi_thread(),
            };
            let app = builder.enable_all().thread_name("app").build().unwrap();
            app.block_on(async { tokio::spawn(make()).await.unwrap() });
        }
    });
}

#[test]
fn a_goroutine_started_in_a_task_runs_on_the_default_runtime_and_is_awaited_by_the_task() {
    on_tokio(|| async {
        let name = go(thread_name()).await.unwrap();
        assert!(name.starts_with("gosched-"), "{name}");
        let error = go(async { panic!("oh") }).await.unwrap_err();
        assert!(error.is_panic());
    });
}

#[test]
fn what_is_waited_for_with_the_whole_thread_may_take_more_steps_than_tokio_lets_a_task_do() {
    on_tokio(|| async {
        const VALUES: u32 = 1_000;
        let sum = gosched::block_on(async {
            let (tx, mut rx) = tokio::sync::mpsc::channel(VALUES as usize);
            for n in 0..VALUES {
                tx.try_send(n).unwrap();
            }
            drop(tx);
            let mut sum = 0;
            while let Some(n) = rx.recv().await {
                sum += n;
            }
            sum
        });
        assert_eq!(sum, VALUES * (VALUES - 1) / 2);
    });
}

#[test]
fn channels_and_selects_join_tasks_and_goroutines() {
    on_tokio(|| async {
        let (jobs, inbox) = chan(0);
        let (results, outbox) = chan(0);
        let worker = go(async move {
            while let Some(n) = inbox.recv().await {
                results.send(n * 2).await.unwrap();
            }
        });
        let feeder = tokio::spawn(async move {
            for n in 1..=100 {
                jobs.send(n).await.unwrap();
            }
        });
        let mut sum = 0;
        loop {
            select! {
                n = outbox.recv() => match n {
                    Some(n) => sum += n,
                    None => break,
                },
                _ = tokio::time::sleep(FAR) => panic!("an hour has passed"),
            }
        }
        assert_eq!(sum, 10_100);
        feeder.await.unwrap();
        worker.await.unwrap();
        // And tokio's own macro takes ours.
        let (_tx, rx) = chan::<u8>(0);
        let late = tokio::select! {
            _ = rx.recv() => false,
            () = time::sleep(Duration::from_millis(1)) => true,
        };
        assert!(late);
    });
}

#[test]
fn a_token_of_the_application_ends_goroutines_and_a_context_ends_tasks() {
    on_tokio(|| async {
        let token = CancellationToken::new();
        let ctx = Context::from_token(token.clone());
        let goroutine = go!(clone(ctx) {
            ctx.done().await;
            ctx.err()
        });
        let (child, _cancel) = ctx.with_cancel();
        let followed = child.token().clone();
        let task = tokio::spawn(async move { followed.cancelled().await });
        token.cancel();
        assert!(goroutine.await.unwrap().is_some());
        task.await.unwrap();
    });
}

#[test]
fn a_socket_of_the_application_works_in_a_goroutine_and_the_other_way_round() {
    on_tokio(|| async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = go(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut byte = [0];
            socket.read_exact(&mut byte).await.unwrap();
            socket.write_all(&[byte[0] + 1]).await.unwrap();
            socket
        });
        let mut client = go(TcpStream::connect(address)).await.unwrap().unwrap();
        client.write_all(&[7]).await.unwrap();
        let mut byte = [0];
        client.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, [8]);
        let mut socket = server.await.unwrap();
        socket.write_all(&[9]).await.unwrap();
        client.read_exact(&mut byte).await.unwrap();
        assert_eq!(byte, [9]);
    });
}

#[test]
fn a_runtime_of_its_own_lives_and_ends_inside_a_task() {
    let census = Census::default();
    let counted = census.clone();
    on_tokio(move || {
        let value = counted.value();
        async move {
            let rt = Runtime::builder()
                .procs(1)
                .thread_name("own")
                .build()
                .unwrap();
            let name = rt.handle().go(thread_name()).await.unwrap();
            assert!(name.starts_with("own-"), "{name}");
            drop(rt.handle().go(async move {
                let _value = value;
                std::future::pending::<()>().await;
            }));
            // tokio forbids to block, or to drop a runtime of its own, in a task.
            drop(rt);
        }
    });
    eventually("the goroutines are dropped", || census.dropped() == 2);
}

#[test]
fn block_on_works_where_the_application_may_block() {
    on_tokio(|| async {
        let (tx, rx) = chan(0);
        let blocking = tokio::task::spawn_blocking(move || {
            gosched::block_on(async { rx.recv().await }).map(|n: u8| n + 1)
        });
        tx.send(1).await.unwrap();
        assert_eq!(blocking.await.unwrap(), Some(2));
    });
}

#[test]
fn the_end_of_the_application_leaves_goroutines_running() {
    within(|| {
        let app = tokio::runtime::Runtime::new().unwrap();
        let (tx, rx) = chan(0);
        let goroutine = {
            let _inside = app.enter();
            go(async move { rx.recv().await })
        };
        drop(app);
        tx.send_blocking(7).unwrap();
        assert_eq!(gosched::block_on(goroutine).unwrap(), Some(7));
    });
}
