//! Prints the comparison: Markdown for people, JSON for programs.
//!
//! A cell of the Markdown is `median (min–max) ratio`: nanoseconds per operation, and how often the median of the
//! reference goes into this one. Below 1 is faster than the reference.

use std::fmt::Write as _;

use crate::contestants::Contestant;
use crate::rounds::Samples;
use crate::rows::Row;

/// More rows than this do not fit one table; they are then printed group by group.
const COLUMNS: usize = 6;

/// Everything that a report shows.
pub struct Report<'a> {
    /// Pairs of what and which.
    pub facts: Vec<(&'static str, String)>,
    /// The columns.
    pub rows: &'a [Row],
    /// The lines.
    pub contestants: &'a [Contestant],
    /// By row, then by contestant.
    pub table: &'a [Vec<Option<Samples>>],
    /// Place of the contestant that ratios refer to.
    pub reference: usize,
}

/// The sample in the middle, or between the two in the middle, with the extremes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    fn of(samples: &[f64]) -> Option<Spread> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[half]
        } else {
            (sorted[half - 1] + sorted[half]) / 2.0
        };
        Some(Spread { min, median, max })
    }
}

impl Report<'_> {
    /// The report as Markdown.
    pub fn markdown(&self) -> String {
        let mut out = String::new();
        for (what, which) in &self.facts {
            let _ = writeln!(out, "- {what}: {which}");
        }
        let _ = writeln!(
            out,
            "\nNanoseconds per operation: median (min–max), and the median over that of {}.",
            self.contestants[self.reference].name
        );

        let (scheduler, channels): (Vec<usize>, Vec<usize>) =
            (0..self.rows.len()).partition(|&row| self.rows[row].work.is_scheduler());
        let groups: Vec<(String, Vec<usize>)> = if channels.len() <= COLUMNS {
            vec![
                ("Scheduler".into(), scheduler),
                ("Channels".into(), channels),
            ]
        } else {
            self.by_group()
        };
        for (title, rows) in groups.iter().filter(|(_, rows)| !rows.is_empty()) {
            self.table(&mut out, title, rows);
        }
        if self.has_substitutes() {
            let _ = writeln!(
                out,
                "\n¹ with a capacity of one: this channel has no rendezvous."
            );
        }
        out
    }

    fn by_group(&self) -> Vec<(String, Vec<usize>)> {
        let mut groups: Vec<(String, Vec<usize>)> = Vec::new();
        for (place, row) in self.rows.iter().enumerate() {
            match groups.iter_mut().find(|(title, _)| *title == row.group) {
                Some((_, rows)) => rows.push(place),
                None => groups.push((row.group.clone(), vec![place])),
            }
        }
        groups
    }

    fn table(&self, out: &mut String, title: &str, rows: &[usize]) {
        let _ = write!(out, "\n### {title}\n\n|");
        for &row in rows {
            let _ = write!(out, " | {}", self.rows[row].name);
        }
        let _ = writeln!(out, " |\n|---{}|", "|---:".repeat(rows.len()));
        for (place, contestant) in self.contestants.iter().enumerate() {
            if rows.iter().all(|&row| self.table[row][place].is_none()) {
                continue;
            }
            let _ = write!(out, "| {}", contestant.name);
            for &row in rows {
                let _ = write!(out, " | {}", self.cell(row, place));
            }
            out.push_str(" |\n");
        }
    }

    fn cell(&self, row: usize, place: usize) -> String {
        let spread = match &self.table[row][place] {
            None => return "–".into(),
            Some(Err(reason)) => return reason.replace('|', "/"),
            Some(Ok(samples)) => Spread::of(samples),
        };
        let Some(spread) = spread else {
            return "–".into();
        };
        let mut cell = format!(
            "{} ({}–{})",
            figure(spread.median),
            figure(spread.min),
            figure(spread.max)
        );
        if let Some(reference) = self.spread(row, self.reference) {
            let _ = write!(cell, " **{:.2}**", spread.median / reference.median);
        }
        if self.contestants[place].makes_do_with_one(self.rows[row].work) {
            cell.push('¹');
        }
        cell
    }

    fn spread(&self, row: usize, place: usize) -> Option<Spread> {
        match &self.table[row][place] {
            Some(Ok(samples)) => Spread::of(samples),
            _ => None,
        }
    }

    fn has_substitutes(&self) -> bool {
        self.rows.iter().enumerate().any(|(row, Row { work, .. })| {
            self.contestants
                .iter()
                .enumerate()
                .any(|(place, contestant)| {
                    contestant.makes_do_with_one(*work) && self.spread(row, place).is_some()
                })
        })
    }

    /// The report as JSON: the facts, and one object for each row and contestant, with every sample.
    pub fn json(&self) -> String {
        let facts: Vec<String> = self
            .facts
            .iter()
            .map(|(what, which)| format!("{}: {}", quoted(what), quoted(which)))
            .collect();
        let mut results = Vec::new();
        for (row, line) in self.rows.iter().zip(self.table) {
            for (contestant, samples) in self.contestants.iter().zip(line) {
                let Some(samples) = samples else {
                    continue;
                };
                let outcome = match samples {
                    Err(reason) => format!("\"failure\": {}", quoted(reason)),
                    Ok(samples) => {
                        let median = Spread::of(samples).map_or(f64::NAN, |spread| spread.median);
                        let list: Vec<String> = samples.iter().map(|v| format!("{v:.3}")).collect();
                        format!(
                            "\"median\": {median:.3}, \"samples\": [{}]",
                            list.join(", ")
                        )
                    }
                };
                results.push(format!(
                    "    {{\"row\": {}, \"contestant\": {}, \"capacity_one\": {}, {outcome}}}",
                    quoted(&row.name),
                    quoted(contestant.name),
                    contestant.makes_do_with_one(row.work),
                ));
            }
        }
        format!(
            "{{\n  \"unit\": \"ns/op\",\n  \"facts\": {{{}}},\n  \"results\": [\n{}\n  ]\n}}\n",
            facts.join(", "),
            results.join(",\n")
        )
    }
}

