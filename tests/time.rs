//! Sleeps, timeouts and their order.

mod common;

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use common::{Census, FAR, Wakes, eventually, poll, poll_with, run, runtime, within};
use gosched::runtime::{block_in_place, gomaxprocs};
use gosched::time::{Instant, Timer, after, sleep, sleep_until, timeout};
use gosched::{chan, go, select, yield_now};

#[test]
fn a_sleep_is_never_too_short() {
    run(2, async {
        let sleepers: Vec<_> = [0, 1, 10, 100, 500, 999, 1_000, 1_001, 3_000, 10_000]
            .into_iter()
            .map(|micros| {
                go(async move {
                    let d = Duration::from_micros(micros);
                    for _ in 0..5 {
                        let start = Instant::now();
                        sleep(d).await;
                        assert!(start.elapsed() >= d, "{d:?}: {:?}", start.elapsed());
                    }
                })
            })
            .collect();
        for sleeper in sleepers {
            sleeper.await.unwrap();
        }
    });
}

#[test]
fn a_sleep_begun_while_the_last_thread_falls_asleep_ends() {
    within(|| {
        for procs in [1, 2, 4] {
            let rt = runtime(procs);
            rt.block_on(async {
                for turn in 0..1_000_u32 {
                    // Its callback has a thread look for work and go to sleep at about the time of the next sleep.
                    let timer =
                        Timer::after_func(Duration::from_micros(u64::from(turn % 97)), || {});
                    (0..turn * 7 % 6_000).for_each(|_| std::hint::spin_loop());
                    timer.stop();
                    let start = Instant::now();
                    sleep(Duration::from_millis(1)).await;
                    // One that is forgotten ends when sysmon looks after a deep sleep of a minute.
                    assert!(start.elapsed() < Duration::from_secs(30), "turn {turn}");
                }
            });
        }
    });
}

#[test]
fn a_sleep_counts_from_when_it_was_made() {
    run(1, async {
        let d = Duration::from_millis(2);
        let sleeping = sleep(d);
        thread::sleep(d);
        // It is due: nothing is left to wait for.
        assert!(poll(pin!(sleeping)).is_ready());
    });
}

#[test]
fn zero_and_what_has_passed_are_due_now() {
    let past = Instant::now() - Duration::from_millis(1);
    assert!(poll(pin!(sleep(Duration::ZERO))).is_ready());
    assert!(poll(pin!(sleep_until(past))).is_ready());
    assert!(poll(pin!(after(Duration::ZERO))).is_ready());
}

