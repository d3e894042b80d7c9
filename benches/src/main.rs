//! Compares gosched with its peers and with Go: the same work, side by side, on this machine.
//!
//! The program starts itself again for every measurement (`gosched-bench run ROW CONTESTANT`), so one executable is both the
//! harness and everything measured in Rust. The Go twins are a second one, built from the folder `go`.
//!
//! How it fits together: [`rows`] × [`contestants`] is the plan; [`rounds`] carries it out; [`report`] prints it. A row's
//! [`work`] is generic over a runtime ([`rt`]) and a channel ([`chan`]) or a context ([`ctx`]). Where the contestant is a server, it has a process
//! of its own besides ([`service`]).

mod args;
mod chan;
mod contestants;
mod ctx;
mod go;
mod machine;
mod report;
mod rounds;
mod rows;
mod rt;
mod service;
mod work;

use std::process::ExitCode;

use args::{Command, Compare, Run};
use contestants::{Contestant, Runner, Runs};
use rows::Row;
use work::Setting;

fn main() -> ExitCode {
    let done = match args::parse(std::env::args().skip(1)) {
        Ok(Command::Compare(options)) => compare(&options),
        Ok(Command::Run(run)) => measure(&run),
        Ok(Command::Serve(run)) => serve(&run),
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

/// What the command line names, if the two go together.
fn found(run: &Run) -> Result<(Row, Contestant, Setting), String> {
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
    Ok((row, contestant, setting))
}

/// One measurement, here.
fn measure(run: &Run) -> Result<(), String> {
    let (row, contestant, setting) = found(run)?;
    let reading = match contestant.runner {
        _ if row.work.is_served() => {
            let server = match contestant.runner {
                Runner::Go => go::build()?.command(row.work, setting),
                Runner::Here(_) => {
                    let program = std::env::current_exe().map_err(|error| error.to_string())?;
                    let mut command = std::process::Command::new(program);
                    command
                        .args(["serve", &run.row, &run.contestant])
                        .args(["--procs", &run.procs.to_string()]);
                    command
                }
            };
            service::measure(row.work, setting, &service::Child::start(server)?)?
        }
        Runner::Here(runs) => (runs.measure)(row.work, setting)?,
        Runner::Go => {
            let status = go::build()?.command(row.work, setting).status();
            return match status {
                Ok(status) if status.success() => Ok(()),
                Ok(status) => Err(format!("the Go twin ended with {status}")),
                Err(error) => Err(format!("the Go twin does not start: {error}")),
            };
        }
    };
    println!("{}", reading.line());
    Ok(())
}

/// The server of a row, here, until its client has gone.
fn serve(run: &Run) -> Result<(), String> {
    let (row, contestant, setting) = found(run)?;
    match contestant.runner {
        Runner::Here(Runs {
            serve: Some(serve), ..
        }) => serve(row.work, setting),
        _ => Err(format!("{} has no server here", contestant.name)),
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
