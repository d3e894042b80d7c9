//! Virtual time: what follows the clock, when it goes on, what holds it, and what is repeated.

mod common;

use std::io::ErrorKind;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::panic_of;
use gosched::context::ContextError;
use gosched::runtime::{Runtime, block_in_place, gomaxprocs};
use gosched::sync::{ErrGroup, WaitGroup};
use gosched::time::{Ticker, Timer, after, now, sleep, sleep_until, timeout};
use gosched::{Context, chan, go, patterns, select, testing, yield_now};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

type Log<T> = Arc<Mutex<Vec<T>>>;

#[gosched::test(virtual_time)]
async fn what_waits_for_time_takes_exactly_that_and_no_time_at_all() {
    let (real, start) = (Instant::now(), now());
    sleep(DAY).await;
    assert_eq!(now() - start, DAY);
    assert_eq!(after(DAY).await, start + 2 * DAY);
    sleep_until(start + 3 * DAY).await;
    assert_eq!(now() - start, 3 * DAY);
    assert!(timeout(DAY, std::future::pending::<()>()).await.is_err());
    assert_eq!(now() - start, 4 * DAY);
    assert_eq!(timeout(DAY, sleep(MINUTE)).await, Ok(()));
    assert_eq!(now() - start, 4 * DAY + MINUTE);
    assert_eq!(Timer::new(DAY).fired().await, start + 5 * DAY + MINUTE);
    sleep(Duration::from_nanos(1)).await;
    assert_eq!(
        now() - start,
        5 * DAY + MINUTE + Duration::from_nanos(1),
        "to the nanosecond"
    );
    assert!(real.elapsed() < DAY);
}

#[gosched::test(virtual_time)]
async fn the_clock_stands_while_a_goroutine_runs() {
    let start = now();
    thread::sleep(Duration::from_millis(30));
    assert_eq!(now(), start);
    go(async { thread::sleep(Duration::from_millis(30)) })
        .await
        .unwrap();
    for _ in 0..1_000 {
        yield_now().await;
    }
    assert_eq!(now(), start);
    let timer = Timer::new(Duration::from_millis(1));
    thread::sleep(Duration::from_millis(30));
    assert!(timer.stop(), "the real time is not its own");
}

#[gosched::test(virtual_time)]
async fn timers_of_one_instant_fire_in_the_order_in_which_they_were_armed() {
    // No more than a P's ring takes: beyond that the order is another one, see the module.
    const N: usize = 250;
    let log = Log::default();
    let at = now() + DAY;
    let mut group = Vec::new();
    for i in 0..N {
        let log = Arc::clone(&log);
        group.push(go(async move {
            // Armed at different times, for the same one.
            sleep(Duration::from_millis(i as u64)).await;
            if i % 3 == 0 {
                Timer::after_func(at - now(), move || log.lock().unwrap().push(i));
            } else {
                sleep_until(at).await;
                log.lock().unwrap().push(i);
            }
        }));
    }
    for member in group {
        member.await.unwrap();
    }
    testing::settle().await;
    assert_eq!(*log.lock().unwrap(), (0..N).collect::<Vec<_>>());
}

#[gosched::test(virtual_time)]
async fn a_ticker_ticks_as_often_as_the_time_says() {
    let start = now();
    let mut ticker = Ticker::new(SECOND);
    let ctx = Context::background();
    let (ctx, _cancel) = ctx.with_timeout(10 * MINUTE + Duration::from_millis(1));
    let mut ticks = 0;
    loop {
        select! {
            at = ticker.tick() => {
                ticks += 1;
                assert_eq!(at, start + ticks * SECOND);
                assert_eq!(at, now());
            },
            _ = ctx.done() => break,
        }
    }
    assert_eq!(ticks, 600);
    // A slow reader misses ticks and keeps the phase.
    sleep(3 * SECOND + SECOND / 2).await;
    assert_eq!(ticker.tick().await, start + 601 * SECOND);
    assert_eq!(ticker.tick().await, start + 604 * SECOND);
}

#[gosched::test(virtual_time)]
async fn a_context_is_done_when_a_sleep_of_its_timeout_is_over() {
    for _ in 0..100 {
        let start = now();
        let (ctx, _cancel) = Context::background().with_timeout(MINUTE);
        assert_eq!(ctx.deadline(), Some(start + MINUTE));
        sleep(MINUTE - Duration::from_nanos(1)).await;
        testing::settle().await;
        assert_eq!(ctx.err(), None);
        sleep(Duration::from_nanos(1)).await;
        assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));

        // Also when the sleep was there first.
        let until = sleep(MINUTE);
        let (ctx, _cancel) = Context::background().with_timeout(MINUTE);
        until.await;
        assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
        let (ctx, _cancel) = Context::background().with_deadline(now());
        assert!(ctx.err().is_some());
    }
}

