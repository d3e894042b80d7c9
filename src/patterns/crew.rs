//! What all patterns are made of: the goroutines of one stage, and their end of its output.
//!
//! Called by the functions of this module. [`Stage`] is the user's end.
//!
//! # Invariants
//!
//! 1. A goroutine holds its crew's [`Owner`] weakly. So the last handle of the output drops the owner,
//!    and that cancels the crew's context.
//! 2. A goroutine's body has been dropped, and its panic stored, before the goroutine drops its
//!    senders. So who finds the output at its end finds the panic.
//! 3. A value that was taken from the input and not handed on because the context is done is in
//!    [`Rest`] before the senders are dropped. So who receives to the end gets it.
//! 4. Nothing is sent once a goroutine has seen its context done: what it puts into `Rest` is younger
//!    than everything in its channel.
//!
//! The locks are leaves, and nothing of the user's is run or dropped under them.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context as TaskContext, Poll, ready};

use pin_project::pin_project;

use super::Stage;
use crate::chan::{Sender, chan};
use crate::context::{CancelFunc, Context};
use crate::loom::lock;
use crate::loom::sync::Mutex;
use crate::runtime::{go, report_caught};
use crate::select;
use crate::sync::caught::{Caught, Payload, discard, text};

/// The goroutines of one stage, as long as they are being started.
pub(super) struct Crew {
    ctx: Context,
    owner: Arc<Owner>,
}

impl Crew {
    /// A crew that ends with `ctx`, or when nobody holds its output any more.
    pub(super) fn new(ctx: &Context) -> Self {
        let (ctx, cancel) = ctx.with_cancel();
        let end = End {
            cancel: Some(cancel),
            panic: Panic::None,
        };
        Self {
            ctx,
            owner: Arc::new(Owner {
                end: Mutex::new(end),
            }),
        }
    }

    /// Both ends of an output.
    pub(super) fn output<T>(&self) -> (Outlet<T>, Stage<T>) {
        let (tx, rx) = chan(0);
        let rest = Arc::new(Rest {
            values: Mutex::new(VecDeque::new()),
        });
        let outlet = Outlet {
            ctx: self.ctx.clone(),
            tx,
            rest: Arc::clone(&rest),
        };
        (outlet, Stage::new(rx, rest, Arc::clone(&self.owner)))
    }

    /// Starts a goroutine. `outlets` are kept until its body is gone (I2).
    #[track_caller]
    pub(super) fn go<K, B>(&self, outlets: K, body: B)
    where
        K: Send + 'static,
        B: Future<Output = ()> + Send + 'static,
    {
        let member = Member {
            body: Caught::new(body),
            watch: Watch {
                owner: Arc::downgrade(&self.owner),
                over: false,
            },
            _outlets: outlets,
        };
        drop(go(member));
    }
}

/// What all handles of a crew's outputs share and no goroutine holds (I1).
pub(super) struct Owner {
    end: Mutex<End>,
}

struct End {
    /// Cancels when it is dropped.
    cancel: Option<CancelFunc>,
    panic: Panic,
}

/// How the crew panicked.
enum Panic {
    None,
    /// Nobody has been told.
    Fresh(Payload),
    /// Somebody was given the payload; for the others there are words.
    Told(String),
}

impl Owner {
    /// Keeps the first panic and ends the crew.
    fn panicked(&self, payload: Payload) {
        let mut end = lock(&self.end);
        let late = if matches!(end.panic, Panic::None) {
            end.panic = Panic::Fresh(payload);
            None
        } else {
            Some(payload)
        };
        let cancel = end.cancel.take();
        drop(end);
        drop(cancel);
        late.into_iter().for_each(discard);
    }

    /// Resumes the crew's panic in the caller, if there was one. Only the first caller is given the
    /// payload itself.
    pub(super) fn resume_panic(&self) {
        let payload: Payload = {
            let mut end = lock(&self.end);
            match std::mem::replace(&mut end.panic, Panic::None) {
                Panic::None => return,
                Panic::Fresh(payload) => {
                    let words = match text(&*payload) {
                        Some(text) => format!("a stage panicked: {text}"),
                        None => "a stage panicked".to_owned(),
                    };
                    end.panic = Panic::Told(words);
                    payload
                }
                Panic::Told(words) => {
                    end.panic = Panic::Told(words.clone());
                    Box::new(words)
                }
            }
        };
        resume_unwind(payload);
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        let mut end = lock(&self.end);
        let panic = std::mem::replace(&mut end.panic, Panic::None);
        drop(end);
        if let Panic::Fresh(payload) = panic {
            discard(payload);
        }
    }
}

