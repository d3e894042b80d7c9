//! Panics in code of the user's that the library calls: wakers, destructors, callbacks. Whoever stands
//! behind in line gets what is theirs all the same.

mod common;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Wake, Waker};
use std::time::Duration;

use common::{Census, Counted, Wakes, eventually, panic_of, poll, poll_with, run, runtime, within};
use gosched::runtime::Runtime;
use gosched::time::{Instant, sleep, sleep_until};
use gosched::{Context, chan, go, yield_now};

/// A waker that panics, as often as it is woken.
#[derive(Default)]
struct Bomb(AtomicUsize);

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
        panic!("in a waker");
    }
}

fn bomb() -> (Arc<Bomb>, Waker) {
    let bomb = Arc::new(Bomb::default());
    (Arc::clone(&bomb), Waker::from(bomb))
}

/// A value that panics when it is dropped, and is counted.
struct Grenade(#[allow(dead_code)] Counted);

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("in a destructor");
    }
}

#[test]
fn a_send_to_a_receiver_whose_waker_panics_has_happened() {
    let (tx, rx) = chan(0);
    let (bomb, waker) = bomb();
    let mut recv = pin!(rx.recv());
    assert!(poll_with(recv.as_mut(), &waker).is_pending());
    tx.try_send(7).unwrap();
    assert_eq!(bomb.0.load(SeqCst), 1);
    assert_eq!(poll(recv), std::task::Poll::Ready(Some(7)));
}

#[test]
fn a_receive_from_a_sender_whose_waker_panics_has_happened() {
    let (tx, rx) = chan(0);
    let (bomb, waker) = bomb();
    let mut send = pin!(tx.send(7));
    assert!(poll_with(send.as_mut(), &waker).is_pending());
    assert_eq!(rx.try_recv(), Ok(7));
    assert_eq!(bomb.0.load(SeqCst), 1);
    assert_eq!(poll(send), std::task::Poll::Ready(Ok(())));
}

#[test]
fn closing_wakes_all_who_wait_also_behind_a_waker_that_panics() {
    let (tx, rx) = chan::<u8>(0);
    let (bomb, bad) = bomb();
    let (wakes, good) = Wakes::new();
    let mut waiting: Vec<_> = (0..10).map(|_| Box::pin(rx.recv())).collect();
    for (n, recv) in waiting.iter_mut().enumerate() {
        let waker = if n % 2 == 0 { &bad } else { &good };
        assert!(poll_with(recv.as_mut(), waker).is_pending());
    }
    assert!(tx.close());
    assert_eq!((bomb.0.load(SeqCst), wakes.count()), (5, 5));
    for mut recv in waiting {
        assert_eq!(poll(recv.as_mut()), std::task::Poll::Ready(None));
    }
}

#[test]
fn a_timer_whose_waker_panics_holds_off_no_other() {
    run(1, async {
        let due = Instant::now() + Duration::from_millis(30);
        let (bomb, bad) = bomb();
        let mut bad_ones: Vec<_> = (0..50).map(|_| Box::pin(sleep_until(due))).collect();
        let others: Vec<_> = (0..50).map(|_| go(sleep_until(due))).collect();
        yield_now().await;
        // All of them, unless the machine stands still meanwhile.
        let asleep = bad_ones
            .iter_mut()
            .filter_map(|sleeping| {
                poll_with(sleeping.as_mut(), &bad)
                    .is_pending()
                    .then_some(())
            })
            .count();
        for other in others {
            other.await.unwrap();
        }
        while bomb.0.load(SeqCst) < asleep {
            sleep(Duration::from_micros(200)).await;
        }
        for sleeping in bad_ones {
            sleeping.await;
        }
    });
}

#[test]
fn a_goroutine_whose_joiners_waker_panics_has_ended_well() {
    within(|| {
        let rt = runtime(1);
        let (tx, rx) = chan::<()>(0);
        let mut handle = pin!(rt.handle().go(async move { rx.recv().await }));
        let (bomb, waker) = bomb();
        assert!(poll_with(handle.as_mut(), &waker).is_pending());
        drop(tx);
        eventually("it is woken", || bomb.0.load(SeqCst) == 1);
        assert_eq!(rt.block_on(handle).unwrap(), None);
        assert_eq!(rt.block_on(rt.handle().go(async { 7 })).unwrap(), 7);
        eventually("it is gone", || rt.handle().num_goroutine() == 0);
    });
}

#[test]
fn a_cancelled_context_tells_all_also_behind_a_waker_that_panics() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (bomb, bad) = bomb();
    let (wakes, good) = Wakes::new();
    let mut waiting: Vec<_> = (0..10).map(|_| Box::pin(ctx.done())).collect();
    for (n, done) in waiting.iter_mut().enumerate() {
        let waker = if n % 2 == 0 { &bad } else { &good };
        assert!(poll_with(done.as_mut(), waker).is_pending());
    }
    cancel.cancel();
    assert_eq!((bomb.0.load(SeqCst), wakes.count()), (5, 5));
}

