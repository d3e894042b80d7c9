//! `go` from everywhere, and the life of a `JoinHandle`.

mod common;

use std::collections::HashSet;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::task::Poll;
use std::thread;

use common::{Census, Wakes, eventually, poll, poll_with, run, runtime, thread_name, within};
use gosched::runtime::{Handle, block_in_place, goid, num_goroutine};
use gosched::{block_on, chan, go, yield_now};

#[test]
fn a_plain_thread_starts_goroutines_on_the_default_runtime() {
    assert!(Handle::try_current().is_none());
    let name = block_on(go(thread_name())).unwrap();
    assert!(name.starts_with("gosched-"), "{name}");
}

#[test]
fn a_task_of_tokio_starts_goroutines_on_the_default_runtime() {
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let name = tokio.block_on(async {
        let task = tokio::spawn(async { go(thread_name()).await.unwrap() });
        task.await.unwrap()
    });
    assert!(name.starts_with("gosched-"), "{name}");
}

#[test]
fn another_executor_starts_goroutines_on_the_default_runtime() {
    let name = futures::executor::block_on(async { go(thread_name()).await.unwrap() });
    assert!(name.starts_with("gosched-"), "{name}");
}

#[test]
fn a_goroutine_starts_goroutines_on_its_own_runtime() {
    let name = run(1, async { go(thread_name()).await.unwrap() });
    assert!(name.starts_with("own-"), "{name}");
}

#[test]
fn inside_block_on_goroutines_start_on_that_runtime() {
    let rt = runtime(1);
    assert!(Handle::try_current().is_none());
    let name = rt.block_on(async {
        assert!(Handle::try_current().is_some());
        go(thread_name()).await.unwrap()
    });
    assert!(name.starts_with("own-"), "{name}");
    assert!(Handle::try_current().is_none());
}

#[test]
fn block_on_of_one_runtime_inside_that_of_another_uses_the_inner_one_and_then_the_outer_again() {
    let outer = runtime(1);
    let inner = gosched::runtime::Runtime::builder()
        .procs(1)
        .thread_name("inner")
        .build()
        .unwrap();
    let names = outer.block_on(async {
        let inside = inner.block_on(async { go(thread_name()).await.unwrap() });
        (inside, go(thread_name()).await.unwrap())
    });
    assert!(names.0.starts_with("inner-"), "{names:?}");
    assert!(names.1.starts_with("own-"), "{names:?}");
}

#[test]
fn block_on_of_another_runtime_inside_a_blocking_section_uses_that_one() {
    let names = run(1, async {
        let inner = gosched::runtime::Runtime::builder()
            .procs(1)
            .thread_name("inner")
            .build()
            .unwrap();
        let inside = block_in_place(|| {
            inner.block_on(async {
                assert_eq!(goid(), None, "the future of block_on is no goroutine");
                go(thread_name()).await.unwrap()
            })
        });
        block_in_place(|| drop(inner));
        assert!(goid().is_some());
        (inside, go(thread_name()).await.unwrap())
    });
    assert!(names.0.starts_with("inner-"), "{names:?}");
    assert!(names.1.starts_with("own-"), "{names:?}");
}

#[test]
fn a_handle_starts_goroutines_on_its_runtime_from_any_thread() {
    let rt = runtime(1);
    let handle = rt.handle();
    let name = thread::spawn(move || handle.block_on(handle.go(thread_name())))
        .join()
        .unwrap()
        .unwrap();
    assert!(name.starts_with("own-"), "{name}");
}

#[test]
fn a_goroutine_knows_its_number_and_nobody_else_has_it() {
    assert_eq!(goid(), None);
    run(2, async {
        assert!(goid().is_some());
        let mut seen = HashSet::new();
        for _ in 0..1_000 {
            let handle = go(async { goid().unwrap() });
            let id = handle.id();
            assert_eq!(handle.await.unwrap(), id);
            assert!(seen.insert(id), "{id} twice");
        }
    });
}

#[test]
fn a_dropped_handle_lets_its_goroutine_go_on() {
    run(1, async {
        let (tx, rx) = chan(0);
        drop(go(async move {
            yield_now().await;
            tx.send(7).await.unwrap();
        }));
        assert_eq!(rx.recv().await, Some(7));
    });
}

