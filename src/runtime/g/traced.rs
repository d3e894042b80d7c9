//! Goroutines that a subscriber of `tracing` follows: a span for each, and what is told of its life.
//!
//! Called by `Sched::spawn` and, through the vtable, by whoever polls such a goroutine. The span lies behind the
//! frame in the same cell, and the vtable is another than that of a goroutine that nobody follows. So such a one costs
//! a comparison when it is started, and nothing in its polls.
//!
//! # Invariants
//!
//! - **traced I1**: a cell with a `Vtable` whose `spans` is `Some` has a `Spans` at that offset, initialised from
//!   its birth until `inside` drops it, once, when the goroutine is over. It is touched by whoever has the
//!   goroutine's turn (state I2).
//! - **traced I2**: a subscriber is foreign code: a panic of it goes no further.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Poll};

use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::{Level, Span};

use super::cell::{Birth, G};

/// The level of a goroutine's span. What is told of its life is of `TRACE`.
const LEVEL: Level = Level::DEBUG;

/// Whether some subscriber may want to follow goroutines. One relaxed load.
#[inline]
pub(crate) fn somebody_follows() -> bool {
    somebody_listens(LEVEL)
}

/// Whether some subscriber may want to hear what is of that level. One relaxed load.
#[inline]
pub(crate) fn somebody_listens(level: Level) -> bool {
    level <= STATIC_MAX_LEVEL && level <= LevelFilter::current()
}

/// Calls a subscriber (traced I2). Its panic is not reported: to whom should it be?
pub(crate) fn quietly(call: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(call)) {
        // A payload may panic in its own drop: it is leaked.
        std::mem::forget(payload);
    }
}

/// What a cell holds for the subscriber.
pub(super) struct Spans {
    goroutine: Span,
    panicked: Cell<bool>,
}

impl Spans {
    /// Tells that a goroutine is born; `None` when nobody wants to follow it.
    pub(super) fn begin(birth: Birth) -> Option<Spans> {
        let mut goroutine = Span::none();
        quietly(|| {
            goroutine = tracing::span!(
                target: "gosched",
                // What is spawned by whom is a chain without an end, which must not be kept.
                parent: None,
                LEVEL,
                "goroutine",
                id = birth.id,
                spawn.site = %birth.site,
                parent = (birth.parent != 0).then_some(birth.parent),
            );
        });
        if goroutine.is_disabled() {
            return None;
        }
        quietly(|| {
            goroutine.follows_from(Span::current());
            tracing::trace!(
                target: "gosched",
                goroutine = birth.id,
                spawned_at = %birth.site,
                "a goroutine was started"
            );
        });
        Some(Spans {
            goroutine,
            panicked: Cell::new(false),
        })
    }

    /// Tells how it ended.
    fn tell_end(&self, id: u64, returned: bool) {
        let outcome = match (self.panicked.get(), returned) {
            (true, _) => "panicked",
            (_, true) => "returned",
            (_, false) => "cancelled",
        };
        tracing::trace!(target: "gosched", goroutine = id, outcome, "a goroutine is over");
    }
}

/// Runs `turn` inside the goroutine's span. When that returns `Some`, the goroutine is over, and whether it has
/// returned.
///
/// # Safety
/// The turn of `g` is the caller's (traced I1).
unsafe fn inside<R>(g: G, turn: impl FnOnce() -> R, over: impl FnOnce(&R) -> Option<bool>) -> R {
    // SAFETY: traced I1.
    let spans = unsafe { &*spans(g) };
    let mut entered = None;
    quietly(|| entered = Some(spans.goroutine.enter()));
    let result = turn();
    let over = over(&result);
    if let Some(returned) = over {
        // SAFETY: cell I1: the turn is the caller's.
        quietly(|| spans.tell_end(unsafe { g.header().id() }, returned));
    }
    quietly(|| drop(entered));
    if over.is_some() {
        // SAFETY: traced I1: the goroutine is over: nobody looks any more. The borrow has ended.
        quietly(|| unsafe { self::spans(g).drop_in_place() });
    }
    result
}

/// # Safety
/// cell I1, and the goroutine's vtable has an offset for it.
unsafe fn spans(g: G) -> *mut Spans {
    // SAFETY: traced I1: the offset is that of a `Spans` inside the cell.
    unsafe {
        let offset = g.header().vtable().spans.as_ref().unwrap_unchecked().offset;
        g.as_ptr().byte_add(offset).cast()
    }
}

/// Where a cell with room for spans has them, and what else is different in its vtable.
pub(super) struct Place {
    pub(super) offset: usize,
    pub(super) poll: unsafe fn(G, &mut Context<'_>) -> Poll<()>,
    pub(super) cancel: unsafe fn(G),
}

/// The room behind a frame.
pub(super) type Room = MaybeUninit<Spans>;

/// Fills the room.
///
/// # Safety
/// The caller made `g`, with a vtable that has a place for it, and has not shown it to anybody.
pub(super) unsafe fn settle(g: G, filling: Spans) {
    // SAFETY: the caller's promise.
    unsafe { spans(g).write(filling) };
}

/// The poll of a goroutine that is followed.
///
/// # Safety
/// As `G::poll`.
pub(super) unsafe fn poll(g: G, cx: &mut Context<'_>) -> Poll<()> {
    // SAFETY: the caller moved the state to RUNNING; only cells with a place have this in their vtable.
    unsafe {
        let plain = g.header().vtable().spans.as_ref().unwrap_unchecked().poll;
        inside(
            g,
            || plain(g, cx),
            |polled| polled.is_ready().then_some(true),
        )
    }
}

/// The same for the end of one that was aborted.
///
/// # Safety
/// As `G::cancel`.
pub(super) unsafe fn cancel(g: G) {
    // SAFETY: as in `poll`.
    unsafe {
        let plain = g.header().vtable().spans.as_ref().unwrap_unchecked().cancel;
        inside(g, || plain(g), |()| Some(false));
    }
}

/// It has panicked, as will be told when it ends.
///
/// # Safety
/// The turn of `g` is the caller's, and it is not over.
pub(super) unsafe fn note_panic(g: G) {
    // SAFETY: traced I1.
    unsafe {
        if g.header().vtable().spans.is_some() {
            (*spans(g)).panicked.set(true);
        }
    }
}