#[test]
fn values_that_panic_as_a_channel_drops_them_are_all_dropped() {
    let census = Census::default();
    let (tx, rx) = chan(8);
    for _ in 0..8 {
        assert!(tx.try_send(Grenade(census.value())).is_ok());
    }
    assert_eq!(panic_of(|| drop(rx)), "in a destructor");
    assert_eq!(census.dropped(), 8);
    // The channel is in good order: the next value comes back.
    let Err(unsent) = tx.try_send(Grenade(census.value())) else {
        panic!("sent into nothing")
    };
    assert_eq!(census.dropped(), 8);
    assert_eq!(panic_of(|| drop(unsent)), "in a destructor");
}

#[test]
fn a_frame_whose_destructor_panics_is_reported_by_the_join() {
    run(1, async {
        // At its end, aborted before it ran, and aborted while it waits.
        for how in 0..3 {
            let census = Census::default();
            let grenade = Grenade(census.value());
            let handle = go(async move {
                let _grenade = grenade;
                if how == 2 {
                    std::future::pending::<()>().await;
                }
                7
            });
            if how == 1 {
                handle.abort();
            }
            if how == 2 {
                yield_now().await;
                handle.abort();
            }
            let error = handle.await.unwrap_err();
            assert!(error.is_panic(), "{how}");
            assert_eq!(common::text(&*error.into_panic()), "in a destructor");
            assert_eq!(census.dropped(), 1);
        }
    });
}

#[test]
fn a_second_panic_of_the_frames_destructor_does_not_hide_the_first_of_its_body() {
    /// Dropped with the future itself, not while its body unwinds.
    struct Both(Grenade);
    impl Future for Both {
        type Output = ();
        fn poll(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<()> {
            let _ = &self.0;
            panic!("in the body")
        }
    }

    run(1, async {
        let census = Census::default();
        let error = go(Both(Grenade(census.value()))).await.unwrap_err();
        assert_eq!(common::text(&*error.into_panic()), "in the body");
        assert_eq!(census.dropped(), 1);
    });
}

#[test]
fn a_result_that_nobody_takes_may_panic_as_it_is_dropped() {
    run(1, async {
        let census = Census::default();
        let grenade = Grenade(census.value());
        drop(go(async move { grenade }));
        while census.dropped() < 1 {
            yield_now().await;
        }
        // The same when the goroutine ended before its handle was dropped.
        let grenade = Grenade(census.value());
        let handle = go(async move { grenade });
        while !handle.is_finished() {
            yield_now().await;
        }
        drop(handle);
        assert_eq!(census.dropped(), 2);
        assert_eq!(go(async { 7 }).await.unwrap(), 7);
    });
}

#[test]
fn frames_that_panic_as_a_runtime_ends_do_not_keep_it_from_ending() {
    within(|| {
        let census = Census::default();
        let rt = runtime(2);
        for _ in 0..50 {
            let grenade = Grenade(census.value());
            drop(rt.handle().go(async move {
                let _grenade = grenade;
                std::future::pending::<()>().await;
            }));
        }
        let late = rt.handle();
        drop(rt);
        assert_eq!(census.dropped(), 50);
        let grenade = Grenade(census.value());
        let error = gosched::block_on(late.go(async move { drop(grenade) })).unwrap_err();
        assert!(error.is_panic(), "the reason why it has no result");
        assert_eq!(census.dropped(), 51);
    });
}

#[test]
fn a_value_that_panics_as_a_lost_send_drops_it_leaves_the_channel_whole() {
    let census = Census::default();
    let (tx, rx) = chan(0);
    {
        let mut send = Box::pin(tx.send(Grenade(census.value())));
        assert!(poll(send.as_mut()).is_pending());
        assert_eq!(panic_of(|| drop(send)), "in a destructor");
    }
    assert_eq!(census.dropped(), 1);
    assert!(rx.try_recv().is_err_and(|e| e.is_empty()));
    drop(tx);
    assert!(rx.try_recv().is_err_and(|e| e.is_closed()));
}

/// The payload of a panic that panics as it is dropped.
struct LiveRound;

impl Drop for LiveRound {
    fn drop(&mut self) {
        panic!("in a payload's destructor");
    }
}

#[test]
fn a_hook_that_panics_with_a_payload_that_panics_leaves_the_thread_and_the_join_in_order() {
    within(|| {
        let rt = Runtime::builder()
            .procs(1)
            .on_panic(|_| std::panic::panic_any(LiveRound))
            .build()
            .unwrap();
        let told = rt.handle().go(async { panic!("first") });
        let error = rt.block_on(told).unwrap_err();
        assert!(error.is_panic());
        assert_eq!(rt.block_on(rt.handle().go(async { 7 })).unwrap(), 7);
    });
}

#[test]
fn values_that_panic_with_payloads_that_panic_are_all_dropped() {
    struct Shell(Option<Counted>);
    impl Drop for Shell {
        fn drop(&mut self) {
            drop(self.0.take());
            std::panic::panic_any(LiveRound);
        }
    }
    let census = Census::default();
    let (tx, rx) = chan(4);
    for _ in 0..4 {
        assert!(tx.try_send(Shell(Some(census.value()))).is_ok());
    }
    let first = catch_unwind(AssertUnwindSafe(|| drop(rx))).unwrap_err();
    assert_eq!(census.dropped(), 4);
    assert!(first.downcast_ref::<LiveRound>().is_some());
    std::mem::forget(first);
}
