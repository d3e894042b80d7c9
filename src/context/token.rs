//! The bridge to `tokio-util`: a token that follows a context, and that the context follows.
//!
//! Called by users through [`Context::token`] and [`Context::from_token`], and by the tree when a
//! scope with a link ends.
//!
//! A context makes its token when somebody asks for it, not at birth: asking a token whether it is
//! cancelled takes its lock, asking a context is one load, and most contexts never meet a library
//! that wants the token. The way back needs no goroutine: the link holds the token's own
//! "cancelled" future, polled once with a waker that ends the context.
//!
//! # Invariants
//!
//! 1. The waker of `_watch` is woken by the token's cancellation only, in the call that cancels it
//!    and outside the token's locks (`Notify::notify_waiters` sends no other wake-ups and lets go
//!    of its lock first).
//! 2. The watch holds the node weakly: a link keeps no context alive.
//! 3. Link and state of a node are published in this order by whoever links and in the opposite
//!    order by whoever ends; `Node::linked` orders the two, so one of them sees the other.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context as TaskContext, Wake, Waker};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::error::ContextError;
use super::handle::Context;
use super::tree::{End, Kind, Node, Origin, Scope};
use crate::runtime::wake::guarded;

/// A token and the watch on it.
pub(super) struct Link {
    token: CancellationToken,
    /// Never polled again: being alive keeps its waker registered.
    _watch: Pin<Box<WaitForCancellationFutureOwned>>,
}

/// Ends a node when woken.
struct Watch {
    node: Weak<Node>,
}

impl Wake for Watch {
    fn wake(self: Arc<Self>) {
        if let Some(node) = self.node.upgrade() {
            node.cancel(&End {
                error: ContextError::Canceled,
                cause: None,
            });
        }
    }
}

impl Link {
    /// Binds `token` to `node`. `true`: the token is cancelled already, and the node is to be.
    fn new(token: CancellationToken, node: &Arc<Node>) -> (Self, bool) {
        let mut watch = Box::pin(token.clone().cancelled_owned());
        let waker = Waker::from(Arc::new(Watch {
            node: Arc::downgrade(node),
        }));
        let cancelled = watch
            .as_mut()
            .poll(&mut TaskContext::from_waker(&waker))
            .is_ready();
        (
            Self {
                token,
                _watch: watch,
            },
            cancelled,
        )
    }

    /// Cancels the token. A panic in somebody's waker stays here: the rest of the tree is still to
    /// be told.
    pub(super) fn cancel(&self) {
        guarded(|| self.token.cancel());
    }
}

impl Context {
    /// A context that is done when `token` is cancelled.
    ///
    /// Its [`token`](Self::token) is `token` itself. The call that cancels the token ends the
    /// context, and what is below it, before it returns. It has no parent and no deadline.
    ///
    /// Go: no equivalent; nearest is a custom implementation of `context.Context`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::context::{Context, ContextError};
    /// use tokio_util::sync::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// let ctx = Context::from_token(token.clone());
    /// token.cancel();
    /// assert_eq!(ctx.err(), Some(ContextError::Canceled));
    /// ```
    pub fn from_token(token: CancellationToken) -> Self {
        let kind = Kind::Cancel(Scope::new(Origin::Token, None));
        let node = Arc::new(Node { parent: None, kind });
        let (link, cancelled) = Link::new(token, &node);
        if let Kind::Cancel(scope) = &node.kind {
            // The node is new: nobody else can have linked it.
            let _ = scope.link.set(Box::new(link));
        }
        if cancelled {
            node.cancel(&End {
                error: ContextError::Canceled,
                cause: None,
            });
        }
        Self { node }
    }

    /// The cancellation token of this context, for libraries that speak `tokio-util`.
    ///
    /// It is cancelled when the context is done, for whatever reason; cancelling it cancels the
    /// context, and what is below it, before that call returns. It is made by the first call:
    /// asking a token whether it is cancelled takes a lock, which a context that nobody asks for
    /// its token never pays. Contexts that differ in values only share one token. A context that is
    /// never done (of [`background`](Self::background), say) has a token of its own that ends
    /// nothing when it is cancelled.
    ///
    /// A clone of the token outlives the handles of the context and still follows what is above it.
    ///
    /// Go: no equivalent; nearest is handing on `ctx.Done()`.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// let token = ctx.token().clone();
    /// cancel.cancel();
    /// assert!(token.is_cancelled());
    /// ```
    pub fn token(&self) -> &CancellationToken {
        let base = self.node.base();
        let scope = match &base.kind {
            Kind::Cancel(scope) => scope,
            Kind::Root { never, .. } | Kind::WithoutCancel { never } => {
                return never.token.get_or_init(CancellationToken::new);
            }
            Kind::Value(_) => unreachable!("a base is not a value"),
        };
        if let Some(link) = scope.link.get() {
            return &link.token;
        }
        let link = scope
            .link
            .get_or_init(|| Box::new(Link::new(CancellationToken::new(), base).0));
        if base.linked(scope).is_some() {
            link.cancel();
        }
        &link.token
    }
}
