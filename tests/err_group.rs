//! The rules of `ErrGroup`.

mod common;

use std::fmt;
use std::future::pending;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use common::{Census, eventually, run, runtime, text, within};
use gosched::context::{Context, ContextError};
use gosched::sync::{ErrGroup, MemberError};
use gosched::{block_on, chan, yield_now};

/// What waiting for `group` panics with, in words.
fn panic_of_wait<E: Send + fmt::Debug + 'static>(group: ErrGroup<E>) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| block_on(group.wait()))).unwrap_err();
    text(&*panic).to_owned()
}

fn cause(ctx: &Context) -> String {
    ctx.cause().expect("a context that is done").to_string()
}

#[test]
fn without_members_and_without_errors_wait_is_ok() {
    assert_eq!(block_on(ErrGroup::<String>::new().wait()), Ok(()));
    let group = ErrGroup::<String>::default();
    let ran = Arc::new(AtomicUsize::new(0));
    for _ in 0..20 {
        let ran = ran.clone();
        group.go(async move {
            ran.fetch_add(1, SeqCst);
            Ok(())
        });
    }
    assert_eq!(block_on(group.wait()), Ok(()));
    assert_eq!(ran.load(SeqCst), 20);
}

#[test]
fn the_first_error_wins_and_wait_returns_when_the_last_member_is_over() {
    run(2, async {
        let group = ErrGroup::new();
        let (early_tx, early) = chan::<()>(0);
        let (late_tx, late) = chan::<()>(0);
        let finished = Arc::new(AtomicUsize::new(0));
        group.go(async move {
            let _tell = early_tx; // dropped with the future, after the error was made
            Err("first")
        });
        let theirs = finished.clone();
        group.go(async move {
            late.recv().await;
            theirs.fetch_add(1, SeqCst);
            Err("second")
        });
        early.recv().await;
        // The first error is stored only after its future was dropped: see that it is the first.
        while !format!("{group:?}").contains("count: 1") {
            yield_now().await;
        }
        late_tx.close();
        assert_eq!(group.wait().await, Err("first"));
        assert_eq!(finished.load(SeqCst), 1);
    });
}

#[test]
fn the_first_error_ends_the_context_with_its_text_as_the_cause() {
    run(2, async {
        let (group, ctx) = ErrGroup::with_context(&Context::background());
        let seen = ctx.clone();
        group.go(async move {
            seen.done().await;
            Err(io::Error::other("late, and because of the first"))
        });
        group.go(async { Err(io::Error::from(io::ErrorKind::BrokenPipe)) });
        let error = group.wait().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "the error itself");
        assert_eq!(ctx.err(), Some(ContextError::Canceled));
        let cause = ctx.cause().unwrap();
        assert_eq!(cause.to_string(), error.to_string());
        assert!(cause.downcast_ref::<MemberError>().is_some());
    });
}

#[test]
fn errors_that_cannot_be_cloned_are_returned_by_value() {
    type Boxed = Box<dyn std::error::Error + Send + Sync>;
    let (group, ctx) = ErrGroup::<Boxed>::with_context(&Context::background());
    group.go(async { Ok(Err(io::Error::from(io::ErrorKind::NotFound))?) });
    let error = block_on(group.wait()).unwrap_err();
    let error = error.downcast::<io::Error>().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    assert_eq!(cause(&ctx), error.to_string());
}

#[test]
fn the_cause_shows_what_the_alternate_form_of_the_error_shows() {
    struct Chain;
    impl fmt::Display for Chain {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(if f.alternate() {
                "outer: inner"
            } else {
                "outer"
            })
        }
    }
    let (group, ctx) = ErrGroup::with_context(&Context::background());
    group.go(async { Err(Chain) });
    assert!(block_on(group.wait()).is_err());
    let cause = ctx.cause().unwrap();
    let cause = cause.downcast_ref::<MemberError>().unwrap();
    assert_eq!(format!("{cause} / {cause:#}"), "outer / outer: inner");
    assert_eq!(format!("{cause:?}"), "MemberError(\"outer\")");
}

