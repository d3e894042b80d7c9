//! What a context is called: its lineage, as Go prints it.
//!
//! Called by `{}` and `{:?}`, which are the same.
//!
//! # Invariants
//!
//! 1. The name is one step after the other, root first, without recursion: a lineage may be long.

use std::fmt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::deadline::Deadline;
use super::handle::Context;
use super::tree::{Kind, Node, Origin};
use crate::runtime::clock;

/// The lineage in Go's words: `context.Background.WithCancel.WithTimeout(3s [2.9s])`, where the
/// brackets hold what is left. A deadline is shown in UTC by today's clock. Of values only
/// text is shown, of others the type.
impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut steps: Vec<&Node> = Vec::new();
        let mut next = Some(&self.node);
        while let Some(node) = next {
            steps.push(node);
            next = node.parent.as_ref();
        }
        // A context of signals is named around its parent: all of them open first.
        for _ in steps.iter().filter(|step| is_around(step)) {
            f.write_str("signal.NotifyContext(")?;
        }
        steps.into_iter().rev().try_for_each(|step| name(step, f))
    }
}

/// As [`Display`](fmt::Display).
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether the step's name is put around its parent's, not after it.
fn is_around(node: &Node) -> bool {
    #[cfg(all(unix, not(loom)))]
    if let Kind::Cancel(scope) = &node.kind {
        return matches!(scope.origin, Origin::Signals(_));
    }
    let _ = node;
    false
}

fn name(node: &Node, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match &node.kind {
        Kind::Root { name, .. } => f.write_str(name),
        Kind::WithoutCancel { .. } => f.write_str(".WithoutCancel"),
        Kind::Value(entry) => write!(f, ".{entry}"),
        Kind::Cancel(scope) => match scope.origin {
            Origin::Token => f.write_str("context.FromToken"),
            #[cfg(all(unix, not(loom)))]
            Origin::Signals(signals) => write!(f, ", {signals})"),
            Origin::Cancel => f.write_str(".WithCancel"),
            Origin::Deadline => match &scope.deadline {
                Some(deadline) => timed(deadline, f),
                None => unreachable!("a scope with a deadline of its own"),
            },
        },
    }
}

fn timed(deadline: &Deadline, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let at = deadline.at();
    match deadline.timeout() {
        Some(timeout) => write!(f, ".WithTimeout({timeout:?} [{}])", Left(at)),
        None => write!(f, ".WithDeadline({} [{}])", Utc(wall_clock(at)), Left(at)),
    }
}

/// The time until an instant, negative once it has passed.
struct Left(Instant);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = clock::instant();
        match self.0.checked_duration_since(now) {
            Some(left) => write!(f, "{left:?}"),
            None => write!(f, "-{:?}", now.duration_since(self.0)),
        }
    }
}

/// What the clock on the wall shows at `instant`, if it is not set meanwhile.
fn wall_clock(instant: Instant) -> Option<SystemTime> {
    let (now, wall) = (clock::instant(), SystemTime::now());
    match instant.checked_duration_since(now) {
        Some(left) => wall.checked_add(left),
        None => wall.checked_sub(now.duration_since(instant)),
    }
}

/// A time as `2009-11-10 23:00:00.000 UTC`.
struct Utc(Option<SystemTime>);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let Some(since) = since else {
            return f.write_str("beyond the calendar");
        };
        let (year, month, day) = date(since);
        let second = since.as_secs() % 86_400;
        write!(
            f,
            "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{:03} UTC",
            second / 3_600,
            second / 60 % 60,
            second % 60,
            since.subsec_millis(),
        )
    }
}

/// Year, month and day, so long after 1970 began.
fn date(since: Duration) -> (u64, u64, u64) {
    // Years are counted from March: a leap day is then the last of its year and shifts no month.
    let days = since.as_secs() / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn times_are_printed_by_the_calendar() {
        let at = |seconds: u64| {
            Utc(Some(
                UNIX_EPOCH + Duration::from_millis(seconds * 1_000 + 7),
            ))
            .to_string()
        };
        assert_eq!(at(0), "1970-01-01 00:00:00.007 UTC");
        assert_eq!(at(951_782_399), "2000-02-28 23:59:59.007 UTC");
        assert_eq!(at(951_782_400), "2000-02-29 00:00:00.007 UTC");
        assert_eq!(at(951_868_800), "2000-03-01 00:00:00.007 UTC");
        assert_eq!(at(1_257_894_000), "2009-11-10 23:00:00.007 UTC");
        assert_eq!(at(4_107_542_400), "2100-03-01 00:00:00.007 UTC");
        assert_eq!(Utc(None).to_string(), "beyond the calendar");
    }
}
