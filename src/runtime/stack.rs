//! `grow_stack`: deep synchronous recursion on a stack that grows.
//!
//! Called by users. It only moves the thread's stack pointer for the length of a call: to the scheduler the
//! goroutine is in one poll, on the same M.

/// What must be left of the stack, or a new piece is taken.
const RED_ZONE: usize = 128 * 1024;
/// The size of a piece.
const PIECE: usize = 2 * 1024 * 1024;

/// Runs `f` with room on the stack: at least 128 KiB, on a new piece of stack of 2 MiB where less is left.
///
/// A recursive function that calls itself through this can go as deep as there is memory. Where room is left
/// it costs a look at the stack's limit. A piece is given back when `f` returns; a panic of `f` goes
/// through. It works on any thread, inside goroutines and outside.
///
/// What runs in `f` is synchronous: an `async fn` that calls itself needs a `Box` for each level instead,
/// see [below](crate::runtime#recursion-and-frames).
///
/// In Go every function does this when it is called: a goroutine's stack grows as needed, up to 1 GB.
///
/// # Panics
///
/// When the operating system gives no memory for a piece.
///
/// # Examples
///
/// ```
/// use gosched::runtime::grow_stack;
///
/// struct List(Option<Box<List>>);
///
/// fn len(list: &List) -> usize {
///     grow_stack(|| list.0.as_deref().map_or(0, |rest| 1 + len(rest)))
/// }
///
/// # impl Drop for List {
/// #     fn drop(&mut self) {
/// #         let mut rest = self.0.take();
/// #         while let Some(mut node) = rest {
/// #             rest = node.0.take();
/// #         }
/// #     }
/// # }
/// # gosched::block_on(async {
/// let handle = gosched::go(async {
///     let list = (0..100_000).fold(List(None), |rest, _| List(Some(Box::new(rest))));
///     len(&list)
/// });
/// assert_eq!(handle.await.unwrap(), 100_000);
/// # });
/// ```
#[inline]
pub fn grow_stack<R>(f: impl FnOnce() -> R) -> R {
    stacker::maybe_grow(RED_ZONE, PIECE, f)
}
