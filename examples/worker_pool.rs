//! Hashes every file below a directory with a pool of workers, and says who did how much.
//!
//!     cargo run --release --example worker_pool -- [DIRECTORY] [WORKERS]
//!
//! The directory is the current one if none is given, the workers are two per P. Everything below is read, hidden and
//! built files too; symbolic links are not followed. A file that cannot be read is reported and counted, the rest goes
//! on. Ctrl-C cancels and still prints what was done.
//!
//! One goroutine walks the directory, the workers of a pool receive paths from it over an unbuffered channel, and the
//! events of both are merged for `main`, the only one that counts. No lock, no shared state.

use std::collections::HashSet;
use std::fs::{self, File};
use std::future;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use gosched::chan::Sender;
use gosched::{Context, chan, go, patterns, runtime};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

type Hash = [u8; 32];

/// What `main` hears from the walker and the workers.
enum Event {
    Found,
    Hashed {
        worker: usize,
        bytes: u64,
        hash: Hash,
        took: Duration,
    },
    Unreadable(PathBuf, io::Error),
    /// The Context ended in the middle of a file.
    CutShort,
}

#[gosched::main]
async fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let root = args
        .next()
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    let workers = match args.next() {
        None => 2 * runtime::gomaxprocs(0),
        Some(arg) => match arg.to_str().and_then(|arg| arg.parse().ok()) {
            Some(workers) if workers > 0 => workers,
            _ => return usage("WORKERS is a number from 1"),
        },
    };
    if let Err(error) = fs::read_dir(&root) {
        return usage(&format!("{}: {error}", root.display()));
    }

    println!(
        "hashing every file below {} with {workers} workers",
        root.display()
    );
    let began = Instant::now();

    let (ctx, cancel) = Context::background().with_cancel();
    go!({
        if tokio::signal::ctrl_c().await.is_ok() {
            cancel.cancel();
        }
    });

    let (events, walk_events) = chan(64);
    let (found, paths) = chan(0);
    go!(clone(ctx) {
        // Reading directories blocks. In here it holds up nobody: the P is somebody else's as long as it takes.
        runtime::block_in_place(|| walk(root, &ctx, &found, &events));
    });
    // A cancelled pool takes no more paths, and then the walker's send fails.
    let hashed = patterns::worker_pool_with(&ctx, workers, paths, |worker| {
        let (ctx, mut buffer) = (ctx.clone(), vec![0; 256 * 1024]);
        move |path| {
            let event = runtime::block_in_place(|| work(worker, path, &ctx, &mut buffer));
            future::ready(event)
        }
    });
    // Not with `ctx`: what was done when it ended is to be counted.
    let inbox = patterns::merge(&Context::background(), [walk_events.into(), hashed]);

    let bar = ProgressBar::new(0); // draws on stderr, and only on a terminal
    bar.set_style(ProgressStyle::with_template("{bar:40} {pos}/{len} files {msg}").expect("valid"));
    let mut sum = Sum::new(workers);
    while let Some(event) = inbox.recv().await {
        match event {
            Event::Found => bar.inc_length(1),
            Event::Hashed { .. } => bar.inc(1),
            Event::Unreadable(ref path, ref error) => {
                bar.suspend(|| eprintln!("worker_pool: {}: {error}", path.display()));
                bar.inc(1);
            }
            Event::CutShort => {}
        }
        sum.add(event);
        bar.set_message(HumanBytes(sum.total.bytes).to_string());
    }
    bar.finish_and_clear();
    sum.print(began.elapsed());

    match ctx.err() {
        // As a shell reports a program that Ctrl-C ended.
        Some(error) => {
            eprintln!("worker_pool: not everything was hashed: {error}");
            ExitCode::from(130)
        }
        None => ExitCode::SUCCESS,
    }
}

/// Finds files and hands each to a worker; on an error it reports the directory and goes on.
fn walk(root: PathBuf, ctx: &Context, found: &Sender<PathBuf>, events: &Sender<Event>) {
    let mut directories = vec![root];
    while let Some(directory) = directories.pop() {
        let entries = match fs::read_dir(&directory) {
            Ok(entries) => entries,
            Err(error) => {
                let _ = events.send_blocking(Event::Found);
                let _ = events.send_blocking(Event::Unreadable(directory, error));
                continue;
            }
        };
        // The type is the entry's own: a link to a directory is a link, and is left alone.
        for entry in entries.flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => directories.push(entry.path()),
                Ok(kind) if kind.is_file() => {
                    let _ = events.send_blocking(Event::Found);
                    if ctx.err().is_some() || found.send_blocking(entry.path()).is_err() {
                        return;
                    }
                }
                _ => {}
            }
        }
    }
}

fn work(worker: usize, path: PathBuf, ctx: &Context, buffer: &mut [u8]) -> Event {
    let began = Instant::now();
    match hash(&path, ctx, buffer) {
        Ok(Some((bytes, hash))) => Event::Hashed {
            worker,
            bytes,
            hash,
            took: began.elapsed(),
        },
        Ok(None) => Event::CutShort,
        Err(error) => Event::Unreadable(path, error),
    }
}

/// The length and the hash of a file, or `None` if the Context ended before the file did.
fn hash(path: &Path, ctx: &Context, buffer: &mut [u8]) -> io::Result<Option<(u64, Hash)>> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    while ctx.err().is_none() {
        match file.read(buffer)? {
            0 => return Ok(Some((bytes, hasher.finalize().into()))),
            read => {
                hasher.update(&buffer[..read]);
                bytes += read as u64;
            }
        }
    }
    Ok(None)
}

#[derive(Clone, Default)]
struct Line {
    files: u64,
    bytes: u64,
    busy: Duration,
}

struct Sum {
    total: Line,
    workers: Vec<Line>,
    unreadable: u64,
    distinct: HashSet<Hash>,
}

impl Sum {
    fn new(workers: usize) -> Sum {
        Sum {
            total: Line::default(),
            workers: vec![Line::default(); workers],
            unreadable: 0,
            distinct: HashSet::new(),
        }
    }

    fn add(&mut self, event: Event) {
        match event {
            Event::Found | Event::CutShort => {}
            Event::Hashed {
                worker,
                bytes,
                hash,
                took,
            } => {
                for line in [&mut self.workers[worker], &mut self.total] {
                    line.files += 1;
                    line.bytes += bytes;
                    line.busy += took;
                }
                self.distinct.insert(hash);
            }
            Event::Unreadable(..) => self.unreadable += 1,
        }
    }

    fn print(&self, elapsed: Duration) {
        println!(
            "{:<8} {:>9} {:>12} {:>14}",
            "worker", "files", "bytes", "rate"
        );
        for (worker, line) in self.workers.iter().enumerate() {
            print_line(&worker.to_string(), line, line.busy);
        }
        print_line("all", &self.total, elapsed);
        println!(
            "{} different contents, {} unreadable, {elapsed:.2?}",
            self.distinct.len(),
            self.unreadable
        );
    }
}

fn print_line(name: &str, line: &Line, time: Duration) {
    let rate = line.bytes as f64 / time.as_secs_f64().max(1e-9);
    println!(
        "{name:<8} {:>9} {:>12} {:>12}/s",
        line.files,
        HumanBytes(line.bytes).to_string(),
        HumanBytes(rate as u64).to_string()
    );
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("worker_pool: {problem}\nusage: worker_pool [DIRECTORY] [WORKERS]");
    ExitCode::from(2)
}
