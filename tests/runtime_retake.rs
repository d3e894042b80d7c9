//! A goroutine that is stuck in one poll loses its P: everybody else goes on.
//!
//! A hog here spins or sleeps until others have done something, which they can do only when it has lost
//! its P: without that, these tests would hang.

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use common::{
    Census, PATIENCE, eventually, run, runtime, runtime_that_retakes_nothing, within, within_time,
};
use gosched::runtime::{DeadlockPolicy, Runtime, block_in_place, gomaxprocs, num_goroutine};
use gosched::time::{Ticker, sleep};
use gosched::{JoinHandle, chan, go, yield_now};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Holds its thread, computing, until `is_so`.
#[track_caller]
fn spin_until(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "nobody else ran");
        std::hint::spin_loop();
    }
}

/// The same, asleep: a call that blocks.
#[track_caller]
fn doze_until(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "nobody else ran");
        thread::sleep(Duration::from_millis(1));
    }
}

/// `n` goroutines that hold their threads until the flag is raised.
fn hogs(n: usize, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<()>> {
    (0..n)
        .map(|i| {
            let stop = Arc::clone(stop);
            go(async move {
                if i % 2 == 0 {
                    spin_until(|| stop.load(SeqCst));
                } else {
                    doze_until(|| stop.load(SeqCst));
                }
            })
        })
        .collect()
}

async fn join_all(handles: Vec<JoinHandle<()>>) {
    for handle in handles {
        handle.await.unwrap();
    }
}

#[test]
fn a_hog_is_noticed_after_a_pause_that_sysmon_has_slept_through() {
    within(|| {
        // Without a look for deadlocks nothing else ends that sleep for a minute.
        let rt = Runtime::builder()
            .procs(1)
            .deadlock(DeadlockPolicy::Ignore)
            .build()
            .unwrap();
        for _ in 0..4 {
            thread::sleep(Duration::from_millis(1_200));
            let start = Instant::now();
            let hog = rt.handle().go(async {
                let ran = Arc::new(AtomicBool::new(false));
                let theirs = Arc::clone(&ran);
                drop(go(async move { theirs.store(true, SeqCst) }));
                spin_until(|| ran.load(SeqCst));
            });
            rt.block_on(hog).unwrap();
            assert!(start.elapsed() < Duration::from_secs(30));
        }
    });
}

#[test]
fn a_stuck_p_makes_one_thread_come_to_the_poller_and_not_one_for_each_look_of_sysmon() {
    within(|| {
        let rt = runtime(1);
        let stop = Arc::new(AtomicBool::new(false));
        // From a quiet start, so that no thread is there yet that could come to the poller.
        eventually("the first thread sleeps", || {
            rt.handle().metrics().parks() > 0
        });
        let hog = rt.block_on(async { hogs(1, &stop) }).remove(0);
        eventually("the P is taken away", || {
            rt.handle().metrics().retakes() > 0
        });
        let threads = rt.handle().metrics().threads();
        stop.store(true, SeqCst);
        rt.block_on(hog).unwrap();
        // The hog's, the poller's, the one that got the P, and one for a race with each.
        assert!(threads <= 6, "{threads} threads for one P");
    });
}

#[test]
fn what_a_stuck_goroutine_had_queued_runs_elsewhere() {
    for held in [1, 2, 300] {
        run(1, async move {
            let done = Arc::new(AtomicUsize::new(0));
            // One in `runnext`, the others in the ring and, where it overflows, in the global queue.
            let light: Vec<_> = (0..held)
                .map(|_| {
                    let done = Arc::clone(&done);
                    go(async move {
                        done.fetch_add(1, SeqCst);
                    })
                })
                .collect();
            spin_until(|| done.load(SeqCst) == held);
            join_all(light).await;
        });
    }
}

#[test]
fn what_a_goroutine_makes_ready_after_it_lost_its_p_runs_while_it_is_stuck() {
    run(1, async {
        let (to, from) = chan(0);
        let (answer, answers) = chan(4);
        let echo = go(async move {
            while let Some(n) = from.recv().await {
                answer.send(n).await.unwrap();
            }
        });
        yield_now().await;
        for n in 0..3 {
            // The receiver is parked: this wakes it, and its answer needs a P.
            spin_until(|| to.try_send(n).is_ok());
            spin_until(|| answers.try_recv() == Ok(n));
            // So does what is started now.
            let ran = Arc::new(AtomicBool::new(false));
            let theirs = Arc::clone(&ran);
            let started = go(async move { theirs.store(true, SeqCst) });
            spin_until(|| ran.load(SeqCst));
            started.await.unwrap();
        }
        drop(to);
        echo.await.unwrap();
    });
}

#[test]
fn a_goroutine_that_lost_its_p_goes_on_as_before_at_its_next_await() {
    run(2, async {
        for _ in 0..5 {
            let stop = Arc::new(AtomicBool::new(false));
            let theirs = Arc::clone(&stop);
            let hog = go(async move {
                let mut sum = 0;
                for round in 0..3 {
                    spin_until(|| theirs.load(SeqCst));
                    yield_now().await;
                    sleep(Duration::from_micros(100)).await;
                    sum += go(async move { round }).await.unwrap();
                }
                sum
            });
            let blocker = hogs(1, &stop);
            let theirs = Arc::clone(&stop);
            go(async move { theirs.store(true, SeqCst) }).await.unwrap();
            assert_eq!(hog.await.unwrap(), 3);
            join_all(blocker).await;
        }
    });
}

#[test]
fn timers_fire_while_every_p_is_stuck() {
    for procs in [1, 2, 4] {
        run(procs, async move {
            let stop = Arc::new(AtomicBool::new(false));
            let stuck = hogs(2 * procs, &stop);
            let mut ticker = Ticker::new(Duration::from_millis(1));
            for _ in 0..20 {
                ticker.tick().await;
            }
            sleep(Duration::from_millis(3)).await;
            stop.store(true, SeqCst);
            join_all(stuck).await;
        });
    }
}

#[test]
fn sockets_are_served_while_every_p_is_stuck() {
    for procs in [1, 2] {
        run(procs, async move {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let server = go(async move {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut byte = [0];
                while socket.read_exact(&mut byte).await.is_ok() {
                    socket.write_all(&byte).await.unwrap();
                }
            });
            let stop = Arc::new(AtomicBool::new(false));
            let stuck = hogs(2 * procs, &stop);
            let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
            for n in 0..50 {
                let mut byte = [0];
                socket.write_all(&[n]).await.unwrap();
                socket.read_exact(&mut byte).await.unwrap();
                assert_eq!(byte, [n]);
            }
            drop(socket);
            server.await.unwrap();
            stop.store(true, SeqCst);
            join_all(stuck).await;
        });
    }
}

#[test]
fn a_lasting_blocking_call_after_the_loss_of_the_p_needs_none() {
    run(1, async {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&stop);
        let hog = go(async move {
            let others = AtomicBool::new(false);
            // Lost in here ...
            let started = {
                let (tx, rx) = chan(1);
                drop(go(async move { tx.send(()).await.unwrap() }));
                spin_until(|| rx.try_recv().is_ok());
                others.store(true, SeqCst);
                others.load(SeqCst)
            };
            // ... and there is none to hand off here; nor is there at the end, perhaps.
            let blocked = block_in_place(|| {
                doze_until(|| theirs.load(SeqCst));
                7
            });
            yield_now().await;
            (started, blocked)
        });
        sleep(Duration::from_millis(2)).await;
        stop.store(true, SeqCst);
        assert_eq!(hog.await.unwrap(), (true, 7));
    });
}

