//! Functions that start when a context is done.
//!
//! Called by users through [`Context::after_func`], and by the tree when a scope ends.
//!
//! # Invariants
//!
//! 1. The function is taken out of its slot once: by the start or by a stop. So it runs, or one
//!    stop returned `true`, never both.
//! 2. It runs in a goroutine of its own, never on the stack of whoever cancelled.
//!
//! The slot's lock is held for the taking only; the function is run and dropped without it.

use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Weak};

use super::handle::Context;
use super::tree::Node;
use crate::loom::lock;
use crate::loom::sync::Mutex;
use crate::sync::roster::Place;

type Function = Box<dyn FnOnce() + Send>;

/// A function and whether it still waits.
pub(super) struct AfterFn {
    slot: Mutex<Option<Function>>,
    /// Where it was arranged.
    site: &'static Location<'static>,
}

impl AfterFn {
    fn take(&self) -> Option<Function> {
        lock(&self.slot).take()
    }

    /// Starts the function, unless it was stopped.
    pub(super) fn start(&self) {
        if let Some(function) = self.take() {
            crate::runtime::go_surely(self.site, function);
        }
    }
}

impl Context {
    /// Arranges for `function` to run in its own goroutine once the context is done: at once, if it
    /// is.
    ///
    /// Several functions of one context start in no particular order, and do not wait for each
    /// other. The function may block as any goroutine may; what it spawns with [`go`](crate::go())
    /// may await. It is kept until the context is done or [`StopFunc::stop`] is called, although no
    /// handle of the context is left. When the runtime of whoever cancels ends before the goroutine has
    /// begun, the function runs on the default runtime.
    ///
    /// Go: `context.AfterFunc`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    /// use std::sync::mpsc;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// let (tx, rx) = mpsc::channel();
    /// let stop = ctx.after_func(move || tx.send("cleaned up").unwrap());
    /// cancel.cancel();
    /// assert_eq!(rx.recv(), Ok("cleaned up"));
    /// assert!(!stop.stop());
    /// ```
    #[track_caller]
    pub fn after_func<F, R>(&self, function: F) -> StopFunc
    where
        F: FnOnce() -> R + Send + 'static,
    {
        let call = move || {
            function();
        };
        let after = Arc::new(AfterFn {
            slot: Mutex::new(Some(Box::new(call))),
            site: Location::caller(),
        });
        let base = self.node.base();
        let mut registered = None;
        if base.scope().is_some() {
            match base.attach(&after) {
                Some(place) => registered = Some((Arc::downgrade(base), place)),
                None => after.start(),
            }
        }
        StopFunc { after, registered }
    }
}

/// Takes back what [`Context::after_func`] arranged.
///
/// Dropping it changes nothing: the function still runs when the context is done.
///
/// Go: the `stop` function that `context.AfterFunc` returns.
///
/// # Examples
///
/// ```
/// use gosched::Context;
///
/// let (ctx, cancel) = Context::background().with_cancel();
/// let stop = ctx.after_func(|| unreachable!("it was stopped"));
/// assert!(stop.stop());
/// cancel.cancel();
/// ```
#[derive(Clone)]
pub struct StopFunc {
    after: Arc<AfterFn>,
    registered: Option<(Weak<Node>, Place)>,
}

impl StopFunc {
    /// Prevents the function from running: `true` if this call did.
    ///
    /// `false` means that the function has started, or that an earlier call prevented it. It does
    /// not wait for a function that runs.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// let stop = ctx.after_func(|| unreachable!("it was stopped"));
    /// assert!(stop.stop());
    /// assert!(!stop.stop());
    /// cancel.cancel();
    /// ```
    pub fn stop(&self) -> bool {
        let Some(function) = self.after.take() else {
            return false;
        };
        if let Some((node, place)) = &self.registered {
            if let Some(node) = node.upgrade() {
                node.detach(*place);
            }
        }
        drop(function);
        true
    }
}

impl fmt::Debug for StopFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StopFunc").finish_non_exhaustive()
    }
}