/// What a stage had in hand when its context was done (I3).
pub(super) struct Rest<T> {
    values: Mutex<VecDeque<T>>,
}

impl<T> Rest<T> {
    pub(super) fn take(&self) -> Option<T> {
        lock(&self.values).pop_front()
    }
}

/// A goroutine's end of an output.
pub(super) struct Outlet<T> {
    ctx: Context,
    tx: Sender<T>,
    rest: Arc<Rest<T>>,
}

impl<T> Clone for Outlet<T> {
    fn clone(&self) -> Self {
        Self {
            ctx: self.ctx.clone(),
            tx: self.tx.clone(),
            rest: Arc::clone(&self.rest),
        }
    }
}

impl<T> Outlet<T> {
    pub(super) fn ctx(&self) -> &Context {
        &self.ctx
    }

    pub(super) fn sender(&self) -> &Sender<T> {
        &self.tx
    }

    /// The next value of the input; `None` at its end, or when the context is done.
    pub(super) async fn next<I>(&self, input: &Stage<I>) -> Option<I> {
        // The look costs a load; only one who has to wait takes a place in the context's list.
        if self.ctx.err().is_some() {
            return None;
        }
        select! {
            biased;
            value = input.recv() => value,
            _ = self.ctx.done() => None,
        }
    }

    /// Runs what the user's function returned; `None` if the context was done first.
    ///
    /// It is polled before the context is looked at: work that does not wait is always finished.
    pub(super) async fn run<F: Future>(&self, work: F) -> Option<F::Output> {
        select! {
            biased;
            output = work => Some(output),
            _ = self.ctx.done() => None,
        }
    }

    /// Hands a value on; `false` if that was the last one.
    pub(super) async fn emit(&self, value: T) -> bool {
        let mut slot = Some(value);
        if self.ctx.err().is_none() {
            let sent = select! {
                biased;
                sent = self.tx.send_from(&mut slot) => Some(sent.is_ok()),
                _ = self.ctx.done() => None,
            };
            if let Some(sent) = sent {
                return sent;
            }
        }
        slot.into_iter().for_each(|value| self.leave(value));
        false
    }

    /// Hands on values of an iterator as they are taken; `false` if that is over before its end.
    pub(super) async fn emit_all(&self, values: impl IntoIterator<Item = T>) -> bool {
        let mut values = values.into_iter();
        // Asked before each: nothing is taken for a context that is done.
        while self.ctx.err().is_none() {
            let Some(value) = values.next() else {
                return true;
            };
            if !self.emit(value).await {
                return false;
            }
        }
        false
    }

    /// Leaves a value to who receives to the end.
    pub(super) fn leave(&self, value: T) {
        lock(&self.rest.values).push_back(value);
    }
}

/// A goroutine of a crew. The fields are dropped in this order (I2).
#[pin_project]
struct Member<B, K> {
    #[pin]
    body: Caught<B>,
    watch: Watch,
    _outlets: K,
}

impl<B: Future<Output = ()>, K> Future for Member<B, K> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.project();
        let result = ready!(this.body.poll(task));
        this.watch.over = true;
        if let Err(payload) = result {
            report_caught(&*payload);
            match this.watch.owner.upgrade() {
                Some(owner) => owner.panicked(payload),
                None => discard(payload),
            }
        }
        Poll::Ready(())
    }
}

/// Notices a goroutine that is dropped in the middle of its body, by `goexit` or with its runtime: its
/// crew's output must not look complete.
struct Watch {
    owner: Weak<Owner>,
    over: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        if let Some(owner) = self.owner.upgrade() {
            owner.panicked(Box::new(
                "patterns: a goroutine of the stage ended before its work did",
            ));
        }
    }
}