/// The slice of its core that the calling thread has asked the system for, in nanoseconds.
#[cfg(target_os = "linux")]
fn slice() -> u64 {
    // `struct sched_attr` of sched_getattr(2) in words, of which the fourth is `sched_runtime`.
    let mut attr = [0_u64; 6];
    // SAFETY: the system writes no more than it is told.
    let done = unsafe {
        let size = std::mem::size_of_val(&attr);
        libc::syscall(libc::SYS_sched_getattr, 0, attr.as_mut_ptr(), size, 0)
    };
    assert_eq!(done, 0);
    attr[3]
}

#[cfg(target_os = "linux")]
#[test]
fn a_thread_that_lost_its_p_lets_others_go_first_until_it_takes_note() {
    within(|| {
        let rt = Runtime::builder().procs(1).build().unwrap();
        let retakes = {
            let handle = rt.handle().clone();
            move || handle.metrics().retakes()
        };
        let [before, during, after] = rt
            .block_on(rt.handle().go(async move {
                let before = slice();
                while retakes() == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
                let during = slice();
                // Wants to queue it, and finds that the P is gone. The turn goes on.
                drop(go(async {}));
                [before, during, slice()]
            }))
            .unwrap();
        assert_eq!(after, before);
        // A system without such wishes names none.
        assert!(during > before || during == 0, "{before}, {during}");
    });
}

#[test]
fn without_a_threshold_a_stuck_goroutine_keeps_its_p() {
    within(|| {
        let rt = runtime_that_retakes_nothing(1);
        let (ran, early) = rt
            .block_on(rt.handle().go(async {
                let ran = Arc::new(AtomicBool::new(false));
                let theirs = Arc::clone(&ran);
                drop(go(async move { theirs.store(true, SeqCst) }));
                // Ten times the threshold by default.
                thread::sleep(Duration::from_millis(100));
                let early = ran.load(SeqCst);
                (ran, early)
            }))
            .unwrap();
        assert!(!early, "it ran while the only P was held");
        eventually("it runs afterwards", || ran.load(SeqCst));
    });
}

