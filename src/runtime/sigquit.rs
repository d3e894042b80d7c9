//! SIGQUIT under `#[gosched::main]`: the dump of all goroutines on stderr, and exit status 2, as in Go.
//!
//! The handler only writes a byte; a thread of its own does the rest, so that it works also when every other
//! thread is stuck. A handler that is there already is left alone, and so is the signal when somebody else has taken it
//! over since.

use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::{mem, ptr};

use super::tid::{self, Tid};

/// The end that the handler writes to, which is never closed. Set before the handler is installed.
static WRITE_END: AtomicI32 = AtomicI32::new(-1);
static TID: AtomicU32 = AtomicU32::new(0);
/// A byte is on its way: another one is not needed, and might not find room.
static RAISED: AtomicBool = AtomicBool::new(false);

extern "C" fn on_signal(_: libc::c_int) {
    // Relaxed: the byte orders it.
    if !RAISED.swap(true, Ordering::Relaxed) {
        let byte = [0_u8];
        // SAFETY: write(2) may be called in a handler; the buffer is valid for its one byte.
        let _ = unsafe { libc::write(WRITE_END.load(Ordering::Relaxed), byte.as_ptr().cast(), 1) };
    }
}

fn our_handler() -> libc::sighandler_t {
    on_signal as extern "C" fn(libc::c_int) as usize
}

/// What SIGQUIT does now.
fn disposition() -> Option<libc::sighandler_t> {
    // SAFETY: all zeros is a valid sigaction.
    let mut now: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: no new action is given; the old one is written to `now`.
    let failed = unsafe { libc::sigaction(libc::SIGQUIT, ptr::null(), &raw mut now) } != 0;
    (!failed).then_some(now.sa_sigaction)
}

/// The number of the thread, 0 while there is none.
pub(super) fn tid() -> Tid {
    TID.load(Ordering::Relaxed)
}

/// Takes the signal over, once for the process.
pub(super) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A program that a shell starts in the background has it ignored; Go does not mind either.
        if !matches!(disposition(), Some(libc::SIG_DFL | libc::SIG_IGN)) {
            return;
        }
        if let Err(error) = try_install() {
            tracing::warn!(target: "gosched", %error, "SIGQUIT will show no goroutines");
        }
    });
}

fn try_install() -> io::Result<()> {
    let (read, write) = UnixStream::pair()?;
    std::thread::Builder::new()
        .name("gosched-sigquit".into())
        .stack_size(256 * 1024)
        .spawn(move || attend(read))?;
    WRITE_END.store(write.as_raw_fd(), Ordering::Relaxed);
    mem::forget(write);
    // SAFETY: all zeros is a valid sigaction.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = our_handler();
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: `action` is valid, and `on_signal` does only what a handler may; the old one is not asked for.
    let set = unsafe {
        libc::sigemptyset(&raw mut action.sa_mask);
        libc::sigaction(libc::SIGQUIT, &raw const action, ptr::null_mut())
    };
    if set == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// The thread.
fn attend(mut read: UnixStream) {
    TID.store(tid::current(), Ordering::Relaxed);
    let mut byte = [0];
    loop {
        match read.read(&mut byte) {
            Ok(1..) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            _ => return,
        }
        // Who replaces a handler may call it as well.
        if disposition() != Some(our_handler()) {
            RAISED.store(false, Ordering::Relaxed);
            continue;
        }
        write_stderr(&format!("SIGQUIT: quit\n\n{}", crate::debug::dump()));
        // SAFETY: ends the process, without handlers of exit, which could wait for a thread that is stuck.
        unsafe { libc::_exit(2) }
    }
}

/// Without std's lock, which a goroutine that is stuck may hold.
fn write_stderr(text: &str) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        // SAFETY: the buffer is valid for its length.
        let n = unsafe { libc::write(2, rest.as_ptr().cast(), rest.len()) };
        match usize::try_from(n) {
            Ok(0) => return,
            Ok(n) => rest = &rest[n..],
            Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
