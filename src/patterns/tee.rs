//! Tee: one channel becomes several with the same values.
//!
//! Called by users.
//!
//! # Invariants
//!
//! 1. A value is offered to all outputs at once, so that they may be received from in any order, by one
//!    goroutine too.
//! 2. No output is offered a value before all others have had, or given up, the one before.

use futures::future::join_all;

use super::Stage;
use super::crew::{Crew, Outlet};
use crate::context::Context;
use crate::select;

/// Gives each value to all of `outputs` outputs.
///
/// The slowest of them sets the pace: all get a value before any gets the next one. An output that is
/// dropped is left out from then on; when all are, the tee ends.
///
/// Go: the tee pattern, a goroutine that sends what it receives to each of several channels.
///
/// # Panics
///
/// If `outputs` is 0. If the stage that is the input panicked, or a `clone`, that panic is resumed where
/// the outputs are received: in the first with its payload, in the others with its text.
///
/// # Cancel safety
///
/// When `ctx` is done no more values are taken, and the one that was is still to be received from the
/// outputs that have not had it.
///
/// # Examples
///
/// ```
/// use gosched::{Context, patterns};
///
/// # gosched::block_on(async {
/// let ctx = Context::background();
/// let orders = patterns::generate(&ctx, ["tea", "cake"]);
/// let [kitchen, bill] = patterns::tee(&ctx, 2, orders).try_into().unwrap();
/// for order in ["tea", "cake"] {
///     assert_eq!(bill.recv().await, Some(order));
///     assert_eq!(kitchen.recv().await, Some(order));
/// }
/// assert_eq!(bill.recv().await, None);
/// # });
/// ```
#[track_caller]
pub fn tee<T>(ctx: &Context, outputs: usize, input: impl Into<Stage<T>>) -> Vec<Stage<T>>
where
    T: Clone + Send + 'static,
{
    assert!(outputs > 0, "tee: no outputs");
    let crew = Crew::new(ctx);
    let (outlets, stages): (Vec<_>, Vec<_>) = (0..outputs).map(|_| crew.output()).unzip();
    crew.go(outlets.clone(), copy(input.into(), outlets));
    stages
}

async fn copy<T: Clone>(input: Stage<T>, outlets: Vec<Outlet<T>>) {
    let first = outlets[0].clone();
    let mut outlets: Vec<(Outlet<T>, Option<T>)> =
        outlets.into_iter().map(|outlet| (outlet, None)).collect();
    while let Some(value) = first.next(&input).await {
        if let Some(((_, last), others)) = outlets.split_last_mut() {
            for (_, slot) in others {
                *slot = Some(value.clone());
            }
            *last = Some(value);
        }
        let offers = outlets
            .iter_mut()
            .map(|(outlet, slot)| outlet.sender().send_from(slot));
        let sent = select! {
            biased;
            sent = join_all(offers) => Some(sent),
            _ = first.ctx().done() => None,
        };
        let Some(sent) = sent else {
            for (outlet, slot) in outlets {
                slot.into_iter().for_each(|value| outlet.leave(value));
            }
            return;
        };
        let mut sent = sent.into_iter();
        outlets.retain(|_| sent.next().is_some_and(|sent| sent.is_ok()));
    }
}
