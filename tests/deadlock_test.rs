//! A deadlock fails a `#[gosched::test]` with the dump, under the standard harness.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
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

/// As above, with virtual time: there is no timer that it could go on to.
#[gosched::test(virtual_time, seed = 77)]
async fn a_virtual_test_that_waits_for_nobody_when_told_so() {
    let (tx, rx) = chan::<u8>(0);
    gosched::time::sleep(Duration::from_secs(86_400)).await;
    if std::env::var_os(STUCK).is_none() {
        drop(tx);
        assert_eq!(rx.recv().await, None);
        return;
    }
    let waiter = go(async move { rx.recv().await });
    waiter.await.unwrap();
    drop(tx);
}

/// The main goroutine leaves, the others wait for each other.
#[gosched::test(virtual_time, seed = 77)]
async fn a_virtual_test_that_exits_when_told_so() {
    let (tx, rx) = chan::<u8>(0);
    drop(go(async move {
        gosched::time::sleep(Duration::from_secs(86_400)).await;
        if std::env::var(STUCK).as_deref() == Ok("others") {
            rx.recv().await;
        }
        drop(rx);
    }));
    if std::env::var_os(STUCK).is_some() {
        // It lives as long as the runtime.
        drop(go(async move { tx.closed().await }));
        gosched::runtime::goexit().await;
    }
}

#[cfg(target_os = "linux")]
#[test]
fn deadlocks_are_told_where_time_is_virtual() {
    let asleep = "all goroutines are asleep - deadlock!";
    let gone = "no goroutines (main called runtime.Goexit) - deadlock!";
    for (test, how, told) in [
        (
            "a_virtual_test_that_waits_for_nobody_when_told_so",
            "1",
            asleep,
        ),
        ("a_virtual_test_that_exits_when_told_so", "1", gone),
        ("a_virtual_test_that_exits_when_told_so", "others", asleep),
    ] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test])
            .env(STUCK, how)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(101));
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(told), "{told} in {text}");
        let again = "#[gosched::test(virtual_time, seed = 77)]";
        assert!(text.contains(again), "{text}");
    }
}

/// Waits for a lock whose owner sleeps, or has its sleep polled with another waker than the goroutine's.
#[gosched::test(virtual_time)]
async fn a_virtual_test_whose_clock_is_held_when_told_so() {
    let Ok(how) = std::env::var(STUCK) else {
        return;
    };
    if how == "unordered" {
        let sleep = gosched::time::sleep(Duration::from_secs(60));
        let mut all = futures::stream::FuturesUnordered::from_iter([sleep]);
        let _ = futures::StreamExt::next(&mut all).await;
        return;
    }
    let lock = std::sync::Arc::new(tokio::sync::Mutex::new(()));
    let held = lock.clone().lock_owned().await;
    drop(go(async move {
        let _lock = lock.lock().await;
    }));
    gosched::time::sleep(Duration::from_secs(60)).await;
    drop(held);
}

#[test]
fn a_clock_that_is_held_for_long_is_told_of() {
    let run = |how: &str| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_virtual_test_whose_clock_is_held_when_told_so"])
            .env(STUCK, how)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let stuck = ["lock", "unordered"].map(run);
    for (mut stuck, waits) in stuck.into_iter().zip(["[sleep", "[IO wait"]) {
        let stderr = BufReader::new(stuck.stderr.take().unwrap());
        let mut lines = stderr.lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains("virtual time stands still")));
        assert!(lines.any(|line| line.contains(waits)));
        stuck.kill().unwrap();
        stuck.wait().unwrap();
    }
}
