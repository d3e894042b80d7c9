//! Models of the races of `WaitGroup`: the last to count off against who comes, leaves or counts up.

use loom::future::block_on;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::super::WaitGroup;

// Caught: `poll` that does not look at zero under the lock; `count_off` without its Release.
#[test]
fn a_wait_begun_while_the_last_members_count_off_ends_and_sees_their_work() {
    loom::model(|| {
        let (group, work) = (WaitGroup::new(), Arc::new(AtomicUsize::new(0)));
        group.add(2);
        let members: Vec<_> = (0..2)
            .map(|_| {
                let (group, work) = (group.clone(), work.clone());
                thread::spawn(move || {
                    work.fetch_add(1, Ordering::Relaxed);
                    group.done();
                })
            })
            .collect();
        block_on(group.wait());
        assert_eq!(work.load(Ordering::Relaxed), 2);
        members
            .into_iter()
            .for_each(|member| member.join().unwrap());
    });
}

// Caught: `release` that does not count the round.
#[test]
fn a_wait_that_leaves_while_the_last_member_counts_off_disturbs_no_other() {
    loom::model(|| {
        let group = WaitGroup::new();
        group.add(1);
        let member = {
            let group = group.clone();
            thread::spawn(move || group.done())
        };
        let leaver = {
            let group = group.clone();
            thread::spawn(move || {
                let mut wait = Box::pin(group.wait());
                let mut task = std::task::Context::from_waker(std::task::Waker::noop());
                let _ = wait.as_mut().poll(&mut task);
            })
        };
        block_on(group.wait());
        member.join().unwrap();
        leaver.join().unwrap();
        block_on(group.wait());
    });
}

// Caught: `poll` that does not set the bit of the waiters.
#[test]
fn counting_up_against_the_last_to_count_off_loses_no_waiter() {
    loom::model(|| {
        let group = WaitGroup::new();
        group.add(1);
        let member = {
            let group = group.clone();
            thread::spawn(move || group.done())
        };
        let newcomer = {
            let group = group.clone();
            thread::spawn(move || {
                group.add(1);
                group.done();
            })
        };
        block_on(group.wait());
        member.join().unwrap();
        newcomer.join().unwrap();
    });
}
