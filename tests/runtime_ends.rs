//! How goroutines end otherwise than by returning: panics, `goexit`, aborts; and the wakers that
//! outlive them.

mod common;

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use common::{Census, eventually, run, runtime, text, within};
use gosched::runtime::{Runtime, goexit, goid};
use gosched::sync::{ErrGroup, SingleFlight, WaitGroup};
use gosched::{Context, chan, go, patterns, yield_now};

#[test]
fn a_panic_ends_its_goroutine_alone() {
    run(1, async {
        let (tx, rx) = chan(0);
        let neighbour = go(async move { rx.recv().await });
        let error = go(async {
            yield_now().await;
            panic!("only me");
        })
        .await
        .unwrap_err();
        assert!(error.is_panic() && !error.is_cancelled());
        tx.send(7).await.unwrap();
        assert_eq!(neighbour.await.unwrap(), Some(7));
    });
}

#[test]
fn what_a_goroutine_panicked_with_can_be_resumed() {
    #[derive(Debug, PartialEq)]
    struct Payload(u32);

    run(1, async {
        let error = go(async { panic_any(Payload(7)) }).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("goroutine {} panicked", error.id())
        );
        let payload = error.into_panic();
        assert_eq!(payload.downcast_ref(), Some(&Payload(7)));

        let error = go(async { panic!("number {}", 7) }).await.unwrap_err();
        assert_eq!(
            format!("{error:?}"),
            format!("JoinError(goroutine {} panicked: number 7)", error.id())
        );
        assert_eq!(text(&*error.try_into_panic().unwrap()), "number 7");
    });
}

#[test]
fn the_error_of_an_aborted_goroutine_holds_no_panic() {
    run(1, async {
        let handle = go(pending::<()>());
        let id = handle.id();
        handle.abort();
        let error = handle.await.unwrap_err();
        assert_eq!(error.id(), id);
        assert_eq!(error.to_string(), format!("goroutine {id} was cancelled"));
        let error = error.try_into_panic().unwrap_err();
        assert!(error.is_cancelled());
    });
}

#[test]
fn a_panic_is_reported_with_the_goroutines_number_its_parents_and_where_it_was_started() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&reports);
    let rt = Runtime::builder()
        .procs(1)
        .on_panic(move |panic| {
            theirs.lock().unwrap().push((
                panic.id(),
                panic.parent(),
                panic.spawn_site().file().to_owned(),
                panic.spawn_site().line(),
                panic.message().map(str::to_owned),
                panic.to_string(),
            ));
        })
        .build()
        .unwrap();
    let (parent, child, line) = rt
        .block_on(rt.handle().go(async {
            let line = line!() + 1;
            let handle = go(async { panic!("oh") });
            let id = handle.id();
            assert!(handle.await.unwrap_err().is_panic());
            (goid().unwrap(), id, line)
        }))
        .unwrap();
    let outside = rt.handle().go(async { panic_any(7) });
    let outsider = outside.id();
    assert!(rt.block_on(outside).unwrap_err().is_panic());

    let reports = reports.lock().unwrap();
    assert_eq!(reports.len(), 2);
    let (id, by, file, at, message, display) = &reports[0];
    assert_eq!((*id, *by, *at), (child, Some(parent), line));
    assert!(file.ends_with("runtime_ends.rs"), "{file}");
    assert_eq!(message.as_deref(), Some("oh"));
    assert!(display.starts_with(&format!("goroutine {child} panicked: oh [started at ")));
    assert!(
        display.ends_with(&format!(":{line}:26 by goroutine {parent}]")),
        "{display}"
    );
    let (id, by, .., message, display) = &reports[1];
    assert_eq!((*id, *by, message), (outsider, None, &None));
    assert!(display.starts_with(&format!("goroutine {outsider} panicked [started at ")));
}

