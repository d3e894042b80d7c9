//! tokio's own types inside goroutines, as they are.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use common::{run, runtime, runtime_that_retakes_nothing, within};
use gosched::runtime::{DeadlockPolicy, Handle, Runtime};
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
        let rt = runtime_that_retakes_nothing(1);
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

/// Has a task of a library on the poller: `held` in it comes to no `.await`. All other threads stay what they are.
fn hold_the_poller(held: impl FnOnce() + Send + 'static) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move { held() })
}

#[test]
fn a_goroutine_that_a_task_of_a_library_makes_ready_does_not_wait_for_the_task() {
    for procs in [1, 2, 4] {
        run(procs, async {
            let (tx, rx) = chan(1);
            let (tell, told) = std::sync::mpsc::channel();
            let waiter = go(async move {
                let value: u32 = rx.recv().await.unwrap();
                tell.send(value).unwrap();
            });
            gosched::yield_now().await;
            // The task ends only after the goroutine that it has made ready has run.
            let task = hold_the_poller(move || {
                tx.try_send(7).unwrap();
                assert_eq!(told.recv_timeout(common::PATIENCE), Ok(7));
            });
            task.await.unwrap();
            waiter.await.unwrap();
        });
    }
}

#[test]
fn a_task_of_a_library_waits_with_its_thread_for_goroutines() {
    // The P is not taken away: who waits gives it up.
    for procs in [1, 2] {
        within(move || {
            let rt = runtime_that_retakes_nothing(procs);
            rt.block_on(rt.handle().go(async {
                let task = hold_the_poller(|| {
                    let (tx, rx) = chan(0);
                    drop(go(async move { tx.send(1).await.unwrap() }));
                    assert_eq!(rx.recv_blocking(), Some(1));
                    let (tx, rx) = std::sync::mpsc::channel();
                    let answer = gosched::runtime::block_in_place(|| {
                        drop(go(async move { tx.send(2).unwrap() }));
                        rx.recv_timeout(common::PATIENCE)
                    });
                    assert_eq!(answer, Ok(2));
                });
                task.await.unwrap();
            }))
            .unwrap();
        });
    }
}

#[test]
fn timers_fire_and_goroutines_start_while_a_task_of_a_library_holds_the_poller() {
    // At once; or when nobody has been busy for so long that sysmon sleeps: then the task is woken in the poller, for
    // which no P is taken.
    for (procs, quiet) in [(1, 0), (2, 0), (1, 1_300), (2, 1_300)] {
        let quiet = Duration::from_millis(quiet);
        within(move || {
            // Nor does sysmon look for deadlocks.
            let rt = Runtime::builder()
                .procs(procs)
                .deadlock(DeadlockPolicy::Ignore)
                .build()
                .unwrap();
            rt.block_on(rt.handle().go(held_poller(quiet))).unwrap();
        });
    }
}

async fn held_poller(quiet: Duration) {
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let task = tokio::spawn(async move {
        if !quiet.is_zero() {
            tokio::time::sleep(quiet).await;
        }
        let _ = gate.recv_timeout(common::PATIENCE);
    });
    let start = Instant::now();
    let sleeper = go(gosched::time::sleep(quiet + Duration::from_millis(300)));
    sleeper.await.unwrap();
    // sysmon's sleep is a minute.
    assert!(start.elapsed() < Duration::from_secs(30));
    // From a thread that is none of the runtime's, again and again.
    let handle = Handle::try_current().unwrap();
    let starter = std::thread::spawn(move || {
        let (tell, told) = std::sync::mpsc::channel();
        for n in 0..20 {
            let tell = tell.clone();
            drop(handle.go(async move { tell.send(n).unwrap() }));
            assert_eq!(told.recv_timeout(common::PATIENCE), Ok(n));
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    gosched::runtime::block_in_place(|| starter.join().unwrap());
    drop(open);
    task.await.unwrap();
}

/// Runs `main` amid traffic: goroutines that keep the ring of a P in use, and many that come by the global queue, of which
/// none may be lost.
fn amid_traffic<F>(procs: usize, threshold: Duration, main: impl FnOnce(Handle) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let rt = Runtime::builder()
        .procs(procs)
        .hog_threshold(threshold)
        .build()
        .unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let busy = [(); 8].map(|()| {
        let over = over.clone();
        rt.handle().go(async move {
            while !over.load(Relaxed) {
                gosched::yield_now().await;
            }
        })
    });
    // No more at a time than are soon through.
    let waiting = Arc::new(AtomicUsize::new(0));
    let feeders = [(); 2].map(|()| {
        let (handle, until, waiting) = (rt.handle(), over.clone(), waiting.clone());
        std::thread::spawn(move || {
            let mut fed = 0;
            while !until.load(Relaxed) {
                while waiting.load(Relaxed) < 500 {
                    fed += 1;
                    waiting.fetch_add(1, Relaxed);
                    let waiting = waiting.clone();
                    drop(handle.go(async move {
                        drop(go(async move { waiting.fetch_sub(1, Relaxed) }));
                    }));
                }
                std::thread::sleep(Duration::from_micros(100));
            }
            fed
        })
    });
    rt.block_on(rt.handle().go(main(rt.handle()))).unwrap();
    over.store(true, Relaxed);
    let fed: usize = feeders
        .into_iter()
        .map(|feeder| feeder.join().unwrap())
        .sum();
    assert!(fed > 0);
    common::eventually("all have run", || waiting.load(Relaxed) == 0);
    rt.block_on(async {
        for one in busy {
            one.await.unwrap();
        }
    });
}

#[test]
fn no_goroutine_is_lost_when_a_task_of_a_library_costs_the_poller_its_p() {
    const THRESHOLD: Duration = Duration::from_millis(2);
    within(|| {
        amid_traffic(1, THRESHOLD, |handle| async move {
            while handle.metrics().retakes() < 30 {
                let task = hold_the_poller(|| std::thread::sleep(2 * THRESHOLD));
                task.await.unwrap();
            }
        });
    });
}

#[test]
fn nor_when_it_gives_the_p_up_itself() {
    for procs in [1, 2, 4] {
        within(move || {
            amid_traffic(procs, Duration::from_millis(10), |_| async {
                for _ in 0..200 {
                    let task = hold_the_poller(|| {
                        let call = || std::thread::sleep(Duration::from_micros(300));
                        gosched::runtime::block_in_place(call);
                    });
                    task.await.unwrap();
                }
            });
        });
    }
}

#[test]
fn block_on_in_a_task_of_a_library_says_what_to_do_instead() {
    run(1, async {
        let task = tokio::spawn(async {
            gosched::runtime::block_in_place(|| gosched::block_on(async {}));
        });
        let panic = task.await.unwrap_err().into_panic();
        assert!(common::text(&*panic).contains("library_threads"));
    });
}
