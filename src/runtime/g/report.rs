//! Telling that a goroutine panicked: which one, started where and by whom.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use super::cell::Header;
use super::join::GoId;
use super::traced;
use crate::runtime::current;
use crate::runtime::m::M;
use crate::runtime::wake::guarded;

/// What is told of a panic, for [`Builder::on_panic`](crate::runtime::Builder::on_panic).
///
/// # Examples
///
/// ```
/// use gosched::runtime::Runtime;
/// use std::sync::mpsc;
///
/// let (tell, told) = mpsc::channel();
/// let rt = Runtime::builder()
///     .on_panic(move |panic| {
///         assert!(panic.payload().is::<&str>());
///         let message = panic.message().map(str::to_owned);
///         let _ = tell.send((panic.id(), panic.parent(), panic.spawn_site().file(), message));
///     })
///     .build()?;
/// let handle = rt.handle().go(async { panic!("out of paper") });
/// let id = handle.id();
/// assert_eq!(told.recv().unwrap(), (id, None, file!(), Some("out of paper".into())));
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct GoPanic<'a> {
    id: u64,
    parent: u64,
    spawn_site: &'static Location<'static>,
    payload: &'a (dyn Any + Send),
}

impl GoPanic<'_> {
    /// The goroutine that panicked.
    pub fn id(&self) -> GoId {
        GoId::new(self.id).expect("goroutine numbers start at 1")
    }

    /// The goroutine that started it; `None` when it was started from outside.
    pub fn parent(&self) -> Option<GoId> {
        GoId::new(self.parent)
    }

    /// Where it was started.
    pub fn spawn_site(&self) -> &'static Location<'static> {
        self.spawn_site
    }

    /// What it panicked with.
    pub fn payload(&self) -> &(dyn Any + Send) {
        self.payload
    }

    /// The panic's message, when it is text.
    pub fn message(&self) -> Option<&str> {
        message(self.payload)
    }
}

impl fmt::Display for GoPanic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "goroutine {} panicked", self.id)?;
        if let Some(message) = self.message() {
            write!(f, ": {message}")?;
        }
        write!(f, " [started at {}", self.spawn_site)?;
        match self.parent() {
            Some(parent) => write!(f, " by goroutine {parent}]"),
            None => write!(f, "]"),
        }
    }
}

impl fmt::Debug for GoPanic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GoPanic({self})")
    }
}

/// The text of a panic's payload.
pub(super) fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Reports a panic that the running goroutine has caught, to keep it for whoever waits for it.
pub(crate) fn report_caught(payload: &(dyn Any + Send)) {
    let Some(g) = current::m().and_then(M::running) else {
        return;
    };
    // SAFETY: cell I1 and traced I1: the turn is this thread's.
    unsafe {
        report(g.header(), payload);
        traced::note_panic(g);
    }
}

/// Reports through `tracing`, then to the runtime's hook, or on stderr where none is set.
pub(super) fn report(header: &Header, payload: &(dyn Any + Send)) {
    let panic = GoPanic {
        id: header.id(),
        parent: header.parent(),
        spawn_site: header.spawn_site(),
        payload,
    };
    // SAFETY: the goroutine is not DONE yet, so its runtime lives (see `Header::sched`).
    let sched = unsafe { &*header.sched() };
    // A subscriber or hook that panics must not take the M down with it.
    guarded(|| tracing::error!(target: "gosched", "{panic}"));
    let told = catch_unwind(AssertUnwindSafe(|| match &sched.on_panic {
        Some(hook) => hook(&panic),
        None => eprintln!("{panic}"),
    }));
    // Nor may the payload of that panic, as it is dropped.
    if let Err(payload) = told {
        std::mem::forget(payload);
    }
}
