//! `Timer`: a timer that can be stopped and set again.
//!
//! As in Go since 1.23, a timer that is waited for sits in a heap only while somebody waits: each
//! `fired` future has a node of its own, and the timer itself is a deadline under a lock. So `stop` and
//! `reset` cannot leave a stale tick behind: there is no place for one.
//!
//! Lock order: no other lock is taken under a timer's. Wakers are cloned, woken and dropped under none.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use pin_project::{pin_project, pinned_drop};

use super::alarm::{Alarm, deadline};
use super::call::{CallTimer, call_at};
use crate::runtime::go_surely;
use crate::runtime::wait::{self, WaitReason};
use crate::runtime::wake;
use crate::runtime::wake::keep;

/// A single event in the future. Go's `time.Timer`.
///
/// # Examples
///
/// ```
/// # use std::time::Duration;
/// # use gosched::time::Timer;
/// # gosched::block_on(async {
/// let timer = Timer::new(Duration::from_secs(3600));
/// assert!(timer.reset(Duration::from_millis(1)));
/// timer.fired().await;
/// assert!(!timer.stop(), "it was received");
/// # });
/// ```
#[derive(Debug)]
pub struct Timer {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Event(Mutex<Event>),
    Func(Arc<Func>),
}

struct Event {
    /// When it fires; `None` once received or stopped, or when it never comes.
    due: Option<Instant>,
    /// True from new or reset until received or stopped, also for a deadline that never comes.
    active: bool,
    /// Counts resets and stops, so that a waiter sees that its node is set to an old deadline.
    version: u64,
    next_waiter: u64,
    waiters: Vec<(u64, Waker)>,
}

struct Func {
    calls: Mutex<Calls>,
    /// Where it was made.
    site: &'static Location<'static>,
    order: Mutex<Option<Order>>,
}

/// The function, and whether it is being called.
struct Calls {
    /// `None` while a call runs.
    f: Option<Box<dyn FnMut() + Send>>,
    /// So many more were due meanwhile.
    owed: usize,
}

/// Puts the function back after a call, also after one that panicked, and starts the next.
struct Calling {
    func: Arc<Func>,
    /// `None` where another call runs.
    f: Option<Box<dyn FnMut() + Send>>,
}

/// A call of the function that has been ordered and not been stopped.
enum Order {
    At(CallTimer),
    /// For a deadline that never comes: nothing is in a heap, yet the timer is active.
    Never,
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Timer {
    /// Fires once, after `d`. Go's `time.NewTimer`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use gosched::time::Timer;
    /// # gosched::block_on(async {
    /// let timer = Timer::new(Duration::from_millis(1));
    /// timer.fired().await;
    /// # });
    /// ```
    pub fn new(d: Duration) -> Timer {
        Timer {
            kind: Kind::Event(Mutex::new(Event {
                due: deadline(d),
                active: true,
                version: 0,
                next_waiter: 0,
                waiters: Vec::new(),
            })),
        }
    }

    /// Runs `f` in a goroutine of its own, after `d` and after each [`reset`](Timer::reset). Go's
    /// `time.AfterFunc`. Dropping the timer does not stop it, as in Go. When its runtime has ended, `f` runs on the
    /// default runtime.
    ///
    /// Calls of `f` follow each other: one that is due while another runs starts after it. (In Go they overlap.)
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use gosched::time::Timer;
    /// # gosched::block_on(async {
    /// let timer = Timer::after_func(Duration::from_secs(3600), || println!("an hour later"));
    /// assert!(timer.stop());
    /// # });
    /// ```
    #[track_caller]
    pub fn after_func<F, R>(d: Duration, mut f: F) -> Timer
    where
        F: FnMut() -> R + Send + 'static,
    {
        let call = move || {
            f();
        };
        let func = Arc::new(Func {
            calls: Mutex::new(Calls {
                f: Some(Box::new(call)),
                owed: 0,
            }),
            site: Location::caller(),
            order: Mutex::new(None),
        });
        *lock(&func.order) = Some(Func::order_at(&func, d));
        Timer {
            kind: Kind::Func(func),
        }
    }

    /// Ready once the timer has fired, with the scheduled time, however late it is read. One waiter
    /// receives it; others wait for the next time. Never ready for [`Timer::after_func`].
    ///
    /// # Cancel safety
    ///
    /// A dropped `fired` receives nothing. It is an arm of `select!`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use gosched::time::Timer;
    /// # gosched::block_on(async {
    /// let timer = Timer::new(Duration::from_secs(3600));
    /// let fired = gosched::select! {
    ///     _ = timer.fired() => true,
    ///     _ = gosched::time::after(Duration::from_millis(1)) => false,
    /// };
    /// assert!(!fired);
    /// # });
    /// ```
    #[track_caller]
    pub fn fired(&self) -> Fired<'_> {
        Fired {
            timer: self,
            alarm: Alarm::new(None),
            version: None,
            waiter: None,
            site: Location::caller(),
        }
    }

    /// Stops the timer. `true` = it was active: nobody had received its event, or `f` had not been
    /// started. Nobody will receive it after that.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use gosched::time::Timer;
    /// # gosched::block_on(async {
    /// let timer = Timer::new(Duration::from_secs(3600));
    /// assert!(timer.stop());
    /// assert!(!timer.stop());
    /// # });
    /// ```
    pub fn stop(&self) -> bool {
        match &self.kind {
            Kind::Event(event) => Event::set(event, None, false),
            Kind::Func(func) => func.cancel(),
        }
    }

