//! Mistakes: each gives a panic or an error that says what is wrong, and nothing else is lost.

mod common;

use std::future::Future;
use std::pin::pin;
use std::process::Command;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use common::{FAR, panic_of, poll, run, runtime, within};
use gosched::runtime::{Runtime, goexit, gomaxprocs};
use gosched::time::{Instant, Ticker, sleep_until};
use gosched::{Context as Ctx, chan, go};

#[test]
fn a_channel_too_large_to_allocate_is_refused_by_its_capacity() {
    assert_eq!(
        panic_of(|| chan::<u64>(usize::MAX)),
        format!(
            "chan: capacity {} is out of range for values of 8 bytes",
            usize::MAX
        )
    );
    let message = panic_of(|| chan::<[u8; 4_096]>(usize::MAX / 8_192));
    assert!(message.contains("is out of range"), "{message}");
    // Values of no size need no room.
    let (tx, rx) = chan::<()>(usize::MAX >> 8);
    tx.try_send(()).unwrap();
    assert_eq!((rx.len(), rx.capacity()), (1, usize::MAX >> 8));
}

#[test]
fn a_runtime_needs_a_p_and_a_thread() {
    assert_eq!(
        panic_of(|| {
            Runtime::builder().procs(0);
        }),
        "procs(0): a runtime needs at least one P"
    );
    assert_eq!(
        panic_of(|| {
            Runtime::builder().max_threads(0);
        }),
        "max_threads(0): a runtime needs at least one thread"
    );
    assert_eq!(
        panic_of(|| {
            Runtime::builder().thread_name("a\0b");
        }),
        "thread_name: a thread's name cannot contain a zero byte"
    );
}

#[test]
fn more_ps_than_there_can_be_are_refused() {
    for n in [usize::MAX, 1 << 40, 1 << 20] {
        let error = Runtime::builder().procs(n).build().unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
        assert_eq!(
            error.to_string(),
            format!("procs({n}): a runtime has at most 8192 Ps")
        );
    }
}

#[test]
fn gomaxprocs_of_a_huge_number_gives_what_there_can_be() {
    run(1, async {
        assert_eq!(gomaxprocs(usize::MAX), 1);
        let most = gomaxprocs(2);
        assert!((256..=8_192).contains(&most), "{most}");
        assert_eq!(gomaxprocs(0), 2);
        assert_eq!(go(async { 7 }).await.unwrap(), 7);
    });
}

#[test]
fn a_runtime_that_gets_no_thread_is_an_error() {
    // More address space than there is.
    let built = Runtime::builder()
        .procs(1)
        .thread_stack_size(usize::MAX / 2)
        .build();
    let error = built.unwrap_err();
    assert!(error.raw_os_error().is_some(), "the system's own: {error}");
}

#[test]
fn goexit_outside_a_goroutine_panics() {
    let message = panic_of(|| futures::executor::block_on(goexit()));
    assert_eq!(message, "goexit: not inside a goroutine");
    let rt = runtime(1);
    assert_eq!(panic_of(|| rt.block_on(goexit())), message);
    assert_eq!(rt.block_on(go_seven(&rt)), 7);
}

async fn go_seven(rt: &Runtime) -> u32 {
    rt.handle().go(async { 7 }).await.unwrap()
}

#[test]
fn a_handle_that_gave_its_result_says_so_when_it_is_polled_again() {
    let rt = runtime(1);
    let mut handle = rt.handle().go(async { 7 });
    assert_eq!(rt.block_on(&mut handle).unwrap(), 7);
    assert_eq!(
        panic_of(|| poll(pin!(&mut handle)).is_pending()),
        "a JoinHandle was polled after it had given its result"
    );
    handle.abort();
    assert!(handle.is_finished());
}

#[test]
fn into_panic_of_a_goroutine_that_did_not_panic_panics() {
    let rt = runtime(1);
    let handle = rt.handle().go(std::future::pending::<()>());
    handle.abort();
    let error = rt.block_on(handle).unwrap_err();
    let words = format!("into_panic: {error}");
    assert_eq!(panic_of(|| error.into_panic()), words);
    assert!(words.ends_with("was cancelled"));
}

#[test]
fn a_ticker_of_no_period_is_refused() {
    let words = "Ticker: the period must not be zero";
    assert_eq!(panic_of(|| Ticker::new(Duration::ZERO)), words);
    let mut ticker = Ticker::new(FAR);
    assert_eq!(panic_of(|| ticker.reset(Duration::ZERO)), words);
    // The ticker is as it was.
    assert!(poll(pin!(ticker.tick())).is_pending());
}

