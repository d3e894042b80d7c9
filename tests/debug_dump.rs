//! What is told of each goroutine: state, reason, place, since when, and by whom it was started.

mod common;

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use common::{FAR, PATIENCE, eventually, runtime, within};
use futures::{FutureExt as _, StreamExt as _};
use gosched::debug::{GoroutineInfo, GoroutineState, dump, goroutines};
use gosched::runtime::{GoId, JoinHandle, Runtime, block_in_place, gomaxprocs, num_goroutine};
use gosched::select::Select;
use gosched::sync::WaitGroup;
use gosched::{Context, chan, go, select, time, yield_now};

fn seen(id: GoId) -> Option<GoroutineInfo> {
    goroutines().into_iter().find(|info| info.id() == id)
}

/// What is told of a goroutine once it waits.
#[track_caller]
fn parked<T>(handle: &JoinHandle<T>) -> GoroutineInfo {
    let mut found = None;
    eventually("the goroutine waits", || {
        found = seen(handle.id()).filter(|info| info.state() == GoroutineState::Waiting);
        found.is_some()
    });
    found.unwrap()
}

/// Starts a goroutine that awaits `$wait`, and checks what is told of it and of which line.
macro_rules! waits {
    ($rt:expr, $reason:literal, $wait:expr) => {{
        let handle = $rt.handle().go(async move {
            let _ = $wait.await;
        });
        let info = parked(&handle);
        assert_eq!(info.wait_reason(), Some($reason));
        let at = info.waits_at().expect("the place is known");
        assert_eq!(at.file(), file!());
        // An operation may be broken into lines.
        assert!((line!()..line!() + 4).contains(&at.line()), "{at}");
        assert_eq!(info.spawned_at().line(), line!());
        assert!(info.waiting_for().is_some());
        assert!(info.to_string().contains(concat!(" [", $reason)), "{info}");
        handle
    }};
}

#[test]
fn each_wait_is_told_in_gos_words_with_its_line() {
    within(|| {
        let rt = runtime(2);
        let (tx, rx) = chan::<u8>(0);
        let (full, _kept) = chan::<u8>(0);
        let (nil_tx, nil_rx) = gosched::chan::nil::<u8>();
        let group = WaitGroup::new();
        group.add(1);
        let (ctx, _cancel) = Context::background().with_cancel();
        let forever = rt.handle().go(pending::<()>());

        waits!(rt, "chan receive", rx.recv());
        waits!(rt, "chan send", full.send(1));
        waits!(rt, "chan receive (nil chan)", nil_rx.recv());
        waits!(rt, "chan send (nil chan)", nil_tx.send(1));
        waits!(rt, "sleep", time::sleep(FAR));
        waits!(rt, "sleep", time::after(FAR));
        waits!(rt, "sleep", time::Timer::new(FAR).fired());
        waits!(rt, "sleep", time::Ticker::new(FAR).tick());
        waits!(rt, "chan receive", ctx.done());
        waits!(
            rt,
            "chan receive",
            Context::background().with_value(1).run(pending::<()>())
        );
        waits!(rt, "sync.WaitGroup.Wait", group.wait());
        waits!(rt, "join", forever);
        let inner = chan::<u8>(0);
        waits!(rt, "select", async {
            select! { _ = inner.1.recv() => {}, _ = time::after(FAR) => {} }
        });
        // One operation is that operation, as in Go.
        let lone = chan::<u8>(0);
        waits!(rt, "chan receive", async {
            select! { _ = lone.1.recv() => {} }
        });
        let lone = chan::<u8>(0);
        waits!(rt, "chan send", async {
            select! { _ = lone.0.send(1) => {} }
        });
        waits!(rt, "select (no cases)", Select::<()>::new());
        drop(tx);
    });
}