#[test]
fn a_panic_that_is_kept_for_a_waiter_is_reported_as_that_of_the_goroutine_that_panicked() {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&reports);
    let rt = Runtime::builder()
        .procs(1)
        .on_panic(move |panic| {
            theirs.lock().unwrap().push((
                panic.id(),
                panic.spawn_site().line(),
                panic.message().map(str::to_owned),
            ));
        })
        .build()
        .unwrap();
    let id = Arc::new(Mutex::new(None));
    let fail = |words: &'static str| {
        let id = id.clone();
        async move {
            *id.lock().unwrap() = goid();
            panic!("{words}");
        }
    };
    let reported = |line: u32, words: &str| {
        let told = std::mem::take(&mut *reports.lock().unwrap());
        let member = id.lock().unwrap().expect("it ran in a goroutine");
        assert_eq!(told, [(member, line, Some(words.to_owned()))]);
    };
    // The waiter is no goroutine: what it resumes is reported by nobody.
    let resumes = |wait: &mut dyn FnMut()| assert!(catch_unwind(AssertUnwindSafe(wait)).is_err());

    let group = WaitGroup::new();
    let (line, member) = (line!() + 1, fail("in a wait group"));
    rt.block_on(async { group.go(member) });
    resumes(&mut || rt.block_on(group.wait()));
    reported(line, "in a wait group");

    let mut group = Some(ErrGroup::<()>::new());
    let member = fail("in an error group");
    let line = line!() + 2;
    rt.block_on(async {
        group.as_ref().unwrap().go(async move {
            member.await;
            Ok(())
        })
    });
    resumes(&mut || rt.block_on(group.take().unwrap().wait()).unwrap());
    reported(line, "in an error group");

    let flight = SingleFlight::<u32, ()>::new();
    let line = line!() + 1;
    let call = flight.run(1, || fail("in a flight"));
    let mut call = pin!(call);
    resumes(&mut || rt.block_on(call.as_mut()).0);
    reported(line, "in a flight");

    let (tx, rx) = chan(1);
    tx.try_send(()).unwrap();
    let mut failing = Some(fail("in a stage"));
    let line = line!() + 2;
    let stage = rt.block_on(async {
        patterns::map(&Context::background(), rx, move |()| {
            failing.take().unwrap()
        })
    });
    resumes(&mut || rt.block_on(stage.recv()).unwrap());
    reported(line, "in a stage");
}

#[test]
fn a_panic_is_reported_also_when_nobody_waits_for_the_goroutine() {
    let count = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&count);
    let rt = Runtime::builder()
        .procs(1)
        .on_panic(move |_| {
            theirs.fetch_add(1, SeqCst);
        })
        .build()
        .unwrap();
    drop(rt.handle().go(async { panic!("unseen") }));
    eventually("it is reported", || count.load(SeqCst) == 1);
}

#[test]
fn a_hook_that_panics_takes_no_thread_with_it() {
    let rt = Runtime::builder()
        .procs(1)
        .max_threads(1)
        .on_panic(|_| panic!("in the hook"))
        .build()
        .unwrap();
    rt.block_on(async {
        let error = go(async { panic!("oh") }).await.unwrap_err();
        assert_eq!(text(&*error.into_panic()), "oh");
        assert_eq!(go(async { 7 }).await.unwrap(), 7);
    });
}

#[test]
fn a_panic_runs_the_destructors_of_its_goroutine() {
    run(1, async {
        let census = Census::default();
        let value = census.value();
        let error = go(async move {
            let _value = value;
            yield_now().await;
            panic!("oh");
        })
        .await
        .unwrap_err();
        assert!(error.is_panic());
        assert_eq!(census.dropped(), 1);
    });
}

#[test]
fn goexit_runs_the_destructors_from_however_deep_and_nothing_after_it() {
    async fn deep(levels: u32, census: Census) {
        let _value = census.value();
        if levels == 0 {
            goexit().await;
        }
        Box::pin(deep(levels - 1, census.clone())).await;
        unreachable!("goexit came back");
    }

    run(1, async {
        let census = Census::default();
        let handle = go(deep(20, census.clone()));
        let error = handle.await.unwrap_err();
        assert!(error.is_cancelled());
        assert_eq!((census.made(), census.dropped()), (21, 21));
    });
}

#[test]
fn goexit_of_one_goroutine_leaves_its_parent_and_children_alone() {
    run(1, async {
        let (tx, rx) = chan(0);
        let (hand_over, child) = chan(1);
        let parent = go(async move {
            let child = go(async move { rx.recv().await });
            hand_over.send(child).await.unwrap();
            goexit().await;
        });
        assert!(parent.await.unwrap_err().is_cancelled());
        let child = child.recv().await.unwrap();
        tx.send(7).await.unwrap();
        assert_eq!(child.await.unwrap(), Some(7));
    });
}

#[test]
fn goexit_in_a_select_ends_the_goroutine() {
    run(1, async {
        let (tx, rx) = chan::<u32>(0);
        let handle = go(async move {
            gosched::select! {
                v = rx.recv() => v,
                () = async { goexit().await } => unreachable!(),
            }
        });
        assert!(handle.await.unwrap_err().is_cancelled());
        assert!(tx.send(1).await.is_err(), "its receiver is gone");
    });
}

/// A future that hands its waker out and waits until `flag` is up.
async fn lend_waker(out: std::sync::mpsc::Sender<Waker>, flag: Arc<AtomicBool>) {
    poll_fn(move |cx| {
        if flag.load(SeqCst) {
            return Poll::Ready(());
        }
        out.send(cx.waker().clone()).unwrap();
        Poll::Pending
    })
    .await;
}

