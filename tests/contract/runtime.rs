//! `gosched::runtime`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use gosched::runtime::{
    self, Builder, DeadlockPolicy, GoId, GoPanic, Handle, Metrics, Runtime, block_in_place, goexit,
    goid, gomaxprocs,
};
use gosched::{chan, go, yield_now};

use super::{is_handle, is_send, is_send_val, is_sync};

#[test]
fn a_builder_has_all_its_options() -> std::io::Result<()> {
    let told = Arc::new(AtomicUsize::new(0));
    let tell = told.clone();
    let rt = Runtime::builder()
        .procs(2)
        .thread_name("w")
        .thread_stack_size(256 * 1024)
        .max_threads(16)
        .deadlock(DeadlockPolicy::Ignore)
        .on_panic(move |panic: &GoPanic<'_>| {
            assert_eq!(panic.message(), Some("told"));
            assert!(panic.spawn_site().file().ends_with("runtime.rs"));
            assert!(panic.id().get() > 0);
            tell.fetch_add(1, SeqCst);
        })
        .hog_threshold(Duration::from_millis(50))
        .library_threads(1)
        .build()?;
    let name = rt
        .handle()
        .go(async { thread::current().name().map(str::to_owned) });
    let name = rt.block_on(name).unwrap().unwrap();
    assert!(name.starts_with('w'), "{name}");
    let error = rt.block_on(rt.handle().go(async { panic!("told") }));
    assert!(error.unwrap_err().is_panic());
    assert_eq!(told.load(SeqCst), 1);
    // With threads of their own, tasks that libraries start do not need the poller.
    let answer = rt.block_on(async { tokio::spawn(async { 6 * 7 }).await });
    assert_eq!(answer.unwrap(), 42);
    rt.shutdown_timeout(Duration::from_secs(60));
    Ok(())
}

#[test]
fn a_builder_can_be_used_step_by_step_and_again() {
    let mut builder: Builder = Runtime::builder();
    builder.procs(1);
    for policy in [DeadlockPolicy::Report, DeadlockPolicy::Panic] {
        builder.deadlock(policy);
        let rt = builder.build().unwrap();
        assert_eq!(rt.block_on(async { gomaxprocs(0) }), 1);
    }
}

#[test]
fn dropping_a_runtime_drops_what_is_pending() {
    struct Raises(Arc<AtomicBool>);
    impl Drop for Raises {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let rt = Runtime::builder().procs(1).build().unwrap();
    let raises = Raises(dropped.clone());
    let handle = rt.handle().go(async move {
        let _raises = raises;
        std::future::pending::<()>().await;
    });
    drop(rt);
    assert!(dropped.load(SeqCst));
    assert!(gosched::block_on(handle).unwrap_err().is_cancelled());
}

#[test]
fn shutdown_timeout_does_not_wait_for_a_poll_without_end() {
    let rt = Runtime::builder().procs(1).build().unwrap();
    let (started, wait) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    drop(rt.handle().go(async move {
        started.send(()).unwrap();
        let _ = released.recv();
    }));
    wait.recv().unwrap();
    rt.shutdown_timeout(Duration::from_millis(10));
    drop(release);
}

#[test]
fn gomaxprocs_asks_with_zero_and_else_resizes_and_gives_the_former() {
    let rt = Runtime::builder().procs(2).build().unwrap();
    rt.block_on(async {
        assert_eq!(gomaxprocs(0), 2);
        assert_eq!(gomaxprocs(5), 2);
        assert_eq!(gomaxprocs(1), 5);
        assert_eq!(gomaxprocs(0), 1);
        assert_eq!(go(async { gomaxprocs(0) }).await.unwrap(), 1);
    });
    assert!(runtime::num_cpu() >= 1);
}

#[gosched::test]
async fn goroutines_have_numbers_and_are_counted() {
    let own: Option<GoId> = goid();
    assert!(own.is_some());
    let before = runtime::num_goroutine();
    let (tx, rx) = chan::<()>(0);
    let other = go(async move {
        rx.recv().await;
        goid()
    });
    assert_eq!(runtime::num_goroutine(), before + 1);
    drop(tx);
    let other = other.await.unwrap();
    assert!(other.is_some() && other != own);
    assert_eq!(thread::spawn(goid).join().unwrap(), None);
}

#[gosched::test]
async fn goexit_runs_the_destructors_and_fits_wherever_a_value_is_wanted() {
    let (tx, rx) = chan::<()>(0);
    let handle = go(async move {
        let _dropped_at_the_end = tx;
        if goid().is_some() {
            goexit().await
        } else {
            1_u32
        }
    });
    assert_eq!(rx.recv().await, None);
    assert!(handle.await.unwrap_err().is_cancelled());
}

#[gosched::test(procs = 1)]
async fn block_in_place_lets_others_run_on_the_only_p() {
    let (tx, rx) = std::sync::mpsc::channel();
    drop(go(async move { tx.send(7).unwrap() }));
    assert_eq!(block_in_place(|| rx.recv()), Ok(7));
    // Inside, blocking on a future is allowed.
    let eight = block_in_place(|| gosched::block_on(async { go(async { 8 }).await.unwrap() }));
    assert_eq!(eight, 8);
}

#[gosched::test]
async fn metrics_are_named_as_in_go() {
    let metrics: Metrics = runtime::metrics();
    assert!(metrics.goroutines() >= 1);
    assert!(metrics.goroutines_created() >= metrics.goroutines());
    assert!(metrics.goroutines_running() >= 1);
    let _ = (metrics.goroutines_runnable(), metrics.goroutines_waiting());
    assert_eq!(metrics.gomaxprocs(), gomaxprocs(0));
    assert!(metrics.threads() >= 1);
}

#[test]
fn a_handle_starts_goroutines_from_anywhere() {
    let rt = Runtime::builder().procs(1).build().unwrap();
    let handle: Handle = rt.handle();
    let there = thread::spawn(move || handle.go(async { gomaxprocs(0) })).join();
    assert_eq!(rt.block_on(there.unwrap()).unwrap(), 1);
}

#[test]
fn a_loop_over_a_ready_channel_leaves_the_only_p_to_others_in_time() {
    let rt = Runtime::builder().procs(1).build().unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let stop = over.clone();
    rt.block_on(async move {
        let spins = go(async move {
            let (tx, rx) = chan(1);
            while !over.load(SeqCst) {
                tx.send(1).await.unwrap();
                rx.recv().await.unwrap();
            }
        });
        yield_now().await;
        go(async move { stop.store(true, SeqCst) }).await.unwrap();
        spins.await.unwrap();
    });
}

#[test]
fn types_are_what_they_are_said_to_be() {
    is_handle::<Handle>();
    is_send::<Runtime>();
    is_sync::<Runtime>();
    is_send::<Builder>();
    drop(is_send_val(goexit()));
    fn on_panic_takes_any_function(f: impl Fn(&GoPanic<'_>) + Send + Sync + 'static) {
        Runtime::builder().on_panic(f);
    }
    on_panic_takes_any_function(|_| {});
}
