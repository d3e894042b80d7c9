//! `select!`: the front that users see, and its contract.
//!
//! The front only hands `$crate` and the user's tokens to the procedural macro behind it, so that
//! the expansion finds this crate under whatever name it has. Parsing and errors are that macro's,
//! the semantics are the engine's in `select::__private`.

/// Waits on several operations and does exactly one of them.
///
/// ```text
/// select! {
///     biased;                                          // optional
///     pattern = operation                => body,
///     pattern = operation, if condition  => { body }
///     default                            => body,      // optional, in any place
/// }
/// ```
///
/// An operation is a send or receive on a channel ([`Sender::send`], [`Sender::send_from`],
/// [`Receiver::recv`]), `ctx.done()`, one of [`time`](crate::time), or any other future; `&mut future`
/// for one that lives on across a loop. There may be up to 64 arms besides `default`.
///
/// 1. On entry all guards are evaluated, then the operations, each once and in the order of the
///    source. An arm whose guard is false is disabled, and its operation is not evaluated.
/// 2. Among the arms that are ready the choice is uniformly random; with `biased;` the first in the
///    order of the source is taken.
/// 3. **Exactly one arm happens.** An arm that is not chosen has had no effect: no value was taken
///    and none was sent. That holds with several goroutines selecting on each other's channels, with
///    one channel in several arms, with a send and a receive of one channel in one `select!` (they
///    never match each other), and with futures beside sends.
/// 4. `default` is taken at once when no arm is ready. There is no `.await` then, so such a `select!`
///    also works in a plain function.
/// 5. Without an enabled arm and without `default` it waits for ever; `select! {}` does.
/// 6. A losing future that is not this crate's is dropped, as everywhere in Rust. Arms of channels,
///    contexts and time lose nothing.
///
/// A pattern must match every value: bind a name, and match on it in the body. The value of `select!`
/// is that of the chosen body. Bodies may use `?`, `break`, `continue`, `return` and `.await`; they run
/// after the select is over and hold no lock, no borrow of an operation and no place in a queue. As
/// with `let`, the pattern `_` drops its value before the body runs.
///
/// A reference to a temporary in an operation (`wait_for(&name())`) lives until the select is over.
/// In an operation behind a guard it does not, and the compiler says so: bind it before the
/// `select!`.
///
/// Go equivalent: `select { case v := <-ch: … case ch <- v: … default: … }`. Go evaluates the operands
/// of all cases; a guard that is false here is a channel variable set to nil there.
///
/// [`Sender::send`]: crate::chan::Sender::send
/// [`Sender::send_from`]: crate::chan::Sender::send_from
/// [`Receiver::recv`]: crate::chan::Receiver::recv
///
/// # Cancel safety
///
/// A future that is dropped while it waits in `select!` has done none of its arms. If a channel had
/// already given it a value, that value goes to the next receiver, ahead of all later ones. A value
/// that was to be sent is dropped with its `send`; with `send_from` it is back in its slot.
///
/// # Examples
///
/// The first of two answers, or neither in time:
///
/// ```
/// use gosched::{chan, select, time};
/// use std::time::Duration;
///
/// # gosched::block_on(async {
/// let (tx, fast) = chan(1);
/// let (_keep, slow) = chan::<&str>(0);
/// tx.send("fast").await.unwrap();
///
/// let winner = select! {
///     answer = fast.recv() => answer,
///     answer = slow.recv() => answer,
///     _ = time::after(Duration::from_secs(5)) => None,
/// };
/// assert_eq!(winner, Some("fast"));
/// # });
/// ```
///
/// A loop over a send and a receive. Guards disable the arms that are done with:
///
/// ```
/// use gosched::{chan, go, select};
///
/// # gosched::block_on(async {
/// let (numbers, theirs) = chan(0);
/// let (back, squares) = chan(0);
/// go!({
///     while let Some(n) = theirs.recv().await {
///         back.send(n * n).await.unwrap();
///     }
/// });
///
/// let (mut next, mut sum) = (1, 0);
/// let mut numbers = Some(numbers);
/// loop {
///     let to = numbers.clone();
///     select! {
///         sent = to.as_ref().unwrap().send(next), if to.is_some() => {
///             sent.unwrap();
///             next += 1;
///             if next > 4 {
///                 numbers = None; // the last sender gone closes the channel
///             }
///         }
///         square = squares.recv() => match square {
///             Some(square) => sum += square,
///             None => break,
///         }
///     }
/// }
/// assert_eq!(sum, 1 + 4 + 9 + 16);
/// # });
/// ```
///
/// Without waiting, in a plain function:
///
/// ```
/// use gosched::{chan, select};
///
/// fn poll_once(rx: &chan::Receiver<u32>) -> Option<u32> {
///     select! {
///         v = rx.recv() => v,
///         default => None,
///     }
/// }
///
/// let (tx, rx) = chan(1);
/// assert_eq!(poll_once(&rx), None);
/// tx.try_send(7).unwrap();
/// assert_eq!(poll_once(&rx), Some(7));
/// ```
///
/// A pattern that does not match every value is refused:
///
/// ```compile_fail
/// # async fn f(rx: gosched::chan::Receiver<u32>) {
/// gosched::select! {
///     Some(v) = rx.recv() => drop(v),
/// }
/// # }
/// ```
#[macro_export]
macro_rules! select {
    ($($arms:tt)*) => {
        $crate::__select! { ($crate) $($arms)* }
    };
}
