//! Prints the comparison: Markdown for people, JSON for programs.
//!
//! A column is one figure of one row, and says its unit where that is not nanoseconds per operation. A cell of the
//! Markdown is `median (min–max) ratio`: how often the median of the reference goes into this one. Below 1 is better
//! than the reference, or above it in a column marked with an arrow.

use std::fmt::Write as _;

use crate::contestants::Contestant;
use crate::rounds::Samples;
use crate::rows::Row;
use crate::work::{Figure, PER_OPERATION, Reading};

/// More channel rows than this do not fit one table; they are then printed group by group.
const COLUMNS: usize = 8;

/// The title of the one table of channel rows.
const CHANNELS: &str = "Channels";

/// One figure of one row, both by their places.
type Column = (usize, usize);

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
            "\nMedian (min–max), and the median over that of {}. Nanoseconds per operation where a column names no \
             unit. Less is better, except in a column with ↑.",
            self.contestants[self.reference].name
        );
        for (title, columns) in self.groups() {
            self.table(&mut out, &title, &columns);
        }
        if self.has_substitutes() {
            let _ = writeln!(
                out,
                "\n¹ with a capacity of one: this channel has no rendezvous."
            );
        }
        out
    }

    /// The tables: their titles and columns.
    fn groups(&self) -> Vec<(String, Vec<Column>)> {
        let channels = self.rows.iter().filter(|row| row.work.is_channels());
        let together = channels.count() <= COLUMNS;
        let mut groups: Vec<(String, Vec<Column>)> = Vec::new();
        for (place, row) in self.rows.iter().enumerate() {
            let title = if together && row.work.is_channels() {
                CHANNELS
            } else {
                &row.group
            };
            let columns = (0..row.work.figures().len()).map(|figure| (place, figure));
            match groups.iter_mut().find(|(known, _)| known == title) {
                Some((_, known)) => known.extend(columns),
                None => groups.push((title.to_owned(), columns.collect())),
            }
        }
        groups
    }

    fn figure(&self, (row, figure): Column) -> Figure {
        self.rows[row].work.figures()[figure]
    }

    fn table(&self, out: &mut String, title: &str, columns: &[Column]) {
        let _ = write!(out, "\n### {title}\n\n|");
        for &column in columns {
            let _ = write!(
                out,
                " | {}",
                heading(&self.rows[column.0].name, self.figure(column))
            );
        }
        let _ = writeln!(out, " |\n|---{}|", "|---:".repeat(columns.len()));
        for (place, contestant) in self.contestants.iter().enumerate() {
            if columns
                .iter()
                .all(|&(row, _)| self.table[row][place].is_none())
            {
                continue;
            }
            let _ = write!(out, "| {}", contestant.name);
            for &column in columns {
                let _ = write!(out, " | {}", self.cell(column, place));
            }
            out.push_str(" |\n");
        }
    }

    fn cell(&self, column: Column, place: usize) -> String {
        if let Some(Err(reason)) = &self.table[column.0][place] {
            return reason.replace('|', "/");
        }
        let Some(spread) = self.spread(column, place) else {
            return "–".into();
        };
        let mut cell = format!(
            "{} ({}–{})",
            figure(spread.median),
            figure(spread.min),
            figure(spread.max)
        );
        // Against a reference of nothing (no tick missed) no ratio says anything.
        let reference = self.spread(column, self.reference);
        if let Some(reference) = reference.filter(|reference| reference.median > 0.0) {
            let _ = write!(cell, " **{:.2}**", spread.median / reference.median);
        }
        if self.contestants[place].makes_do_with_one(self.rows[column.0].work) {
            cell.push('¹');
        }
        cell
    }

    fn spread(&self, (row, figure): Column, place: usize) -> Option<Spread> {
        match &self.table[row][place] {
            Some(Ok(readings)) => Spread::of(&samples(readings, figure)),
            _ => None,
        }
    }

    fn has_substitutes(&self) -> bool {
        self.rows.iter().enumerate().any(|(row, Row { work, .. })| {
            self.contestants
                .iter()
                .enumerate()
                .any(|(place, contestant)| {
                    contestant.makes_do_with_one(*work) && self.spread((row, 0), place).is_some()
                })
        })
    }

    /// The report as JSON: the facts, and one object for each row, contestant and figure, with every sample.
    pub fn json(&self) -> String {
        let facts: Vec<String> = self
            .facts
            .iter()
            .map(|(what, which)| format!("{}: {}", quoted(what), quoted(which)))
            .collect();
        let mut results = Vec::new();
        for (row, line) in self.rows.iter().zip(self.table) {
            for (contestant, readings) in self.contestants.iter().zip(line) {
                let Some(readings) = readings else {
                    continue;
                };
                for (place, figure) in row.work.figures().iter().enumerate() {
                    let outcome = match readings {
                        Err(reason) => format!("\"failure\": {}", quoted(reason)),
                        Ok(readings) => outcome(&samples(readings, place)),
                    };
                    results.push(format!(
                        "    {{\"row\": {}, \"contestant\": {}, \"figure\": {}, \"unit\": {}, \
                         \"more_is_better\": {}, \"capacity_one\": {}, {outcome}}}",
                        quoted(&row.name),
                        quoted(contestant.name),
                        quoted(figure.name),
                        quoted(figure.unit),
                        figure.more_is_better,
                        contestant.makes_do_with_one(row.work),
                    ));
                }
            }
        }
        format!(
            "{{\n  \"facts\": {{{}}},\n  \"results\": [\n{}\n  ]\n}}\n",
            facts.join(", "),
            results.join(",\n")
        )
    }
}

/// The head of a column: the row, and what is counted in what if it is not nanoseconds per operation.
fn heading(row: &str, figure: Figure) -> String {
    if figure == PER_OPERATION {
        return row.to_owned();
    }
    let arrow = if figure.more_is_better { " ↑" } else { "" };
    let words = format!("{row} {}", figure.name);
    format!("{}, {}{arrow}", words.trim_end(), figure.unit)
}

/// One figure of each round.
fn samples(readings: &[Reading], figure: usize) -> Vec<f64> {
    readings
        .iter()
        .map(|reading| reading.figures[figure])
        .collect()
}

fn outcome(samples: &[f64]) -> String {
    let Some(spread) = Spread::of(samples) else {
        return "\"median\": null, \"samples\": []".into();
    };
    let list: Vec<String> = samples.iter().map(|v| format!("{v:.3}")).collect();
    format!(
        "\"median\": {:.3}, \"samples\": [{}]",
        spread.median,
        list.join(", ")
    )
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

    fn readings(samples: &[f64]) -> Vec<Reading> {
        samples
            .iter()
            .map(|&sample| Reading {
                figures: vec![sample],
                ops: 1,
            })
            .collect()
    }

    #[test]
    fn a_column_says_its_unit_and_which_way_is_better() {
        assert_eq!(heading("yield", PER_OPERATION), "yield");
        assert_eq!(
            heading("parked", Figure::cost("", "bytes")),
            "parked, bytes"
        );
        assert_eq!(
            heading("http", Figure::gain("answers", "1/s")),
            "http answers, 1/s ↑"
        );
    }

    #[test]
    fn cells_show_ratio_failure_and_substitute() {
        let rows = [rows::named("ping-pong/cap0").expect("there is such a row")];
        let contestants: Vec<Contestant> = ["go", "tokio", "kanal@tokio"]
            .iter()
            .filter_map(|name| contestants::named(name))
            .collect();
        let table = [vec![
            Some(Ok(readings(&[200.0, 300.0, 100.0]))),
            Some(Ok(readings(&[50.0]))),
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
