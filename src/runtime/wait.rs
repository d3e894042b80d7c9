//! What a goroutine waits for, in Go's words, and since when: one word in its header.
//!
//! A leaf future of this crate records its reason just before it returns `Pending`. The record is wiped when the next
//! poll begins, and when a waker of the goroutine is dropped in its own turn, which is what giving a wait up comes to:
//! so none outlives its wait. What is parked without a record waits for something of another library, or in a
//! combinator (`FuturesUnordered`) that in its last turn has polled none of ours again.
//!
//! The time comes from a coarse clock, because reading the real one costs as much as a turn does. sysmon
//! sets it at each look while any P is busy (a millisecond apart at the most), and an M when it comes out
//! of a sleep: it never lags by more than that while anything runs.

use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use super::current;
use super::p::{Nanos, now};

/// False in a build that measures what the dump costs (`benches/dump-cost`): then neither a wait nor a spawn leaves a
/// record in the header. What reads them finds nothing, or what an earlier goroutine in the same cell left.
pub(crate) const RECORDED: bool = !cfg!(gosched_no_dump);

/// Why a goroutine is parked; the text is Go's where Go has the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WaitReason {
    ChanReceive = 1,
    ChanSend,
    ChanReceiveNil,
    ChanSendNil,
    ChanClosed,
    Select,
    SelectNoCases,
    Sleep,
    WaitGroup,
    Join,
    Settle,
    /// In `block_in_place`: it does not wait for a wake-up, but has no P.
    Syscall,
}

impl WaitReason {
    const ALL: [WaitReason; 12] = [
        WaitReason::ChanReceive,
        WaitReason::ChanSend,
        WaitReason::ChanReceiveNil,
        WaitReason::ChanSendNil,
        WaitReason::ChanClosed,
        WaitReason::Select,
        WaitReason::SelectNoCases,
        WaitReason::Sleep,
        WaitReason::WaitGroup,
        WaitReason::Join,
        WaitReason::Settle,
        WaitReason::Syscall,
    ];

    /// The word in a dump.
    pub(crate) fn text(self) -> &'static str {
        match self {
            WaitReason::ChanReceive => "chan receive",
            WaitReason::ChanSend => "chan send",
            WaitReason::ChanReceiveNil => "chan receive (nil chan)",
            WaitReason::ChanSendNil => "chan send (nil chan)",
            WaitReason::ChanClosed => "chan closed",
            WaitReason::Select => "select",
            WaitReason::SelectNoCases => "select (no cases)",
            WaitReason::Sleep => "sleep",
            WaitReason::WaitGroup => "sync.WaitGroup.Wait",
            WaitReason::Join => "join",
            WaitReason::Settle => "synctest.Wait",
            WaitReason::Syscall => "syscall",
        }
    }
}

/// The bits of a record that hold the reason; the others are those of the time.
const REASON: u64 = 0xff;

/// A reason, 0 for none, and a time in place of whose lowest byte it stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Record(u64);

impl Record {
    /// Nothing is waited for, from now on.
    #[inline]
    pub(crate) fn running() -> Record {
        Record(CLOCK.load(Ordering::Relaxed))
    }

    #[inline]
    pub(crate) fn waiting(reason: WaitReason) -> Record {
        Record(CLOCK.load(Ordering::Relaxed) | reason as u64)
    }

    #[inline]
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    pub(crate) fn from_bits(bits: u64) -> Record {
        Record(bits)
    }

    pub(crate) fn reason(self) -> Option<WaitReason> {
        let code = self.0 & REASON;
        WaitReason::ALL.into_iter().find(|&r| r as u64 == code)
    }

    /// When it was made; `None` for that of a goroutine that has not run yet.
    pub(crate) fn since(self) -> Option<Nanos> {
        let at = self.0 & !REASON;
        (at != 0).then_some(at)
    }
}

/// The coarse clock: `p::now` some time ago, with the lowest byte free. Written by sysmons and by Ms that
/// wake up; read at every park. Relaxed: it publishes nothing.
static CLOCK: CachePadded<AtomicU64> = CachePadded::new(AtomicU64::new(0));

/// Steps in which the coarse clock is moved: sysmon looks more often than anybody wants to know.
const STEP: Nanos = 100_000;

/// Sets the coarse clock.
pub(crate) fn set_clock(at: Nanos) {
    let before = CLOCK.load(Ordering::Relaxed);
    if at > before.saturating_add(STEP) {
        // Two may come at once, and the later time lose: by no more than they lie apart.
        CLOCK.store(at & !REASON, Ordering::Relaxed);
    }
}

/// Sets the coarse clock to the time that it is.
pub(crate) fn refresh_clock() {
    set_clock(now());
}

/// Records why and where the current goroutine is about to wait; does nothing outside a goroutine.
#[inline]
pub(crate) fn note(reason: WaitReason, site: &'static Location<'static>) {
    if RECORDED {
        if let Some(g) = current::g() {
            g.set_wait(reason, site);
        }
    }
}

/// The current goroutine gives up a wait that it may have recorded in this turn.
pub(crate) fn give_up() {
    if RECORDED {
        if let Some(g) = current::g() {
            g.begin_turn();
        }
    }
}

/// As `note` unless something is recorded already: for a future around another.
pub(crate) fn note_around(reason: WaitReason, site: &'static Location<'static>) {
    if RECORDED {
        if let Some(g) = current::g().filter(|g| g.wait().reason().is_none()) {
            g.set_wait(reason, site);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_record_keeps_each_reason_and_the_time() {
        set_clock(1_000_000_000);
        let idle = Record::running();
        assert_eq!(idle.reason(), None);
        assert!(idle.since() >= Some(1_000_000_000 & !REASON));
        for reason in WaitReason::ALL {
            let record = Record::from_bits(Record::waiting(reason).bits());
            assert_eq!(record.reason(), Some(reason));
            assert_eq!(record.since(), Record::from_bits(record.bits()).since());
        }
        assert_eq!(Record::from_bits(0).since(), None);
    }
}
