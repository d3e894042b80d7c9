//! `tokio::spawn` and `spawn_blocking` in goroutines: what runs where, and that both sides meet.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use gosched::runtime::{Runtime, block_in_place, num_goroutine};
use gosched::{chan, go, yield_now};
use gosched_ecosystem::{Libraries, Runner, on_an_m, on_both, run_on, soon};
use tokio::task::JoinSet;

#[test]
fn a_spawned_task_is_no_goroutine_and_its_handle_is_awaited_by_one() {
    on_both(|| async {
        assert_eq!(Runner::here(), Runner::Goroutine);
        let goroutines = num_goroutine();
        let (runner, n) = tokio::spawn(async {
            yield_now().await;
            tokio::task::yield_now().await;
            (Runner::here(), 6 * 7)
        })
        .await
        .unwrap();
        assert_eq!((runner, n), (Runner::Task, 42));
        assert_eq!(num_goroutine(), goroutines);
    });
}

#[test]
fn tasks_run_on_an_m_unless_libraries_have_threads_of_their_own() {
    let on_m = |libraries| {
        run_on(libraries, async {
            tokio::spawn(async { on_an_m() }).await.unwrap()
        })
    };
    assert!(on_m(Libraries::OnThePoller));
    assert!(!on_m(Libraries::OnTheirOwn));
}

#[test]
fn tasks_on_the_poller_run_one_at_a_time() {
    run_on(Libraries::OnThePoller, async {
        let inside = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..50 {
            let inside = Arc::clone(&inside);
            tasks.spawn(async move {
                for _ in 0..20 {
                    assert_eq!(inside.fetch_add(1, SeqCst), 0);
                    thread::yield_now();
                    inside.fetch_sub(1, SeqCst);
                    tokio::task::yield_now().await;
                }
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended.unwrap();
        }
    });
}

#[test]
fn tasks_with_two_threads_run_two_at_a_time() {
    run_on(Libraries::OnTheirOwn, async {
        // Who waits here blocks its thread: it takes two to pass.
        let barrier = Arc::new(Barrier::new(2));
        let tasks: Vec<_> = (0..2)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                tokio::spawn(async move { barrier.wait().is_leader() })
            })
            .collect();
        let mut leaders = 0;
        for task in tasks {
            leaders += usize::from(task.await.unwrap());
        }
        assert_eq!(leaders, 1);
    });
}

#[test]
fn a_task_that_blocks_its_library_thread_holds_up_no_goroutine() {
    run_on(Libraries::OnTheirOwn, async {
        let (go_on, wait) = mpsc::channel::<()>();
        let (entered, inside) = chan(1);
        let task = tokio::spawn(async move {
            entered.try_send(()).unwrap();
            wait.recv().unwrap();
        });
        inside.recv().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
        gosched::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(go(async { 1 }).await.unwrap(), 1);
        assert!(!task.is_finished());
        go_on.send(()).unwrap();
        task.await.unwrap();
    });
}

#[test]
fn a_task_and_a_goroutine_talk_over_channels_of_either_kind() {
    on_both(|| async {
        let (tx, rx) = chan(0);
        let (back, mut answers) = tokio::sync::mpsc::channel(1);
        let task = tokio::spawn(async move {
            while let Some(n) = rx.recv().await {
                back.send(n * 2).await.unwrap();
            }
        });
        for n in 0..1_000 {
            tx.send(n).await.unwrap();
            assert_eq!(answers.recv().await, Some(n * 2));
        }
        drop(tx);
        task.await.unwrap();
        assert_eq!(answers.recv().await, None);
    });
}

#[test]
fn go_in_a_task_starts_a_goroutine() {
    on_both(|| async {
        let runner = tokio::spawn(async { go(async { Runner::here() }).await.unwrap() });
        assert_eq!(runner.await.unwrap(), Runner::Goroutine);
    });
}

#[test]
fn a_library_thread_starts_goroutines_here_by_a_handle_and_else_on_the_default_runtime() {
    let rt = Runtime::builder()
        .procs(1)
        .thread_name("ours")
        .library_threads(1)
        .build()
        .unwrap();
    let handle = rt.handle();
    let on = || async { thread::current().name().unwrap_or_default().to_owned() };
    let (by_handle, by_go) = rt.block_on(soon(async {
        let task =
            tokio::spawn(async move { (handle.go(on()).await.unwrap(), go(on()).await.unwrap()) });
        task.await.unwrap()
    }));
    assert!(by_handle.starts_with("ours"), "{by_handle}");
    assert!(by_go.starts_with("gosched"), "{by_go}");
}