#[test]
fn a_sleep_without_end_never_ends() {
    run(1, async {
        let (wakes, waker) = Wakes::new();
        let mut forever = pin!(sleep(Duration::MAX));
        let mut never = pin!(after(Duration::MAX));
        let mut centuries = pin!(sleep(FAR * 24 * 365 * 500));
        for _ in 0..3 {
            assert!(poll_with(forever.as_mut(), &waker).is_pending());
            assert!(poll_with(never.as_mut(), &waker).is_pending());
            assert!(poll_with(centuries.as_mut(), &waker).is_pending());
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(wakes.count(), 0);
        // It is no obstacle to others.
        assert!(timeout(Duration::from_millis(1), forever).await.is_err());
    });
}

#[test]
fn sleep_until_wakes_at_the_deadline_or_later() {
    run(1, async {
        let deadline = Instant::now() + Duration::from_millis(3);
        sleep_until(deadline).await;
        assert!(Instant::now() >= deadline);
    });
}

#[test]
fn after_yields_the_scheduled_time_however_late_it_is_read() {
    run(1, async {
        let d = Duration::from_millis(20);
        let before = Instant::now();
        let mut due = pin!(after(d));
        let made_by = Instant::now();
        let _ = poll(due.as_mut());
        thread::sleep(d * 2);
        let at = due.await;
        assert!(at >= before + d && at <= made_by + d);
    });
}

#[test]
fn twenty_thousand_sleepers_on_one_p_all_wake_and_none_early() {
    run(1, async {
        const SLEEPERS: u32 = 20_000;
        let base = Instant::now() + Duration::from_millis(50);
        let handles: Vec<_> = (0..SLEEPERS)
            .map(|n| {
                // Every deadline once, in an order far from sorted.
                let rank = n * 7_919 % SLEEPERS;
                go(async move {
                    let deadline = base + Duration::from_micros(u64::from(rank) * 5);
                    sleep_until(deadline).await;
                    assert!(Instant::now() >= deadline);
                })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
    });
}

#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    run(1, async {
        let order = Arc::new(Mutex::new(Vec::new()));
        let base = Instant::now() + Duration::from_millis(100);
        let handles: Vec<_> = [5_u32, 2, 7, 0, 3, 6, 1, 4]
            .into_iter()
            .map(|rank| {
                let order = Arc::clone(&order);
                go(async move {
                    // Far enough apart that no two are due in one look at the clock.
                    sleep_until(base + Duration::from_millis(20) * rank).await;
                    order.lock().unwrap().push((Instant::now(), rank));
                })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
        let order = order.lock().unwrap();
        // On a machine that stood still for so long that two were due at once, they run in any order.
        let apart = order
            .windows(2)
            .all(|pair| pair[1].0 - pair[0].0 > Duration::from_millis(1));
        if apart {
            assert!(order.iter().map(|(_, rank)| *rank).eq(0..8), "{order:?}");
        }
        assert_eq!(order.len(), 8);
    });
}

#[test]
fn a_timeout_gives_the_result_that_comes_in_time() {
    run(1, async {
        assert_eq!(timeout(FAR, async { 7 }).await, Ok(7));
        let (tx, rx) = chan(0);
        drop(go(async move { tx.send(7).await }));
        assert_eq!(timeout(FAR, rx.recv()).await, Ok(Some(7)));
        assert_eq!(timeout(Duration::MAX, async { 7 }).await, Ok(7));
        assert_eq!(
            timeout(Duration::ZERO, async { 7 }).await,
            Ok(7),
            "what is ready wins"
        );
    });
}

#[test]
fn a_timeout_that_strikes_drops_its_future_and_says_so() {
    run(1, async {
        let census = Census::default();
        let value = census.value();
        let start = Instant::now();
        let error = timeout(Duration::from_millis(2), async move {
            let _value = value;
            std::future::pending::<()>().await;
        })
        .await
        .unwrap_err();
        assert!(start.elapsed() >= Duration::from_millis(2));
        assert_eq!(error.to_string(), "the time was up");
        assert_eq!(census.dropped(), 1);
    });
}

#[test]
fn a_receive_that_times_out_takes_no_value() {
    run(1, async {
        let (tx, rx) = chan(0);
        for n in 0..50 {
            assert!(timeout(Duration::from_micros(20), rx.recv()).await.is_err());
            let (sent, got) = futures::future::join(tx.send(n), rx.recv()).await;
            sent.unwrap();
            assert_eq!(got, Some(n));
        }
    });
}

#[test]
fn dropped_sleeps_leave_nothing_behind() {
    run(1, async {
        let (wakes, waker) = Wakes::new();
        let mut asleep = Vec::new();
        for n in 0..1_000 {
            let mut sleeping = Box::pin(sleep(FAR + Duration::from_micros(n)));
            assert!(poll_with(sleeping.as_mut(), &waker).is_pending());
            asleep.push(sleeping);
        }
        let waker_count = Arc::strong_count(&wakes);
        assert!(waker_count > 1_000);
        // From the middle, from the front, from the back.
        while !asleep.is_empty() {
            drop(asleep.swap_remove(asleep.len() / 2));
            drop(asleep.pop());
            if !asleep.is_empty() {
                drop(asleep.remove(0));
            }
        }
        assert_eq!(
            Arc::strong_count(&wakes),
            waker_count - 1_000,
            "no heap holds a waker"
        );
    });
}

#[test]
fn the_last_waker_that_polled_a_sleep_is_the_one_that_is_woken() {
    run(1, async {
        let (first, first_waker) = Wakes::new();
        let (second, second_waker) = Wakes::new();
        let mut sleeping = pin!(sleep(Duration::from_millis(50)));
        assert!(poll_with(sleeping.as_mut(), &first_waker).is_pending());
        assert!(poll_with(sleeping.as_mut(), &second_waker).is_pending());
        while second.count() == 0 {
            sleep(Duration::from_millis(1)).await;
        }
        assert_eq!((first.count(), second.count()), (0, 1));
        assert!(poll(sleeping).is_ready());
    });
}

#[test]
fn a_sleep_may_be_moved_to_another_goroutine_and_runtime_while_it_sleeps() {
    within(|| {
        let (rt, other) = (runtime(1), runtime(1));
        let (moved, arrived) = chan(1);
        drop(rt.handle().go(async move {
            let mut d = Duration::from_millis(50);
            let sleeping = loop {
                let start = Instant::now();
                let mut sleeping = Box::pin(sleep(d));
                // In a heap of this runtime from here on, unless it took as long to come here.
                if poll(sleeping.as_mut()).is_pending() {
                    break (sleeping, start, d);
                }
                d *= 2;
            };
            moved.send(sleeping).await
        }));
        let (sleeping, start, d) = arrived.recv_blocking().unwrap();
        other.block_on(other.handle().go(sleeping)).unwrap();
        assert!(start.elapsed() >= d);
    });
}

#[test]
fn timers_survive_a_change_of_the_number_of_ps() {
    run(8, async {
        // Armed on whichever of eight Ps, then seven of them are given up.
        let sleepers: Vec<_> = (0..400)
            .map(|n| {
                go(async move {
                    let d = Duration::from_micros(2_000 + n * 20);
                    let start = Instant::now();
                    sleep(d).await;
                    start.elapsed() >= d
                })
            })
            .collect();
        for n in [1, 6, 2, 8, 1] {
            gomaxprocs(n);
            yield_now().await;
            sleep(Duration::from_micros(100)).await;
        }
        for sleeper in sleepers {
            assert!(sleeper.await.unwrap());
        }
    });
}

#[test]
fn timers_fire_while_the_p_they_were_armed_on_is_blocked_or_busy() {
    for procs in [1, 2] {
        run(procs, async move {
            let fired = Arc::new(AtomicUsize::new(0));
            for n in 0..20 {
                let fired = Arc::clone(&fired);
                drop(go(async move {
                    sleep(Duration::from_micros(500 + n * 50)).await;
                    fired.fetch_add(1, SeqCst);
                }));
            }
            yield_now().await;
            let all = || {
                while fired.load(SeqCst) < 20 {
                    thread::yield_now();
                }
            };
            // With one P it must be handed off; with two the other goes on while this one is held.
            if procs == 1 {
                block_in_place(all)
            } else {
                all()
            }
        });
    }
}

#[test]
fn a_sleep_in_a_busy_program_is_not_forgotten() {
    run(2, async {
        let stop = Arc::new(AtomicBool::new(false));
        let busy: Vec<_> = (0..4)
            .map(|_| {
                let stop = Arc::clone(&stop);
                go(async move {
                    while !stop.load(SeqCst) {
                        yield_now().await;
                    }
                })
            })
            .collect();
        for _ in 0..10 {
            sleep(Duration::from_micros(500)).await;
        }
        stop.store(true, SeqCst);
        for one in busy {
            one.await.unwrap();
        }
    });
}

#[test]
fn an_earlier_sleep_wakes_a_runtime_that_sleeps_for_a_later_one() {
    within(|| {
        let rt = runtime(2);
        let late = rt.handle().go(sleep(FAR));
        // Nothing to do but to wait for the far one.
        thread::sleep(Duration::from_millis(3));
        let start = Instant::now();
        rt.block_on(sleep(Duration::from_millis(2)));
        rt.block_on(rt.handle().go(sleep(Duration::from_millis(2))))
            .unwrap();
        assert!(start.elapsed() >= Duration::from_millis(4));
        assert!(!late.is_finished());
    });
}

#[test]
fn sleeps_work_under_any_executor_and_on_plain_threads() {
    within(|| {
        let d = Duration::from_millis(2);
        let start = Instant::now();
        futures::executor::block_on(sleep(d));
        assert!(start.elapsed() >= d);

        let tokio = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let start = Instant::now();
        tokio.block_on(async {
            assert!(timeout(d, std::future::pending::<()>()).await.is_err());
        });
        assert!(start.elapsed() >= d);

        let (wakes, waker) = Wakes::new();
        let mut sleeping = pin!(sleep(Duration::from_millis(50)));
        assert!(poll_with(sleeping.as_mut(), &waker).is_pending());
        eventually("the waker is woken", || wakes.count() == 1);
        assert!(poll(sleeping).is_ready());
    });
}

#[test]
fn of_two_timers_in_a_select_the_earlier_wins() {
    run(1, async {
        for _ in 0..20 {
            let winner = select! {
                _ = after(Duration::from_millis(1)) => 1,
                _ = after(FAR) => 2,
            };
            assert_eq!(winner, 1);
        }
    });
}
