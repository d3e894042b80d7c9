//! tokio's own types inside goroutines, as they are.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{run, runtime, within};
use gosched::runtime::Runtime;
use gosched::time::Instant;
use gosched::{chan, go, select};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn echo(listener: TcpListener) {
    while let Ok((mut stream, _)) = listener.accept().await {
        drop(go(async move {
            let (mut read, mut write) = stream.split();
            let _ = tokio::io::copy(&mut read, &mut write).await;
        }));
    }
}

#[test]
fn sockets_work_in_goroutines() {
    for procs in [1, 2] {
        run(procs, async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            drop(go(echo(listener)));
            let clients: Vec<_> = (0..20_u8)
                .map(|n| {
                    go(async move {
                        let mut stream = TcpStream::connect(address).await.unwrap();
                        for _ in 0..20 {
                            stream.write_all(&[n; 100]).await.unwrap();
                            let mut back = [0; 100];
                            stream.read_exact(&mut back).await.unwrap();
                            assert_eq!(back, [n; 100]);
                        }
                    })
                })
                .collect();
            for client in clients {
                client.await.unwrap();
            }
        });
    }
}

#[test]
fn sockets_and_sleeps_of_tokio_work_in_block_on_too() {
    within(|| {
        runtime(1).block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            drop(go(echo(listener)));
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            let mut back = [0; 5];
            stream.read_exact(&mut back).await.unwrap();
            assert_eq!(&back, b"hello");
            let start = Instant::now();
            tokio::time::sleep(Duration::from_millis(2)).await;
            assert!(start.elapsed() >= Duration::from_millis(2));
        });
    });
}

#[test]
fn a_read_that_never_comes_is_given_up_in_a_select() {
    run(1, async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut quiet = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (mut other_end, _) = listener.accept().await.unwrap();
        let mut byte = [0];
        let late = select! {
            _ = quiet.read(&mut byte) => false,
            _ = gosched::time::after(Duration::from_millis(1)) => true,
        };
        assert!(late);
        other_end.write_all(&[7]).await.unwrap();
        assert_eq!(quiet.read(&mut byte).await.unwrap(), 1);
        assert_eq!(byte, [7], "nothing was read by the one given up");
    });
}

#[test]
fn tasks_that_libraries_spawn_on_tokio_run() {
    run(1, async {
        let task = tokio::spawn(async {
            tokio::task::yield_now().await;
            7
        });
        assert_eq!(task.await.unwrap(), 7);
        let sum = tokio::task::spawn_blocking(|| (1..=10).sum::<u32>());
        assert_eq!(sum.await.unwrap(), 55);
        // They start goroutines of the same runtime, and talk with them.
        let (tx, rx) = chan(0);
        let task = tokio::spawn(async move {
            let name = go(common::thread_name()).await.unwrap();
            tx.send(name).await.unwrap();
        });
        assert!(rx.recv().await.unwrap().starts_with("own-"));
        task.await.unwrap();
    });
}

#[test]
fn tasks_of_libraries_run_while_goroutines_keep_the_only_p_busy() {
    run(1, async {
        let mut task = tokio::spawn(async {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        });
        loop {
            select! {
                done = &mut task => break done.unwrap(),
                default => gosched::yield_now().await,
            }
        }
    });
}

#[test]
fn with_threads_of_their_own_tasks_of_libraries_run_beside_the_ps() {
    within(|| {
        let rt = Runtime::builder()
            .procs(1)
            .thread_name("own")
            .library_threads(1)
            .build()
            .unwrap();
        rt.block_on(rt.handle().go(async {
            let name = tokio::spawn(common::thread_name()).await.unwrap();
            assert!(!name.starts_with("own-"), "{name}");
            // A goroutine that holds its P is in nobody's way there.
            let (tx, rx) = std::sync::mpsc::channel();
            drop(tokio::spawn(async move { tx.send(7).unwrap() }));
            assert_eq!(rx.recv().unwrap(), 7);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            assert!(listener.local_addr().unwrap().port() > 0);
        }))
        .unwrap();
    });
}

#[test]
fn tokios_locks_and_channels_work_between_goroutines_and_outside() {
    within(|| {
        let rt = runtime(2);
        let total = Arc::new(tokio::sync::Mutex::new(0));
        let permits = Arc::new(tokio::sync::Semaphore::new(2));
        let (tx, mut rx) = tokio::sync::mpsc::channel(1);
        for n in 1..=50 {
            let (total, permits, tx) = (Arc::clone(&total), Arc::clone(&permits), tx.clone());
            drop(rt.handle().go(async move {
                let _permit = permits.acquire().await.unwrap();
                *total.lock().await += n;
                tx.send(n).await.unwrap();
            }));
        }
        drop(tx);
        // The other end is in another executor.
        let sum = futures::executor::block_on(async {
            let mut sum = 0;
            while let Some(n) = rx.recv().await {
                sum += n;
            }
            sum
        });
        assert_eq!(sum, 1_275);
        assert_eq!(*futures::executor::block_on(total.lock()), 1_275);
    });
}

#[test]
fn tokios_block_in_place_only_calls_and_ours_hands_the_p_off() {
    within(|| {
        // One P, which is not taken away: while it is held nobody else runs.
        let rt = Runtime::builder()
            .procs(1)
            .hog_threshold(Duration::MAX)
            .build()
            .unwrap();
        rt.block_on(rt.handle().go(async {
            let (tx, rx) = std::sync::mpsc::channel();
            drop(go(async move { tx.send(7).unwrap() }));
            let held = tokio::task::block_in_place(|| rx.try_recv());
            assert_eq!(held, Err(std::sync::mpsc::TryRecvError::Empty));
            let handed_off = gosched::runtime::block_in_place(|| rx.recv_timeout(common::PATIENCE));
            assert_eq!(handed_off, Ok(7));
        }))
        .unwrap();
    });
}

#[test]
fn the_end_of_a_runtime_drops_tasks_of_libraries_too() {
    within(|| {
        let census = common::Census::default();
        let rt = runtime(1);
        let value = census.value();
        rt.block_on(async move {
            drop(tokio::spawn(async move {
                let _value = value;
                std::future::pending::<()>().await;
            }));
        });
        drop(rt);
        common::eventually("the task is dropped", || census.dropped() == 1);
    });
}