/// Three digits where there are so many before the point, one or two behind it where not.
fn figure(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{contestants, rows};

    #[test]
    fn the_median_of_an_even_number_lies_between_two() {
        let spread = Spread::of(&[40.0, 10.0, 20.0, 30.0]);
        assert_eq!(
            spread,
            Some(Spread {
                min: 10.0,
                median: 25.0,
                max: 40.0
            })
        );
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn cells_show_ratio_failure_and_substitute() {
        let rows = [rows::named("ping-pong/cap0").expect("there is such a row")];
        let contestants: Vec<Contestant> = ["go", "tokio", "kanal@tokio"]
            .iter()
            .filter_map(|name| contestants::named(name))
            .collect();
        let table = [vec![
            Some(Ok(vec![200.0, 300.0, 100.0])),
            Some(Ok(vec![50.0])),
            Some(Err("lost 1 of 2 values".to_owned())),
        ]];
        let report = Report {
            facts: vec![("date", "2026-01-01 \"new\"".into())],
            rows: &rows,
            contestants: &contestants,
            table: &table,
            reference: 0,
        };
        let text = report.markdown();
        assert!(text.contains("| go | 200 (100–300) **1.00** |"), "{text}");
        assert!(
            text.contains("| tokio | 50.0 (50.0–50.0) **0.25**¹ |"),
            "{text}"
        );
        assert!(
            text.contains("| kanal@tokio | lost 1 of 2 values |"),
            "{text}"
        );
        assert!(text.contains("no rendezvous"), "{text}");
        let json = report.json();
        assert!(json.contains(r#""date": "2026-01-01 \"new\"""#), "{json}");
        assert!(
            json.contains(r#""samples": [200.000, 300.000, 100.000]"#),
            "{json}"
        );
    }
}
