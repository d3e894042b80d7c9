//! Where the system has no thread for a P.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use gosched::go;
use gosched::runtime::Runtime;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::Case;

pub(crate) const CASES: &[Case] = &[Case {
    name: "a_runtime_that_gets_no_more_threads_goes_on_with_those_it_has_and_says_so_now_and_then",
    program: starved,
    check: |case| {
        case.run().ended_with(0);
    },
}];

/// More than what is left to the process.
const STACK: usize = 1 << 28;
const LEFT: u64 = 1 << 26;

fn starved() {
    tracing::subscriber::set_global_default(Errors).unwrap();
    let rt = Runtime::builder()
        .procs(4)
        .thread_stack_size(STACK)
        .build()
        .unwrap();
    // sysmon and the first thread are there, and no other is about to be.
    rt.block_on(rt.handle().go(async {})).unwrap();
    while size() != {
        thread::sleep(Duration::from_millis(50));
        size()
    } {}
    take_all_memory_but(LEFT);
    let start = Instant::now();
    let workers: Vec<_> = (0..40)
        .map(|n| {
            rt.handle().go(async move {
                for _ in 0..5 {
                    // Others are wanted: for the P that is stuck, and for what is queued behind it.
                    thread::sleep(Duration::from_millis(1));
                    drop(go(async {}));
                    gosched::yield_now().await;
                }
                n
            })
        })
        .collect();
    let sum: u32 = workers
        .into_iter()
        .map(|worker| rt.block_on(worker).unwrap())
        .sum();
    assert_eq!(sum, (0..40).sum::<u32>());
    let seconds = start.elapsed().as_secs() as usize;
    let told = TOLD.load(SeqCst);
    assert!(told >= 1, "it was not so");
    assert!(told <= seconds + 2, "told {told} times in {seconds} s");
}

/// How many bytes of address space the process has.
fn size() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    // SAFETY: it only asks.
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64
}

/// Lets the process have so many bytes of address space more.
fn take_all_memory_but(left: u64) {
    let most = size() + left;
    let limit = libc::rlimit {
        rlim_cur: most,
        rlim_max: most,
    };
    // SAFETY: `limit` is a valid rlimit, which the call only reads.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(set, 0);
}

static TOLD: AtomicUsize = AtomicUsize::new(0);

/// Counts what this crate calls errors.
struct Errors;

impl Subscriber for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR && metadata.target() == "gosched"
    }

    fn event(&self, _: &Event<'_>) {
        TOLD.fetch_add(1, SeqCst);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