#[test]
fn more_hogs_than_threads_are_waited_for_and_none_is_lost() {
    within(|| {
        let rt = Runtime::builder().procs(2).max_threads(4).build().unwrap();
        let ends = Arc::new(AtomicUsize::new(0));
        let handles: Vec<_> = (0..12)
            .map(|_| {
                let ends = Arc::clone(&ends);
                rt.handle().go(async move {
                    thread::sleep(Duration::from_millis(25));
                    yield_now().await;
                    ends.fetch_add(1, SeqCst);
                })
            })
            .collect();
        for handle in handles {
            rt.block_on(handle).unwrap();
        }
        assert_eq!(ends.load(SeqCst), 12);
    });
}

/// The threads of this process whose name begins so.
#[cfg(target_os = "linux")]
fn threads_called(prefix: &str) -> usize {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with(prefix))
        .count()
}

#[test]
#[cfg(target_os = "linux")]
fn threads_that_were_started_for_hogs_end_when_nobody_needs_them() {
    within(|| {
        let rt = Runtime::builder()
            .procs(2)
            .thread_name("shrink")
            .thread_keep_alive(Duration::from_millis(20))
            .build()
            .unwrap();
        for _ in 0..3 {
            let barrier = Arc::new(std::sync::Barrier::new(6));
            let stuck: Vec<_> = (0..6)
                .map(|_| {
                    let barrier = Arc::clone(&barrier);
                    // All six are on threads of their own before the first of them goes on.
                    rt.handle().go(async move {
                        barrier.wait();
                    })
                })
                .collect();
            for handle in stuck {
                rt.block_on(handle).unwrap();
            }
            // One for each P, and one in the poller.
            eventually("the threads end", || threads_called("shrink-") <= 3);
            assert_eq!(rt.handle().num_goroutine(), 0);
            assert_eq!(rt.block_on(rt.handle().go(async { 7 })).unwrap(), 7);
        }
    });
}

#[test]
fn a_runtime_ends_with_goroutines_that_lost_their_ps() {
    within(|| {
        let census = Census::default();
        let stop = Arc::new(AtomicBool::new(false));
        let rt = runtime(1);
        for _ in 0..3 {
            let (stop, value) = (Arc::clone(&stop), census.value());
            drop(rt.handle().go(async move {
                doze_until(|| stop.load(SeqCst));
                yield_now().await;
                drop(value);
            }));
        }
        // All three are stuck at once only if two Ps were taken away.
        let ran = rt.handle().go(async {});
        rt.block_on(ran).unwrap();
        let ender = thread::spawn(move || drop(rt));
        thread::sleep(Duration::from_millis(5));
        stop.store(true, SeqCst);
        ender.join().unwrap();
        assert_eq!(census.dropped(), 3);
    });
}

/// Keeps what is said at the level of a warning.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "gosched" && *metadata.level() == tracing::Level::WARN
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        struct Text(String);
        impl tracing::field::Visit for Text {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0 += &format!("{field}={value:?} ");
            }
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn a_hog_is_reported_with_its_number_its_place_and_its_time() {
    let warnings = Warnings::default();
    tracing::subscriber::set_global_default(warnings.clone()).unwrap();
    // Reports are limited for each runtime, and this one has had none.
    let (goid, line) = run(1, async {
        let ran = Arc::new(AtomicBool::new(false));
        let theirs = Arc::clone(&ran);
        let (hog, line) = (
            go(async move {
                let started = go(async move { theirs.store(true, SeqCst) });
                spin_until(|| ran.load(SeqCst));
                started.await.unwrap();
            }),
            line!() - 5,
        );
        let goid = hog.id();
        hog.await.unwrap();
        (goid, line)
    });
    let goroutine = format!("goroutine={goid} ");
    let place = format!("spawned_at={}:{line}:", file!());
    let told = |what: &str| {
        let all = warnings.0.lock().unwrap();
        all.iter()
            .filter(|text| text.contains(&goroutine) && text.contains(&place))
            .any(|text| text.contains(what))
    };
    eventually("it is named while it is stuck", || told("running_for="));
    eventually("and once it is back", || told("hogged="));
}

