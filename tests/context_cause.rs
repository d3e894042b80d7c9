//! Who was cancelled by whom, and what error and cause each context then reports.

use std::time::{Duration, Instant};

use gosched::context::{CancelFunc, Context, ContextError};

const CANCELED: &str = "context canceled";
const EXCEEDED: &str = "context deadline exceeded";
const FAR: Duration = Duration::from_secs(3_600);

/// What makes a context and keeps the right to cancel what it makes.
type Make = fn(&mut Vec<Option<CancelFunc>>) -> Context;

struct Row {
    what: &'static str,
    make: Make,
    /// Error and cause, in words; `None` for alive.
    want: Option<(&'static str, &'static str)>,
}

fn background() -> Context {
    Context::background()
}

/// Keeps `func` and returns the context.
fn keep(kept: &mut Vec<Option<CancelFunc>>, made: (Context, CancelFunc)) -> Context {
    kept.push(Some(made.1));
    made.0
}

fn cancel(kept: &mut [Option<CancelFunc>], index: usize) {
    kept[index].take().expect("cancelled once").cancel();
}

fn cancel_cause(kept: &mut [Option<CancelFunc>], index: usize, cause: &'static str) {
    kept[index]
        .take()
        .expect("cancelled once")
        .cancel_cause(cause);
}

const fn row(what: &'static str, want: Option<(&'static str, &'static str)>, make: Make) -> Row {
    Row { what, make, want }
}

fn past() -> Instant {
    Instant::now()
}

const ROWS: [Row; 23] = [
    row("background", None, |_| background()),
    row("todo", None, |_| Context::todo()),
    row("a live child", None, |kept| {
        keep(kept, background().with_cancel())
    }),
    row("cancelled", Some((CANCELED, CANCELED)), |kept| {
        let ctx = keep(kept, background().with_cancel());
        cancel(kept, 0);
        ctx
    }),
    row("cancelled with a cause", Some((CANCELED, "own")), |kept| {
        let ctx = keep(kept, background().with_cancel());
        cancel_cause(kept, 0, "own");
        ctx
    }),
    row("cancelled by drop", Some((CANCELED, CANCELED)), |_| {
        background().with_cancel().0
    }),
    row("parent cancelled", Some((CANCELED, CANCELED)), |kept| {
        let parent = keep(kept, background().with_cancel());
        let ctx = keep(kept, parent.with_cancel());
        cancel(kept, 0);
        ctx
    }),
    row(
        "parent cancelled with a cause",
        Some((CANCELED, "parent")),
        |kept| {
            let parent = keep(kept, background().with_cancel());
            let ctx = keep(kept, parent.with_cancel());
            cancel_cause(kept, 0, "parent");
            ctx
        },
    ),
    row(
        "parent first, then itself",
        Some((CANCELED, "parent")),
        |kept| {
            let parent = keep(kept, background().with_cancel());
            let ctx = keep(kept, parent.with_cancel());
            cancel_cause(kept, 0, "parent");
            cancel_cause(kept, 1, "own");
            ctx
        },
    ),
    row(
        "itself first, then parent",
        Some((CANCELED, "own")),
        |kept| {
            let parent = keep(kept, background().with_cancel());
            let ctx = keep(kept, parent.with_cancel());
            cancel_cause(kept, 1, "own");
            cancel_cause(kept, 0, "parent");
            ctx
        },
    ),
    row(
        "itself without a cause, then parent with one",
        Some((CANCELED, CANCELED)),
        |kept| {
            let parent = keep(kept, background().with_cancel());
            let ctx = keep(kept, parent.with_cancel());
            cancel(kept, 1);
            cancel_cause(kept, 0, "parent");
            ctx
        },
    ),
    row("parent of one cancelled child", None, |kept| {
        let parent = keep(kept, background().with_cancel());
        let _ctx = keep(kept, parent.with_cancel());
        cancel_cause(kept, 1, "own");
        parent
    }),
    row(
        "grandparent cancelled with a cause",
        Some((CANCELED, "top")),
        |kept| {
            let top = keep(kept, background().with_cancel());
            let middle = keep(kept, top.with_timeout(FAR));
            let ctx = keep(kept, middle.with_value(1_u8).with_cancel());
            cancel_cause(kept, 0, "top");
            ctx
        },
    ),
    row(
        "below a value, parent cancelled",
        Some((CANCELED, "parent")),
        |kept| {
            let parent = keep(kept, background().with_cancel());
            let ctx = parent.with_value(1_u8);
            cancel_cause(kept, 0, "parent");
            ctx
        },
    ),
    row(
        "made after the parent ended",
        Some((CANCELED, "parent")),
        |kept| {
            let parent = keep(kept, background().with_cancel());
            cancel_cause(kept, 0, "parent");
            keep(kept, parent.with_cancel())
        },
    ),
    row("deadline passed", Some((EXCEEDED, EXCEEDED)), |kept| {
        keep(kept, background().with_deadline(past()))
    }),
    row(
        "deadline passed, with a cause",
        Some((EXCEEDED, "late")),
        |kept| keep(kept, background().with_deadline_cause(past(), "late")),
    ),
    row(
        "deadline passed, then cancelled with a cause",
        Some((EXCEEDED, "late")),
        |kept| {
            let ctx = keep(
                kept,
                background().with_timeout_cause(Duration::ZERO, "late"),
            );
            cancel_cause(kept, 0, "own");
            ctx
        },
    ),
    row(
        "cancelled before a deadline with a cause",
        Some((CANCELED, CANCELED)),
        |kept| {
            let ctx = keep(kept, background().with_timeout_cause(FAR, "late"));
            cancel(kept, 0);
            ctx
        },
    ),
    row(
        "cancelled with a cause before the deadline's",
        Some((CANCELED, "own")),
        |kept| {
            let ctx = keep(kept, background().with_timeout_cause(FAR, "late"));
            cancel_cause(kept, 0, "own");
            ctx
        },
    ),
    row(
        "parent's deadline passed, with a cause",
        Some((EXCEEDED, "late")),
        |kept| {
            let parent = keep(
                kept,
                background().with_timeout_cause(Duration::ZERO, "late"),
            );
            keep(kept, parent.with_timeout_cause(FAR, "later"))
        },
    ),
    row("without_cancel below a cancelled parent", None, |kept| {
        let parent = keep(kept, background().with_cancel());
        let ctx = parent.without_cancel();
        cancel_cause(kept, 0, "parent");
        ctx
    }),
    row(
        "cancelled below without_cancel below a cancelled parent",
        Some((CANCELED, "own")),
        |kept| {
            let parent = keep(kept, background().with_cancel());
            let ctx = keep(kept, parent.without_cancel().with_cancel());
            cancel_cause(kept, 0, "parent");
            cancel_cause(kept, 1, "own");
            ctx
        },
    ),
];

#[test]
fn error_and_cause_follow_from_who_ended_first() {
    for Row { what, make, want } in ROWS {
        let mut kept = Vec::new();
        let ctx = make(&mut kept);
        let error = ctx.err().map(|error| error.to_string());
        let cause = ctx.cause().map(|cause| cause.to_string());
        assert_eq!(
            error.as_deref(),
            want.map(|want| want.0),
            "error of: {what}"
        );
        assert_eq!(
            cause.as_deref(),
            want.map(|want| want.1),
            "cause of: {what}"
        );
    }
}

#[test]
fn a_cause_that_is_the_error_can_be_told_by_its_type() {
    let (ctx, _cancel) = background().with_deadline(past());
    assert_eq!(
        ctx.cause().unwrap().downcast_ref(),
        Some(&ContextError::DeadlineExceeded)
    );
}