#[test]
fn a_wait_for_another_librarys_future_reads_io_wait_also_after_one_of_ours() {
    within(|| {
        let rt = runtime(1);
        let (tx, rx) = chan::<u8>(0);
        let other = rt.handle().go(async move {
            rx.recv().await;
            pending::<()>().await;
        });
        let info = parked(&other);
        assert_eq!(info.wait_reason(), Some("chan receive"));
        rt.block_on(tx.send(1)).unwrap();
        eventually("the channel is not waited for any more", || {
            parked(&other).wait_reason() == Some("IO wait")
        });
        let info = parked(&other);
        assert_eq!(info.waits_at(), None);

        let listener =
            rt.block_on(async { tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap() });
        let accepts = rt
            .handle()
            .go(async move { listener.accept().await.map(drop) });
        assert_eq!(parked(&accepts).wait_reason(), Some("IO wait"));
    });
}

#[test]
fn a_wait_that_was_given_up_in_its_own_turn_leaves_no_record() {
    /// Awaits `$wait`, which is over in a turn in which something of ours has been waited for, and then what is not ours.
    macro_rules! then_another {
        ($rt:expr, $wait:expr) => {{
            let other = $rt.handle().go(async move {
                let _ = $wait.await;
                pending::<()>().await;
            });
            eventually(stringify!($wait), || {
                let info = parked(&other);
                info.wait_reason() == Some("IO wait") && info.waits_at().is_none()
            });
        }};
    }
    const SOON: Duration = Duration::from_millis(1);
    within(|| {
        let rt = runtime(2);
        let (_tx, rx) = chan::<u8>(0);
        let (full, _kept) = chan::<u8>(0);
        let group = WaitGroup::new();
        group.add(1);
        let (ctx, _cancel) = Context::background().with_cancel();
        then_another!(rt, poll_once(rx.recv()));
        let (_tx, rx) = chan::<u8>(0);
        then_another!(rt, async { rx.recv().now_or_never() });
        let (_tx, rx) = chan::<u8>(0);
        then_another!(rt, poll_once(async { pin!(rx.stream()).next().await }));
        then_another!(rt, poll_once(full.send(1)));
        then_another!(rt, poll_once(time::sleep(FAR)));
        then_another!(rt, poll_once(group.wait()));
        then_another!(rt, poll_once(ctx.done()));
        then_another!(rt, poll_once(go(pending::<()>())));
        let (_tx, rx) = chan::<u8>(0);
        then_another!(rt, time::timeout(SOON, rx.recv()));
        let (_tx, rx) = chan::<u8>(0);
        then_another!(
            rt,
            time::timeout(SOON, async {
                select! { _ = rx.recv() => {}, _ = time::after(FAR) => {} }
            })
        );
        then_another!(rt, time::Timer::new(SOON).fired());
        then_another!(rt, time::Timer::new(Duration::ZERO).fired());
        then_another!(rt, Context::background().run(async {}));
        then_another!(rt, Context::background().run(time::sleep(SOON)));
    });
}

