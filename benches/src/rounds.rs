//! Runs the comparison: round after round, each measurement in a process of its own.
//!
//! A fresh process, so that neither the allocator nor leftover threads of one contestant favour or burden the next.
//! Every contestant of a row runs once per round, one after the other, and the order rotates from round to
//! round: what the machine does meanwhile falls on all of them.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::args::Compare;
use crate::contestants::{Contestant, Runner};
use crate::go::Twins;
use crate::rows::Row;
use crate::work::{Budget, Reading, Setting};

/// A measurement that takes longer than this is given up.
const LIMIT: Duration = Duration::from_secs(20);

/// What one contestant measured in one row, round by round, or why there is nothing.
pub type Samples = Result<Vec<Reading>, String>;

/// What was measured: by row, then by contestant, both in the order given; `None` where one does not take the work.
pub fn compare(
    options: &Compare,
    rows: &[Row],
    contestants: &[Contestant],
    twins: Option<&Twins>,
) -> Vec<Vec<Option<Samples>>> {
    let mut table: Vec<Vec<Option<Samples>>> = rows
        .iter()
        .map(|row| {
            contestants
                .iter()
                .map(|c| c.takes(row.work).then(|| Ok(Vec::new())))
                .collect()
        })
        .collect();

    for round in 0..options.rounds {
        for (row, results) in rows.iter().zip(&mut table) {
            for turn in 0..contestants.len() {
                let place = (turn + round) % contestants.len();
                let contestant = &contestants[place];
                // Whoever failed once is out: a hang would be waited for in every round.
                let Some(Ok(samples)) = &mut results[place] else {
                    continue;
                };
                let measured = one(options, row, contestant, twins);
                let shown = match &measured {
                    Ok(reading) => shown(row, reading),
                    Err(reason) => reason.clone(),
                };
                eprintln!(
                    "round {}/{}  {:<20} {:<22} {shown}",
                    round + 1,
                    options.rounds,
                    row.name,
                    contestant.name,
                );
                match measured {
                    Ok(reading) => samples.push(reading),
                    Err(reason) => results[place] = Some(Err(reason)),
                }
            }
        }
    }
    table
}

fn shown(row: &Row, reading: &Reading) -> String {
    let figures: Vec<String> = row
        .work
        .figures()
        .iter()
        .zip(&reading.figures)
        .map(|(figure, value)| {
            let words = format!("{} {value:.1} {}", figure.name, figure.unit);
            words.trim_start().to_owned()
        })
        .collect();
    figures.join(", ")
}

fn one(
    options: &Compare,
    row: &Row,
    contestant: &Contestant,
    twins: Option<&Twins>,
) -> Result<Reading, String> {
    let setting = Setting {
        procs: options.procs,
        bytes: row.bytes,
        budget: Budget::Time(options.time),
    };
    let mut command = match (contestant.runner, twins) {
        (Runner::Go, None) => return Err("not built".into()),
        (Runner::Go, Some(twins)) if !row.work.is_served() => twins.command(row.work, setting),
        _ => {
            let program = std::env::current_exe().map_err(|error| error.to_string())?;
            let mut command = Command::new(program);
            command
                .args(["run", row.name.as_str(), contestant.name])
                .args(["--procs", &options.procs.to_string()])
                .args(["--ms", &options.time.as_millis().to_string()])
                .env("SMOL_THREADS", options.procs.to_string());
            command
        }
    };
    let output = run(&mut command, LIMIT + 4 * options.time)?;
    Reading::parse(&output, row.work.figures().len()).ok_or_else(|| format!("printed {output:?}"))
}

/// What the command printed.
fn run(command: &mut Command, limit: Duration) -> Result<String, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("does not start: {error}"))?;
    // Both pipes are drained at once: a child that fills one while the other is read would hang.
    let stdout = drained(child.stdout.take());
    let stderr = drained(child.stderr.take());

    let Ok(output) = stdout.recv_timeout(limit) else {
        // It may have ended this instant; then there is nobody to kill, and it is late all the same.
        let _ = child.kill();
        let _ = child.wait();
        return Err(format!("hung (over {} s)", limit.as_secs()));
    };
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() {
        return Ok(output);
    }
    let complaint = stderr.recv().unwrap_or_default();
    Err(
        match complaint.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => line.trim().to_owned(),
            None => status.to_string(),
        },
    )
}

fn drained(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (tx, rx) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before an error is kept: it is all that can be shown.
            let _ = pipe.read_to_end(&mut text);
        }
        // Nobody listens any more once the child was given up.
        let _ = tx.send(String::from_utf8_lossy(&text).into_owned());
    });
    rx
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_hangs_is_given_up() {
        let error = run(Command::new("sleep").arg("30"), Duration::from_millis(50));
        assert!(error.is_err_and(|reason| reason.starts_with("hung")));
    }

    #[test]
    fn a_child_that_fails_is_quoted() {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "echo context >&2; echo lost 3 of 10 values >&2; exit 1",
        ]);
        assert_eq!(
            run(&mut command, Duration::from_secs(10)),
            Err("lost 3 of 10 values".to_owned())
        );
    }
}
