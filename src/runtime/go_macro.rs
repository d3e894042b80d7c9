//! `go!`: the short way to write `go(async move { … })`.
//!
//! # Invariants
//!
//! 1. The call of `go` is in the expansion itself, so the spawn site that a goroutine carries is the
//!    user's line with `go!` in it.
//! 2. Clones are made where `go!` stands, before the goroutine exists, in the order they are named.
//!
//! It does nothing that `go` and a few `let`s could not do.

/// Starts a goroutine that runs a block.
///
/// `go!({ body })` is `go(async move { body })`. `go!(clone(tx, ctx) { body })` first clones `tx` and
/// `ctx` and moves the clones in, so that the caller keeps its own. Both give the [`JoinHandle`] that
/// [`go`] gives.
///
/// Go equivalent: `go func() { … }()`.
///
/// [`go`]: fn@crate::go
/// [`JoinHandle`]: crate::runtime::JoinHandle
///
/// # Panics
///
/// As [`go`].
///
/// # Examples
///
/// ```
/// use gosched::go;
///
/// # gosched::block_on(async {
/// let (tx, rx) = gosched::chan(0);
/// for n in 1..=3 {
///     go!(clone(tx) {
///         tx.send(n * n).await.unwrap();
///     });
/// }
/// drop(tx);
///
/// let mut sum = 0;
/// while let Some(square) = rx.recv().await {
///     sum += square;
/// }
/// assert_eq!(sum, 14);
///
/// let handle = go!({ sum + 1 });
/// assert_eq!(handle.await.unwrap(), 15);
/// # });
/// ```
#[macro_export]
macro_rules! go {
    ({ $($body:tt)* } $(,)?) => {
        $crate::go(async move { $($body)* })
    };
    (clone($($name:ident),* $(,)?) { $($body:tt)* } $(,)?) => {{
        $(let $name = $name.clone();)*
        $crate::go(async move { $($body)* })
    }};
    // A block that a macro around this one has taken for one.
    ($body:block $(,)?) => {
        $crate::go(async move $body)
    };
    (clone($($name:ident),* $(,)?) $body:block $(,)?) => {{
        $(let $name = $name.clone();)*
        $crate::go(async move $body)
    }};
    (clone($($names:tt)*) { $($body:tt)* } $(,)?) => {
        ::core::compile_error!(
            "`clone(…)` takes names of variables: `go!(clone(tx, ctx) { … })`; for anything else \
             write a `let` before `go!`"
        )
    };
    (async $($rest:tt)*) => {
        ::core::compile_error!(
            "`go!` makes the block async itself: write `go!({ … })`, or `go(async move { … })`"
        )
    };
    (|$($rest:tt)*) => {
        ::core::compile_error!("`go!` takes a block and no closure: `go!({ … })`")
    };
    // One token, not two of the above.
    (|| $($rest:tt)*) => {
        ::core::compile_error!("`go!` takes a block and no closure: `go!({ … })`")
    };
    (move $($rest:tt)*) => {
        ::core::compile_error!("`go!` takes a block and moves what it uses: `go!({ … })`")
    };
    ($($anything:tt)*) => {
        ::core::compile_error!(
            "`go!` takes a block in braces, `go!({ … })`, before which `clone(…)` may stand: \
             `go!(clone(tx, ctx) { … })`"
        )
    };
}