#[gosched::test(virtual_time)]
async fn patterns_and_groups_follow_the_clock() {
    let start = now();
    let ctx = Context::background();
    let (tx, rx) = chan(0);
    go(async move {
        for n in 0..10 {
            tx.send(n).await.unwrap();
        }
    });
    let slow = patterns::throttle(&ctx, 1, MINUTE, rx);
    let mut sum = 0;
    while let Some(n) = slow.recv().await {
        sum += n;
    }
    assert_eq!((sum, now() - start), (45, 9 * MINUTE));

    let (group, ctx) = ErrGroup::<&str>::with_context(&ctx);
    group.go(async {
        sleep(MINUTE).await;
        Err("the first")
    });
    group.go(async move {
        ctx.done().await;
        sleep(MINUTE).await;
        Ok(())
    });
    assert_eq!(group.wait().await, Err("the first"));
    assert_eq!(now() - start, 11 * MINUTE);

    let wg = WaitGroup::new();
    for minutes in 1..=5 {
        wg.go(sleep(minutes * MINUTE));
    }
    wg.wait().await;
    assert_eq!(now() - start, 16 * MINUTE);
}

#[gosched::test(virtual_time)]
async fn a_timer_that_is_due_already_fires_without_a_jump() {
    let start = now();
    let timer = Timer::new(DAY);
    assert!(timer.reset(Duration::ZERO));
    assert_eq!(timer.fired().await, start);

    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let timer = Timer::after_func(DAY, move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    for n in 1..=100 {
        timer.reset(Duration::ZERO);
        // A loop that never waits, as in Go, where it once hung.
        while calls.load(Ordering::Relaxed) < n {
            yield_now().await;
        }
    }
    assert_eq!(now(), start);
    sleep(2 * DAY).await;
    assert_eq!(calls.load(Ordering::Relaxed), 100);
}

#[gosched::test(virtual_time)]
async fn settle_returns_when_all_others_are_parked_and_takes_no_time() {
    let start = now();
    let log = Log::default();
    let (tx, rx) = chan::<u32>(0);
    for i in 0..300_u32 {
        let (log, rx) = (Arc::clone(&log), rx.clone());
        go(async move {
            for _ in 0..i % 7 {
                yield_now().await;
            }
            go!({ log.lock().unwrap().push(i) }).await.unwrap();
            let _ = rx.recv().await;
            sleep(MINUTE).await;
        });
    }
    testing::settle().await;
    assert_eq!(log.lock().unwrap().len(), 300);
    let parked = gosched::debug::goroutines()
        .iter()
        .filter(|g| g.wait_reason() == Some("chan receive"))
        .count();
    assert!(parked >= 300);
    tx.close();
    testing::settle().await;
    assert_eq!(now(), start);

    // One after the other, the first to come first; one that was dropped is not waited for.
    let order = Log::default();
    for i in 0..3 {
        let order = Arc::clone(&order);
        go(async move {
            testing::settle().await;
            order.lock().unwrap().push(i);
            yield_now().await;
            order.lock().unwrap().push(10 + i);
        });
        yield_now().await;
    }
    select! {
        _ = testing::settle() => panic!("the others have not begun"),
        _ = async { yield_now().await } => {},
    }
    sleep(SECOND).await;
    assert_eq!(*order.lock().unwrap(), [0, 10, 1, 11, 2, 12]);
}

#[test]
fn settle_outside_virtual_time_says_so() {
    let outside = panic_of(|| gosched::block_on(async { testing::settle().await }));
    assert!(outside.contains("no virtual time"), "{outside}");
}

#[gosched::test(virtual_time)]
async fn a_body_that_is_not_send_has_the_clock_too() {
    let (kept, start) = (Rc::new(7), now());
    let (tx, rx) = chan(0);
    go(async move {
        sleep(DAY).await;
        tx.send(1).await.unwrap();
    });
    testing::settle().await;
    assert_eq!(now(), start);
    assert_eq!(rx.recv().await, Some(1));
    sleep(DAY).await;
    assert_eq!((now() - start, *kept), (2 * DAY, 7));
}

#[gosched::test(virtual_time)]
async fn a_socket_holds_the_clock() {
    let start = now();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        thread::sleep(Duration::from_millis(50));
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        thread::sleep(Duration::from_millis(50));
        stream.write_all(b"ping").unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        answer
    });
    let (mut stream, _) = timeout(SECOND, listener.accept()).await.unwrap().unwrap();
    let mut question = [0; 4];
    let read = timeout(SECOND, stream.read_exact(&mut question)).await;
    read.expect("the clock stood").unwrap();
    assert_eq!(now(), start);
    // What is not waited for does not hold it.
    sleep(DAY).await;
    assert_eq!(now() - start, DAY);
    stream.write_all(&question).await.unwrap();
    assert_eq!(&block_in_place(|| client.join().unwrap()), b"ping");
}

