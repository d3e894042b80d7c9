//! `Timer` and `Ticker`, by the rules of Go 1.23: no stale ticks, and exact answers from `stop` and `reset`.

mod common;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, OnceLock};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

use common::{FAR, Wakes, eventually, poll, poll_with, run, runtime, thread_name, within};
use gosched::runtime::{Runtime, goid};
use gosched::time::{Instant, Ticker, Timer, sleep, timeout};
use gosched::{Context, block_on, chan, go, select, yield_now};

const SOON: Duration = Duration::from_millis(2);
/// Not yet over after a few steps, however slow the machine is.
const LATER: Duration = Duration::from_millis(100);

#[test]
fn a_timer_fires_once_with_the_scheduled_time() {
    run(1, async {
        let before = Instant::now();
        let timer = Timer::new(SOON);
        let made_by = Instant::now();
        thread::sleep(SOON * 5);
        let at = timer.fired().await;
        assert!(at >= before + SOON && at <= made_by + SOON, "late read");
        assert!(timeout(SOON, timer.fired()).await.is_err(), "only once");
    });
}

#[test]
fn stop_tells_whether_the_event_was_still_to_be_received() {
    run(1, async {
        let timer = Timer::new(FAR);
        assert!(timer.stop());
        assert!(!timer.stop(), "it was stopped");

        let timer = Timer::new(SOON);
        timer.fired().await;
        assert!(!timer.stop(), "it was received");

        let timer = Timer::new(Duration::ZERO);
        sleep(SOON).await;
        assert!(timer.stop(), "expired but not received");
        assert!(poll(pin!(timer.fired())).is_pending(), "nothing stale");
        assert!(timeout(SOON, timer.fired()).await.is_err());
    });
}

#[test]
fn reset_tells_what_stop_would_and_starts_anew() {
    run(1, async {
        let timer = Timer::new(FAR);
        assert!(timer.reset(SOON), "it was active");
        timer.fired().await;
        assert!(!timer.reset(SOON), "it was received");
        timer.fired().await;
        assert!(!timer.stop());
        assert!(!timer.reset(Duration::ZERO), "it was stopped");
        sleep(SOON).await;
        // Expired and not received: the old event goes, the new one is far.
        assert!(timer.reset(FAR));
        assert!(poll(pin!(timer.fired())).is_pending());
        assert!(timer.reset(Duration::ZERO));
        timer.fired().await;
    });
}

#[test]
fn stop_while_somebody_waits_leaves_them_waiting_until_a_reset() {
    run(1, async {
        let timer = Arc::new(Timer::new(LATER));
        let waited_on = Arc::clone(&timer);
        let waiter = go(async move { waited_on.fired().await });
        yield_now().await;
        assert!(timer.stop());
        sleep(LATER + SOON).await;
        assert!(!waiter.is_finished());
        let start = Instant::now();
        assert!(!timer.reset(SOON));
        assert!(waiter.await.unwrap() >= start + SOON);
    });
}

#[test]
fn a_timer_moved_earlier_again_and_again_while_somebody_waits_is_not_lost() {
    run(2, async {
        let timer = Arc::new(Timer::new(FAR));
        let waited_on = Arc::clone(&timer);
        let waiter = go(async move { waited_on.fired().await });
        let mut d = FAR;
        while d > Duration::from_secs(60) {
            assert!(timer.reset(d));
            yield_now().await;
            d = d * 97 / 100;
        }
        assert!(timer.reset(Duration::ZERO));
        waiter.await.unwrap();
    });
}

#[test]
fn of_several_who_wait_one_receives_each_event() {
    run(2, async {
        let timer = Arc::new(Timer::new(SOON));
        let count = Arc::new(AtomicUsize::new(0));
        let waiters: Vec<_> = (0..5)
            .map(|_| {
                let (timer, count) = (Arc::clone(&timer), Arc::clone(&count));
                go(async move {
                    timer.fired().await;
                    count.fetch_add(1, SeqCst);
                })
            })
            .collect();
        for n in 1..=5 {
            while count.load(SeqCst) < n {
                yield_now().await;
            }
            sleep(SOON).await;
            assert_eq!(count.load(SeqCst), n, "one each time");
            assert!(!timer.reset(Duration::ZERO));
        }
        for waiter in waiters {
            waiter.await.unwrap();
        }
        assert!(timer.stop(), "the sixth is nobody's");
    });
}

