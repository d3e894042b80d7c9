//! The rules of `WaitGroup`.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context as Task, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use gosched::block_on;
use gosched::sync::WaitGroup;

const LONG: Duration = Duration::from_secs(60);

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

fn counter() -> (Arc<Count>, Waker) {
    let count = Arc::new(Count(AtomicUsize::new(0)));
    (count.clone(), Waker::from(count))
}

fn poll<F: Future>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Task::from_waker(waker))
}

/// The panic that waiting for `group` resumes, in words.
fn panic_of_wait(group: &WaitGroup) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| block_on(group.wait()))).unwrap_err();
    match panic.downcast::<&str>() {
        Ok(text) => text.to_string(),
        Err(other) => *other.downcast::<String>().unwrap(),
    }
}

#[test]
fn wait_is_ready_at_zero_and_only_there() {
    let group = WaitGroup::new();
    let (_, waker) = counter();
    assert!(poll(pin!(group.wait()), &waker).is_ready());
    group.add(2);
    let mut wait = pin!(group.wait());
    assert!(poll(wait.as_mut(), &waker).is_pending());
    group.done();
    assert!(poll(wait.as_mut(), &waker).is_pending());
    group.clone().done();
    assert!(poll(wait.as_mut(), &waker).is_ready());
}

#[test]
fn all_who_wait_are_woken_once_and_those_who_left_are_not() {
    let group = WaitGroup::new();
    group.add(1);
    let (count, waker) = counter();
    let mut waits: Vec<_> = (0..20).map(|_| Box::pin(group.wait())).collect();
    for wait in &mut waits {
        assert!(poll(wait.as_mut(), &waker).is_pending());
        assert!(poll(wait.as_mut(), &waker).is_pending());
    }
    waits.drain(..5);
    group.done();
    assert_eq!(count.0.load(SeqCst), 15);
    assert!(
        waits
            .iter_mut()
            .all(|wait| poll(wait.as_mut(), &waker).is_ready())
    );
}

#[test]
fn a_wait_wakes_the_task_that_polled_it_last() {
    let group = WaitGroup::new();
    group.add(1);
    let ((first, first_waker), (last, last_waker)) = (counter(), counter());
    let mut wait = pin!(group.wait());
    assert!(poll(wait.as_mut(), &first_waker).is_pending());
    assert!(poll(wait.as_mut(), &last_waker).is_pending());
    group.done();
    assert_eq!((first.0.load(SeqCst), last.0.load(SeqCst)), (0, 1));
}

#[test]
fn a_released_wait_is_ready_although_the_group_is_used_again() {
    let group = WaitGroup::new();
    group.add(1);
    let (count, waker) = counter();
    let mut first = pin!(group.wait());
    assert!(poll(first.as_mut(), &waker).is_pending());
    group.done();
    group.add(1);
    let mut second = pin!(group.wait());
    assert!(poll(second.as_mut(), &waker).is_pending());
    assert!(poll(first.as_mut(), &waker).is_ready());
    assert!(poll(second.as_mut(), &waker).is_pending());
    group.done();
    assert!(poll(second.as_mut(), &waker).is_ready());
    assert_eq!(count.0.load(SeqCst), 2);
}

#[test]
fn a_released_wait_that_is_dropped_does_not_take_a_newcomers_place() {
    let group = WaitGroup::new();
    group.add(1);
    let (count, waker) = counter();
    let mut first = Box::pin(group.wait());
    assert!(poll(first.as_mut(), &waker).is_pending());
    group.done();
    group.add(1);
    let mut second = pin!(group.wait());
    assert!(poll(second.as_mut(), &waker).is_pending());
    drop(first);
    group.done();
    assert_eq!(count.0.load(SeqCst), 2);
    assert!(poll(second.as_mut(), &waker).is_ready());
}

#[test]
fn counting_below_zero_panics_in_gos_words_and_leaves_the_group_usable() {
    let group = WaitGroup::new();
    let panic = catch_unwind(AssertUnwindSafe(|| group.done())).unwrap_err();
    let text = panic.downcast_ref::<&str>().copied();
    assert_eq!(text, Some("sync: negative WaitGroup counter"));
    group.add(1);
    group.done();
    block_on(group.wait());
}

