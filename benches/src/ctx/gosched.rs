//! gosched's `Context`.

use std::time::Duration;

use gosched::Context;
use gosched::context::CancelFunc;

use super::Ctx;

/// See the module.
pub struct Gosched {
    ctx: Context,
    cancel: Option<CancelFunc>,
}

impl From<(Context, CancelFunc)> for Gosched {
    fn from((ctx, cancel): (Context, CancelFunc)) -> Self {
        Gosched {
            ctx,
            cancel: Some(cancel),
        }
    }
}

impl Ctx for Gosched {
    const TIMED: bool = true;

    fn root() -> Self {
        Context::background().with_cancel().into()
    }

    fn child(&self) -> Self {
        self.ctx.with_cancel().into()
    }

    fn timed(&self, limit: Duration) -> Self {
        self.ctx.with_timeout(limit).into()
    }

    fn cancel(&mut self) {
        if let Some(cancel) = self.cancel.take() {
            cancel.cancel();
        }
    }

    fn is_cancelled(&self) -> bool {
        self.ctx.err().is_some()
    }

    fn done(&self) -> impl Future<Output = ()> + Send {
        self.ctx.done()
    }
}
