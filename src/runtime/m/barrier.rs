//! A pair of barriers of which one costs nothing: `light` where it is run often, `heavy` where it is
//! run seldom. Together they are what `fence(SeqCst)` is on both sides.
//!
//! On Linux `heavy` is the system call `membarrier`, which has every running thread of the process pass
//! a full barrier; `light` then only keeps the compiler from reordering. Where there is no such call,
//! both are fences.

#[cfg(all(target_os = "linux", not(loom)))]
mod imp {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

    /// True when both sides must use fences. Set once, before anybody uses either side.
    static SYMMETRIC: AtomicBool = AtomicBool::new(false);

    // From membarrier(2).
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: the call reads no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    /// Registers the process. To be called before a lease is made.
    pub(crate) fn prepare() {
        static REGISTERED: OnceLock<()> = OnceLock::new();
        REGISTERED.get_or_init(|| {
            let registered =
                membarrier(REGISTER_PRIVATE_EXPEDITED) && membarrier(PRIVATE_EXPEDITED);
            // Relaxed: `get_or_init` orders it before every use.
            SYMMETRIC.store(!registered, Ordering::Relaxed);
        });
    }

    #[inline]
    pub(crate) fn light() {
        // Relaxed: see `prepare`.
        if SYMMETRIC.load(Ordering::Relaxed) {
            fence(Ordering::SeqCst);
        } else {
            compiler_fence(Ordering::SeqCst);
        }
    }

    pub(crate) fn heavy() {
        fence(Ordering::SeqCst);
        // Relaxed: see `prepare`.
        if !SYMMETRIC.load(Ordering::Relaxed) {
            let done = membarrier(PRIVATE_EXPEDITED);
            // It cannot fail once it has succeeded; were it to, two Ms could own one P.
            assert!(
                done,
                "membarrier failed: {}",
                std::io::Error::last_os_error()
            );
        }
    }
}

#[cfg(any(not(target_os = "linux"), loom))]
mod imp {
    use crate::loom::sync::atomic::{Ordering, fence};

    pub(crate) fn prepare() {}

    #[inline]
    pub(crate) fn light() {
        fence(Ordering::SeqCst);
    }

    pub(crate) fn heavy() {
        fence(Ordering::SeqCst);
    }
}

pub(crate) use imp::{heavy, light, prepare};