#[test]
fn the_result_of_a_detached_goroutine_is_dropped() {
    run(1, async {
        let census = Census::default();
        let value = census.value();
        drop(go(async move { value }));
        while census.dropped() == 0 {
            yield_now().await;
        }
        // And when the handle outlives the goroutine, it is the handle that drops the result.
        let value = census.value();
        let handle = go(async move { value });
        while !handle.is_finished() {
            yield_now().await;
        }
        assert_eq!(census.dropped(), 1);
        drop(handle);
        assert_eq!(census.dropped(), 2);
    });
}

#[test]
fn aborted_before_its_first_turn_a_goroutine_never_runs_but_is_dropped() {
    run(1, async {
        let census = Census::default();
        let value = census.value();
        let ran = Arc::new(AtomicBool::new(false));
        let mark = Arc::clone(&ran);
        let handle = go(async move {
            let _value = value;
            mark.store(true, SeqCst);
        });
        handle.abort();
        assert!(handle.await.unwrap_err().is_cancelled());
        assert!(!ran.load(SeqCst));
        assert_eq!(census.dropped(), 1);
    });
}

#[test]
fn aborted_while_it_waits_a_goroutine_is_dropped_where_it_is() {
    run(1, async {
        let census = Census::default();
        let value = census.value();
        let (tx, rx) = chan(0);
        let handle = go(async move {
            let _value = value;
            tx.send(()).await.unwrap();
            pending::<()>().await;
        });
        rx.recv().await.unwrap();
        yield_now().await;
        assert!(!handle.is_finished());
        assert_eq!(census.dropped(), 0);
        handle.abort();
        let error = handle.await.unwrap_err();
        assert!(error.is_cancelled() && !error.is_panic());
        assert_eq!(census.dropped(), 1);
    });
}

/// Whether a goroutine that was aborted in the middle of a turn, and then waits or not, gave its result.
fn aborted_while_it_runs(then_waits: bool) -> Result<u32, gosched::JoinError> {
    let rt = runtime(1);
    let step = Arc::new(AtomicUsize::new(0));
    let theirs = Arc::clone(&step);
    let handle = rt.handle().go(async move {
        theirs.store(1, SeqCst);
        while theirs.load(SeqCst) == 1 {
            thread::yield_now();
        }
        if then_waits {
            pending::<()>().await;
        }
        7
    });
    eventually("it runs", || step.load(SeqCst) == 1);
    handle.abort();
    step.store(2, SeqCst);
    rt.block_on(handle)
}

#[test]
fn aborted_while_it_runs_a_goroutine_ends_where_it_next_waits() {
    assert!(aborted_while_it_runs(true).unwrap_err().is_cancelled());
    assert_eq!(aborted_while_it_runs(false).unwrap(), 7);
}

#[test]
fn abort_after_the_end_changes_nothing() {
    run(1, async {
        let handle = go(async { 7 });
        while !handle.is_finished() {
            yield_now().await;
        }
        handle.abort();
        handle.abort();
        assert_eq!(handle.await.unwrap(), 7);
    });
}

#[test]
fn a_goroutine_can_abort_itself() {
    run(1, async {
        let (tx, rx) = chan::<gosched::JoinHandle<()>>(1);
        let (told, tells) = chan(1);
        let handle = go(async move {
            let me = rx.recv().await.unwrap();
            told.send(me.id()).await.unwrap();
            me.abort();
            pending().await
        });
        let id = handle.id();
        tx.send(handle).await.unwrap();
        assert_eq!(tells.recv().await, Some(id));
        assert_eq!(
            tells.recv().await,
            None,
            "its end of the channel was dropped"
        );
    });
}

#[test]
fn a_wait_for_the_result_can_be_given_up_and_taken_up_again() {
    run(1, async {
        let (tx, rx) = chan(0);
        let mut handle = go(async move { rx.recv().await });
        for _ in 0..3 {
            assert!(poll(pin!(&mut handle)).is_pending());
            yield_now().await;
        }
        tx.send(7).await.unwrap();
        assert_eq!((&mut handle).await.unwrap(), Some(7));
        assert!(handle.is_finished(), "also when the result was taken");
    });
}