#[test]
fn a_dropped_wait_receives_nothing() {
    run(1, async {
        let timer = Timer::new(LATER);
        for _ in 0..3 {
            assert!(poll(pin!(timer.fired())).is_pending());
        }
        sleep(LATER).await;
        drop(timer.fired());
        timer.fired().await;
    });
}

/// A goroutine receives from a timer that expires at about the time of the stop or reset.
#[test]
fn a_thousand_races_of_stop_and_reset_against_the_receive_each_have_one_winner() {
    run(2, async {
        for n in 0..1_000_u64 {
            let timer = Arc::new(Timer::new(Duration::from_micros(n % 100)));
            let (waited_on, got) = (Arc::clone(&timer), Arc::new(AtomicBool::new(false)));
            let mark = Arc::clone(&got);
            let waiter = go(async move {
                waited_on.fired().await;
                mark.store(true, SeqCst);
            });
            if n % 3 == 0 {
                yield_now().await;
            }
            thread::sleep(Duration::from_micros(n % 70));
            let stopped = if n % 2 == 0 {
                timer.stop()
            } else {
                timer.reset(FAR)
            };
            if stopped {
                // Not received, and never will be.
                for _ in 0..3 {
                    yield_now().await;
                }
                assert!(!got.load(SeqCst), "stopped and yet received");
                waiter.abort();
                let _ = waiter.await;
                assert!(!got.load(SeqCst));
            } else {
                waiter.await.unwrap();
            }
        }
    });
}

#[test]
fn a_function_runs_in_a_goroutine_of_its_own_each_time_the_timer_is_set() {
    run(1, async {
        let (tx, rx) = chan(8);
        let me = goid();
        let mut calls = 0;
        let timer = Timer::after_func(SOON, move || {
            calls += 1;
            tx.try_send((calls, goid(), Instant::now())).unwrap();
        });
        let start = Instant::now();
        let mut last = None;
        for n in 1..=3 {
            let (calls, id, at) = rx.recv().await.unwrap();
            assert_eq!(calls, n);
            assert!(id.is_some() && id != me && id != last);
            assert!(n == 1 || at >= start + SOON * (n - 1));
            last = id;
            assert!(!timer.reset(SOON), "it has started already");
        }
        rx.recv().await.unwrap();
        assert!(!timer.stop());
        assert!(timeout(SOON, timer.fired()).await.is_err(), "never ready");
    });
}

#[test]
fn calls_of_a_function_follow_each_other_and_hold_up_nobody() {
    run(1, async {
        let (open, gate) = chan::<()>(0);
        let (begun, begins) = chan(2);
        let running = AtomicUsize::new(0);
        let timer = Timer::after_func(Duration::ZERO, move || {
            assert_eq!(running.fetch_add(1, SeqCst), 0, "one at a time");
            begun.try_send(goid()).unwrap();
            gate.recv_blocking();
            running.fetch_sub(1, SeqCst);
        });
        let first = begins.recv().await.unwrap();
        // The second is due, in a goroutine of its own, and does not wait on the only P.
        assert!(!timer.reset(Duration::ZERO));
        sleep(SOON).await;
        assert!(begins.try_recv().is_err());
        open.send(()).await.unwrap();
        assert_ne!(begins.recv().await.unwrap(), first);
        open.send(()).await.unwrap();
    });
}

#[test]
fn a_function_that_was_stopped_in_time_does_not_run() {
    run(1, async {
        let ran = Arc::new(AtomicUsize::new(0));
        let mark = Arc::clone(&ran);
        let timer = Timer::after_func(LATER, move || {
            mark.fetch_add(1, SeqCst);
        });
        assert!(timer.stop());
        assert!(!timer.stop());
        sleep(LATER + SOON).await;
        assert_eq!(ran.load(SeqCst), 0);
        assert_eq!(Arc::strong_count(&ran), 2, "it may be set again");
        drop(timer);
        assert_eq!(Arc::strong_count(&ran), 1, "nothing holds the function");
    });
}