#[test]
fn a_task_that_panics_or_is_aborted_says_so_to_its_goroutine() {
    on_both(|| async {
        let panics = tokio::spawn(async { panic!("a task panics, on purpose") });
        let panicked: Result<(), _> = panics.await;
        assert!(panicked.unwrap_err().is_panic());
        let waits = tokio::spawn(pending::<()>());
        waits.abort();
        assert!(waits.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn many_tasks_of_many_goroutines_all_end() {
    on_both(|| async {
        let members: Vec<_> = (0..50_u64)
            .map(|n| {
                go(async move {
                    let tasks: Vec<_> = (0..20)
                        .map(|k| tokio::spawn(async move { n * k }))
                        .collect();
                    let mut sum = 0;
                    for task in tasks {
                        sum += task.await.unwrap();
                    }
                    sum
                })
            })
            .collect();
        let mut sum = 0;
        for member in members {
            sum += member.await.unwrap();
        }
        assert_eq!(sum, (0..50).sum::<u64>() * (0..20).sum::<u64>());
    });
}

#[test]
fn blocking_calls_run_side_by_side_beside_a_single_p() {
    let rt = Runtime::builder().procs(1).build().unwrap();
    rt.block_on(soon(rt.handle().go(async {
        let barrier = Arc::new(Barrier::new(8));
        let calls: Vec<_> = (0..8)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                tokio::task::spawn_blocking(move || {
                    barrier.wait();
                    (Runner::here(), on_an_m())
                })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap(), (Runner::Task, false));
        }
    })))
    .unwrap();
}

#[test]
fn a_blocking_call_sends_to_a_goroutine_and_waits_for_one() {
    on_both(|| async {
        let (tx, rx) = chan(0);
        let (back, answer) = chan(0);
        let call = tokio::task::spawn_blocking(move || {
            tx.send_blocking(20).unwrap();
            let n: u32 = answer.recv_blocking().unwrap();
            gosched::block_on(async move { go(async move { n + 1 }).await.unwrap() })
        });
        let n = rx.recv().await.unwrap();
        back.send(n * 2).await.unwrap();
        assert_eq!(call.await.unwrap(), 41);
    });
}

#[test]
fn tokios_handle_blocks_on_a_future_where_a_goroutine_blocks_in_place() {
    on_both(|| async {
        let handle = tokio::runtime::Handle::current();
        let n = block_in_place(|| {
            handle.block_on(async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                tokio::spawn(async { 5 }).await.unwrap()
            })
        });
        assert_eq!(n, 5);
    });
}

#[test]
fn tokios_block_in_place_calls_its_closure_in_a_goroutine() {
    on_both(|| async {
        assert_eq!(tokio::task::block_in_place(|| 7), 7);
    });
}

#[test]
fn what_is_not_send_runs_in_a_local_set_under_block_on() {
    let rt = Runtime::builder().procs(1).build().unwrap();
    rt.block_on(soon(async {
        let local = tokio::task::LocalSet::new();
        let (tx, rx) = chan(0);
        go(async move { tx.send(3).await });
        let n = local
            .run_until(async {
                let shared = std::rc::Rc::new(4);
                tokio::task::spawn_local(async move { *shared + rx.recv().await.unwrap() })
                    .await
                    .unwrap()
            })
            .await;
        assert_eq!(n, 7);
    }));
}

#[test]
fn a_runtime_that_goes_takes_its_tasks_along() {
    struct Tells(mpsc::Sender<()>);
    impl Drop for Tells {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    for threads in [0, 1] {
        let (tx, dropped) = mpsc::channel();
        let rt = Runtime::builder()
            .procs(1)
            .library_threads(threads)
            .build()
            .unwrap();
        rt.block_on(async {
            let (entered, inside) = chan(0);
            tokio::spawn(async move {
                let _tells = Tells(tx);
                entered.send(()).await.unwrap();
                pending::<()>().await;
            });
            soon(inside.recv()).await.unwrap();
        });
        drop(rt);
        dropped.recv_timeout(Duration::from_secs(60)).unwrap();
    }
}
