//! `gosched::sync`.

use std::io;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use futures::FutureExt as _;
use gosched::context::ContextError;
use gosched::sync::{ErrGroup, SingleFlight, WaitGroup};
use gosched::{Context, chan, go, yield_now};

use super::{is_handle, is_send, is_sync};

#[gosched::test]
async fn a_wait_group_waits_for_all() {
    let count = Arc::new(AtomicUsize::new(0));
    let group = WaitGroup::new();
    for _ in 0..10 {
        let count = count.clone();
        group.go(async move {
            yield_now().await;
            count.fetch_add(1, SeqCst);
        });
    }
    group.add(1);
    go!(clone(group, count) {
        count.fetch_add(1, SeqCst);
        group.done();
    });
    group.wait().await;
    assert_eq!(count.load(SeqCst), 11);
}

#[gosched::test]
async fn the_first_error_wins_and_cancels_the_context_with_it_as_cause() {
    let (group, ctx) = ErrGroup::<io::Error>::with_context(&Context::background());
    let waiting = ctx.clone();
    group.go(async move {
        waiting.done().await;
        Err(io::Error::other("second"))
    });
    group.go(async { Err(io::Error::other("first")) });
    group.go(async { Ok(()) });
    let error: io::Error = group.wait().await.unwrap_err();
    assert_eq!(error.to_string(), "first");
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
    assert_eq!(ctx.cause().unwrap().to_string(), "first");

    let group: ErrGroup<String> = ErrGroup::new();
    group.go(async { Ok(()) });
    assert_eq!(group.wait().await, Ok(()));
}

#[gosched::test]
async fn error_types_are_what_people_use() {
    type Boxed = Box<dyn std::error::Error + Send + Sync>;
    let (group, _ctx) = ErrGroup::<Boxed>::with_context(&Context::background());
    group.go(async {
        let _: u8 = "300".parse()?;
        Ok(())
    });
    assert!(group.wait().await.is_err());
    let (group, _ctx) = ErrGroup::with_context(&Context::background());
    group.go(async { Err("text") });
    assert_eq!(group.wait().await, Err("text"));
    // Without a context any error will do.
    struct NoTraits;
    let group = ErrGroup::new();
    group.go(async { Err(NoTraits) });
    assert!(group.wait().await.is_err());
}

#[gosched::test]
async fn a_limit_bounds_how_many_run() {
    let group = ErrGroup::<()>::new().limit(2);
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..20 {
        let (running, most) = (running.clone(), most.clone());
        group.go(async move {
            most.fetch_max(running.fetch_add(1, SeqCst) + 1, SeqCst);
            yield_now().await;
            running.fetch_sub(1, SeqCst);
            Ok(())
        });
    }
    assert!(!group.try_go(async { Ok(()) }));
    group.wait().await.unwrap();
    assert!((1..=2).contains(&most.load(SeqCst)));
    assert!(ErrGroup::<()>::new().try_go(async { Ok(()) }));
}

#[gosched::test]
async fn a_panic_in_a_member_is_resumed_from_wait() {
    let group = ErrGroup::<()>::new();
    group.go(async { panic!("member") });
    let panic = AssertUnwindSafe(group.wait()).catch_unwind().await;
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&"member"));
}

#[gosched::test]
async fn single_flight_calls_once_for_all() {
    let flight = Arc::new(SingleFlight::<String, u32>::new());
    let (tx, rx) = chan::<()>(0);
    let calls = Arc::new(AtomicUsize::new(0));
    let first = go!(clone(flight, calls) {
        flight
            .run("key".to_string(), || async move {
                calls.fetch_add(1, SeqCst);
                rx.recv().await;
                7
            })
            .await
    });
    while calls.load(SeqCst) == 0 {
        yield_now().await;
    }
    let second = go!(clone(flight) {
        flight.run("key".to_string(), || async { unreachable!() }).await
    });
    for _ in 0..1_000 {
        yield_now().await;
    }
    drop(tx);
    let (value, _shared): (u32, bool) = first.await.unwrap();
    assert_eq!(value, 7);
    assert_eq!(second.await.unwrap(), (7, true));
    assert_eq!(calls.load(SeqCst), 1);
    flight.forget(&"key".to_string());
    assert_eq!(
        flight.run("key".to_string(), || async { 8 }).await,
        (8, false)
    );
}

#[gosched::test]
async fn tokios_types_work_as_they_are() {
    let mutex = Arc::new(tokio::sync::Mutex::new(0));
    let group = WaitGroup::new();
    for _ in 0..100 {
        let mutex = mutex.clone();
        group.go(async move {
            let mut n = mutex.lock().await;
            yield_now().await;
            *n += 1;
        });
    }
    group.wait().await;
    assert_eq!(*mutex.lock().await, 100);
}

#[test]
fn handles_and_futures_have_the_auto_traits_that_they_can_have() {
    is_handle::<WaitGroup>();
    is_handle::<ErrGroup<std::cell::Cell<u8>>>();
    is_send::<gosched::sync::Wait<'_>>();
    is_send::<SingleFlight<String, u8>>();
    is_sync::<SingleFlight<String, u8>>();
    drop(super::is_send_val(ErrGroup::<()>::new().wait()));
}