#[test]
fn an_error_whose_text_panics_is_returned_all_the_same() {
    struct Mute;
    impl fmt::Display for Mute {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("no words");
        }
    }
    let (group, ctx) = ErrGroup::with_context(&Context::background());
    group.go(async { Err(Mute) });
    assert!(block_on(group.wait()).is_err());
    assert!(
        cause(&ctx).contains("cannot be displayed"),
        "{}",
        cause(&ctx)
    );
}

#[test]
fn wait_ends_the_context_also_without_an_error() {
    let (group, ctx) = ErrGroup::<String>::with_context(&Context::background());
    group.go(async { Ok(()) });
    let (child, _cancel) = ctx.with_cancel();
    assert_eq!(block_on(group.wait()), Ok(()));
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
    assert_eq!(child.err(), Some(ContextError::Canceled));
    assert_eq!(cause(&ctx), "context canceled");
}

#[test]
fn a_cause_from_above_stays_and_the_parent_outlives_the_group() {
    let (parent, cancel) = Context::background().with_cancel();
    let (group, ctx) = ErrGroup::with_context(&parent);
    let seen = ctx.clone();
    group.go(async move {
        seen.done().await;
        Err("stopped")
    });
    cancel.cancel_cause("closing time");
    assert_eq!(block_on(group.wait()), Err("stopped"));
    assert_eq!(cause(&ctx), "closing time");

    let (parent, _keep) = Context::background().with_cancel();
    let (group, ctx) = ErrGroup::with_context(&parent);
    group.go(async { Err("stopped") });
    assert!(block_on(group.wait()).is_err());
    assert!(ctx.err().is_some() && parent.err().is_none());
}

#[test]
fn a_panic_is_resumed_from_wait_and_ends_the_context() {
    let (group, ctx) = ErrGroup::<String>::with_context(&Context::background());
    let seen = ctx.clone();
    group.go(async move {
        seen.done().await;
        Err("because of the panic".into())
    });
    group.go(async { panic!("out of paper") });
    assert_eq!(panic_of_wait(group), "out of paper");
    assert_eq!(cause(&ctx), "a member panicked: out of paper");
}

#[test]
fn a_panic_goes_before_an_error_and_the_first_of_two_is_resumed() {
    run(1, async {
        let (group, ctx) = ErrGroup::with_context(&Context::background());
        group.go(async { Err("an error") });
        ctx.done().await;
        for word in ["one", "two"] {
            let before = format!("{group:?}");
            group.go(async move { panic_any(word) });
            while format!("{group:?}") != before.replace("count: 1", "count: 0") {
                yield_now().await;
            }
        }
        let panic = gosched::go(group.wait()).await.unwrap_err().into_panic();
        assert_eq!(text(&*panic), "one");
        assert_eq!(cause(&ctx), "an error");
    });
}

#[test]
fn a_panic_in_a_members_drop_is_resumed_too() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let group = ErrGroup::<String>::new();
    group.go(async {
        let _bomb = Bomb;
        std::future::ready(()).await;
        Ok(())
    });
    assert_eq!(panic_of_wait(group), "in drop");
}

#[test]
fn no_more_than_the_limit_run_at_once_and_the_rest_start_in_order() {
    for limit in [1, 3] {
        run(2, async move {
            let group = ErrGroup::<String>::new().limit(limit);
            let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let started = Arc::new(Mutex::new(Vec::new()));
            for n in 0..200 {
                let (running, most, started) = (running.clone(), most.clone(), started.clone());
                group.go(async move {
                    let now = 1 + running.fetch_add(1, SeqCst);
                    most.fetch_max(now, SeqCst);
                    started.lock().unwrap().push(n);
                    yield_now().await;
                    running.fetch_sub(1, SeqCst);
                    Ok(())
                });
            }
            group.wait().await.unwrap();
            assert!(
                most.load(SeqCst) <= limit,
                "{} of {limit}",
                most.load(SeqCst)
            );
            let mut started = started.lock().unwrap().clone();
            if limit == 1 {
                assert!(started.is_sorted(), "first come, first served: {started:?}");
            }
            started.sort_unstable();
            assert!(started.into_iter().eq(0..200));
        });
    }
}

