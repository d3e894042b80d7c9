//! What a goroutine waits for, in Go's words, recorded by leaf futures just before they return
//! `Pending`.

use std::panic::Location;

use super::current;

/// Why a goroutine is parked; the text is Go's where Go has the reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum WaitReason {
    ChanReceive = 1,
    ChanSend,
    ChanReceiveNil,
    ChanSendNil,
    Select,
    SelectNoCases,
    Sleep,
    WaitGroup,
    Join,
}

/// Records why and where the current goroutine is about to wait; does nothing outside a goroutine.
#[inline]
pub(crate) fn note(reason: WaitReason, site: &'static Location<'static>) {
    if let Some(g) = current::g() {
        g.set_wait(reason as u8, site);
    }
}
