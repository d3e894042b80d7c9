//! `tokio-util`'s `CancellationToken`, bare: no cause, no deadline, no values.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Ctx;

/// See the module.
pub struct Tokio(CancellationToken);

impl Ctx for Tokio {
    const TIMED: bool = false;

    fn root() -> Self {
        Tokio(CancellationToken::new())
    }

    fn child(&self) -> Self {
        Tokio(self.0.child_token())
    }

    fn timed(&self, _limit: Duration) -> Self {
        unreachable!("a token has no time limit")
    }

    fn cancel(&mut self) {
        self.0.cancel();
    }

    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }

    fn done(&self) -> impl Future<Output = ()> + Send {
        self.0.cancelled()
    }
}
