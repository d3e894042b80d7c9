//! Signals of the operating system that end a [`Context`]: how a program is told to stop.
//!
//! Called by users. It listens with tokio's signal driver, which the poller runs; on Unix only.
//!
//! # Invariants
//!
//! 1. The handlers are installed before [`notify_context`] returns: a signal sent after that is not
//!    missed.
//! 2. The goroutine that listens ends with its context. It holds a right to cancel of its own, so
//!    what the caller does with his changes nothing about the signals.
#![forbid(unsafe_code)]

use std::borrow::Borrow;
use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::context::{CancelFunc, Context};
use crate::runtime::current;

/// A signal that can be waited for.
///
/// `Display` gives its name in Go's words.
///
/// # Examples
///
/// ```
/// use gosched::signal::Signal;
///
/// assert_eq!(Signal::Terminate.to_string(), "terminated");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGHUP`: the terminal is gone; to services: read the configuration again.
    Hangup,
    /// `SIGINT`: Ctrl-C.
    Interrupt,
    /// `SIGQUIT`: Ctrl-\.
    Quit,
    /// `SIGUSR1`.
    User1,
    /// `SIGUSR2`.
    User2,
    /// `SIGPIPE`.
    Pipe,
    /// `SIGALRM`.
    Alarm,
    /// `SIGTERM`: what service managers and containers send.
    Terminate,
    /// `SIGCHLD`: a child has ended.
    Child,
    /// `SIGWINCH`: the terminal has another size.
    WindowChange,
}

impl Signal {
    const ALL: [Self; 10] = [
        Self::Hangup,
        Self::Interrupt,
        Self::Quit,
        Self::User1,
        Self::User2,
        Self::Pipe,
        Self::Alarm,
        Self::Terminate,
        Self::Child,
        Self::WindowChange,
    ];

    fn kind(self) -> SignalKind {
        match self {
            Self::Hangup => SignalKind::hangup(),
            Self::Interrupt => SignalKind::interrupt(),
            Self::Quit => SignalKind::quit(),
            Self::User1 => SignalKind::user_defined1(),
            Self::User2 => SignalKind::user_defined2(),
            Self::Pipe => SignalKind::pipe(),
            Self::Alarm => SignalKind::alarm(),
            Self::Terminate => SignalKind::terminate(),
            Self::Child => SignalKind::child(),
            Self::WindowChange => SignalKind::window_change(),
        }
    }
}

/// One signal is a list of one, for [`notify_context`].
impl IntoIterator for Signal {
    type Item = Self;
    type IntoIter = std::iter::Once<Self>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Hangup => "hangup",
            Self::Interrupt => "interrupt",
            Self::Quit => "quit",
            Self::User1 => "user defined signal 1",
            Self::User2 => "user defined signal 2",
            Self::Pipe => "broken pipe",
            Self::Alarm => "alarm clock",
            Self::Terminate => "terminated",
            Self::Child => "child exited",
            Self::WindowChange => "window changed",
        })
    }
}

/// The cause of a context that a signal has ended.
///
/// # Examples
///
/// ```
/// use gosched::signal::Received;
/// use gosched::Context;
///
/// fn exit_code(ctx: &Context) -> u8 {
///     match ctx.cause() {
///         Some(cause) if cause.downcast_ref::<Received>().is_some() => 130,
///         _ => 0,
///     }
/// }
/// assert_eq!(exit_code(&Context::background()), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    signal: Signal,
}

impl Received {
    /// Which one.
    ///
    /// # Examples
    ///
    /// ```
    /// use gosched::Context;
    /// use gosched::signal::{Received, Signal, notify_context};
    ///
    /// # gosched::block_on(async {
    /// let (ctx, _stop) = notify_context(&Context::background(), [Signal::User1]);
    /// # // SAFETY: the handler is tokio's.
    /// # unsafe { libc::raise(libc::SIGUSR1) };
    /// ctx.done().await; // once somebody has sent it
    /// let cause = ctx.cause().unwrap();
    /// assert_eq!(cause.downcast_ref::<Received>().unwrap().signal(), Signal::User1);
    /// # });
    /// ```
    pub fn signal(self) -> Signal {
        self.signal
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} signal received", self.signal)
    }
}

