//! Deadlocks: found where there is one, and never where somebody could still act.
//!
//! Every program here has a runtime that panics when a deadlock is found, unless it says otherwise. Where there is
//! none, all goroutines wait for much longer than it takes to find one, and then somebody acts.
//!
//! Go's verdicts, and where they are shown or differ here, for a `main` that is stuck beside:
//!
//! | Beside | Go | Here |
//! |---|---|---|
//! | nothing, `select {}`, a nil channel, a `WaitGroup` | deadlock | the same |
//! | a mutex | deadlock | nothing is said: locks are other crates', and their wakers out of sight |
//! | a listener from which nobody accepts | deadlock | the same |
//! | a context without a deadline | deadlock | the same |
//! | a stopped `AfterFunc` or `Timer` | deadlock | the same |
//! | a timer or ticker that is set, and that nobody waits for | deadlock | the same |
//! | `AfterFunc`, `After`, a sleeper, a deadline of a context | waits | the same |
//! | `Accept`, `signal.Notify` | waits | the same, while somebody waits for the client or the signal |
//! | threads of C | never looks | the same, while a thread of another kind lives |

use std::future::pending;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt as _};
use gosched::chan::Receiver;
use gosched::runtime::{DeadlockPolicy, Runtime, block_in_place, goexit};
use gosched::signal::{Signal, notify_context};
use gosched::sync::WaitGroup;
use gosched::{Context, chan, go, select, time};
use tokio::signal::unix::{SignalKind, signal};

use super::{Case, PATIENCE, wait};

/// Much longer than it takes to find a deadlock.
const LONG: Duration = Duration::from_millis(700);

const SAYS: &str = "all goroutines are asleep - deadlock!";

/// A program that must be told to be stuck.
const fn stuck(name: &'static str, program: fn()) -> Case {
    Case {
        name,
        program,
        check: |case| {
            case.run().ended_with(101).says(SAYS).says("deadlock.rs:");
        },
    }
}

/// A program that ends by itself.
const fn lives(name: &'static str, program: fn()) -> Case {
    Case {
        name,
        program,
        check: |case| {
            case.run().ended_with(0).is_silent_on("deadlock");
        },
    }
}

