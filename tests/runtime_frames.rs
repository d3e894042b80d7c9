//! The size of a goroutine's frame: what is told of it, and what becomes of the memory of big ones.

mod common;
#[path = "common/record.rs"]
mod record;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{eventually, run, runtime, within};
use gosched::runtime::BIG_FRAME;
use gosched::{JoinHandle, go, yield_now};
use record::Recorder;
use tracing::Level;

/// Small enough to be moved about on a thread's stack in a debug build.
const HUGE: usize = 100_000;

/// Counts the blocks in use that are as large as a huge frame.
struct Counting;

fn is_huge(layout: Layout) -> bool {
    (HUGE..3 * HUGE).contains(&layout.size())
}

static HUGE_BLOCKS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_huge(layout) {
            HUGE_BLOCKS.fetch_add(1, SeqCst);
        }
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_huge(layout) {
            HUGE_BLOCKS.fetch_sub(1, SeqCst);
        }
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn warnings() -> &'static Recorder {
    static RECORDER: OnceLock<Recorder> = OnceLock::new();
    RECORDER.get_or_init(|| Recorder::install(Level::WARN, |m| m.target() == "gosched"))
}

/// How often a goroutine that is started in that line was warned of.
fn warned_of(line: u32) -> Vec<record::Said> {
    let site = format!("{}:{line}:", file!());
    warnings().events(|e| {
        e.field("message").contains("big frame") && e.field("spawned_at").starts_with(&site)
    })
}

async fn holding<const BYTES: usize>() -> u8 {
    let held = std::hint::black_box([1_u8; BYTES]);
    yield_now().await;
    held[BYTES - 1]
}

#[test]
fn a_handle_tells_the_exact_size_of_its_frame() {
    run(1, async {
        let small = holding::<1>();
        let large = holding::<5_000>();
        let sizes = (size_of_val(&small), size_of_val(&large));
        assert!(sizes.0 < 100 && sizes.1 >= 5_000);
        let (small, large) = (go(small), go(large));
        assert_eq!((small.frame_size(), large.frame_size()), sizes);
        let told = gosched::debug::goroutines();
        let told = told.iter().find(|g| g.id() == large.id()).unwrap();
        assert_eq!(told.frame_size(), sizes.1);
        let boxed = go(Box::pin(holding::<5_000>()));
        assert_eq!(boxed.frame_size(), size_of::<usize>());
        for handle in [small, large] {
            assert_eq!(handle.await.unwrap(), 1);
        }
        assert_eq!(boxed.await.unwrap(), 1);
    });
}

#[test]
fn the_line_that_starts_goroutines_with_big_frames_is_warned_of_once() {
    warnings();
    fn start() -> JoinHandle<u8> {
        go(holding::<{ 2 * BIG_FRAME }>())
    }
    let line = line!() - 2;
    run(2, async {
        let handles: Vec<_> = (0..50).map(|_| start()).collect();
        for handle in handles {
            assert_eq!(handle.await.unwrap(), 1);
        }
    });
    let warned = warned_of(line);
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert_eq!(warned[0].level, Some(Level::WARN));
    let frame: usize = warned[0].field("frame").parse().unwrap();
    assert!(frame > 2 * BIG_FRAME);
}

#[test]
fn frames_up_to_the_limit_and_boxed_ones_are_not_warned_of() {
    warnings();
    run(1, async {
        let below = go(holding::<{ BIG_FRAME - 1024 }>());
        let boxed = go(Box::pin(holding::<{ 2 * BIG_FRAME }>()));
        assert_eq!((below.await.unwrap(), boxed.await.unwrap()), (1, 1));
    });
    for line in [line!() - 5, line!() - 4] {
        assert!(warned_of(line).is_empty());
    }
}

#[test]
fn huge_frames_go_back_to_the_allocator_when_their_goroutines_are_over() {
    within(|| {
        let rt = runtime(2);
        let before = HUGE_BLOCKS.load(SeqCst);
        rt.block_on(rt.handle().go(async move {
            for _ in 0..20 {
                let handles: Vec<_> = (0..4).map(|_| go(holding::<HUGE>())).collect();
                assert!(HUGE_BLOCKS.load(SeqCst) > before);
                for handle in handles {
                    assert_eq!(handle.await.unwrap(), 1);
                }
            }
        }))
        .unwrap();
        // The runtime and its threads live on.
        eventually("the frames are given back", || {
            HUGE_BLOCKS.load(SeqCst) <= before
        });
        drop(rt);
    });
}
