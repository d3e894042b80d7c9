//! `gosched::signal`. The signals are those that no other test of this process uses.

use gosched::signal::{Signal, notify_context};
use gosched::{Context, context::CancelFunc};

#[gosched::test]
async fn the_first_of_the_signals_ends_the_context() {
    let (ctx, _stop): (Context, CancelFunc) =
        notify_context(&Context::background(), [Signal::User1, Signal::User2]);
    assert_eq!(ctx.err(), None);
    // SAFETY: the handler is tokio's.
    unsafe { libc::raise(libc::SIGUSR2) };
    ctx.done().await;
    assert!(ctx.err().is_some());
    assert!(
        ctx.cause()
            .unwrap()
            .to_string()
            .contains("user defined signal 2")
    );
}

#[gosched::test]
async fn stopping_it_is_cancelling() {
    let (ctx, stop) = notify_context(&Context::background(), [Signal::WindowChange]);
    stop.cancel();
    ctx.done().await;
}

#[test]
#[allow(clippy::needless_borrows_for_generic_args)]
fn signals_are_given_as_whatever_holds_them() {
    let background = Context::background();
    let list = [Signal::WindowChange, Signal::Alarm];
    for ctx in [
        notify_context(&background, list),
        notify_context(&background, &list),
        notify_context(&background, &list[..1]),
        notify_context(&background, list.to_vec()),
        notify_context(&background, &list.to_vec()),
        notify_context(&background, Signal::Alarm),
        notify_context(&background, list.iter().copied().skip(1)),
    ] {
        assert_eq!(ctx.0.err(), None);
    }
}