#[test]
fn a_dropped_timer_still_runs_its_function() {
    run(1, async {
        let (tx, rx) = chan(1);
        drop(Timer::after_func(SOON, move || tx.try_send(7).unwrap()));
        assert_eq!(rx.recv().await, Some(7));
        assert_eq!(rx.recv().await, None, "the function went after its call");
    });
}

#[test]
fn a_function_may_set_its_own_timer_again() {
    run(1, async {
        let (tx, rx) = chan(8);
        let own = Arc::new(OnceLock::<Timer>::new());
        let theirs = Arc::clone(&own);
        let mut left = 5;
        let timer = Timer::after_func(FAR, move || {
            left -= 1;
            tx.try_send(left).unwrap();
            if left > 0 {
                assert!(!theirs.get().unwrap().reset(Duration::from_micros(100)));
            }
        });
        assert!(own.set(timer).is_ok());
        assert!(own.get().unwrap().reset(Duration::ZERO));
        for n in (0..5).rev() {
            assert_eq!(rx.recv().await, Some(n));
        }
        assert!(!own.get().unwrap().stop());
    });
}

#[test]
fn a_function_that_panics_takes_nobody_with_it_and_may_be_called_again() {
    run(1, async {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let timer = Timer::after_func(Duration::ZERO, move || {
            count.fetch_add(1, SeqCst);
            panic!("in the function");
        });
        for n in 1..=3 {
            while calls.load(SeqCst) < n {
                yield_now().await;
            }
            timer.reset(Duration::ZERO);
        }
        sleep(SOON).await;
    });
}

/// Go's promise: the function has run or will, or `stop` was in time. One of the two, always.
#[test]
fn of_stop_and_the_function_exactly_one_wins() {
    run(2, async {
        let (mut stops, mut runs) = (0, 0);
        for n in 0..2_000_u64 {
            let ran = Arc::new(AtomicBool::new(false));
            let mark = Arc::clone(&ran);
            let timer = Timer::after_func(Duration::from_micros(n % 60), move || {
                mark.store(true, SeqCst);
            });
            if n % 4 == 0 {
                yield_now().await;
            }
            thread::sleep(Duration::from_micros(n % 50));
            if timer.stop() {
                stops += 1;
                for _ in 0..3 {
                    yield_now().await;
                }
                assert!(!ran.load(SeqCst), "stopped and yet run");
                drop(timer);
                assert_eq!(Arc::strong_count(&ran), 1, "and gone, so it never will");
            } else {
                runs += 1;
                while !ran.load(SeqCst) {
                    yield_now().await;
                }
            }
        }
        assert_eq!(stops + runs, 2_000);
    });
}

#[test]
fn a_function_of_a_runtime_that_ended_still_runs_on_time() {
    within(|| {
        let rt = runtime(1);
        let (tx, rx) = chan(1);
        let start = Instant::now();
        let timer = rt
            .block_on(rt.handle().go(async move {
                Timer::after_func(SOON * 10, move || {
                    tx.try_send(Instant::now()).unwrap();
                })
            }))
            .unwrap();
        drop(rt);
        assert!(rx.recv_blocking().unwrap() >= start + SOON * 10);
        assert!(!timer.stop());
    });
}

#[test]
fn outside_any_runtime_timers_are_those_of_the_default_one() {
    within(|| {
        let (tx, rx) = chan(1);
        let timer = Timer::after_func(SOON, move || {
            let name = futures::executor::block_on(thread_name());
            tx.try_send(name).unwrap();
        });
        let name = rx.recv_blocking().unwrap();
        assert!(name.starts_with("gosched-"), "{name}");
        assert!(!timer.stop());

        let timer = Timer::new(SOON);
        futures::executor::block_on(timer.fired());
        let mut ticker = Ticker::new(SOON);
        futures::executor::block_on(async {
            let first = ticker.tick().await;
            assert!(ticker.tick().await >= first + SOON);
        });
        let (wakes, waker) = Wakes::new();
        let timer = Timer::new(LATER);
        let mut fired = pin!(timer.fired());
        assert!(poll_with(fired.as_mut(), &waker).is_pending());
        eventually("it is woken", || wakes.count() > 0);
        assert!(poll(fired).is_ready());
    });
}

#[test]
fn a_timer_without_end_is_active_and_never_fires() {
    run(1, async {
        let timer = Timer::new(Duration::MAX);
        assert!(timeout(SOON, timer.fired()).await.is_err());
        assert!(timer.stop());
        assert!(!timer.reset(Duration::MAX));
        assert!(timer.reset(Duration::ZERO));
        timer.fired().await;
    });
}