#[test]
fn a_full_group_queues_what_go_is_given_and_refuses_what_try_go_is_given() {
    run(1, async {
        let (open, gate) = chan::<()>(0);
        let group = ErrGroup::<String>::new().limit(2);
        let census = Census::default();
        for _ in 0..2 {
            let gate = gate.clone();
            assert!(group.try_go(async move {
                gate.recv().await;
                Ok(())
            }));
        }
        let value = census.value();
        assert!(!group.try_go(async move {
            drop(value);
            Ok(())
        }));
        assert_eq!(census.dropped(), 1, "what is refused is dropped");
        let value = census.value();
        group.go(async move {
            drop(value);
            Ok(())
        });
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!(census.dropped(), 1, "queued, not started");
        assert!(format!("{group:?}").contains("queued: 1"), "{group:?}");
        open.close();
        group.wait().await.unwrap();
        assert_eq!(census.dropped(), 2);
    });
}

#[test]
fn try_go_without_a_limit_always_starts() {
    let group = ErrGroup::<usize>::new();
    for _ in 0..1_000 {
        assert!(group.try_go(async { Ok(()) }));
    }
    assert_eq!(block_on(group.wait()), Ok(()));
}

#[test]
fn a_slot_comes_free_however_its_member_ends() {
    run(2, async {
        let group = ErrGroup::<&str>::new().limit(1);
        group.go(async { Err("an error") });
        group.go(async { gosched::runtime::goexit().await });
        let ran = Arc::new(AtomicUsize::new(0));
        let theirs = ran.clone();
        group.go(async move {
            theirs.fetch_add(1, SeqCst);
            Ok(())
        });
        assert_eq!(group.wait().await, Err("an error"));
        assert_eq!(ran.load(SeqCst), 1);

        let group = ErrGroup::<&str>::new().limit(1);
        group.go(async { panic!("first") });
        let theirs = ran.clone();
        group.go(async move {
            theirs.fetch_add(1, SeqCst);
            Ok(())
        });
        let panic = gosched::go(group.wait()).await.unwrap_err().into_panic();
        assert_eq!(text(&*panic), "first");
        assert_eq!(ran.load(SeqCst), 2);
    });
}

#[test]
fn a_limit_of_zero_and_one_set_too_late_panic() {
    fn words<R>(f: impl FnOnce() -> R) -> String {
        common::panic_of(f)
    }
    assert!(words(|| ErrGroup::<String>::new().limit(0)).contains("a limit of 0"));
    let group = ErrGroup::<String>::new();
    let other = group.clone();
    assert!(words(|| group.limit(1)).contains("first clone"));
    let (open, gate) = chan::<()>(0);
    other.go(async move {
        gate.recv().await;
        Ok(())
    });
    assert!(words(|| other.limit(1)).contains("first member"));
    drop(open);
    let group = ErrGroup::<String>::new().limit(1).limit(2);
    assert_eq!(block_on(group.wait()), Ok(()));
}

#[test]
fn members_may_start_members_also_below_a_limit() {
    fn grow(group: ErrGroup<String>, depth: usize, done: Arc<AtomicUsize>) {
        group.clone().go(async move {
            done.fetch_add(1, SeqCst);
            for _ in 0..2 {
                if depth > 0 {
                    grow(group.clone(), depth - 1, done.clone());
                }
            }
            Ok(())
        });
    }
    for limit in [1, 2, 100] {
        let (group, done) = (ErrGroup::new().limit(limit), Arc::new(AtomicUsize::new(0)));
        grow(group.clone(), 5, done.clone());
        assert_eq!(block_on(group.wait()), Ok(()));
        assert_eq!(done.load(SeqCst), 63);
    }
}

