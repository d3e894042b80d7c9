//! `gosched::time`.

use std::pin::pin;
use std::sync::mpsc;
use std::time::Duration;

use futures::FutureExt as _;
use gosched::time::{
    After, Elapsed, Fired, Instant, Sleep, Tick, Ticker, Timeout, Timer, after, sleep, sleep_until,
    timeout,
};
use gosched::{go, select};

use super::{is_error, is_handle, is_send, is_send_val, is_sync};

const MS: Duration = Duration::from_millis(1);
const FAR: Duration = Duration::from_secs(3600);

#[gosched::test]
async fn waits_are_never_short_and_yield_the_scheduled_time() {
    let start: std::time::Instant = Instant::now();
    sleep(MS).await;
    assert!(start.elapsed() >= MS);
    sleep_until(start + 2 * MS).await;
    assert!(start.elapsed() >= 2 * MS);
    let now = Instant::now();
    let due: Instant = after(MS).await;
    assert!(due >= now + MS && due <= Instant::now());
    // It is the standard's, and so goes into tokio's.
    let _ = tokio::time::Instant::from_std(due);
}

#[gosched::test]
async fn zero_is_due_now_and_max_never_comes() {
    sleep(Duration::ZERO).await;
    sleep_until(Instant::now()).await;
    after(Duration::ZERO).await;
    Timer::new(Duration::ZERO).fired().await;
    let never = select! {
        _ = sleep(Duration::MAX) => false,
        _ = after(Duration::MAX) => false,
        _ = async { Timer::new(Duration::MAX).fired().await } => false,
        _ = sleep(MS) => true,
    };
    assert!(never);
}

#[gosched::test]
async fn timeout_gives_the_output_or_elapsed() {
    assert_eq!(timeout(FAR, async { 7 }).await, Ok(7));
    let late: Result<(), Elapsed> = timeout(MS, std::future::pending()).await;
    assert!(late.is_err());
    assert!(
        timeout(Duration::ZERO, std::future::pending::<()>())
            .await
            .is_err()
    );
    assert_eq!(timeout(Duration::ZERO, async { 7 }).await, Ok(7));
    is_error::<Elapsed>();
}

#[gosched::test]
async fn a_timer_is_stopped_and_reset_and_leaves_no_stale_event() {
    let timer = Timer::new(FAR);
    assert!(timer.stop(), "it was active");
    assert!(!timer.stop());
    assert!(!timer.reset(Duration::ZERO));
    // Due, and not received: still active.
    sleep(MS).await;
    assert!(timer.reset(FAR));
    assert!(
        timer.fired().now_or_never().is_none(),
        "the former event is gone"
    );
    let before = Instant::now();
    assert!(timer.reset(MS));
    let due: Instant = timer.fired().await;
    assert!(due >= before + MS);
    assert!(!timer.stop(), "it was received");
}

#[gosched::test]
async fn after_func_runs_in_a_goroutine_after_each_reset() {
    let (tx, rx) = mpsc::channel();
    let mut count = 0;
    let timer = Timer::after_func(MS, move || {
        count += 1;
        tx.send((count, gosched::runtime::goid().is_some()))
            .unwrap();
    });
    let next = || gosched::runtime::block_in_place(|| rx.recv().unwrap());
    assert_eq!(next(), (1, true));
    assert!(!timer.reset(MS));
    assert_eq!(next(), (2, true));
    assert!(!timer.stop());
    assert!(!timer.reset(FAR));
    assert!(timer.stop());
}

#[gosched::test(virtual_time)]
async fn a_ticker_keeps_its_phase_and_queues_no_ticks() {
    let mut ticker = Ticker::new(MS);
    let first: Instant = ticker.tick().await;
    sleep(10 * MS).await;
    let missed = ticker.tick().await;
    assert_eq!(missed, first + MS, "the one tick that waited");
    let next = ticker.tick().await;
    assert!(next > missed + MS, "those between are dropped");
    assert_eq!((next - first).as_nanos() % MS.as_nanos(), 0);
    ticker.stop();
    assert!(timeout(5 * MS, ticker.tick()).await.is_err());
    ticker.reset(2 * MS);
    let before = gosched::time::now();
    assert_eq!(ticker.tick().await, before + 2 * MS);
}

#[gosched::test]
async fn all_are_arms_of_select() {
    let timer = Timer::new(FAR);
    let mut ticker = Ticker::new(FAR);
    let mut kept = pin!(sleep(2 * MS));
    let which = select! {
        _ = timer.fired() => "timer",
        _ = ticker.tick() => "ticker",
        _ = after(FAR) => "after",
        _ = &mut kept => "sleep",
    };
    assert_eq!(which, "sleep");
}

#[test]
fn timers_work_under_any_executor() {
    futures::executor::block_on(async {
        let start = Instant::now();
        sleep(MS).await;
        assert!(start.elapsed() >= MS);
    });
    let tokio = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    assert!(
        tokio
            .block_on(timeout(MS, std::future::pending::<()>()))
            .is_err()
    );
}

#[test]
fn futures_have_the_auto_traits_that_they_can_have() {
    is_handle::<Elapsed>();
    is_send::<Timer>();
    is_sync::<Timer>();
    is_send::<Ticker>();
    is_sync::<Ticker>();
    is_send::<Sleep>();
    is_sync::<Sleep>();
    is_send::<After>();
    is_send::<Fired<'_>>();
    is_send::<Tick<'_>>();
    is_send::<Timeout<std::future::Ready<()>>>();
    fn fired_may_be_shared(timer: &'static Timer) {
        drop(go(async move { is_send_val(timer.fired()).await }));
    }
    let _ = fired_may_be_shared;
}
