//! Tests under a virtual clock: Go's `testing/synctest`.
//!
//! In a test of minutes nothing is waited for: when all goroutines wait for each other or for time, the clock
//! jumps to the next timer.
//!
//! ```test_harness
//! use gosched::{chan, go, select, time};
//! use std::time::Duration;
//!
//! /// Restarts a session that has been silent for five minutes.
//! async fn watchdog(beats: gosched::chan::Receiver<()>, restarts: gosched::chan::Sender<()>) {
//!     loop {
//!         select! {
//!             beat = beats.recv() => if beat.is_none() { return },
//!             _ = time::after(Duration::from_secs(300)) => restarts.send(()).await.unwrap(),
//!         }
//!     }
//! }
//!
//! #[gosched::test(virtual_time)]
//! async fn a_silent_session_is_restarted_after_five_minutes() {
//!     let (beat, beats) = chan(0);
//!     let (restarts, restarted) = chan(1);
//!     let start = time::now();
//!     go(watchdog(beats, restarts));
//!     time::sleep(Duration::from_secs(299)).await;
//!     beat.send(()).await.unwrap();
//!     restarted.recv().await.unwrap();
//!     assert_eq!(time::now() - start, Duration::from_secs(299 + 300)); // exactly, and at once
//! }
//! ```
//!
//! `#[gosched::test(virtual_time)]` runs the test on one P. `seed = N` beside it repeats what `select!` draws; a test
//! that panics names its seed. [`Builder::virtual_time`](crate::runtime::Builder::virtual_time) is the same
//! without the attribute.
//!
//! # What follows the clock
//!
//! [`time::now`](crate::time::now), [`sleep`](crate::time::sleep), [`after`](crate::time::after),
//! [`timeout`](crate::time::timeout()), [`Timer`](crate::time::Timer), [`Ticker`](crate::time::Ticker), the deadlines
//! of a [`Context`](crate::Context), and [`patterns`](crate::patterns). `Instant::now`, `Instant::elapsed`,
//! `std::thread::sleep` and tokio's `time` keep to the system's clock.
//!
//! - The clock stands while a goroutine runs. What a test measures is exact.
//! - It jumps when every goroutine of the runtime is parked, on channels, `select!`, timers, contexts, wait groups,
//!   join handles, and the thread in `block_on` too. Until the test's own future returns, then never again.
//! - Timers of one instant fire in the order in which they were armed, all of them before a goroutine runs: after a
//!   sleep that is as long as a context's timeout, the context is done. In Go that is left to chance. Up to 256
//!   goroutines that they wake run in this order too; more overflow the P's queue, and run in another one that is
//!   the same each time.
//! - What is due already fires at once: [`Timer::reset`](crate::time::Timer::reset) to zero needs no jump.
//! - With nothing to wait for but each other it is a deadlock, and told as in any `#[gosched::test]`.
//!
//! # What holds it
//!
//! A goroutine that waits for anything else: a socket, a file, a signal, `tokio::task::spawn_blocking`, a task of
//! tokio's, tokio's timers, channels and locks, a future that gives its children wakers of their own
//! (`futures::stream::FuturesUnordered`), [`block_in_place`](crate::runtime::block_in_place) and the blocking ends of
//! channels. The clock stands until that is over, in real time, and then goes on. A test that sleeps in one goroutine while
//! another waits for a lock of tokio's which the first one holds never ends; after five seconds of real time the goroutines
//! are shown on stderr and through `tracing`, once. Go's bubble is the same about I/O and mutexes.
//!
//! **Not seen** is a plain thread, or a goroutine of another runtime, that only holds an end of a channel: time
//! may pass before it sends. Wait for the thread in a way that holds the clock: in `spawn_blocking`, or with
//! `block_in_place(|| thread.join())`. Go forbids channels that lead out of the bubble.
//!
//! # What is repeated
//!
//! With the same seed goroutines run in the same order and `select!` chooses the same arms, if the test's future is
//! `Send` (so that it is a goroutine) and nothing foreign is waited for. Numbers of goroutines and the order of
//! a `HashMap` are not part of it.
//!
//! Timers belong to the clock of the runtime where they were set. What is still set when the test ends never
//! fires.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::runtime::Sched;
use crate::runtime::clock::{self, Virtual};
use crate::runtime::current;
use crate::runtime::wait::{self, WaitReason};
use crate::runtime::wake::{drop_waker, keep};

/// Waits until all other goroutines of the runtime are parked, and only a timer or the caller can wake one of
/// them. Time does not pass.
///
/// So that a test can look at what its goroutines have done, and needs no sleep for it. When several wait for this,
/// they go on one after another, the first to come first. What holds the clock holds this too.
///
/// Go: `synctest.Wait`, which allows one caller at a time.
///
/// # Panics
///
/// When called outside a runtime with [virtual time](crate::testing).
///
/// # Cancel safety
///
/// A dropped `settle` leaves the line.
///
/// # Examples
///
/// ```
/// # use gosched::runtime::Runtime;
/// # let rt = Runtime::builder().virtual_time(true).build().unwrap();
/// # rt.block_on(rt.handle().go(async {
/// use gosched::{Context, testing, time};
/// use std::sync::atomic::{AtomicBool, Ordering};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let cleaned_up = Arc::new(AtomicBool::new(false));
/// let (ctx, _cancel) = Context::background().with_timeout(Duration::from_secs(60));
/// gosched::go!(clone(cleaned_up) {
///     ctx.done().await;
///     cleaned_up.store(true, Ordering::Relaxed);
/// });
/// time::sleep(Duration::from_secs(59)).await;
/// testing::settle().await;
/// assert!(!cleaned_up.load(Ordering::Relaxed));
/// time::sleep(Duration::from_secs(1)).await;
/// testing::settle().await;
/// assert!(cleaned_up.load(Ordering::Relaxed));
/// # })).unwrap();
/// ```
#[track_caller]
pub fn settle() -> Settle {
    let Some(clock) = clock::current_virtual() else {
        panic!(
            "testing::settle: there is no virtual time here, see #[gosched::test(virtual_time)]"
        );
    };
    Settle {
        clock,
        place: None,
        site: Location::caller(),
    }
}

/// The future of [`settle`].
#[must_use = "futures do nothing unless awaited"]
pub struct Settle {
    clock: Arc<Virtual>,
    /// Its number in the line, while it is there.
    place: Option<u64>,
    site: &'static Location<'static>,
}

impl Future for Settle {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let waker = keep(cx.waker());
        match self.place {
            None => {
                self.place = Some(self.clock.await_settled(waker));
                // Where this is a thread in `block_on`, the M may sleep already.
                let _ = current::with_sched(Sched::look_again);
            }
            Some(place) => {
                let (waits, spare) = self.clock.awaits(place, waker, cx.waker());
                if let Some(spare) = spare {
                    drop_waker(spare);
                }
                if !waits {
                    self.place = None;
                    return Poll::Ready(());
                }
            }
        }
        wait::note(WaitReason::Settle, self.site);
        Poll::Pending
    }
}

impl Drop for Settle {
    fn drop(&mut self) {
        if let Some(waker) = self.place.and_then(|place| self.clock.forget(place)) {
            drop_waker(waker);
        }
    }
}

impl fmt::Debug for Settle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settle").finish_non_exhaustive()
    }
}
