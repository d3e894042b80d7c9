//! The command line.

use std::time::Duration;

use crate::work::Budget;

/// Printed for `--help` and after a mistake.
pub const USAGE: &str = "\
gosched-bench: the same work on gosched, on its peers and in Go

    gosched-bench [FILTER...] [OPTIONS]
    gosched-bench run ROW CONTESTANT [--procs N] [--ms N | --ops N]
    gosched-bench serve ROW CONTESTANT [--procs N]

Without a filter the headline rows are measured. A filter takes the row of that name, or else every row whose name contains it.
Each round measures every contestant of a row once, in rotating order, each in a process of its own.

    --all            every row
    --rounds N       rounds (5)
    --ms N           timed part of one measurement, in milliseconds (400); rows with a course of their own take longer
    --quick          2 rounds of 50 ms: to see that it runs, not to quote
    --procs N        workers of every runtime, GOMAXPROCS in Go (the CPUs this process may use)
    --only A,B       only these contestants
    --against NAME   the contestant that ratios refer to (gosched, else the first)
    --json           JSON instead of Markdown, with every sample
    --list           name the rows and the contestants, and stop

`run` does one measurement here and prints its figures (nanoseconds per operation, for most rows) and the number of
operations. With --ops it does exactly so many, without a warm-up.
`serve` is the server of a row that has one: it prints its port, and ends when standard input does.
";

/// What the command line asks for.
#[derive(Debug, PartialEq)]
pub enum Command {
    /// The whole comparison.
    Compare(Compare),
    /// One measurement, in this process.
    Run(Run),
    /// The server for one, in this process.
    Serve(Run),
    /// Only the names.
    List,
    /// Only the usage.
    Help,
}

/// Options of the comparison.
#[derive(Debug, PartialEq)]
pub struct Compare {
    /// Parts of row names; empty for the headlines.
    pub filters: Vec<String>,
    /// Every row.
    pub everything: bool,
    /// Measurements per row and contestant.
    pub rounds: usize,
    /// Timed part of each.
    pub time: Duration,
    /// Workers of every runtime.
    pub procs: usize,
    /// Names of contestants; empty for all.
    pub only: Vec<String>,
    /// The contestant of the ratios.
    pub against: Option<String>,
    /// JSON instead of Markdown.
    pub json: bool,
}

/// Options of one measurement.
#[derive(Debug)]
pub struct Run {
    /// Name of the row.
    pub row: String,
    /// Name of the contestant.
    pub contestant: String,
    /// Workers of the runtime.
    pub procs: usize,
    /// How much to do.
    pub budget: Budget,
}

impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        format!("{self:?}") == format!("{other:?}")
    }
}

/// Reads the arguments after the program's name.
///
/// # Errors
///
/// A line that says what is wrong with them.
pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, String> {
    let mut args = args.into_iter();
    let mut names = Vec::new();
    let (mut everything, mut quick, mut json, mut list) = (false, false, false, false);
    let (mut rounds, mut ms, mut ops, mut procs) = (None, None, None, None);
    let (mut only, mut against) = (Vec::new(), None);

    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--all" => everything = true,
            "--quick" => quick = true,
            "--json" => json = true,
            "--list" => list = true,
            "--help" | "-h" => return Ok(Command::Help),
            "--rounds" => rounds = Some(positive(&arg, &value()?)?),
            "--ms" => ms = Some(positive(&arg, &value()?)?),
            "--ops" => ops = Some(positive(&arg, &value()?)?),
            "--procs" => procs = Some(positive(&arg, &value()?)?),
            "--only" => only.extend(value()?.split(',').map(str::to_owned)),
            "--against" => against = Some(value()?),
            option if option.starts_with('-') => return Err(format!("no such option: {option}")),
            _ => names.push(arg),
        }
    }

    if list {
        return Ok(Command::List);
    }
    let procs = procs.map_or_else(cpus, |n| n as usize);
    let time = Duration::from_millis(ms.unwrap_or(if quick { 50 } else { 400 }));
    let command: Option<fn(Run) -> Command> = match names.first().map(String::as_str) {
        Some("run") => Some(Command::Run),
        Some("serve") => Some(Command::Serve),
        _ => None,
    };
    if let Some(command) = command {
        let [_, row, contestant] = <[String; 3]>::try_from(names)
            .map_err(|names| format!("{} needs a row and a contestant", names[0]))?;
        return Ok(command(Run {
            row,
            contestant,
            procs,
            budget: ops.map_or(Budget::Time(time), Budget::Ops),
        }));
    }
    if ops.is_some() {
        return Err("--ops goes with run".into());
    }
    Ok(Command::Compare(Compare {
        filters: names,
        everything,
        rounds: rounds.unwrap_or(if quick { 2 } else { 5 }) as usize,
        time,
        procs,
        only,
        against,
        json,
    }))
}

/// The CPUs that this process may use: fewer than the machine's under `taskset` or a quota.
fn cpus() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn positive(option: &str, text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(format!("{option} takes a positive number, not {text:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn filters_and_options_mix_in_any_order() {
        let command = parsed("spsc --rounds 7 select2 --procs 3 --only go,tokio --json");
        let Ok(Command::Compare(compare)) = command else {
            panic!("{command:?}");
        };
        assert_eq!(compare.filters, ["spsc", "select2"]);
        assert_eq!((compare.rounds, compare.procs), (7, 3));
        assert_eq!(compare.only, ["go", "tokio"]);
        assert!(compare.json && !compare.everything);
    }

    #[test]
    fn quick_yields_to_an_explicit_number() {
        let Ok(Command::Compare(compare)) = parsed("--rounds 9 --quick") else {
            panic!();
        };
        assert_eq!(
            (compare.rounds, compare.time),
            (9, Duration::from_millis(50))
        );
    }

    #[test]
    fn run_takes_a_count_of_operations() {
        let expected = Run {
            row: "yield".into(),
            contestant: "go".into(),
            procs: 1,
            budget: Budget::Ops(1000),
        };
        assert_eq!(
            parsed("run yield go --ops 1000 --procs 1"),
            Ok(Command::Run(expected))
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (line, part) in [
            ("--rounds", "needs a value"),
            ("--procs 0", "positive"),
            ("--ms soon", "soon"),
            ("--fast", "--fast"),
            ("run yield", "a contestant"),
            ("serve", "serve needs a row"),
            ("--ops 5", "run"),
        ] {
            let error = parsed(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
