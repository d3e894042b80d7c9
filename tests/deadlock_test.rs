//! A deadlock fails a `#[gosched::test]` with the dump, under the standard harness.

use std::process::Command;
use std::time::Duration;

use gosched::{chan, go};

/// Set in the process whose test is to be stuck.
const STUCK: &str = "GOSCHED_TEST_STUCK";

#[gosched::test]
async fn a_test_that_waits_for_nobody_when_told_so() {
    let (tx, rx) = chan::<u8>(0);
    if std::env::var_os(STUCK).is_none() {
        drop(tx);
        assert_eq!(rx.recv().await, None);
        return;
    }
    let waiter = go(async move { rx.recv().await });
    waiter.await.unwrap();
    drop(tx);
}

#[cfg(target_os = "linux")]
#[test]
fn a_test_in_a_deadlock_fails_and_shows_its_goroutines() {
    // With more than one thread allowed the harness keeps the first one to itself.
    for threads in ["1", "4"] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_test_that_waits_for_nobody_when_told_so"])
            .args(["--test-threads", threads])
            .env(STUCK, "1")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(101));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("all goroutines are asleep - deadlock!"),
            "{text}"
        );
        assert!(text.contains("[chan receive"), "{text}");
        assert!(text.contains("[join"), "{text}");
        assert!(text.contains(file!()), "{text}");
    }
}

#[gosched::test]
async fn a_test_whose_goroutines_wait_for_a_timer_is_left_alone() {
    let (tx, rx) = chan::<u8>(0);
    drop(go(async move {
        gosched::time::sleep(Duration::from_millis(500)).await;
        tx.send(1).await.unwrap();
    }));
    assert_eq!(rx.recv().await, Some(1));
}
