//! The Context of a request, from its head to the last byte of its answer.
//!
//! `conn` wraps the user's service in [`PerRequest`], once per connection; hyper calls it for each request. The call
//! derives a Context, puts it into the request's extensions, and keeps the `CancelFunc` in whatever stands for the
//! request at the moment: the handler's future ([`Handling`]) until there is a response, then the response's body
//! ([`Answer`]). hyper drops the one or the other when the client is gone, and the body when it is sent.
//!
//! # Invariants
//!
//! 1. From the call until the answer is sent or given up, exactly one of `Handling` and `Answer` holds the `CancelFunc`.
//! 2. It is dropped after the handler's future or the body that it stands for, so that their destructors still see a
//!    live Context if the request ended well.
//!
//! It does not look at the connection: that a client left is hyper's to notice.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, ready};

use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper_util::service::{TowerToHyperService, TowerToHyperServiceFuture};
use pin_project::pin_project;
use tower_service::Service;

use crate::context::{CancelFunc, Context};

/// A tower service for hyper, with a Context for each request.
pub(super) struct PerRequest<S> {
    service: TowerToHyperService<S>,
    base: Context,
    /// Set by the first request, for `conn`. Relaxed: one task sets and reads it.
    begun: Arc<AtomicBool>,
}

impl<S> PerRequest<S> {
    pub(super) fn new(service: S, base: Context, begun: Arc<AtomicBool>) -> Self {
        PerRequest {
            service: TowerToHyperService::new(service),
            base,
            begun,
        }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for PerRequest<S>
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone,
{
    type Response = Response<Answer<B>>;
    type Error = S::Error;
    type Future = Handling<S>;

    fn call(&self, mut request: Request<Incoming>) -> Handling<S> {
        self.begun.store(true, Ordering::Relaxed);
        let (ctx, cancel) = self.base.with_cancel();
        request.extensions_mut().insert(ctx);
        let handler = hyper::service::Service::call(&self.service, request);
        Handling {
            handler,
            cancel: Some(cancel),
        }
    }
}

/// A request whose handler has not answered yet.
#[pin_project]
pub(super) struct Handling<S>
where
    S: Service<Request<Incoming>>,
{
    #[pin]
    handler: TowerToHyperServiceFuture<S, Request<Incoming>>,
    // Below `handler`: invariant 2.
    cancel: Option<CancelFunc>,
}

impl<S, B> Future for Handling<S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
{
    type Output = Result<Response<Answer<B>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.handler.poll(cx))?;
        let cancel = this.cancel.take();
        Poll::Ready(Ok(response.map(|body| Answer {
            body,
            _cancel: cancel,
        })))
    }
}

/// The body of a response, which ends the request's Context when it goes.
#[pin_project]
pub(super) struct Answer<B> {
    #[pin]
    body: B,
    // Below `body`: invariant 2.
    _cancel: Option<CancelFunc>,
}

impl<B> Body for Answer<B>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