pub(crate) const CASES: &[Case] = &[
    stuck("stuck_in_a_receive", || {
        run(async {
            let (_tx, rx) = chan::<u8>(0);
            rx.recv().await;
        });
    }),
    stuck("stuck_in_two_sends_to_each_other", || {
        run(async {
            let (a, from_a) = chan::<u8>(0);
            let (b, from_b) = chan::<u8>(0);
            let other = go(async move {
                b.send(1).await.unwrap();
                from_a.recv().await;
            });
            a.send(1).await.unwrap();
            from_b.recv().await;
            other.await.unwrap();
        });
    }),
    stuck("stuck_in_a_wait_for_a_context", || {
        run(async {
            let (ctx, _cancel) = Context::background().with_cancel();
            ctx.done().await;
        });
    }),
    stuck("stuck_in_a_wait_for_a_context_that_is_never_done", || {
        run(async { Context::background().done().await });
    }),
    stuck(
        "stuck_in_a_wait_for_a_timer_that_is_stopped_meanwhile",
        || {
            run(async {
                let timer = Arc::new(time::Timer::new(Duration::from_secs(3_600)));
                let theirs = timer.clone();
                let waiter = go(async move {
                    let (_tx, rx) = chan::<u8>(0);
                    select! { _ = theirs.fired() => {}, _ = rx.recv() => {} }
                });
                time::sleep(Duration::from_millis(10)).await;
                assert!(timer.stop());
                waiter.await.unwrap();
            });
        },
    ),
    stuck("stuck_in_a_select_with_a_context", || {
        run(async {
            let (ctx, _cancel) = Context::background().with_cancel();
            let (_tx, rx) = chan::<u8>(0);
            select! { _ = rx.recv() => {}, _ = ctx.done() => {} }
        });
    }),
    Case {
        name: "stuck_in_a_select_without_arms",
        program: || {
            run(async {
                let () = select! {};
            });
        },
        check: |case| {
            let outcome = case.run();
            outcome.ended_with(101).says(SAYS);
            outcome.says("[select (no cases)");
        },
    },
    Case {
        name: "a_deadlock_of_those_whom_main_left_is_reported",
        program: main_exits,
        check: |case| {
            let mut child = case.command().spawn().unwrap();
            let mut stderr = BufReader::new(child.stderr.take().unwrap());
            let mut text = String::new();
            while !text.contains("created ") {
                assert!(stderr.read_line(&mut text).unwrap() > 0, "{text}");
            }
            assert!(text.starts_with(SAYS), "{text}");
            assert!(text.contains("[chan receive"), "{text}");
            child.kill().unwrap();
            child.stderr = Some(stderr.into_inner());
            wait(child);
        },
    },
    stuck("stuck_on_a_nil_channel", || {
        run(async {
            Receiver::<u8>::nil().recv().await;
        });
    }),
    stuck("stuck_in_a_wait_group", || {
        run(async {
            let group = WaitGroup::new();
            group.add(1);
            group.wait().await;
        });
    }),
    stuck("stuck_on_a_timer_that_was_stopped", || {
        run(async {
            let timer = time::Timer::new(Duration::from_secs(3_600));
            assert!(timer.stop());
            timer.fired().await;
        });
    }),
    stuck("stuck_beside_a_function_that_was_stopped", || {
        run(async {
            let (tx, rx) = chan::<u8>(1);
            let timer = time::Timer::after_func(Duration::from_secs(3_600), move || {
                tx.try_send(1).unwrap();
            });
            assert!(timer.stop());
            rx.recv().await;
        });
    }),
    stuck(
        "stuck_beside_a_timer_and_a_ticker_that_nobody_waits_for",
        || {
            run(async {
                let _timer = time::Timer::new(LONG);
                let _ticker = time::Ticker::new(Duration::from_millis(10));
                let (_tx, rx) = chan::<u8>(0);
                rx.recv().await;
            });
        },
    ),
    stuck("stuck_beside_a_listener_from_which_nobody_accepts", || {
        run(async {
            let _listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (_tx, rx) = chan::<u8>(0);
            rx.recv().await;
        });
    }),
    stuck("stuck_in_several_waits_at_once", || {
        run(async {
            let (_tx, rx) = chan::<u8>(0);
            let (_also, second) = chan::<u8>(0);
            futures::future::join(rx.recv(), second.recv()).await;
        });
    }),
    stuck("stuck_in_nothing_at_all", || run(pending())),
    stuck("stuck_after_io_and_timers", || {
        run(async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            time::sleep(Duration::from_millis(5)).await;
            silence(5).await;
            let (_tx, rx) = chan::<u8>(0);
            rx.recv().await;
        });
    }),
    stuck("stuck_after_a_select_that_lost_what_was_foreign", || {
        run(async {
            let (_tx, rx) = chan::<u8>(0);
            select! {
                _ = pending::<()>() => {},
                _ = time::sleep(Duration::from_millis(5)) => {},
            }
            rx.recv().await;
        });
    }),
    stuck("stuck_in_block_on_itself", || {
        let rt = panicking();
        let (_tx, rx) = chan::<u8>(0);
        rt.block_on(rx.recv());
    }),
    stuck("stuck_between_two_runtimes", || {
        let (rt, other) = (panicking(), panicking());
        let (tx, rx) = chan::<u8>(0);
        let (back, from_other) = chan::<u8>(0);
        let there = other.handle().go(async move {
            from_other.recv().await;
            tx.send(1).await
        });
        rt.block_on(rt.handle().go(async move {
            rx.recv().await;
            back.send(1).await.unwrap();
            there.await
        }))
        .unwrap()
        .unwrap()
        .unwrap();
    }),
    stuck("stuck_once_the_thread_that_could_act_has_ended", || {
        let (tx, rx) = chan::<u8>(0);
        let holder = thread::spawn(move || {
            thread::sleep(LONG);
            std::mem::forget(tx);
        });
        drop(holder);
        run(async move {
            rx.recv().await;
        });
    }),
    Case {
        name: "a_deadlock_is_reported_once_and_changes_nothing",
        program: main_waits,
        check: |case| {
            let mut child = case.command().spawn().unwrap();
            let mut stderr = BufReader::new(child.stderr.take().unwrap());
            let mut text = String::new();
            while !text.contains("created ") {
                assert!(stderr.read_line(&mut text).unwrap() > 0, "{text}");
            }
            assert!(text.starts_with(SAYS), "{text}");
            assert!(text.contains("[chan receive"), "{text}");
            assert!(text.contains(" [block_on]:"), "{text}");
            thread::sleep(LONG);
            child.kill().unwrap();
            child.stderr = Some(stderr.into_inner());
            wait(child).is_silent_on(SAYS);
        },
    },
    Case {
        name: "a_deadlock_is_nobodys_business_where_that_is_wished",
        program: || {
            let rt = Runtime::builder()
                .deadlock(DeadlockPolicy::Ignore)
                .build()
                .unwrap();
            rt.block_on(pending::<()>());
        },
        check: nothing_is_said,
    },
    Case {
        name: "a_deadlock_over_a_lock_of_another_library_is_not_seen",
        program: || {
            run(async {
                let lock = tokio::sync::Mutex::new(());
                let _held = lock.lock().await;
                let _ = lock.lock().await;
            });
        },
        check: nothing_is_said,
    },
    lives("no_deadlock_while_a_thread_holds_a_sender", || {
        let (tx, rx) = chan::<u8>(0);
        thread::spawn(move || {
            thread::sleep(LONG);
            tx.send_blocking(1).unwrap();
        });
        run(async move { assert_eq!(rx.recv().await, Some(1)) });
    }),
    lives("no_deadlock_while_a_thread_may_abort", || {
        let rt = panicking();
        let handle = rt.handle().go(pending::<()>());
        let (tx, rx) = chan::<u8>(0);
        thread::spawn(move || {
            thread::sleep(LONG);
            handle.abort();
            drop(tx);
        });
        rt.block_on(async { assert_eq!(rx.recv().await, None) });
    }),
    lives("no_deadlock_while_a_block_on_elsewhere_runs", || {
        let (tx, rx) = chan::<u8>(0);
        thread::spawn(move || {
            gosched::block_on(async move {
                thread::sleep(LONG);
                tx.send(1).await.unwrap();
            });
        });
        run(async move { assert_eq!(rx.recv().await, Some(1)) });
    }),
    lives("no_deadlock_while_a_signal_is_waited_for", || {
        run(async {
            let mut alarm = signal(SignalKind::alarm()).unwrap();
            ring_in(LONG);
            alarm.recv().await.unwrap();
        });
    }),
    lives(
        "no_deadlock_while_a_signal_is_waited_for_beside_a_channel",
        || {
            run(async {
                let (_tx, rx) = chan::<u8>(0);
                let mut alarm = signal(SignalKind::alarm()).unwrap();
                ring_in(LONG);
                tokio::select! {
                    biased;
                    _ = alarm.recv() => {},
                    _ = rx.recv() => {},
                }
            });
        },
    ),
    lives(
        "no_deadlock_while_a_signal_is_waited_for_through_another_waker",
        || {
            run(async {
                let (_tx, rx) = chan::<u8>(0);
                let mut alarm = signal(SignalKind::alarm()).unwrap();
                ring_in(LONG);
                let mut waits = FuturesUnordered::new();
                waits.push(futures::future::Either::Left(async {
                    alarm.recv().await.unwrap();
                }));
                waits.push(futures::future::Either::Right(async {
                    rx.recv().await;
                }));
                waits.next().await;
            });
        },
    ),
    lives(
        "no_deadlock_while_a_signal_is_waited_for_in_block_on",
        || {
            let rt = panicking();
            rt.block_on(async {
                let mut alarm = signal(SignalKind::alarm()).unwrap();
                ring_in(LONG);
                alarm.recv().await.unwrap();
            });
        },
    ),
    lives("no_deadlock_while_a_pipe_is_waited_for", || {
        run(async {
            let (tx, rx) = chan::<u8>(0);
            drop(go(async move {
                silence(LONG.as_millis()).await;
                tx.send(1).await.unwrap();
            }));
            assert_eq!(rx.recv().await, Some(1));
        });
    }),
    Case {
        name: "no_deadlock_while_a_listener_accepts",
        program: || {
            run(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                eprintln!("port {}", listener.local_addr().unwrap().port());
                listener.accept().await.unwrap();
            });
        },
        check: |case| {
            let mut child = case.command().spawn().unwrap();
            let mut stderr = BufReader::new(child.stderr.take().unwrap());
            let mut line = String::new();
            stderr.read_line(&mut line).unwrap();
            let port = line.trim().strip_prefix("port ").expect(&line);
            thread::sleep(LONG);
            let _client = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
            child.stderr = Some(stderr.into_inner());
            wait(child).ended_with(0).is_silent_on("deadlock");
        },
    },
    lives("no_deadlock_while_a_timer_of_tokio_runs", || {
        run(async {
            tokio::time::sleep(LONG).await;
        });
    }),
    lives("no_deadlock_while_a_timer_of_ours_runs", || {
        run(async {
            let (tx, rx) = chan::<u8>(1);
            let timer = time::Timer::after_func(LONG, move || {
                tx.try_send(1).unwrap();
            });
            assert_eq!(rx.recv().await, Some(1));
            drop(timer);
        });
    }),
    lives("no_deadlock_while_a_goroutine_sleeps", || {
        run(async { time::sleep(LONG).await });
    }),
    lives("no_deadlock_while_a_goroutine_waits_for_the_time", || {
        run(async {
            let (_tx, rx) = chan::<u8>(0);
            select! { _ = rx.recv() => unreachable!(), _ = time::after(LONG) => {} }
        });
    }),
    lives("no_deadlock_while_a_context_waits_for_a_signal", || {
        run(async {
            let (ctx, _stop) = notify_context(&Context::background(), [Signal::Alarm]);
            ring_in(LONG);
            ctx.done().await;
        });
    }),
    lives("no_deadlock_while_a_context_has_a_deadline", || {
        run(async {
            let (ctx, _cancel) = Context::background().with_timeout(LONG);
            ctx.done().await;
        });
    }),
    lives("no_deadlock_while_a_task_of_a_library_lives", || {
        run(async {
            let (tx, rx) = chan::<u8>(0);
            tokio::spawn(async move {
                let mut alarm = signal(SignalKind::alarm()).unwrap();
                ring_in(LONG);
                alarm.recv().await.unwrap();
                tx.send(1).await.unwrap();
            });
            assert_eq!(rx.recv().await, Some(1));
        });
    }),
    lives("no_deadlock_while_a_library_has_threads", || {
        let rt = Runtime::builder()
            .deadlock(DeadlockPolicy::Panic)
            .library_threads(1)
            .build()
            .unwrap();
        rt.block_on(rt.handle().go(async {
            let (tx, rx) = chan::<u8>(0);
            tokio::spawn(async move {
                tokio::time::sleep(LONG).await;
                tx.send(1).await.unwrap();
            });
            assert_eq!(rx.recv().await, Some(1));
        }))
        .unwrap();
    }),
    lives(
        "no_deadlock_while_a_blocking_task_of_a_library_runs",
        || {
            run(async {
                let (tx, rx) = chan::<u8>(0);
                tokio::task::spawn_blocking(move || {
                    thread::sleep(LONG);
                    tx.send_blocking(1).unwrap();
                });
                assert_eq!(rx.recv().await, Some(1));
            });
        },
    ),
    lives(
        "no_deadlock_while_a_goroutine_is_in_a_blocking_section",
        || {
            run(async {
                let (tx, rx) = chan::<u8>(0);
                drop(go(async move {
                    block_in_place(|| thread::sleep(LONG));
                    tx.send(1).await.unwrap();
                }));
                assert_eq!(rx.recv().await, Some(1));
            });
        },
    ),
    lives("no_deadlock_while_a_goroutine_computes", || {
        run(async {
            let (tx, rx) = chan::<u8>(0);
            drop(go(async move {
                thread::sleep(LONG);
                tx.send(1).await.unwrap();
            }));
            assert_eq!(rx.recv().await, Some(1));
        });
    }),
];