#[test]
fn who_polled_the_handle_last_is_woken_and_nobody_else() {
    let rt = runtime(1);
    let (tx, rx) = chan::<()>(0);
    let mut handle = pin!(rt.handle().go(async move { rx.recv().await }));
    let (first, first_waker) = Wakes::new();
    let (second, second_waker) = Wakes::new();
    assert!(poll_with(handle.as_mut(), &first_waker).is_pending());
    assert!(poll_with(handle.as_mut(), &first_waker).is_pending());
    assert!(poll_with(handle.as_mut(), &second_waker).is_pending());
    drop(tx);
    eventually("the second is woken", || second.count() == 1);
    assert!(poll_with(handle.as_mut(), &first_waker).is_ready());
    assert_eq!((first.count(), second.count()), (0, 1));
}

#[test]
fn the_frame_size_is_that_of_the_future() {
    run(1, async {
        let future = async {
            let room = [0_u8; 5_000];
            yield_now().await;
            room.len()
        };
        let size = size_of_val(&future);
        assert!(size > 5_000);
        let handle = go(future);
        assert_eq!(handle.frame_size(), size);
        assert_eq!(handle.await.unwrap(), 5_000);
    });
}

#[test]
fn goroutines_are_counted_up_and_down() {
    let rt = runtime(2);
    assert_eq!(rt.handle().num_goroutine(), 0);
    rt.block_on(async {
        assert_eq!(num_goroutine(), 0, "block_on's future is none");
        let (tx, rx) = chan::<()>(0);
        let handles: Vec<_> = (0..100)
            .map(|_| {
                let rx = rx.clone();
                go(async move { rx.recv().await })
            })
            .collect();
        assert_eq!(num_goroutine(), 100);
        handles[0].abort();
        drop(tx);
        for handle in handles {
            let _ = handle.await;
        }
        // The last one's end is counted a moment after its result is there.
        eventually("all are gone", || num_goroutine() == 0);
    });
}

#[test]
fn a_hundred_thousand_short_lives_leave_nobody_behind() {
    within(|| {
        let rt = runtime(2);
        rt.block_on(rt.handle().go(async {
            for _ in 0..1_000 {
                let handles: Vec<_> = (0..100).map(|n| go(async move { n })).collect();
                for (n, handle) in handles.into_iter().enumerate() {
                    assert_eq!(handle.await.unwrap(), n);
                }
            }
        }))
        .unwrap();
        eventually("all are gone", || rt.handle().num_goroutine() == 0);
    });
}

#[test]
fn a_frame_of_any_size_and_alignment_is_kept_whole() {
    #[repr(align(256))]
    struct Aligned([u8; 256]);

    run(2, async {
        let mut handles = Vec::new();
        for n in 0..50_u8 {
            handles.push(go(async move {
                let wide = Aligned([n; 256]);
                let long = [n; 20_000];
                yield_now().await;
                assert_eq!(&raw const wide as usize % 256, 0);
                wide.0.iter().chain(&long).all(|&b| b == n)
            }));
            handles.push(go(async move { n < 50 }));
        }
        for handle in handles {
            assert!(handle.await.unwrap());
        }
    });
}

#[test]
fn a_future_that_is_ready_at_once_and_one_that_is_ready_late_both_give_their_result() {
    run(1, async {
        let mut turns = 0;
        let late = go(poll_fn(move |cx| {
            turns += 1;
            if turns == 1_000 {
                return Poll::Ready(turns);
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        }));
        assert_eq!(go(async {}).await.unwrap(), ());
        assert_eq!(late.await.unwrap(), 1_000);
    });
}

#[test]
#[cfg(target_pointer_width = "64")]
fn a_poll_has_room_for_large_values_on_its_stack() {
    const LARGE: usize = 512 << 10;
    #[inline(never)]
    fn passed_about(times: u32, large: [u8; LARGE]) -> u8 {
        match times {
            0 => large[LARGE - 1],
            _ => passed_about(times - 1, std::hint::black_box(large)),
        }
    }
    // Twice the stack that a thread of the standard library has.
    let last = go(async { passed_about(4, [7; LARGE]) });
    assert_eq!(block_on(last).unwrap(), 7);
}