#[test]
fn dropping_the_group_lets_members_go_on_but_ends_the_context() {
    run(2, async {
        let (group, ctx) = ErrGroup::<String>::with_context(&Context::background());
        let group = group.limit(1);
        let (done_tx, done_rx) = chan(0);
        for n in 0..3 {
            let (ctx, done_tx) = (ctx.clone(), done_tx.clone());
            group.go(async move {
                ctx.done().await;
                done_tx.send(n).await.unwrap();
                Ok(())
            });
        }
        let second = group.clone();
        drop(group);
        assert!(ctx.err().is_none(), "there is another handle");
        drop(second);
        assert_eq!(ctx.err(), Some(ContextError::Canceled));
        for n in 0..3 {
            assert_eq!(done_rx.recv().await, Some(n), "the queued ones too");
        }
    });
}

#[test]
fn dropping_a_wait_ends_the_context_of_the_members_it_leaves() {
    run(1, async {
        let (group, ctx) = ErrGroup::<String>::with_context(&Context::background());
        let seen = ctx.clone();
        let (done_tx, done_rx) = chan(0);
        group.go(async move {
            seen.done().await;
            done_tx.send(()).await.unwrap();
            Ok(())
        });
        let (short, cancel) = Context::background().with_cancel();
        let waiting = gosched::go(async move { short.run(group.wait()).await.is_err() });
        yield_now().await;
        assert!(ctx.err().is_none());
        cancel.cancel();
        assert!(waiting.await.unwrap());
        done_rx.recv().await.unwrap();
        assert_eq!(cause(&ctx), "context canceled");
    });
}

#[test]
fn of_two_waits_one_gets_the_error() {
    run(2, async {
        let group = ErrGroup::new();
        let other = gosched::go(group.clone().wait());
        group.go(async { Err("once") });
        let both = [group.wait().await, other.await.unwrap()];
        // The other may have found the group without members.
        assert_eq!(both.iter().filter(|result| result.is_err()).count(), 1);
    });
}

#[test]
fn a_runtime_that_shuts_down_ends_its_members_and_a_long_queue_behind_them() {
    within(|| {
        let rt = runtime(1);
        let group = ErrGroup::<String>::new().limit(1);
        let census = Census::default();
        let inner = group.clone();
        let theirs = census.clone();
        rt.block_on(async move {
            for _ in 0..100_000 {
                let value = theirs.value();
                inner.go(async move {
                    let _value = value;
                    pending().await
                });
            }
        });
        drop(rt);
        assert_eq!(block_on(group.wait()), Ok(()));
        assert_eq!(census.dropped(), 100_000);
    });
}

#[test]
fn queued_members_run_on_the_runtime_where_they_were_queued() {
    within(|| {
        let rt = runtime(1);
        let group = ErrGroup::<String>::new().limit(1);
        let (open, gate) = chan::<()>(0);
        // This one runs on the default runtime, and its end starts the next.
        group.go(async move {
            gate.recv().await;
            Ok(())
        });
        let (tell, told) = chan(1);
        let inner = group.clone();
        rt.block_on(async move {
            inner.go(async move {
                tell.send(common::thread_name().await).await.unwrap();
                Ok(())
            });
        });
        open.close();
        block_on(group.wait()).unwrap();
        let name = told.try_recv().unwrap();
        assert!(name.starts_with("own"), "{name}");
    });
}

#[test]
fn nothing_is_left_of_a_group_that_is_over() {
    let census = Census::default();
    let value = census.value();
    let (group, ctx) = ErrGroup::<String>::with_context(&Context::background());
    group.go(async move {
        let _value = value;
        Ok(())
    });
    drop((group, ctx));
    eventually("the member's value is dropped", || census.dropped() == 1);
}

#[test]
fn public_types_may_be_sent_and_shared() {
    fn shared<T: Send + Sync + Unpin + 'static>() {}
    fn future<T: Send>(_: &T) {}
    // `E` need not be `Sync`.
    shared::<ErrGroup<std::cell::Cell<u8>>>();
    shared::<MemberError>();
    future(&ErrGroup::<String>::new().wait());
}