#[gosched::test(virtual_time)]
async fn foreign_threads_and_tasks_that_are_waited_for_hold_the_clock() {
    let start = now();
    let blocking = tokio::task::spawn_blocking(|| thread::sleep(Duration::from_millis(50)));
    timeout(SECOND, blocking).await.unwrap().unwrap();

    let task = tokio::spawn(async { tokio::time::sleep(Duration::from_millis(50)).await });
    let waiter = go(async move { task.await.unwrap() });
    timeout(SECOND, waiter).await.unwrap().unwrap();

    let (tx, rx) = tokio::sync::oneshot::channel();
    let thread = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        tx.send(7).unwrap();
    });
    assert_eq!(timeout(SECOND, rx).await, Ok(Ok(7)));
    thread.join().unwrap();

    let (tx, rx) = chan(0);
    go(async move {
        block_in_place(|| thread::sleep(Duration::from_millis(50)));
        tx.send(7).await.unwrap();
    });
    assert_eq!(timeout(SECOND, rx.recv()).await, Ok(Some(7)));
    assert_eq!(now(), start);
}

#[gosched::test(virtual_time)]
async fn a_plain_thread_that_holds_an_end_of_a_channel_is_not_seen() {
    let (tx, rx) = chan(1);
    let (tell, told) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        told.recv().unwrap();
        tx.send_blocking(7).unwrap();
    });
    assert!(timeout(DAY, rx.recv()).await.is_err());
    tell.send(()).unwrap();
    block_in_place(|| thread.join().unwrap());
    assert_eq!(timeout(DAY, rx.recv()).await, Ok(Some(7)));
}

#[gosched::test(virtual_time)]
async fn a_goroutine_that_blocks_its_thread_loses_its_p_after_a_second() {
    let (tell, told) = std::sync::mpsc::channel();
    let (start, began) = (now(), Instant::now());
    go(async move { tell.send(7) });
    assert_eq!(told.recv(), Ok(7), "on another thread");
    // Less than a second only by what had passed of this turn.
    assert!(began.elapsed() > Duration::from_millis(500));
    assert!(gosched::runtime::metrics().retakes() > 0);
    assert_eq!(now(), start);
    sleep(DAY).await;
    assert_eq!(now() - start, DAY);
}

#[test]
fn what_is_set_when_the_runtime_ends_never_fires() {
    let [fired, done] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    for _ in 0..20 {
        let rt = Runtime::builder().virtual_time(true).build().unwrap();
        let (counted, ended) = (Arc::clone(&fired), Arc::clone(&done));
        let test = rt.handle().go(async move {
            drop(Timer::after_func(Duration::from_millis(1), move || {
                counted.fetch_add(1, Ordering::Relaxed);
            }));
            // Due by the system's clock, when the runtime ends.
            thread::sleep(Duration::from_millis(2));
            let (ctx, cancel) = Context::background().with_timeout(Duration::from_millis(1));
            drop(ctx.after_func(move || {
                ended.fetch_add(1, Ordering::Relaxed);
            }));
            cancel.detach();
        });
        rt.block_on(test).unwrap();
        drop(rt);
    }
    thread::sleep(Duration::from_millis(50));
    assert_eq!(fired.load(Ordering::Relaxed), 0);
    assert_eq!(done.load(Ordering::Relaxed), 0);
    assert_eq!(
        Arc::strong_count(&fired),
        1,
        "it keeps itself alive no more"
    );
}

