//! Big frames: telling where a goroutine is started whose future is large.
//!
//! Called by `Sched::spawn`, for futures whose size says so when they are compiled: for all others it costs
//! nothing. How cells of which size get their memory is said in `g/alloc.rs`: one of this size comes from the
//! allocator and goes back to it when the goroutine is over; no thread keeps it.
//!
//! # Invariants
//!
//! - **frame I1**: a site is told once, to the first subscriber that listens. Nothing is told under the lock.

use std::collections::HashSet;
use std::panic::Location;
use std::sync::{OnceLock, PoisonError, RwLock};

/// The size in bytes above which a goroutine's frame is big: a warning through `tracing` names, once, the
/// line that starts it.
///
/// A frame is moved into its goroutine when that is started, so a big one costs a copy of all of it each
/// time. `Box` what is big in it, most often an array, or the future itself: `go(Box::pin(future))`.
///
/// Frames of up to about a kilobyte are recycled by the thread on which their goroutine ended; larger ones
/// go back to the allocator at once.
///
/// In Go a stack that grows is copied, to twice its size, whenever it is full.
///
/// # Examples
///
/// ```
/// use gosched::runtime::BIG_FRAME;
///
/// # gosched::block_on(async {
/// let handle = gosched::go(async {
///     let table = [1_u8; 2 * BIG_FRAME];
///     gosched::yield_now().await;
///     table.len()
/// });
/// assert!(handle.frame_size() > BIG_FRAME);
/// assert_eq!(handle.await.unwrap(), 2 * BIG_FRAME);
/// # });
/// ```
pub const BIG_FRAME: usize = 16 * 1024;

/// frame I1. As many as the program has lines that start big goroutines.
fn told() -> &'static RwLock<HashSet<Location<'static>>> {
    static TOLD: OnceLock<RwLock<HashSet<Location<'static>>>> = OnceLock::new();
    TOLD.get_or_init(RwLock::default)
}

/// A goroutine with a big frame is started at `site`.
#[cold]
pub(crate) fn is_big(bytes: usize, site: &'static Location<'static>) {
    let told = told();
    let known = told.read().unwrap_or_else(PoisonError::into_inner);
    if known.contains(site) || !tracing::enabled!(target: "gosched", tracing::Level::WARN) {
        return;
    }
    drop(known);
    let first = told
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(*site);
    if first {
        tracing::warn!(
            target: "gosched",
            spawned_at = %site,
            frame = bytes,
            "a goroutine with a big frame is started: all of it is copied each time; box what is big in it"
        );
    }
}
