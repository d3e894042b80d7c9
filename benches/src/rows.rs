//! The rows of the report: which workload, with values of which size.
//!
//! To add one: a variant of [`Work`] if it is new work, and a line in `runtimes` or `channels`.

use std::time::Duration;

use crate::work::{Contexts, Work};

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// As it is filtered by and printed.
    pub name: String,
    /// Rows that belong together when there are too many for one table.
    pub group: String,
    /// What is done.
    pub work: Work,
    /// Size of the values in channels.
    pub bytes: usize,
    /// Whether it runs when nothing is asked for by name.
    pub headline: bool,
}

/// Every row there is, in the order of the report.
pub fn all() -> Vec<Row> {
    let mut rows = runtimes();
    rows.extend(channels());
    rows
}

/// The rows that compare runtimes.
fn runtimes() -> Vec<Row> {
    let parked = |tasks, one_channel| Work::Parked { tasks, one_channel };
    let saturated = |millis| Work::Saturated {
        poll: Duration::from_millis(millis),
    };
    let rows = [
        ("spawn", "Scheduler", Work::Spawn, true),
        ("spawn+join", "Scheduler", Work::SpawnJoin, true),
        ("yield", "Scheduler", Work::Yield, true),
        ("skynet", "Scheduler", Work::Skynet, false),
        ("wake", "Scheduler", Work::Wake, true),
        (
            "timers",
            "100,000 sleeps at once",
            Work::Timers { tasks: 100_000 },
            false,
        ),
        (
            "ticker",
            "A ticker of 1 ms beside tasks that compute 200 ms without a pause",
            Work::TickerUnderHogs,
            true,
        ),
        ("saturated/1ms", SATURATED, saturated(1), false),
        ("saturated/5ms", SATURATED, saturated(5), false),
        ("saturated/15ms", SATURATED, saturated(15), false),
        ("saturated/30ms", SATURATED, saturated(30), false),
        (
            "echo",
            "Readiness of a socket while all workers are busy",
            Work::EchoUnderLoad,
            false,
        ),
        ("parked/100k", MEMORY, parked(100_000, false), true),
        ("parked/1M", MEMORY, parked(1_000_000, false), false),
        ("parked-in-one/100k", MEMORY, parked(100_000, true), false),
        ("parked-in-one/1M", MEMORY, parked(1_000_000, true), false),
        (
            "ctx-tree/flat",
            "100,000 contexts below one",
            Work::Contexts(Contexts::Tree { fan_out: 0 }),
            false,
        ),
        (
            "ctx-tree/10-ary",
            "100,000 contexts, ten below each",
            Work::Contexts(Contexts::Tree { fan_out: 10 }),
            false,
        ),
        (
            "ctx-child",
            CONTEXTS,
            Work::Contexts(Contexts::Child),
            false,
        ),
        (
            "ctx-timeout",
            CONTEXTS,
            Work::Contexts(Contexts::Timeout),
            false,
        ),
        ("ctx-err", CONTEXTS, Work::Contexts(Contexts::Err), false),
        ("ctx-poll", CONTEXTS, Work::Contexts(Contexts::Poll), false),
        ("ctx-wait", CONTEXTS, Work::Contexts(Contexts::Wait), false),
        ("merge/2", MERGE, Work::Merge { inputs: 2 }, false),
        ("merge/16", MERGE, Work::Merge { inputs: 16 }, false),
        ("merge/1000", MERGE, Work::Merge { inputs: 1_000 }, false),
        #[cfg(feature = "http")]
        ("http", HTTP, Work::Http { blocking: false }, false),
        #[cfg(feature = "http")]
        ("http/blocking", HTTP, Work::Http { blocking: true }, false),
    ];
    let row = |(name, group, work, headline): (&str, &str, Work, bool)| Row {
        name: name.into(),
        group: group.into(),
        work,
        bytes: 8,
        headline,
    };
    rows.map(row).into()
}

const MERGE: &str = "Many channels into one";
const CONTEXTS: &str = "One context";
const SATURATED: &str = "Tasks that compute so long between two yields, four for each worker";
const MEMORY: &str = "Memory of a task that waits in a receive";
#[cfg(feature = "http")]
const HTTP: &str = "A web service, asked over 64 connections";

/// The rows that compare channels.
fn channels() -> Vec<Row> {
    let mut rows = Vec::new();
    for bytes in [8, 64, 1024] {
        let suffix = if bytes == 8 {
            String::new()
        } else {
            format!("/{bytes}B")
        };
        let mut family = |name: &str, headline: &[usize], work: &dyn Fn(usize) -> Work| {
            for capacity in [0, 1, 10, 128] {
                rows.push(Row {
                    name: format!("{name}/cap{capacity}{suffix}"),
                    group: format!("{name}, values of {bytes} bytes"),
                    work: work(capacity),
                    bytes,
                    headline: bytes == 8 && headline.contains(&capacity),
                });
            }
        };
        let stream = |senders, receivers| {
            move |capacity| Work::Stream {
                senders,
                receivers,
                capacity,
            }
        };
        family("ping-pong", &[0], &|capacity| Work::PingPong { capacity });
        family("spsc", &[128], &stream(1, 1));
        family("4x1", &[], &stream(4, 1));
        family("4x4", &[128], &stream(4, 4));
        family("32x32", &[], &stream(32, 32));
        if bytes > 8 {
            continue;
        }
        family("1000x1", &[], &stream(1_000, 1));
        let select = |channels| move |capacity| Work::Select { channels, capacity };
        family("select2", &[0, 128], &select(2));
        family("select4", &[], &select(4));
        family("select16", &[], &select(16));
        family("select-done", &[], &|capacity| Work::SelectDone {
            capacity,
        });
        family("select-timer", &[], &|capacity| Work::SelectTimer {
            capacity,
        });
        family("sieve", &[0], &|capacity| Work::Sieve { capacity });
    }
    rows
}

/// The rows that the filters ask for: all, or the headlines where there is no filter. A filter that is the name of a row
/// takes that one; any other takes every row whose name contains it.
pub fn chosen(filters: &[String], everything: bool) -> Vec<Row> {
    let rows = all();
    let takes = |filter: &String, name: &str| {
        let exact = rows.iter().any(|row| row.name == *filter);
        if exact {
            name == filter
        } else {
            name.contains(filter.as_str())
        }
    };
    let wanted = |row: &Row| {
        if filters.is_empty() {
            everything || row.headline
        } else {
            filters.iter().any(|filter| takes(filter, &row.name))
        }
    };
    rows.iter().filter(|row| wanted(row)).cloned().collect()
}

/// The row of that exact name.
pub fn named(name: &str) -> Option<Row> {
    all().into_iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_can_be_named() {
        let rows = all();
        let names: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names.len(), rows.len(), "two rows share a name");
        for row in &rows {
            assert_eq!(named(&row.name).map(|found| found.work), Some(row.work));
        }
    }

    #[test]
    fn a_filter_reaches_rows_that_are_no_headline() {
        assert!(chosen(&[], false).iter().all(|row| row.headline));
        let found = chosen(&["32x32/cap1".into()], false);
        assert_eq!(found.len(), 1, "cap10 and cap128 are other rows: {found:?}");
        let found = chosen(&["x32/cap12".into()], false);
        assert_eq!(found.len(), 3, "one for each size of value: {found:?}");
        assert_eq!(chosen(&[], true).len(), all().len());
    }
}
