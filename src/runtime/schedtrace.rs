//! `GODEBUG=schedtrace=…`: a line about the scheduler on stderr at regular times, with Go's fields.
//!
//! Called by the builder, which reads the variable, and by sysmon, which writes the lines.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::time::Duration;

use super::g::Phase;
use super::p::{Nanos, now};
use super::roll;
use super::sched::Sched;

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    every: Nanos,
    detail: bool,
}

impl Wish {
    /// What the variable's value asks for; keys that are Go's business are skipped.
    ///
    /// # Errors
    ///
    /// A complaint, when it makes no sense.
    pub(crate) fn parse(godebug: &str) -> Result<Option<Wish>, String> {
        let (mut every, mut detail) = (0, false);
        for setting in godebug.split(',') {
            let (key, value) = match setting.split_once('=') {
                Some((key, value)) => (key.trim(), value.trim()),
                None => (setting.trim(), ""),
            };
            match (key, value) {
                ("schedtrace", _) => {
                    let millis: u32 = value.parse().map_err(|_| {
                        format!("GODEBUG: schedtrace={value}: not a number of milliseconds")
                    })?;
                    every = Nanos::from(millis) * 1_000_000;
                }
                ("scheddetail", "0") => detail = false,
                ("scheddetail", "1") => detail = true,
                ("scheddetail", _) => {
                    return Err(format!("GODEBUG: scheddetail={value}: neither 0 nor 1"));
                }
                _ => {}
            }
        }
        Ok((every > 0).then_some(Wish { every, detail }))
    }
}

/// Writes the lines of one runtime when they are due.
pub(crate) struct Tracer {
    wish: Wish,
    start: Nanos,
    next: Nanos,
}

impl Tracer {
    pub(crate) fn new(wish: Wish) -> Tracer {
        let start = now();
        Tracer {
            wish,
            start,
            next: start + wish.every,
        }
    }

    /// How long there is until the next line.
    pub(crate) fn due_in(&self) -> Duration {
        Duration::from_nanos(self.next.saturating_sub(now()))
    }

    /// Writes a line if it is due.
    pub(crate) fn trace(&mut self, sched: &Sched) {
        let at = now();
        if at < self.next {
            return;
        }
        // Lines that were missed are not made up for.
        self.next = at + self.wish.every;
        let text = self.line(sched, at);
        // Nobody can be told that stderr is gone.
        let _ = io::stderr().write_all(text.as_bytes());
    }

    fn line(&self, sched: &Sched, at: Nanos) -> String {
        let figures = sched.figures();
        let ps: Vec<_> = sched.all_ps().take(figures.gomaxprocs).collect();
        let list = |numbers: Vec<String>| format!("[{}]", numbers.join(" "));
        let mut text = format!(
            "SCHED {}ms: gomaxprocs={} idleprocs={} threads={} spinningthreads={} needspinning={} idlethreads={} \
             runqueue={}",
            (at - self.start) / 1_000_000,
            figures.gomaxprocs,
            figures.idle_procs,
            // sysmon counts, as in Go.
            figures.threads + 1,
            figures.spinning,
            // Whoever has work to give away finds a thief itself: there is no such debt here.
            0,
            figures.idle_threads,
            sched.injector_len(),
        );
        let queued = ps.iter().map(|p| p.queued().to_string()).collect();
        let ticks = ps.iter().map(|p| p.tick().to_string()).collect();
        // Writing to a String does not fail, here and below.
        let _ = writeln!(text, " {} schedticks={}", list(queued), list(ticks));
        if self.wish.detail {
            self.details(sched, &mut text);
        }
        text
    }

    fn details(&self, sched: &Sched, text: &mut String) {
        let roll = roll::call();
        let or_nil = |n: Option<u64>| n.map_or("nil".to_owned(), |n| n.to_string());
        let owners = sched.owners();
        for (p, m) in sched.all_ps().zip(&owners) {
            let _ = writeln!(
                text,
                "  P{}: status={} schedtick={} m={} runqsize={} timers={}",
                p.id,
                u8::from(m.is_some()),
                p.tick(),
                or_nil(*m),
                p.queued(),
                u8::from(p.timers.next() != super::p::NEVER),
            );
        }
        for (m, blocked) in sched.threads_asleep() {
            let p = owners.iter().position(|&owner| owner == Some(m));
            let g = roll.iter().find(|e| e.is_of(sched) && e.m == Some(m));
            let _ = writeln!(
                text,
                "  M{m}: p={} curg={} blocked={blocked}",
                or_nil(p.map(|p| p as u64)),
                or_nil(g.map(|g| g.id)),
            );
        }
        for g in roll.iter().filter(|g| g.is_of(sched)) {
            let info = crate::debug::info_of(g);
            // Go's numbers of these states.
            let status = match (g.phase, info.state()) {
                (Phase::Runnable, _) => 1,
                (_, crate::debug::GoroutineState::Running) => 2,
                (_, crate::debug::GoroutineState::Syscall) => 3,
                _ => 4,
            };
            let reason = info.wait_reason().unwrap_or("");
            let m = or_nil(g.m);
            let _ = writeln!(text, "  G{}: status={status}({reason}) m={m}", g.id);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::Wish;

    #[test]
    fn only_the_two_keys_are_read_and_mistakes_are_named() {
        let wish = |every, detail| Ok(Some(Wish { every, detail }));
        assert_eq!(Wish::parse(""), Ok(None));
        assert_eq!(Wish::parse("gctrace=1,madvdontneed=x"), Ok(None));
        assert_eq!(Wish::parse("schedtrace=0"), Ok(None));
        assert_eq!(Wish::parse("scheddetail=1"), Ok(None));
        assert_eq!(Wish::parse("schedtrace=5"), wish(5_000_000, false));
        assert_eq!(
            Wish::parse("gctrace=1, schedtrace=7 ,scheddetail=1"),
            wish(7_000_000, true)
        );
        for (bad, named) in [
            ("schedtrace=abc", "schedtrace=abc"),
            ("schedtrace", "schedtrace="),
            ("schedtrace=-1", "schedtrace=-1"),
            ("schedtrace=1,scheddetail=yes", "scheddetail=yes"),
        ] {
            let complaint = Wish::parse(bad).unwrap_err();
            assert!(complaint.contains(named), "{complaint}");
        }
    }
}