#[test]
fn counting_beyond_the_range_panics() {
    let group = WaitGroup::new();
    group.add(usize::MAX / 2);
    for n in [1, usize::MAX] {
        let panic = catch_unwind(AssertUnwindSafe(|| group.add(n))).unwrap_err();
        let text = panic.downcast_ref::<&str>().copied();
        assert_eq!(text, Some("sync: WaitGroup counter overflow"));
    }
}

#[test]
fn wait_returns_after_every_member_and_sees_what_they_did() {
    for round in 0..50 {
        let group = WaitGroup::new();
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..20 {
            let done = done.clone();
            // Relaxed on purpose: the wait itself orders it.
            group.go(async move {
                done.fetch_add(1, Relaxed);
            });
        }
        block_on(group.wait());
        assert_eq!(done.load(Relaxed), 20, "round {round}");
    }
}

#[test]
fn members_may_add_members() {
    fn grow(group: WaitGroup, depth: usize, done: Arc<AtomicUsize>) {
        let (inner, counted) = (group.clone(), done.clone());
        group.go(async move {
            counted.fetch_add(1, SeqCst);
            if depth > 0 {
                grow(inner.clone(), depth - 1, counted.clone());
                grow(inner, depth - 1, counted);
            }
        });
    }
    let (group, done) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
    grow(group.clone(), 4, done.clone());
    block_on(group.wait());
    assert_eq!(done.load(SeqCst), 31);
}

#[test]
fn a_member_counts_until_its_future_is_dropped() {
    struct Slow(Arc<AtomicUsize>);
    impl Drop for Slow {
        fn drop(&mut self) {
            thread::sleep(Duration::from_millis(10));
            self.0.fetch_add(1, SeqCst);
        }
    }
    let (group, dropped) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
    let slow = Slow(dropped.clone());
    group.go(async move {
        let _slow = slow;
    });
    block_on(group.wait());
    assert_eq!(dropped.load(SeqCst), 1);
}

#[test]
fn a_panic_in_a_member_is_resumed_from_one_wait_and_the_others_are_released() {
    let group = WaitGroup::new();
    group.go(async { panic!("out of paper") });
    assert_eq!(panic_of_wait(&group), "out of paper");
    block_on(group.wait());
}

#[test]
fn the_panic_waits_for_the_other_members() {
    let group = WaitGroup::new();
    let (release, blocked) = mpsc::channel::<()>();
    group.go(async { panic!("early") });
    group.go(async move { blocked.recv_timeout(LONG).unwrap() });
    let (_, waker) = counter();
    let mut wait = Box::pin(group.wait());
    assert!(
        poll(wait.as_mut(), &waker).is_pending(),
        "one member still works"
    );
    drop(wait);
    release.send(()).unwrap();
    assert_eq!(
        panic_of_wait(&group),
        "early",
        "a dropped wait took nothing along"
    );
}

#[test]
fn a_panic_in_a_members_drop_is_resumed_too() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let group = WaitGroup::new();
    group.go(async {
        let _bomb = Bomb;
        std::future::ready(()).await;
    });
    assert_eq!(panic_of_wait(&group), "in drop");
}

#[test]
fn waiting_works_under_another_executor() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let group = WaitGroup::new();
    group.add(1);
    let theirs = group.clone();
    let member = thread::spawn(move || theirs.done());
    runtime.block_on(async { group.wait().await });
    member.join().unwrap();
}

#[test]
fn counting_and_waiting_from_many_threads_loses_no_wake_up() {
    for _ in 0..300 {
        let group = WaitGroup::new();
        group.add(4);
        let waiters: Vec<_> = (0..2)
            .map(|_| {
                let group = group.clone();
                thread::spawn(move || block_on(group.wait()))
            })
            .collect();
        let members: Vec<_> = (0..4)
            .map(|_| {
                let group = group.clone();
                thread::spawn(move || group.done())
            })
            .collect();
        members
            .into_iter()
            .chain(waiters)
            .for_each(|thread| thread.join().unwrap());
    }
}

#[test]
fn public_types_may_be_sent_and_shared() {
    fn shared<T: Send + Sync + Unpin + 'static>() {}
    fn future<T: Send + Sync>(_: &T) {}
    shared::<WaitGroup>();
    future(&WaitGroup::new().wait());
}
