//! The procedural macros of gosched.
//!
//! Nobody depends on this crate but `gosched`, which re-exports what is here: `#[gosched::main]`,
//! `#[gosched::test]`, and `__select`, the back end of its `select!`.
//!
//! # Invariants
//!
//! 1. What a user wrote inside braces (the body of a function, the body of an arm) goes through
//!    as the tokens it came as, unparsed: the compiler reports mistakes in it as it always does,
//!    and syntax newer than this crate's parser works in it.
//! 2. An error of ours stands at the user's token that it speaks of.
//! 3. The expansion names nothing but `::core` and the path of `gosched` it was given, so it works
//!    under a renamed crate and in a crate that shadows the prelude.
//!
//! There is no logic of channels or of scheduling here. An expansion lays out what the user wrote
//! and calls `gosched::select::__private` or `gosched::runtime::__private`.

#![forbid(unsafe_code)]

mod entry;
mod expand;
mod group;
mod parse;
mod pattern;

use proc_macro::TokenStream;

/// The back end of `gosched::select!`; takes `(path of gosched)` and then the arms.
#[doc(hidden)]
#[proc_macro]
pub fn __select(input: TokenStream) -> TokenStream {
    expand::select(input.into()).into()
}

/// Runs an `async fn main` on a runtime of its own.
///
/// The function keeps its attributes, its visibility and its return type and becomes a plain
/// function: it starts a runtime, runs the body there, shuts the runtime down and returns what the
/// body returned. Goroutines that still wait at that moment are dropped, as Go ends them when
/// `main` returns; one that runs is waited for until it comes to an `.await`, for a second at the
/// most. On Unix SIGQUIT shows all goroutines on stderr and ends the program with status 2, as in Go.
///
/// If the body's future is `Send + 'static` it runs as a goroutine, the first of the program.
/// Otherwise (say, it keeps an `Rc` across an `.await`) it runs on the thread that called `main`,
/// as under `Runtime::block_on`.
///
/// Options, separated by commas:
///
/// - `procs = N`: how many goroutines run at the same time, an expression of type `usize`. The
///   default is what `GOMAXPROCS` says, else the number of CPUs that the process may use.
/// - `crate = path`: where gosched is found, if it is not at `::gosched`.
///
/// Go equivalent: `func main()`.
///
/// # Panics
///
/// The function panics if the runtime cannot be started. A panic of the body goes on in the
/// caller. If the body left by `runtime::goexit`, the function waits for the other goroutines to
/// end and then panics with Go's words, "no goroutines (main called runtime.Goexit) - deadlock!".
///
/// # Examples
///
/// ```
/// #[gosched::main(procs = 2)]
/// async fn main() -> std::io::Result<()> {
///     assert_eq!(gosched::runtime::gomaxprocs(0), 2);
///     println!("hello from a goroutine");
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(options: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(entry::Kind::Main, options.into(), item.into()).into()
}

/// Runs an `async fn` as a test, on a runtime of its own.
///
/// It does for a test what `#[gosched::main]` does for `main`, takes the same options, and adds the
/// standard `#[test]`. `#[should_panic]`, `#[ignore]` and tests that return a `Result` work as ever.
/// If all goroutines come to wait for each other, for ever, the test fails and shows them (on Linux).
///
/// Two options more:
///
/// - `virtual_time`: when all goroutines wait for each other or for time, the clock jumps to the next timer, so
///   a test of minutes takes none. There is one P then. The module `gosched::testing` says what follows that clock.
/// - `seed = N`, beside it: repeats what `select!` draws. A test that panics names its seed.
///
/// Go equivalent: `func TestXxx(t *testing.T)`, which Go too runs in a goroutine.
///
/// # Panics
///
/// As under `#[gosched::main]`; a panic fails the test.
///
/// # Examples
///
/// ```
/// #[gosched::test]
/// async fn a_goroutine_gives_its_result_to_who_waits() {
///     let handle = gosched::go(async { 6 * 7 });
///     assert_eq!(handle.await.unwrap(), 42);
/// }
/// # fn main() {}
/// ```
///
/// ```
/// use gosched::time;
/// use std::time::Duration;
///
/// #[gosched::test(virtual_time)]
/// async fn a_day_passes() {
///     let start = time::now();
///     time::sleep(Duration::from_secs(86_400)).await;
///     assert_eq!(time::now() - start, Duration::from_secs(86_400));
/// }
/// # fn main() {}
/// ```
#[proc_macro_attribute]
pub fn test(options: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(entry::Kind::Test, options.into(), item.into()).into()
}