/// Polls `future`, and gives it up.
async fn poll_once<F: Future>(future: F) {
    let mut future = pin!(future);
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[test]
fn the_state_tells_who_runs_who_is_ready_and_who_is_in_a_system_call() {
    within(|| {
        let rt = runtime(1);
        let (started, is_started) = mpsc::channel();
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let begun = started.clone();
        let caller = rt.handle().go(async move {
            block_in_place(|| {
                begun.send(()).unwrap();
                while !until.load(SeqCst) {
                    thread::sleep(Duration::from_millis(1));
                }
            });
        });
        is_started.recv_timeout(PATIENCE).unwrap();
        let info = seen(caller.id()).unwrap();
        assert_eq!(info.state(), GoroutineState::Syscall);
        assert_eq!(info.waits_at().unwrap().file(), file!());
        assert_eq!((info.wait_reason(), info.waiting_for()), (None, None));
        assert!(info.running_for().is_some());

        // With the whole thread, which is not how the future inside would wait.
        let (tx, rx) = chan::<()>(0);
        let receiver = rt.handle().go(async move { rx.recv_blocking() });
        let line = line!() - 1;
        let in_receive =
            || seen(receiver.id()).is_some_and(|info| info.state() == GoroutineState::Syscall);
        eventually("it is in its receive", in_receive);
        let place = seen(receiver.id()).unwrap().waits_at().unwrap();
        assert_eq!((place.file(), place.line()), (file!(), line));
        drop(tx);

        let until = Arc::clone(&over);
        let hog = rt.handle().go(async move {
            started.send(()).unwrap();
            while !until.load(SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
        });
        is_started.recv_timeout(PATIENCE).unwrap();
        let info = seen(hog.id()).unwrap();
        assert_eq!(info.state(), GoroutineState::Running);
        assert!(info.thread().is_some());
        assert!(info.to_string().contains("[running"), "{info}");

        over.store(true, SeqCst);
        rt.block_on(async {
            caller.await.unwrap();
            hog.await.unwrap();
        });

        // On one P, what has just been started waits for it while its parent looks.
        let told = rt.block_on(rt.handle().go(async {
            let child = go(pending::<()>());
            let told = seen(child.id()).unwrap();
            child.abort();
            told
        }));
        let told = told.unwrap();
        assert_eq!(told.state(), GoroutineState::Runnable);
        assert_eq!((told.wait_reason(), told.waits_at()), (None, None));
    });
}

#[test]
fn a_goroutine_is_told_with_its_parent_its_birthplace_and_the_size_of_its_frame() {
    within(|| {
        let rt = runtime(1);
        let (parent, child, frame, info) = rt
            .block_on(rt.handle().go(async {
                let kept = [7_u8; 3_000];
                let child = go(async move {
                    pending::<()>().await;
                    assert_eq!(kept[0], 7);
                });
                let info = seen(child.id()).unwrap();
                let id = gosched::runtime::goid();
                (id, child.id(), child.frame_size(), info)
            }))
            .unwrap();
        assert_eq!((info.id(), info.parent()), (child, parent));
        assert_eq!(info.frame_size(), frame);
        assert!(frame >= 3_000);
        let text = info.to_string();
        assert!(
            text.contains(&format!("created in goroutine {} at ", parent.unwrap())),
            "{text}"
        );
        assert!(text.contains(file!()), "{text}");
        let orphan = rt.handle().go(pending::<()>());
        assert_eq!(parked(&orphan).parent(), None);
    });
}

#[test]
fn how_long_one_has_waited_grows_with_the_time() {
    within(|| {
        let rt = runtime(1);
        let before = Instant::now();
        let (_tx, rx) = chan::<u8>(0);
        let waiter = rt.handle().go(async move { rx.recv().await });
        let first = parked(&waiter).waiting_for().unwrap();
        thread::sleep(Duration::from_millis(50));
        let second = parked(&waiter).waiting_for().unwrap();
        assert!(
            second >= first + Duration::from_millis(50),
            "{first:?} {second:?}"
        );
        // The coarse clock may lag behind, and is never ahead: too long by no more than that.
        assert!(
            second <= before.elapsed() + Duration::from_secs(1),
            "{second:?}"
        );
    });
}

#[test]
fn the_clock_is_right_again_after_everything_has_slept() {
    within(|| {
        let rt = runtime(2);
        // Long enough for sysmon to go to sleep for good.
        thread::sleep(Duration::from_millis(1_500));
        let (_tx, rx) = chan::<u8>(0);
        let waiter = rt.handle().go(async move { rx.recv().await });
        let started = Instant::now();
        let told = parked(&waiter).waiting_for().unwrap();
        assert!(
            told < Duration::from_millis(1_000) + started.elapsed(),
            "{told:?}"
        );
    });
}

#[test]
fn a_select_polled_again_and_again_keeps_its_reason() {
    within(|| {
        let rt = runtime(1);
        let (_tx, rx) = chan::<u8>(0);
        let chosen = rt.handle().go(async move {
            let mut wait = pin!(async {
                select! { _ = rx.recv() => {}, _ = time::after(FAR) => {} }
            });
            for _ in 0..10 {
                let polled = poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx))).await;
                assert!(polled.is_pending());
                yield_now().await;
            }
            wait.await;
        });
        assert_eq!(parked(&chosen).wait_reason(), Some("select"));
    });
}

