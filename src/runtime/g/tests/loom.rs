//! Models of a goroutine's life: real cells, wakers and handles, with a queue in place of a scheduler
//! (`sched::tests`). Every thread that made a goroutine ready then does the work of an M.
//!
//! The stage and the join waker are cells that report two uses without an order between them, and a
//! goroutine's memory is counted: one that is not given back, or given back twice, fails the model. Each
//! model names a change to the code that it was seen to catch.

use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize as Count, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use loom::future::block_on;
use loom::sync::atomic::AtomicBool;
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::runtime::g::waker::keep_uncounted;
use crate::runtime::g::{self, Birth, JoinHandle};
use crate::runtime::sched::tests::{Bench, ready};

/// A goroutine of `bench`, queued.
fn spawn<F: Future>(bench: &Bench, future: F) -> JoinHandle<F::Output> {
    let birth = Birth {
        id: 1,
        parent: 0,
        site: Location::caller(),
    };
    let g = g::new(None, future, bench.sched(), birth);
    // SAFETY: just made: SCHEDULED from birth, and with the type of its result.
    unsafe {
        let handle = JoinHandle::new(g);
        ready(g);
        handle
    }
}

/// Counts its drops.
#[derive(Default)]
struct Drops(std::sync::Arc<Count>);

struct Counted(std::sync::Arc<Count>);

impl Drops {
    fn value(&self) -> Counted {
        Counted(self.0.clone())
    }

    fn count(&self) -> usize {
        // Relaxed: asked after all threads were joined.
        self.0.load(Relaxed)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Sets one of the flags for which a goroutine waits, then wakes it. Nothing but the wake publishes the
/// flag.
struct Setter {
    flags: Arc<Vec<AtomicBool>>,
    index: usize,
    waker: Waker,
}

impl Setter {
    fn set(self) {
        self.flags[self.index].store(true, Relaxed);
        self.waker.wake();
    }
}

/// A parked goroutine that returns `value` once all of `count` flags are set.
fn parked<T>(bench: &Bench, count: usize, value: T) -> (JoinHandle<T>, Vec<Setter>) {
    let flags: Arc<Vec<_>> = Arc::new((0..count).map(|_| AtomicBool::new(false)).collect());
    let (hand_out, wakers) = std::sync::mpsc::channel();
    let (mut hand_out, mut value) = (Some(hand_out), Some(value));
    let seen = flags.clone();
    let handle = spawn(
        bench,
        poll_fn(move |cx| match hand_out.take() {
            Some(hand_out) => {
                (0..count).for_each(|_| hand_out.send(cx.waker().clone()).unwrap());
                Poll::Pending
            }
            None if seen.iter().all(|flag| flag.load(Relaxed)) => {
                Poll::Ready(value.take().unwrap())
            }
            None => Poll::Pending,
        }),
    );
    assert_eq!(bench.work(), 1);
    let setters = wakers.into_iter().enumerate().map(|(index, waker)| Setter {
        flags: flags.clone(),
        index,
        waker,
    });
    (handle, setters.collect())
}

/// A thread that sets its flag, then works as an M does.
fn set_and_work(bench: &Bench, setter: Setter) -> thread::JoinHandle<usize> {
    let bench = bench.clone();
    thread::spawn(move || {
        setter.set();
        bench.work()
    })
}

/// A thread that works as an M does.
fn work(bench: &Bench) -> thread::JoinHandle<usize> {
    let bench = bench.clone();
    thread::spawn(move || bench.work())
}

/// Polls `handle` once, with a waker that does nothing.
fn poll_once<T>(handle: &mut JoinHandle<T>) -> Option<T> {
    match Pin::new(handle).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output.unwrap()),
        Poll::Pending => None,
    }
}

// Caught: `wake` that does nothing when SCHEDULED is set already; one that claims while RUNNING and
// returns `Enqueue`; a `to_idle` that loads and then stores; a Relaxed `wake` or `to_running`.
#[test]
fn a_goroutine_woken_by_two_runs_until_it_has_seen_both() {
    loom::model(|| {
        let bench = Bench::new();
        let (handle, setters) = parked(&bench, 2, ());
        let threads: Vec<_> = setters
            .into_iter()
            .map(|setter| set_and_work(&bench, setter))
            .collect();
        let turns: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
        assert!(handle.is_finished());
        assert!((1..=2).contains(&turns), "{turns}");
    });
}

// Caught: a Relaxed `to_idle`; one that never asks for a requeue.
#[test]
fn a_wake_during_the_poll_is_neither_lost_nor_doubled() {
    loom::model(|| {
        let bench = Bench::new();
        let (handle, mut setters) = parked(&bench, 1, ());
        let waker = setters[0].waker.clone();
        let spurious = {
            let bench = bench.clone();
            thread::spawn(move || {
                waker.wake_by_ref();
                drop(waker);
                bench.work()
            })
        };
        let real = set_and_work(&bench, setters.remove(0));
        let turns = spurious.join().unwrap() + real.join().unwrap();
        assert!(handle.is_finished());
        assert!((1..=2).contains(&turns), "{turns}");
    });
}

// Caught: `request_cancel` that returns `Enqueue` for a goroutine that runs.
#[test]
fn an_abort_beside_a_turn_cancels_or_comes_too_late_and_drops_the_future_once() {
    loom::model(|| {
        let (bench, drops) = (Bench::new(), Drops::default());
        let (handle, mut setters) = parked(&bench, 1, drops.value());
        let waker = set_and_work(&bench, setters.remove(0));
        let aborter = {
            let bench = bench.clone();
            thread::spawn(move || {
                handle.abort();
                bench.work();
                handle
            })
        };
        waker.join().unwrap();
        match block_on(aborter.join().unwrap()) {
            Ok(value) => drop(value),
            Err(error) => assert!(error.is_cancelled()),
        }
        assert_eq!(drops.count(), 1);
    });
}