/// Everything that can take a P from a goroutine or give it one, at the same time. Seconds and, by `GOMAXPROCS`, Ps from the
/// environment; two minutes are what a change to the scheduler should be run with.
#[test]
fn hogs_blocking_calls_resizes_sockets_and_timers_together_lose_nobody() {
    let seconds = std::env::var("GOSCHED_STRESS_SECONDS").map_or(2, |s| {
        s.parse()
            .expect("GOSCHED_STRESS_SECONDS is a number of seconds")
    });
    let procs = std::env::var_os("GOMAXPROCS").map_or(4, |_| {
        Runtime::builder()
            .build()
            .unwrap()
            .handle()
            .metrics()
            .gomaxprocs()
    });
    let stress = async move {
        let (started, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let until = Instant::now() + Duration::from_secs(seconds);
        let launch = |body: fn(usize) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>,
                      lanes| {
            (0..lanes)
                .map(|lane| {
                    let (started, ended) = (Arc::clone(&started), Arc::clone(&ended));
                    go(async move {
                        let mut n = lane;
                        while Instant::now() < until {
                            started.fetch_add(1, SeqCst);
                            go(body(n)).await.unwrap();
                            ended.fetch_add(1, SeqCst);
                            n += 7;
                        }
                    })
                })
                .collect::<Vec<_>>()
        };
        let mut lanes = launch(|n| Box::pin(hog(n)), 3);
        lanes.extend(launch(|n| Box::pin(blocking_call(n)), 2));
        lanes.extend(launch(|n| Box::pin(timers(n)), 4));
        lanes.extend(launch(|n| Box::pin(channels(n)), 8));
        lanes.extend(launch(|n| Box::pin(socket(n)), 2));
        lanes.extend(launch(|n| Box::pin(resize(n)), 1));
        join_all(lanes).await;
        gomaxprocs(procs);
        // Nobody else is left on this runtime.
        while num_goroutine() > 1 {
            sleep(Duration::from_millis(1)).await;
        }
        (started.load(SeqCst), ended.load(SeqCst))
    };
    let (started, ended) = within_time(PATIENCE + Duration::from_secs(seconds), move || {
        let rt = runtime(procs);
        rt.block_on(rt.handle().go(stress)).unwrap()
    });
    assert_eq!(started, ended);
    assert!(started > 20, "only {started} goroutines had a turn");
}

async fn hog(n: usize) {
    let until = Instant::now() + Duration::from_millis(1 + (n % 40) as u64);
    let (tx, rx) = chan(64);
    while Instant::now() < until {
        // What it makes ready in the meantime, with its P or without.
        let tx = tx.clone();
        drop(go(async move { tx.send(1).await.is_ok() }));
        for _ in 0..2_000 {
            std::hint::spin_loop();
        }
        while rx.try_recv().is_ok() {}
    }
}

async fn blocking_call(n: usize) {
    let time = Duration::from_micros(500 * (n % 30) as u64);
    if n % 2 == 0 {
        block_in_place(|| thread::sleep(time));
    } else {
        thread::sleep(time);
    }
}

async fn timers(n: usize) {
    let slept = (0..20).map(|i| go(sleep(Duration::from_micros((n * i % 3_000) as u64))));
    join_all(slept.collect()).await;
}

async fn channels(n: usize) {
    let (tx, rx) = chan(n % 3);
    let sender = go(async move {
        for value in 0..500 {
            tx.send(value).await.unwrap();
        }
    });
    for value in 0..500 {
        assert_eq!(rx.recv().await, Some(value));
    }
    assert_eq!(rx.recv().await, None);
    sender.await.unwrap();
}

async fn socket(_n: usize) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = go(async move {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        socket.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        socket.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"ping");
    });
    let (mut socket, _) = listener.accept().await.unwrap();
    let mut question = [0; 4];
    socket.read_exact(&mut question).await.unwrap();
    socket.write_all(&question).await.unwrap();
    client.await.unwrap();
}

async fn resize(n: usize) {
    // Down to one, and beyond what most machines have.
    gomaxprocs(1 + n % 18);
    sleep(Duration::from_millis(3)).await;
}

#[test]
fn one_thread_at_a_time_is_sent_to_the_poller_however_long_it_takes_to_come() {
    within(|| {
        // The only thread that is wanted besides is one for the poller.
        let rt = runtime_that_retakes_nothing(2);
        let stop = Arc::new(AtomicBool::new(false));
        // More than there are cores, so that whoever is sent does not come at once.
        let busy: Vec<_> = (0..8)
            .map(|_| {
                let stop = Arc::clone(&stop);
                thread::spawn(move || while !stop.load(SeqCst) {})
            })
            .collect();
        let hogs = [(); 2].map(|()| {
            let stop = Arc::clone(&stop);
            rt.handle().go(async move { while !stop.load(SeqCst) {} })
        });
        thread::sleep(Duration::from_millis(100));
        let threads = rt.handle().metrics().threads();
        stop.store(true, SeqCst);
        // Two for the hogs, the poller, and who was about to leave it.
        assert!(threads <= 6, "{threads} threads");
        for thread in busy {
            thread.join().unwrap();
        }
        for hog in hogs {
            rt.block_on(hog).unwrap();
        }
    });
}