#[test]
fn the_clock_moves_only_while_somebody_is_in_block_on() {
    let rt = Runtime::builder().virtual_time(true).build().unwrap();
    let hours = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&hours);
    let clock = rt.handle().go(async move {
        for _ in 0..10 {
            sleep(60 * MINUTE).await;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    thread::sleep(Duration::from_millis(50));
    assert_eq!(hours.load(Ordering::Relaxed), 0);
    rt.block_on(clock).unwrap();
    assert_eq!(hours.load(Ordering::Relaxed), 10);
}

#[test]
fn other_runtimes_keep_to_the_systems_clock() {
    let rt = Runtime::builder().virtual_time(true).build().unwrap();
    rt.block_on(sleep(DAY));
    let early = rt.block_on(async { now() });
    assert!(early > Instant::now());
    gosched::block_on(async {
        let start = Instant::now();
        assert!(now() < early);
        sleep(Duration::from_millis(20)).await;
        assert!(start.elapsed() >= Duration::from_millis(20));
        assert!(now() < early);
    });
}

/// Goroutines that meet in selects, behind timers, in bursts beyond a ring: who did what when.
async fn history() -> Vec<(u32, u32, Duration)> {
    let (start, log) = (now(), Log::default());
    let wg = WaitGroup::new();
    let (left_tx, left) = chan(1);
    let (right_tx, right) = chan(0);
    for i in 0..600_u32 {
        let (log, left_tx, right_tx) = (Arc::clone(&log), left_tx.clone(), right_tx.clone());
        wg.go(async move {
            sleep(Duration::from_millis(u64::from(i % 3))).await;
            for _ in 0..i % 4 {
                yield_now().await;
            }
            let via = select! {
                r = left_tx.send(i) => { r.unwrap(); 0 },
                r = right_tx.send(i) => { r.unwrap(); 1 },
            };
            log.lock().unwrap().push((i, via, now() - start));
        });
    }
    drop((left_tx, right_tx));
    for reader in 0..3_u32 {
        let (log, left, right) = (Arc::clone(&log), left.clone(), right.clone());
        wg.go(async move {
            let (mut left_open, mut right_open) = (true, true);
            while left_open || right_open {
                let (got, via) = select! {
                    v = left.recv(), if left_open => { left_open = v.is_some(); (v, 2) },
                    v = right.recv(), if right_open => { right_open = v.is_some(); (v, 3) },
                };
                let Some(i) = got else { continue };
                log.lock()
                    .unwrap()
                    .push((1_000 * reader + i, via, now() - start));
                if i % 5 == 0 {
                    sleep(Duration::from_micros(u64::from(i))).await;
                }
            }
        });
    }
    wg.wait().await;
    let log = std::mem::take(&mut *log.lock().unwrap());
    assert_eq!(log.len(), 1_200);
    log
}

fn history_of(seed: u64) -> Vec<(u32, u32, Duration)> {
    let rt = Runtime::builder()
        .virtual_time(true)
        .seed(seed)
        .build()
        .unwrap();
    rt.block_on(rt.handle().go(history())).unwrap()
}

#[test]
fn the_same_seed_repeats_the_history_and_another_does_not() {
    for seed in [0, 7, u64::MAX] {
        let first = history_of(seed);
        for _ in 0..10 {
            assert_eq!(history_of(seed), first);
        }
    }
    assert_ne!(history_of(1), history_of(2));
}

#[gosched::test(virtual_time, procs = 1, seed = 7)]
async fn the_seed_of_a_test_is_that_of_its_runtime() {
    assert_eq!(gomaxprocs(0), 1);
    assert_eq!(history().await, history_of_in_thread(7));
}

/// On a thread of its own: a goroutine does not block.
fn history_of_in_thread(seed: u64) -> Vec<(u32, u32, Duration)> {
    block_in_place(|| thread::spawn(move || history_of(seed)).join().unwrap())
}

#[test]
fn what_does_not_go_with_virtual_time_is_refused() {
    let error = |builder: &mut gosched::runtime::Builder| {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.to_string()
    };
    let two = error(Runtime::builder().virtual_time(true).procs(2));
    assert!(two.contains("procs(2)") && two.contains("one P"), "{two}");
    let library = error(Runtime::builder().virtual_time(true).library_threads(1));
    assert!(library.contains("library_threads(1)"), "{library}");
    let seed = error(Runtime::builder().seed(3));
    assert!(seed.contains("seed(3)"), "{seed}");

    let rt = Runtime::builder().virtual_time(true).build().unwrap();
    let refused = panic_of(|| rt.block_on(async { gomaxprocs(2) }));
    assert!(refused.contains("one P"), "{refused}");
    assert_eq!(rt.block_on(async { gomaxprocs(1) }), 1);
}

#[test]
fn the_clock_goes_on_after_a_task_of_a_library_has_cost_its_thread_the_p() {
    for blocks in [true, false] {
        common::within(move || {
            let rt = Runtime::builder()
                .virtual_time(true)
                .hog_threshold(Duration::from_millis(2))
                .build()
                .unwrap();
            for _ in 0..5 {
                rt.block_on(async {
                    let sleeper = go(async move {
                        drop(tokio::spawn(async move {
                            let call = || thread::sleep(Duration::from_millis(8));
                            if blocks {
                                block_in_place(call);
                            } else {
                                call();
                            }
                        }));
                        sleep(MINUTE).await;
                    });
                    sleeper.await.unwrap();
                });
            }
        });
    }
}