#[test]
fn a_deadline_long_past_is_due_now() {
    run(1, async {
        let past = Instant::now() - Duration::from_secs(3_600);
        sleep_until(past).await;
        let (ctx, _cancel) = Ctx::background().with_deadline(past);
        ctx.done().await;
    });
}

#[test]
fn a_panic_of_block_ons_future_goes_through_and_leaves_the_runtime_whole() {
    let rt = runtime(1);
    let words = panic_of(|| {
        rt.block_on(async {
            go(async {}).await.unwrap();
            panic!("out of block_on");
        })
    });
    assert_eq!(words, "out of block_on");
    assert!(gosched::runtime::Handle::try_current().is_none());
    assert_eq!(rt.block_on(go_seven(&rt)), 7);
}

#[test]
fn go_on_a_runtime_that_has_ended_is_cancelled() {
    let rt = runtime(1);
    let handle = rt.handle();
    drop(rt);
    let late = handle.block_on(async { go(async { 7 }).await });
    assert!(late.unwrap_err().is_cancelled());
}

#[test]
fn a_future_polled_after_it_was_ready_does_no_harm_elsewhere() {
    let (tx, rx) = chan(2);
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    let mut first = pin!(rx.recv());
    assert_eq!(poll(first.as_mut()), Poll::Ready(Some(1)));
    // A panic or a wait, but no second value.
    let again = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        first.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }));
    assert!(!matches!(again, Ok(Poll::Ready(Some(_)))), "{again:?}");
    assert_eq!(rx.try_recv(), Ok(2));
}

/// What this test binary prints when it is run again with that environment, for the test `name` alone.
fn again(name: &str, gomaxprocs: &str) -> (bool, String) {
    let out = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--include-ignored"])
        .env("GOMAXPROCS", gomaxprocs)
        .env("BAD_USE_CHILD", "1")
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let printed = [out.stdout, out.stderr].concat();
    (
        out.status.success(),
        String::from_utf8_lossy(&printed).into_owned(),
    )
}

fn is_child() -> bool {
    std::env::var_os("BAD_USE_CHILD").is_some()
}

#[test]
fn gomaxprocs_in_the_environment_that_is_no_number_is_named() {
    if is_child() {
        println!("error: {}", Runtime::try_new().unwrap_err());
        println!("builder: {}", Runtime::builder().procs(2).build().is_ok());
        println!("panic: {}", panic_of(|| gosched::block_on(async {})));
        println!("again: {}", panic_of(|| drop(go(async {}))));
        return;
    }
    let name = "gomaxprocs_in_the_environment_that_is_no_number_is_named";
    for bad in ["abc", "0", "-3", "1e3", " "] {
        let (ok, printed) = again(name, bad);
        assert!(ok, "{printed}");
        let words = format!("GOMAXPROCS={bad}: not a positive number");
        for line in [
            format!("error: {words}"),
            "builder: true".to_owned(),
            format!("panic: the default runtime could not be started: {words}"),
            format!("again: the default runtime could not be started: {words}"),
        ] {
            assert!(printed.contains(&line), "{line}\n{printed}");
        }
    }
}

#[test]
fn gomaxprocs_in_the_environment_that_is_too_large_is_named() {
    if is_child() {
        println!("error: {}", Runtime::try_new().unwrap_err());
        return;
    }
    let name = "gomaxprocs_in_the_environment_that_is_too_large_is_named";
    let (ok, printed) = again(name, "1000000000000");
    assert!(ok, "{printed}");
    let words = "error: GOMAXPROCS=1000000000000: a runtime has at most 8192 Ps";
    assert!(printed.contains(words), "{printed}");
}

#[test]
fn gomaxprocs_in_the_environment_is_the_number_of_ps() {
    if is_child() {
        gosched::block_on(async { println!("ps: {}", gomaxprocs(0)) });
        return;
    }
    let name = "gomaxprocs_in_the_environment_is_the_number_of_ps";
    let (ok, printed) = again(name, " 3 ");
    assert!(ok && printed.contains("ps: 3"), "{printed}");
}

#[test]
fn what_is_refused_leaves_the_default_runtime_usable() {
    within(|| {
        for _ in 0..10 {
            let words = panic_of(|| Runtime::builder().procs(0).build());
            assert!(words.starts_with("procs(0)"));
            assert_eq!(gosched::block_on(go(async { 7 })).unwrap(), 7);
        }
    });
}