#[test]
fn a_function_that_is_never_due_can_be_stopped() {
    run(1, async {
        let timer = Timer::after_func(Duration::MAX, || unreachable!());
        assert!(timer.stop(), "it was active: f had not been started");
        assert!(!timer.stop());
        assert!(!timer.reset(Duration::MAX));
        assert!(timer.reset(FAR));
        assert!(timer.stop());
    });
}

#[test]
fn a_ticker_ticks_at_its_period_and_yields_the_scheduled_times() {
    run(1, async {
        let start = Instant::now();
        let mut ticker = Ticker::new(SOON);
        let first = ticker.tick().await;
        assert!(first >= start + SOON);
        for n in 1..5 {
            let tick = ticker.tick().await;
            assert!(Instant::now() >= tick);
            let since = tick - first;
            // The phase is kept, also when the machine is too slow for a tick and misses it.
            assert_eq!(since.as_nanos() % SOON.as_nanos(), 0);
            assert!(since >= SOON * n);
        }
    });
}

#[test]
fn a_slow_reader_misses_ticks_and_finds_one() {
    run(1, async {
        let mut ticker = Ticker::new(SOON);
        thread::sleep(SOON * 6);
        let late = Instant::now();
        let first = ticker.tick().await;
        assert!(first <= late - SOON * 5, "the one that was due first");
        let second = ticker.tick().await;
        assert!(second > late - SOON, "those between are gone");
        assert_eq!((second - first).as_nanos() % SOON.as_nanos(), 0);
    });
}

#[test]
fn a_stopped_ticker_is_silent_until_it_is_reset() {
    run(1, async {
        let mut ticker = Ticker::new(SOON);
        ticker.tick().await;
        thread::sleep(SOON * 2);
        ticker.stop();
        assert!(
            timeout(SOON * 2, ticker.tick()).await.is_err(),
            "nothing stale"
        );
        let start = Instant::now();
        ticker.reset(SOON / 2);
        assert!(ticker.tick().await >= start + SOON / 2);
        // A tick that waits is dropped by the reset.
        thread::sleep(SOON);
        let start = Instant::now();
        ticker.reset(SOON * 2);
        assert!(ticker.tick().await >= start + SOON * 2);
    });
}

#[test]
fn a_dropped_tick_takes_none() {
    run(1, async {
        let start = Instant::now();
        let mut ticker = Ticker::new(LATER);
        let mut others = 0;
        let at = loop {
            select! {
                at = ticker.tick() => break at,
                () = yield_now() => others += 1,
            }
        };
        assert!(others > 0, "the tick was given up and taken up again");
        assert!(at >= start + LATER && at <= Instant::now());
    });
}

#[test]
fn a_ticker_that_never_ticks_is_no_mistake() {
    run(1, async {
        let mut ticker = Ticker::new(Duration::MAX);
        assert!(timeout(SOON, ticker.tick()).await.is_err());
    });
}