// Caught: `request_cancel` that sets SCHEDULED only while RUNNING is 0.
#[test]
fn an_abort_during_the_poll_is_not_lost() {
    loom::model(|| {
        let (bench, drops) = (Bench::new(), Drops::default());
        let value = drops.value();
        let handle = spawn(&bench, async move {
            std::future::pending::<()>().await;
            drop(value);
        });
        let m = work(&bench);
        handle.abort();
        bench.work();
        assert!(block_on(handle).unwrap_err().is_cancelled());
        m.join().unwrap();
        assert_eq!(drops.count(), 1);
    });
}

// Caught: `set_join_waker` that does not look at DONE; a `complete` that reads the bits before its
// exchange; one that is only a Release, or only an Acquire; a Relaxed `is_done`.
#[test]
fn a_join_begun_while_the_goroutine_ends_is_woken_or_sees_the_result() {
    loom::model(|| {
        let (bench, drops) = (Bench::new(), Drops::default());
        let value = drops.value();
        let handle = spawn(&bench, async move { value });
        let m = work(&bench);
        drop(block_on(handle).unwrap());
        assert_eq!(m.join().unwrap(), 1);
        assert_eq!(drops.count(), 1);
    });
}

// Caught: `poll` that writes the slot while JOIN_WAKER is set; `unset_join_waker` that does not look at
// DONE.
#[test]
fn a_join_whose_waker_changes_while_the_goroutine_ends_is_woken() {
    loom::model(|| {
        let bench = Bench::new();
        let mut handle = spawn(&bench, async { 7 });
        let m = work(&bench);
        let got = match poll_once(&mut handle) {
            Some(got) => got,
            None => block_on(handle).unwrap(),
        };
        assert_eq!(got, 7);
        m.join().unwrap();
    });
}

// Caught: a `detach` that does not look at DONE; `detach_fast` that loads and then stores; `run` that
// drops the result whether or not somebody has an interest in it.
#[test]
fn a_handle_dropped_while_the_goroutine_ends_leaves_one_to_drop_the_result() {
    for polled in [false, true] {
        loom::model(move || {
            let (bench, drops) = (Bench::new(), Drops::default());
            let value = drops.value();
            let mut handle = spawn(&bench, async move { value });
            let m = work(&bench);
            if polled {
                drop(poll_once(&mut handle));
            }
            drop(handle);
            m.join().unwrap();
            assert_eq!(drops.count(), 1);
        });
    }
}

// Caught: a Relaxed `drop_ref`; a Relaxed `is_sole_owner`; one that looks at JOIN_INTEREST instead of
// the references.
#[test]
fn the_last_of_waker_handle_and_turn_gives_the_memory_back() {
    loom::model(|| {
        let (bench, drops) = (Bench::new(), Drops::default());
        let (mut handle, mut setters) = parked(&bench, 1, drops.value());
        let spare = setters[0].waker.clone();
        assert!(poll_once(&mut handle).is_none());
        let leaver = thread::spawn(move || drop(spare));
        let setter = set_and_work(&bench, setters.remove(0));
        drop(handle);
        leaver.join().unwrap();
        assert_eq!(setter.join().unwrap(), 1);
        assert_eq!(drops.count(), 1);
    });
}

// Caught: `wake` that returns `Nothing` with the last reference.
#[test]
fn a_wake_that_comes_when_all_is_over_gives_the_memory_back() {
    loom::model(|| {
        let (bench, drops) = (Bench::new(), Drops::default());
        let (handle, mut setters) = parked(&bench, 1, drops.value());
        let late = setters[0].waker.clone();
        let late = {
            let bench = bench.clone();
            thread::spawn(move || {
                late.wake();
                bench.work()
            })
        };
        let setter = set_and_work(&bench, setters.remove(0));
        drop(handle);
        let turns = late.join().unwrap() + setter.join().unwrap();
        assert!((1..=2).contains(&turns), "{turns}");
        assert_eq!(drops.count(), 1);
    });
}

// Caught: `drop_own` that looks at REFS alone; `wake` that takes a count below zero for the last
// reference; `run` that forgets `add_kept`; a `to_idle` that counts none.
#[test]
fn wakers_that_are_used_up_before_the_poll_has_counted_them_leave_the_goroutine_alive() {
    for ends_at_once in [false, true] {
        loom::model(move || {
            let (bench, drops) = (Bench::new(), Drops::default());
            let places = Arc::new(Mutex::new(Vec::new()));
            let (late, theirs, value) = (bench.late(), places.clone(), drops.value());
            let (mut value, mut first) = (Some(value), true);
            drop(spawn(
                &bench,
                poll_fn(move |cx| {
                    if std::mem::take(&mut first) {
                        for _ in 0..2 {
                            late.add();
                            theirs.lock().unwrap().push(keep_uncounted(cx.waker()));
                        }
                        if !ends_at_once {
                            return Poll::Pending;
                        }
                    }
                    Poll::Ready(value.take())
                }),
            ));
            let m = work(&bench);
            let waker = {
                let (bench, places) = (bench.clone(), places.clone());
                thread::spawn(move || {
                    let kept = places.lock().unwrap().pop();
                    kept.into_iter().for_each(Waker::wake);
                    bench.work()
                })
            };
            let kept = places.lock().unwrap().pop();
            drop(kept);
            m.join().unwrap();
            waker.join().unwrap();
            let rest = std::mem::take(&mut *places.lock().unwrap());
            rest.into_iter().for_each(Waker::wake);
            bench.work();
            assert_eq!(drops.count(), 1);
        });
    }
}
