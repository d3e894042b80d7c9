//! Timers, with the resolution of the operating system: Go's package `time`, as far as it waits.
//!
//! | Go                        | here                                          |
//! |---------------------------|-----------------------------------------------|
//! | `time.Now()`              | [`now`]                                       |
//! | `time.Sleep(d)`           | [`sleep`]`(d).await`                          |
//! | `<-time.After(d)`         | [`after`]`(d).await`                          |
//! | `t := time.NewTimer(d)`   | [`Timer::new`]; `<-t.C` is [`Timer::fired`]   |
//! | `time.AfterFunc(d, f)`    | [`Timer::after_func`]                         |
//! | `time.NewTicker(d)`       | [`Ticker::new`]; `<-t.C` is [`Ticker::tick`]  |
//! | `context.WithTimeout`, or a select with `time.After` | [`timeout`] for one future |
//!
//! Everything here works under any executor. Outside a runtime of this crate the timers of the default
//! runtime are used, which starts on first use. A duration of zero is due now; `Duration::MAX`, and
//! whatever the clock cannot count, never comes.
//!
//! Under [virtual time](crate::testing) all of this, and [`now`], follows the clock of the test.
//!
//! A timer lives in the future that waits for it: waiting allocates nothing, and a timeout that never
//! fires leaves nothing behind.

mod alarm;
mod call;
mod now;
mod sleep;
mod ticker;
mod timeout;
mod timer;

pub use std::time::Instant;

pub(crate) use call::{CallTimer, call_at};
pub use now::now;
pub use sleep::{After, Sleep, after, sleep, sleep_until};
pub use ticker::{Tick, Ticker};
pub use timeout::{Elapsed, Timeout, timeout};
pub use timer::{Fired, Timer};