/// For a program that goes on waiting, and of which nothing is told.
fn nothing_is_said(case: &Case) {
    let mut child = case.command().spawn().unwrap();
    thread::sleep(LONG);
    child.kill().unwrap();
    wait(child).is_silent_on("deadlock");
}

fn panicking() -> Runtime {
    Runtime::builder()
        .procs(2)
        .deadlock(DeadlockPolicy::Panic)
        .build()
        .unwrap()
}

/// Runs `future` as a goroutine.
fn run(future: impl Future<Output = ()> + Send + 'static) {
    let rt = panicking();
    rt.block_on(rt.handle().go(future)).unwrap();
}

#[gosched::main]
async fn main_exits() {
    // Without a report the signal ends the process, and with it the parent's reading.
    ring_in(PATIENCE);
    let (tx, rx) = chan::<u8>(0);
    drop(go(async move {
        let _own = tx;
        rx.recv().await;
    }));
    goexit().await;
}

#[gosched::main]
async fn main_waits() {
    ring_in(PATIENCE);
    let (_tx, rx) = chan::<u8>(0);
    rx.recv().await;
}

/// Has the system send SIGALRM, with no thread to do it.
fn ring_in(time: Duration) {
    let zero = libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    };
    let value = libc::itimerval {
        it_interval: zero,
        it_value: libc::timeval {
            tv_sec: libc::time_t::try_from(time.as_secs()).unwrap(),
            tv_usec: time.subsec_micros() as libc::suseconds_t,
        },
    };
    // SAFETY: `value` is valid, and the old one is not asked for.
    let set = unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const value, std::ptr::null_mut()) };
    assert_eq!(set, 0);
}

/// Waits for a process that says nothing for so many milliseconds, and ends.
async fn silence(millis: u128) {
    let mut sleeper = Command::new("sleep")
        .arg(format!("{}.{:03}", millis / 1_000, millis % 1_000))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = OwnedFd::from(sleeper.stdout.take().unwrap());
    let out = tokio::net::unix::pipe::Receiver::from_owned_fd(out).unwrap();
    out.readable().await.unwrap();
    sleeper.wait().unwrap();
}
