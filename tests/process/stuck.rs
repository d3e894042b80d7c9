//! The case of the guide's chapter "Debugging a stuck service": what the chapter shows is what the program writes.
//!
//! A block of the chapter that follows `<!-- captured: NAME -->` was copied from a run. Each of its lines must be
//! among those of the output of that name, but for numbers that differ from run to run; lines and columns of the
//! program do not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use super::{Case, PATIENCE};

#[path = "../../examples/stuck_service.rs"]
mod stuck_service;

const CHAPTER: &str = include_str!("../../docs/debugging.md");
const PROGRAM: &str = include_str!("../../examples/stuck_service.rs");

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "a_stuck_service_shows_what_the_chapter_shows",
        program,
        check: |case| {
            let mut command = case.command();
            command
                .arg("127.0.0.1:0")
                .env("GOMAXPROCS", "1")
                .env("GODEBUG", "schedtrace=100");
            let mut kept = Kept(command.spawn().unwrap());
            let child = &mut kept.0;
            let mut stdout = BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            let address = line.strip_prefix("listening on ").unwrap().trim();

            let mut first = Client::to(address);
            first.asks("thumbnail cat");
            assert_eq!(first.line(), "thumbnail of cat");
            first.asks("thumbnail an-unusually-long-name");
            assert_eq!(first.line(), "thumbnail of an-unusually-long-name");
            let _hung = ["dog", "owl", "bee"].map(|name| {
                let mut client = Client::to(address);
                client.asks(&format!("thumbnail {name}"));
                client
            });
            let start = Instant::now();
            let dump = loop {
                assert!(start.elapsed() < PATIENCE, "the requests do not hang");
                thread::sleep(Duration::from_millis(20));
                let mut observer = Client::to(address);
                observer.asks("goroutines");
                let dump = observer.all();
                if dump.matches("[chan send").count() == 2 && dump.contains("[running, ") {
                    break dump;
                }
            };
            // One stuck goroutine runs beside the one that asks, and its P went on with another thread. On a busy
            // machine another poll may have been retaken as well, or be under way when asked.
            let metrics = loop {
                let mut observer = Client::to(address);
                observer.asks("metrics");
                let metrics = observer.all();
                assert!(!metrics.contains(" retakes=0 "), "{metrics}");
                if metrics.contains(" running=2 runnable=0 ") {
                    break metrics;
                }
                assert!(start.elapsed() < PATIENCE, "{metrics}");
            };

            let mut stderr = BufReader::new(child.stderr.take().unwrap());
            let mut written = String::new();
            // With nothing to run, the scheduler says so at its next line.
            while !written.contains(" idleprocs=1 ") {
                assert_ne!(stderr.read_line(&mut written).unwrap(), 0, "{written}");
            }
            let pid = libc::pid_t::try_from(child.id()).unwrap();
            // SAFETY: a signal to a child that has not been waited for.
            assert_eq!(unsafe { libc::kill(pid, libc::SIGQUIT) }, 0);
            stderr.read_to_string(&mut written).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(2), "{written}");
            compare("program", PROGRAM);
            compare("metrics", &metrics);
            compare("dump", &dump);
            compare("stderr", &written);
        },
    },
    #[cfg(target_os = "linux")]
    Case {
        name: "a_stuck_service_without_a_network_is_reported_as_the_chapter_shows",
        program,
        check: |case| {
            let mut kept = Kept(case.command().arg("reproduce").spawn().unwrap());
            let child = &mut kept.0;
            let mut stderr = BufReader::new(child.stderr.take().unwrap());
            let mut report = String::new();
            // The report is written at once, and repeated to the subscriber.
            while !report.contains("ERROR gosched") {
                assert_ne!(stderr.read_line(&mut report).unwrap(), 0, "{report}");
            }
            compare("report", &report);
        },
    },
];

/// Ended with the case, also when that fails.
struct Kept(Child);

impl Drop for Kept {
    fn drop(&mut self) {
        // An error says that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Client(BufReader<TcpStream>);

impl Client {
    fn to(address: &str) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Client(BufReader::new(stream))
    }

    fn asks(&mut self, what: &str) {
        writeln!(self.0.get_mut(), "{what}").unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Asks for nothing more, and reads to the end.
    fn all(mut self) -> String {
        self.0
            .get_ref()
            .shutdown(std::net::Shutdown::Write)
            .unwrap();
        let mut text = String::new();
        self.0.read_to_string(&mut text).unwrap();
        text
    }
}

/// Finds every line of the chapter's blocks of that name in the output.
#[track_caller]
fn compare(name: &str, output: &str) {
    let written: Vec<String> = output.lines().map(without_chance).collect();
    let mark = format!("<!-- captured: {name} -->");
    let mut compared = 0;
    for block in CHAPTER.split(&mark).skip(1) {
        let mut lines = block.lines().skip_while(|line| !line.starts_with("```"));
        lines.next();
        for line in lines.take_while(|line| !line.starts_with("```")) {
            let line = without_chance(line);
            assert!(
                line.is_empty() || line == "…" || written.contains(&line),
                "the chapter shows\n{line}\nand the program wrote\n{output}"
            );
            compared += 1;
        }
    }
    assert!(compared > 0, "nothing is captured as {name}");
}

/// A line without how long something took, how large it is and which number it has, and with the path that the
/// program has as an example.
fn without_chance(line: &str) -> String {
    let line = line.trim().replace("tests/process/../../", "");
    let line = match (line.find(" ["), line.find("]:")) {
        (Some(from), Some(to)) => {
            let reason = line[from..to].split(',').next().unwrap_or_default();
            format!("{}{reason}{}", &line[..from], &line[to..])
        }
        _ => line,
    };
    let mut told = String::new();
    let mut rest = line.as_str();
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, number) = rest.split_at(at);
        told.push_str(before);
        let is_part = |c: char| c.is_ascii_digit() || c == '.';
        let end = number.find(|c| !is_part(c)).unwrap_or(number.len());
        if told.ends_with(".rs:")
            || told
                .rsplit_once(".rs:")
                .is_some_and(|(_, l)| l.ends_with(':'))
        {
            told.push_str(&number[..end]);
            rest = &number[end..];
        } else {
            told.push('#');
            rest = number[end..].trim_start_matches(['n', 'µ', 'm', 's']);
        }
    }
    told + rest
}

fn program() {
    stuck_service::main();
}