#[test]
fn thousands_of_timers_stopped_and_reset_from_many_goroutines_all_end_right() {
    run(4, async {
        let log = Arc::new(Mutex::new(0_u64));
        let workers: Vec<_> = (0..8_u64)
            .map(|seed| {
                let log = Arc::clone(&log);
                go(async move {
                    let mut rng = fastrand::Rng::with_seed(seed);
                    let mut timers: Vec<Timer> = Vec::new();
                    for _ in 0..1_000 {
                        let d = Duration::from_micros(rng.u64(..2_000));
                        match rng.u32(..5) {
                            0 => timers.push(Timer::new(d)),
                            1 => timers.push(Timer::after_func(d, || {})),
                            2 if !timers.is_empty() => {
                                timers[rng.usize(..timers.len())].stop();
                            }
                            3 if !timers.is_empty() => {
                                timers[rng.usize(..timers.len())].reset(d);
                            }
                            _ => sleep(Duration::from_micros(rng.u64(..20))).await,
                        }
                    }
                    *log.lock().unwrap() += 1;
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
        assert_eq!(*log.lock().unwrap(), 8);
    });
}

#[test]
fn a_function_whose_runtime_has_ended_can_be_stopped_and_set_again() {
    within(|| {
        for armed_before in [true, false] {
            let (tx, rx) = std::sync::mpsc::channel();
            let arm = async move { Timer::after_func(FAR, move || tx.send(()).unwrap()) };
            let rt = runtime(1);
            let timer = if armed_before {
                let timer = rt.block_on(arm);
                drop(rt);
                timer
            } else {
                let handle = rt.handle();
                drop(rt);
                handle.block_on(arm)
            };
            assert!(timer.stop());
            assert!(!timer.stop());
            assert!(!timer.reset(Duration::from_millis(1)));
            rx.recv().unwrap();
            assert!(!timer.stop(), "it has run");
            assert!(!timer.reset(FAR));
            assert!(timer.stop());
            drop(timer);
            assert!(rx.recv().is_err(), "the function is dropped");
        }
    });
}

#[test]
fn timers_that_outlive_their_runtime_leave_nothing_behind_when_they_are_stopped() {
    within(|| {
        // What waits for the rest of the time is a goroutine of the default runtime.
        let before = block_on(async { gosched::runtime::num_goroutine() });
        let rt = runtime(1);
        let timers: Vec<_> =
            rt.block_on(async { (0..50).map(|_| Timer::after_func(FAR, || {})).collect() });
        drop(rt);
        for timer in timers {
            assert!(timer.stop());
        }
        eventually("the goroutines are gone", || {
            block_on(async { gosched::runtime::num_goroutine() }) <= before
        });
    });
}

#[test]
fn a_waker_may_use_the_timer_that_drops_it() {
    struct StopsWhenDropped(Arc<Timer>);
    impl Wake for StopsWhenDropped {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for StopsWhenDropped {
        fn drop(&mut self) {
            self.0.stop();
        }
    }
    within(|| {
        let timer = Arc::new(Timer::new(FAR));
        let waker = Waker::from(Arc::new(StopsWhenDropped(timer.clone())));
        let mut fired = pin!(timer.fired());
        assert!(poll_with(fired.as_mut(), &waker).is_pending());
        drop(waker);
        // Only the alarm for the former deadline keeps the waker now. The next poll drops it.
        assert!(timer.reset(FAR));
        assert!(poll(fired.as_mut()).is_pending());
        assert!(!timer.stop(), "the waker has stopped it");
    });
}

#[test]
fn a_stop_beside_a_reset_finds_the_timer_active() {
    const ROUNDS: usize = 10_000;
    for timer in [Timer::new(FAR), Timer::after_func(FAR, || ())] {
        let barrier = Barrier::new(2);
        thread::scope(|scope| {
            let stopper = scope.spawn(|| {
                let mut missed = 0;
                for _ in 0..ROUNDS {
                    barrier.wait();
                    missed += usize::from(!timer.stop());
                    barrier.wait();
                }
                missed
            });
            for _ in 0..ROUNDS {
                timer.reset(FAR);
                barrier.wait();
                timer.reset(FAR);
                barrier.wait();
            }
            assert_eq!(stopper.join().unwrap(), 0);
        });
    }
}

#[test]
fn a_function_whose_timer_sysmon_fires_runs_on_the_runtime_of_the_timer() {
    within(|| {
        // Its P is busy when the time comes and is not taken away, and no other thread is in the poller.
        let rt = Runtime::builder()
            .procs(1)
            .max_threads(1)
            .thread_name("own")
            .hog_threshold(Duration::MAX)
            .build()
            .unwrap();
        let names = rt.handle().go(async {
            let (tx, rx) = std::sync::mpsc::channel();
            let theirs = tx.clone();
            let _timer = Timer::after_func(SOON, move || {
                let _ = theirs.send(thread::current().name().map(str::to_owned));
            });
            let (ctx, _cancel) = Context::background().with_timeout(SOON);
            let _stop = ctx.after_func(move || {
                let _ = tx.send(thread::current().name().map(str::to_owned));
            });
            thread::sleep(10 * SOON);
            rx
        });
        let names = rt.block_on(names).unwrap();
        for _ in 0..2 {
            let name = names.recv_timeout(common::PATIENCE).unwrap();
            assert!(
                name.as_deref().is_some_and(|name| name.starts_with("own-")),
                "{name:?}"
            );
        }
    });
}
