//! A runtime that has nothing to do costs nothing: no thread of it runs.
//!
//! In a file of its own, for what is measured is the whole process.
#![cfg(target_os = "linux")]

use std::time::Duration;

use gosched::runtime::Runtime;
use gosched::time::{sleep, sleep_until};
use gosched::{chan, go};

/// The processor time that this process has used.
fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call fills in what it is given.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    assert_eq!(failed, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[test]
fn ten_idle_seconds_with_open_sockets_and_a_far_timer_take_no_processor_time() {
    let rt = Runtime::builder().procs(4).build().unwrap();
    let used = rt.block_on(rt.handle().go(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = tokio::net::TcpStream::connect(address).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (_keep, rx) = chan::<()>(0);
        for parked in [
            go(async move { drop(listener.accept().await) }),
            go(async move { drop(rx.recv().await) }),
        ] {
            drop(parked);
        }
        let far = gosched::time::Instant::now() + Duration::from_secs(3_600);
        drop(go(sleep_until(far)));
        // So that every P and thread has been up.
        let busy: Vec<_> = (0..64)
            .map(|_| go(sleep(Duration::from_millis(5))))
            .collect();
        for goroutine in busy {
            goroutine.await.unwrap();
        }
        let before = cpu_time();
        sleep(Duration::from_secs(10)).await;
        drop((client, server));
        cpu_time() - before
    }));
    let used = used.unwrap();
    // sysmon looks about for a second before it goes to sleep, a hundred times; nobody else does
    // anything. One percent of the time would be 100 ms.
    assert!(used < Duration::from_millis(50), "{used:?}");
}
