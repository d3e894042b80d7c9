//! The rows of the report: which workload, with values of which size.
//!
//! To add one: a variant of [`Work`] if it is new work, and a line in [`all`].

use crate::work::Work;

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
    let mut rows: Vec<Row> = [
        ("spawn", Work::Spawn, true),
        ("spawn+join", Work::SpawnJoin, true),
        ("yield", Work::Yield, true),
        ("skynet", Work::Skynet, false),
    ]
    .map(|(name, work, headline)| Row {
        name: name.into(),
        group: "Scheduler".into(),
        work,
        bytes: 8,
        headline,
    })
    .into();

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
        if bytes == 8 {
            family("select2", &[0, 128], &|capacity| Work::SelectTwo {
                capacity,
            });
        }
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