impl Error for Received {}

/// A set of signals, for a context's name.
#[derive(Clone, Copy)]
pub(crate) struct Signals(u16);

impl Signals {
    fn iter(self) -> impl Iterator<Item = Signal> {
        let mine = move |signal: &Signal| self.0 & (1 << *signal as u16) != 0;
        Signal::ALL.into_iter().filter(mine)
    }
}

impl fmt::Display for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (n, signal) in self.iter().enumerate() {
            let space = if n == 0 { "" } else { " " };
            write!(f, "{space}{signal}")?;
        }
        f.write_str("]")
    }
}

/// A context that is done when the process receives one of `signals`, when its [`CancelFunc`] says
/// so, or with its parent.
///
/// The signals no longer do what they do by default: the process is not ended by them. When one
/// arrives, [`Context::err`] is `Canceled` and [`Context::cause`] is a [`Received`] that names it.
/// `signals` is an array, a slice, any iterator of signals or of references to them, or one signal.
/// Without signals this is [`Context::with_cancel`] under another name.
///
/// Listening ends with the context, but tokio's handlers stay in place: from the first call on, a
/// signal that was named once no longer ends the process by itself, also when nobody listens. A
/// program that wants to be ended by a second Ctrl-C calls this again once the first one has come,
/// and exits when that context is done.
///
/// The first call on a plain thread starts the default runtime. If the runtime shuts down, nobody is
/// left to hear the signals, and the context is cancelled.
///
/// Go: `signal.NotifyContext`. There no signals means all of them, and `stop` restores the default
/// behaviour.
///
/// # Panics
///
/// If the operating system refuses a handler.
///
/// # Cancel safety
///
/// It does not wait. Dropping the [`CancelFunc`] cancels, as everywhere.
///
/// # Examples
///
/// ```
/// use gosched::Context;
/// use gosched::signal::{Signal, notify_context};
///
/// # gosched::block_on(async {
/// let signals = [Signal::Interrupt, Signal::Terminate];
/// let (ctx, _stop) = notify_context(&Context::background(), signals);
/// # // SAFETY: the handler is tokio's.
/// # unsafe { libc::raise(libc::SIGTERM) };
/// // … work, and then, some day:
/// ctx.done().await;
/// assert_eq!(ctx.cause().unwrap().to_string(), "terminated signal received");
/// # });
/// ```
#[track_caller]
pub fn notify_context<I>(ctx: &Context, signals: I) -> (Context, CancelFunc)
where
    I: IntoIterator,
    I::Item: Borrow<Signal>,
{
    let signals = signals.into_iter().fold(Signals(0), |all, one| {
        Signals(all.0 | 1 << *one.borrow() as u16)
    });
    let (ctx, stop, on_signal) = ctx.with_signals(signals);
    if ctx.err().is_some() || signals.0 == 0 {
        on_signal.detach();
        return (ctx, stop);
    }
    let streams = match listen(signals) {
        Ok(streams) => streams,
        Err(error) => panic!("signal::notify_context: no handler for {signals}: {error}"),
    };
    let _detached = crate::go(attend(ctx.clone(), streams, on_signal));
    (ctx, stop)
}

/// Installs the handlers.
fn listen(signals: Signals) -> io::Result<Vec<(Signal, Stream)>> {
    let listen = || {
        let stream = |one: Signal| Ok((one, signal(one.kind())?));
        signals.iter().map(stream).collect()
    };
    match current::sched() {
        // The thread is inside this runtime, and so inside tokio's context.
        Some(_) => listen(),
        None => crate::block_on(async { listen() }),
    }
}

/// Waits for the first signal and ends the context with it.
async fn attend(ctx: Context, mut streams: Vec<(Signal, Stream)>, on_signal: CancelFunc) {
    let mut done = pin!(ctx.done());
    let first = poll_fn(|task| {
        for (signal, stream) in &mut streams {
            if let Poll::Ready(Some(())) = stream.poll_recv(task) {
                return Poll::Ready(Some(*signal));
            }
        }
        done.as_mut().poll(task).map(|()| None)
    })
    .await;
    match first {
        Some(signal) => on_signal.cancel_cause(Received { signal }),
        None => on_signal.detach(),
    }
}
