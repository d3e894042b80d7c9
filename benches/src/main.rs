//! Compares gosched with its peers and with Go: the same work, side by side, on this machine.
//!
//! The program starts itself again for every measurement (`gosched-bench run ROW CONTESTANT`), so one executable is both the
//! harness and everything measured in Rust. The Go twins are a second one, built from the folder `go`.
//!
//! How it fits together: [`rows`] × [`contestants`] is the plan; [`rounds`] carries it out; [`report`] prints it. A row's
//! [`work`] is generic over a runtime ([`rt`]) and a channel ([`chan`]).

mod args;
mod chan;
mod contestants;
mod go;
mod machine;
mod report;
mod rounds;
mod rows;
mod rt;
mod work;

use std::process::ExitCode;

use args::{Command, Compare, Run};
use contestants::{Contestant, Runner};
use work::Setting;

fn main() -> ExitCode {
    let done = match args::parse(std::env::args().skip(1)) {
        Ok(Command::Compare(options)) => compare(&options),
        Ok(Command::Run(run)) => measure(&run),
        Ok(Command::List) => {
            list();
            Ok(())
        }
        Ok(Command::Help) => {
            print!("{}", args::USAGE);
            Ok(())
        }
        Err(mistake) => Err(format!("{mistake}\n\n{}", args::USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// One measurement, here.
fn measure(run: &Run) -> Result<(), String> {
    let row = rows::named(&run.row).ok_or_else(|| format!("no such row: {}", run.row))?;
    let contestant = contestants::named(&run.contestant)
        .ok_or_else(|| format!("no such contestant: {}", run.contestant))?;
    if !contestant.takes(row.work) {
        return Err(format!("{} does not do {}", contestant.name, row.name));
    }
    let setting = Setting {
        procs: run.procs,
        bytes: row.bytes,
        budget: run.budget,
    };
    match contestant.runner {
        Runner::Here(work) => {
            let reading = work(row.work, setting)?;
            println!("{:.3} {}", reading.ns_per_op, reading.ops);
            Ok(())
        }
        Runner::Go => {
            let status = go::build()?.command(row.work, setting).status();
            match status {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(format!("the Go twin ended with {status}")),
                Err(error) => Err(format!("the Go twin does not start: {error}")),
            }
        }
    }
}

/// The whole comparison, printed.
fn compare(options: &Compare) -> Result<(), String> {
    let rows = rows::chosen(&options.filters, options.everything);
    if rows.is_empty() {
        return Err(format!(
            "no row matches {:?}; --list names them",
            options.filters
        ));
    }
    let twins = go::build();
    let mut contestants = chosen(&options.only)?;
    if twins.is_err() {
        contestants.retain(|contestant| !matches!(contestant.runner, Runner::Go));
    }
    let wanted = options.against.as_deref();
    let reference = contestants
        .iter()
        .position(|contestant| contestant.name == wanted.unwrap_or("gosched"))
        .or(if wanted.is_none() && !contestants.is_empty() {
            Some(0)
        } else {
            None
        })
        .ok_or("the contestant to compare against does not take part")?;

    let go = match &twins {
        Ok(twins) => twins.version.clone(),
        Err(reason) => format!("left out: {reason}"),
    };
    let mut facts = machine::facts(options.procs, &go);
    let table = rounds::compare(options, &rows, &contestants, twins.as_ref().ok());
    facts.push(("load after", machine::load()));
    facts.push((
        "method",
        format!(
            "{} interleaved rounds, {} ms each, a process for each measurement",
            options.rounds,
            options.time.as_millis()
        ),
    ));

    let report = report::Report {
        facts,
        rows: &rows,
        contestants: &contestants,
        table: &table,
        reference,
    };
    print!(
        "{}",
        if options.json {
            report.json()
        } else {
            report.markdown()
        }
    );
    Ok(())
}

fn chosen(only: &[String]) -> Result<Vec<Contestant>, String> {
    if only.is_empty() {
        return Ok(contestants::all());
    }
    if let Some(unknown) = only.iter().find(|name| contestants::named(name).is_none()) {
        return Err(format!("no such contestant: {unknown}"));
    }
    let mut all = contestants::all();
    all.retain(|contestant| only.iter().any(|name| name == contestant.name));
    Ok(all)
}

fn list() {
    println!("rows (* is a headline):");
    for row in rows::all() {
        println!("  {} {}", if row.headline { '*' } else { ' ' }, row.name);
    }
    println!("contestants:");
    for contestant in contestants::all() {
        println!("    {}", contestant.name);
    }
}