#[test]
fn a_waker_that_outlives_its_goroutine_does_nothing() {
    within(|| {
        let rt = runtime(1);
        let (out, wakers) = std::sync::mpsc::channel();
        let flag = Arc::new(AtomicBool::new(false));
        let census = Census::default();
        let value = census.value();
        let lent = lend_waker(out, Arc::clone(&flag));
        let handle = rt.handle().go(async move {
            let _value = value;
            lent.await;
            7
        });
        let waker = wakers.recv().unwrap();
        flag.store(true, SeqCst);
        waker.wake_by_ref();
        assert_eq!(rt.block_on(handle).unwrap(), 7);
        assert_eq!(census.dropped(), 1, "the frame does not wait for the waker");
        let again = waker.clone();
        assert!(again.will_wake(&waker));
        waker.wake_by_ref();
        waker.wake();
        // Its memory may have been used for another goroutine if it had been given back too early.
        let others: Vec<_> = (0..100).map(|n| rt.handle().go(async move { n })).collect();
        again.wake_by_ref();
        for (n, other) in others.into_iter().enumerate() {
            assert_eq!(rt.block_on(other).unwrap(), n);
        }
        drop(rt);
        again.wake();
    });
}

#[test]
fn wakers_may_be_cloned_and_dropped_on_any_thread_as_often_as_one_likes() {
    within(|| {
        let rt = runtime(2);
        let (out, wakers) = std::sync::mpsc::channel();
        let flag = Arc::new(AtomicBool::new(false));
        let handle = rt.handle().go(lend_waker(out, Arc::clone(&flag)));
        let waker = wakers.recv().unwrap();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let mut kept = Vec::new();
                    for n in 0..10_000 {
                        let clone = waker.clone();
                        match n % 3 {
                            0 => kept.push(clone),
                            1 => clone.wake(),
                            _ => drop(clone),
                        }
                    }
                });
            }
        });
        // Each turn handed out one more.
        for waker in wakers.try_iter() {
            drop(waker);
        }
        assert!(!handle.is_finished());
        flag.store(true, SeqCst);
        waker.wake();
        rt.block_on(handle).unwrap();
    });
}

#[test]
fn a_wake_up_during_the_poll_is_not_lost() {
    run(2, async {
        // Woken by itself, by reference and by value, and by another thread in the middle of its poll.
        for how in 0..3 {
            let mut turns = 0;
            go(poll_fn(move |cx| {
                turns += 1;
                if turns == 200 {
                    return Poll::Ready(());
                }
                match how {
                    0 => cx.waker().wake_by_ref(),
                    1 => {
                        let waker = cx.waker().clone();
                        cx.waker().wake_by_ref();
                        waker.wake();
                    }
                    _ => {
                        let waker = cx.waker().clone();
                        thread::spawn(move || waker.wake()).join().unwrap();
                    }
                }
                Poll::Pending
            }))
            .await
            .unwrap();
        }
    });
}

#[test]
fn several_wake_ups_are_one_turn() {
    within(|| {
        let rt = runtime(1);
        let (out, wakers) = std::sync::mpsc::channel();
        let flag = Arc::new(AtomicBool::new(false));
        let handle = rt.handle().go(lend_waker(out, Arc::clone(&flag)));
        let waker = wakers.recv().unwrap();
        // The only P is kept busy, so that the wake-ups all come before the turn.
        let (busy, go_on) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let (busy2, go_on2) = (Arc::clone(&busy), Arc::clone(&go_on));
        let hog = rt.handle().go(async move {
            busy2.store(true, SeqCst);
            while !go_on2.load(SeqCst) {
                thread::yield_now();
            }
        });
        eventually("the P is busy", || busy.load(SeqCst));
        for _ in 0..1_000 {
            waker.wake_by_ref();
        }
        go_on.store(true, SeqCst);
        rt.block_on(hog).unwrap();
        wakers.recv().unwrap();
        // Two turns of the same P later there would have been another one.
        for _ in 0..2 {
            rt.block_on(rt.handle().go(yield_now())).unwrap();
        }
        assert!(wakers.try_recv().is_err(), "a second turn");
        flag.store(true, SeqCst);
        waker.wake();
        rt.block_on(handle).unwrap();
    });
}

#[test]
fn goroutines_woken_by_foreign_threads_all_run() {
    within(|| {
        let rt = runtime(2);
        let (tx, rx) = chan::<usize>(0);
        let goroutines: Vec<_> = (0..8)
            .map(|_| {
                let rx = rx.clone();
                rt.handle().go(async move {
                    let mut sum = 0;
                    while let Some(n) = rx.recv().await {
                        sum += n;
                    }
                    sum
                })
            })
            .collect();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let tx = tx.clone();
                thread::spawn(move || {
                    for n in 1..=1_000 {
                        tx.send_blocking(n).unwrap();
                    }
                })
            })
            .collect();
        drop(tx);
        for thread in threads {
            thread.join().unwrap();
        }
        let sum: usize = goroutines
            .into_iter()
            .map(|g| rt.block_on(g).unwrap())
            .sum();
        assert_eq!(sum, 4 * 500_500);
    });
}