#[test]
fn the_dump_reads_like_gos_traceback() {
    within(|| {
        let rt = runtime(1);
        let (_tx, rx) = chan::<u8>(0);
        let waiter = rt.handle().go(async move { rx.recv().await });
        let id = parked(&waiter).id();
        let text = dump();
        let head = format!("goroutine {id} [chan receive");
        let at = text.find(&head).unwrap_or_else(|| panic!("{text}"));
        let lines: Vec<&str> = text[at..].lines().take(4).collect();
        assert!(lines[0].ends_with("]:"), "{text}");
        assert!(lines[1].starts_with(&format!("\t{}:", file!())), "{text}");
        assert!(
            lines[2].starts_with("\tframe of ") && lines[2].ends_with(" bytes"),
            "{text}"
        );
        assert!(
            lines[3].starts_with(&format!("created at {}:", file!())),
            "{text}"
        );
    });
}

#[test]
fn a_hundred_thousand_goroutines_are_listed_while_others_run() {
    const COUNT: usize = 100_000;
    within(|| {
        let rt = Runtime::builder().procs(2).build().unwrap();
        let (listed, took) = rt
            .block_on(rt.handle().go(async {
                assert_eq!(gomaxprocs(0), 2);
                let (tx, rx) = chan::<u8>(0);
                for _ in 0..COUNT {
                    let rx = rx.clone();
                    drop(go(async move { rx.recv().await }));
                }
                let (busy_tx, busy_rx) = chan::<u32>(0);
                drop(go(async move { while busy_tx.send(1).await.is_ok() {} }));
                drop(go(async move { while busy_rx.recv().await.is_some() {} }));
                while goroutines()
                    .iter()
                    .filter(|info| info.wait_reason() == Some("chan receive"))
                    .count()
                    < COUNT
                {
                    yield_now().await;
                }
                let start = Instant::now();
                let listed = goroutines();
                let took = start.elapsed();
                assert!(listed.len() >= num_goroutine());
                let ids = listed.windows(2).all(|two| two[0].id() < two[1].id());
                assert!(ids, "in order, each once");
                drop(tx);
                (listed.len(), took)
            }))
            .unwrap();
        assert!(listed > COUNT, "{listed}");
        // A second in an unloaded release build is asked for; this is a debug build on any machine.
        assert!(took < Duration::from_secs(20), "{took:?}");
    });
}

#[test]
fn a_function_that_was_arranged_is_listed_as_started_where_that_was() {
    within(|| {
        let (told, tell) = mpsc::channel();
        let report = move || {
            let own = seen(gosched::runtime::goid().unwrap()).unwrap();
            told.send((own.spawned_at().file(), own.spawned_at().line()))
                .unwrap();
        };
        let rt = runtime(1);
        rt.block_on(async {
            let (ctx, cancel) = Context::background().with_cancel();
            let _stop = ctx.after_func(report.clone());
            cancel.cancel();
            assert_eq!(tell.recv_timeout(PATIENCE).unwrap(), (file!(), line!() - 2));

            let timer = time::Timer::after_func(Duration::ZERO, report);
            let line = line!() - 1;
            assert_eq!(tell.recv_timeout(PATIENCE).unwrap(), (file!(), line));
            timer.reset(Duration::ZERO);
            assert_eq!(tell.recv_timeout(PATIENCE).unwrap(), (file!(), line));
        });
    });
}
