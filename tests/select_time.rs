//! Events of timers and ticks as arms of a select: who is not chosen has taken none.

mod common;

use std::cell::RefCell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};
use std::time::Duration;

use common::{FAR, eventually, poll, run, within};
use gosched::time::{Instant, Ticker, Timer, sleep};
use gosched::{chan, go, select, yield_now};

/// What a [`Curious`] waker does when it is cloned or dropped.
type Then = Box<dyn FnMut() + Send>;

thread_local! {
    /// Taken out while it runs, so that it does not meet itself.
    static THEN: RefCell<Option<Then>> = const { RefCell::new(None) };
}

fn then() {
    let taken = THEN.with_borrow_mut(Option::take);
    if let Some(mut f) = taken {
        f();
        THEN.set(Some(f));
    }
}

/// Wakers that count, and whose clone and drop are foreign code that does something.
struct Curious(AtomicUsize);

impl Curious {
    const VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            then();
            // SAFETY: `data` came from `Arc::into_raw`, and this waker keeps one count.
            let this = ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Curious>()) });
            Curious::raw(Arc::clone(&this))
        },
        // SAFETY: as above; a wake by value gives its count up.
        |data| unsafe { Arc::from_raw(data.cast::<Curious>()) }.woken(),
        // SAFETY: as above; it keeps its count.
        |data| ManuallyDrop::new(unsafe { Arc::from_raw(data.cast::<Curious>()) }).woken(),
        |data| {
            then();
            // SAFETY: as above; a drop gives its count up.
            drop(unsafe { Arc::from_raw(data.cast::<Curious>()) });
        },
    );

    fn woken(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    fn raw(this: Arc<Self>) -> RawWaker {
        RawWaker::new(Arc::into_raw(this).cast(), &Self::VTABLE)
    }

    fn new() -> (Arc<Self>, Waker) {
        let this = Arc::new(Self(AtomicUsize::new(0)));
        // SAFETY: the table above does what a waker's must, and everything in it may cross threads.
        let waker = unsafe { Waker::from_raw(Self::raw(Arc::clone(&this))) };
        (this, waker)
    }
}

fn poll_with<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// The channel becomes ready at the very moment at which the select looks at the timer.
#[test]
fn a_timers_event_stays_when_a_channel_serves_the_select_first() {
    within(|| {
        let (tx, rx) = chan(0);
        let timer = Timer::new(Duration::from_millis(20));
        let (wakes, waker) = Curious::new();
        let mut selecting = pin!(async {
            select! {
                v = rx.recv() => v,
                _ = timer.fired() => None,
            }
        });
        assert!(poll_with(selecting.as_mut(), &waker).is_pending());
        eventually("the timer fires", || wakes.0.load(SeqCst) > 0);
        let sent = Arc::new(AtomicBool::new(false));
        THEN.set(Some(Box::new({
            let (sent, tx) = (sent.clone(), tx.clone());
            move || {
                if !sent.load(SeqCst) && tx.try_send(7).is_ok() {
                    sent.store(true, SeqCst);
                }
            }
        })));
        let chosen = poll_with(selecting.as_mut(), &waker);
        THEN.set(None);
        match chosen {
            Poll::Ready(Some(v)) => {
                assert_eq!((v, sent.load(SeqCst)), (7, true));
                assert!(timer.stop(), "nobody received the event");
            }
            Poll::Ready(None) => {
                assert!(!sent.load(SeqCst), "nobody received the value");
                assert!(!timer.stop(), "it was received");
            }
            Poll::Pending => panic!("the timer has fired"),
        }
    });
}

/// Whatever wins, the tick after is the first one of the grid that lies ahead.
#[test]
fn no_tick_is_skipped_by_a_select_that_a_channel_serves_first() {
    const PERIOD: Duration = Duration::from_micros(50);
    run(2, async {
        let (tx, rx) = chan(0);
        let over = Arc::new(AtomicBool::new(false));
        let sender = go({
            let over = over.clone();
            async move {
                while !over.load(SeqCst) {
                    let _ = tx.try_send(());
                    yield_now().await;
                }
            }
        });
        let mut ticker = Ticker::new(PERIOD);
        let mut latest = Instant::now() + PERIOD;
        for _ in 0..2_000 {
            let tick = loop {
                select! {
                    _ = rx.recv() => {}
                    tick = ticker.tick() => break tick,
                }
            };
            assert!(tick <= latest, "{:?} too late", tick - latest);
            // Seen after the ticker took it: what it skipped then was over by now.
            latest = Instant::now() + PERIOD;
        }
        over.store(true, SeqCst);
        sender.await.unwrap();
    });
}

#[test]
fn a_wakers_clone_and_drop_may_use_the_timer_that_keeps_it() {
    within(|| {
        let timer = Arc::new(Timer::new(FAR));
        let (_, first) = Curious::new();
        let (_, second) = Curious::new();
        let calls = Arc::new(AtomicUsize::new(0));
        THEN.set(Some(Box::new({
            let (timer, calls) = (timer.clone(), calls.clone());
            move || {
                calls.fetch_add(1, SeqCst);
                timer.reset(FAR);
            }
        })));
        {
            let mut fired = pin!(timer.fired());
            for waker in [&first, &second, &first] {
                assert!(poll_with(fired.as_mut(), waker).is_pending());
            }
        }
        THEN.set(None);
        assert!(
            calls.load(SeqCst) > 6,
            "each poll clones, and drops what was there"
        );
        assert!(timer.stop());
    });
}

#[test]
fn a_wakers_clone_and_drop_may_sleep_in_the_heap_that_keeps_it() {
    run(1, async {
        let (_, first) = Curious::new();
        let (_, second) = Curious::new();
        let calls = Arc::new(AtomicUsize::new(0));
        THEN.set(Some(Box::new({
            let calls = calls.clone();
            move || {
                calls.fetch_add(1, SeqCst);
                assert!(poll(pin!(sleep(FAR))).is_pending());
            }
        })));
        {
            let mut sleeping = pin!(sleep(FAR));
            for waker in [&first, &second, &first] {
                assert!(poll_with(sleeping.as_mut(), waker).is_pending());
            }
        }
        THEN.set(None);
        assert_eq!(calls.load(SeqCst), 6, "three clones, of which none is left");
    });
}

#[test]
fn a_select_dropped_with_its_tick_or_event_due_has_taken_neither() {
    run(1, async {
        let (_tx, rx) = chan::<()>(0);
        let mut ticker = Ticker::new(Duration::from_millis(5));
        let timer = Timer::new(Duration::from_millis(5));
        let made_by = Instant::now();
        {
            let mut selecting = pin!(async {
                select! {
                    _ = rx.recv() => {}
                    _ = ticker.tick() => {}
                    _ = timer.fired() => {}
                }
            });
            assert!(poll(selecting.as_mut()).is_pending());
            sleep(Duration::from_millis(20)).await;
        }
        assert!(
            ticker.tick().await <= made_by + Duration::from_millis(5),
            "the first"
        );
        assert!(timer.stop(), "nobody received the event");
    });
}