    /// Sets the timer to `d` from now; returns what [`stop`](Timer::stop) would have.
    ///
    /// # Examples
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use gosched::time::Timer;
    /// # gosched::block_on(async {
    /// let timer = Timer::new(Duration::from_secs(3600));
    /// assert!(timer.reset(Duration::from_millis(1))); // it was active
    /// timer.fired().await;
    /// assert!(!timer.reset(Duration::from_secs(3600))); // it had been received
    /// # });
    /// ```
    pub fn reset(&self, d: Duration) -> bool {
        match &self.kind {
            Kind::Event(event) => Event::set(event, deadline(d), true),
            Kind::Func(func) => {
                // In one step: a stop meanwhile would find nothing to prevent.
                let mut order = lock(&func.order);
                let old = order.take();
                let was = old.as_ref().is_some_and(Order::cancel);
                *order = Some(Func::order_at(func, d));
                drop(order);
                drop(old);
                was
            }
        }
    }
}

impl Event {
    /// Sets it anew, and has those who wait set their alarms to that. `true` = it was active.
    fn set(event: &Mutex<Event>, due: Option<Instant>, active: bool) -> bool {
        let mut event = lock(event);
        event.due = due;
        event.version += 1;
        let was = std::mem::replace(&mut event.active, active);
        let waiters = std::mem::take(&mut event.waiters);
        drop(event);
        for (_, waker) in waiters {
            wake::wake(waker);
        }
        was
    }
}

impl Func {
    fn order_at(func: &Arc<Func>, d: Duration) -> Order {
        match deadline(d) {
            None => Order::Never,
            // The order holds the function, and the function's owner the order: until it fires or is
            // stopped the timer keeps itself alive, as in Go.
            Some(due) => {
                let this = Arc::clone(func);
                Order::At(call_at(due, move || this.start()))
            }
        }
    }

    /// Starts a call in a goroutine.
    fn start(self: Arc<Func>) {
        go_surely(self.site, move || self.call());
    }

    fn call(self: Arc<Func>) {
        let mut calls = lock(&self.calls);
        let f = calls.f.take();
        calls.owed += usize::from(f.is_none());
        drop(calls);
        let mut calling = Calling { func: self, f };
        if let Some(f) = &mut calling.f {
            f();
        }
    }

    fn cancel(&self) -> bool {
        let order = lock(&self.order).take();
        order.as_ref().is_some_and(Order::cancel)
    }
}

impl Order {
    /// `true` = the call that it stands for was prevented.
    fn cancel(&self) -> bool {
        match self {
            Order::At(call) => call.stop(),
            Order::Never => true,
        }
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        let Some(f) = self.f.take() else {
            return;
        };
        let mut calls = lock(&self.func.calls);
        calls.f = Some(f);
        if calls.owed > 0 {
            calls.owed -= 1;
            drop(calls);
            Arc::clone(&self.func).start();
        }
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("due", &self.due)
            .field("active", &self.active)
            .finish()
    }
}

impl fmt::Debug for Func {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Func").finish_non_exhaustive()
    }
}

/// The future of [`Timer::fired`].
#[pin_project(PinnedDrop)]
#[must_use = "futures do nothing unless awaited"]
pub struct Fired<'a> {
    timer: &'a Timer,
    #[pin]
    alarm: Alarm,
    /// The version that the alarm is set to.
    version: Option<u64>,
    waiter: Option<u64>,
    site: &'static Location<'static>,
}

impl Future for Fired<'_> {
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        let polled = self.as_mut().poll_event(cx);
        if polled.is_pending() {
            wait::note(WaitReason::Sleep, self.site);
        }
        polled
    }
}

impl Fired<'_> {
    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        let mut this = self.project();
        let Kind::Event(event) = &this.timer.kind else {
            return Poll::Pending;
        };
        // Cloning and dropping a waker is foreign code: never under the lock.
        let waker = keep(cx.waker());
        let mut locked = lock(event);
        let id = *this.waiter.get_or_insert_with(|| {
            locked.next_waiter += 1;
            locked.next_waiter
        });
        let place = locked.waiters.iter().position(|(other, _)| *other == id);
        let old = match place {
            Some(place) => Some(std::mem::replace(&mut locked.waiters[place].1, waker)),
            None => {
                locked.waiters.push((id, waker));
                None
            }
        };
        let (version, due) = (locked.version, locked.due);
        drop(locked);
        drop(old);
        if *this.version != Some(version) {
            *this.version = Some(version);
            this.alarm.as_mut().set(due);
        }
        ready!(this.alarm.as_mut().poll(cx));
        // A reset meanwhile has woken us, for we are among the waiters: the next poll follows it.
        let mut locked = lock(event);
        if locked.version != version {
            return Poll::Pending;
        }
        let due = locked.due.take();
        if due.is_some() {
            locked.active = false;
        }
        due.map_or(Poll::Pending, Poll::Ready)
    }
}

#[pinned_drop]
impl PinnedDrop for Fired<'_> {
    fn drop(self: Pin<&mut Self>) {
        let (Kind::Event(event), Some(id)) = (&self.timer.kind, self.waiter) else {
            return;
        };
        let mut event = lock(event);
        let gone = event
            .waiters
            .iter()
            .position(|(other, _)| *other == id)
            .map(|place| event.waiters.swap_remove(place));
        drop(event);
        drop(gone);
    }
}

impl fmt::Debug for Fired<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fired").finish_non_exhaustive()
    }
}
