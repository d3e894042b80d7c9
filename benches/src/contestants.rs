//! Who takes part: each channel on the runtime it is usually used with and on gosched's, each runtime by itself, and Go.
//!
//! A name alone stands for the usual pair (`tokio` is tokio's `mpsc` on tokio); `kanal@tokio` is a channel on a runtime.

use crate::chan;
use crate::ctx;
use crate::rt::Rt;
use crate::service;
use crate::work::{self, Contexts, Reading, Setting, Work};

/// One who is measured.
#[derive(Clone, Copy)]
pub struct Contestant {
    /// As it is chosen and printed.
    pub name: &'static str,
    /// How it is run.
    pub runner: Runner,
    /// Whether it stands for its runtime in the rows without channels.
    pub native: bool,
    /// Set where it is gosched done in another way.
    pub variant: Option<Variant>,
    /// Whether it has a fan-in.
    pub merges: bool,
    /// Whether its channel has a capacity of zero.
    pub rendezvous: bool,
    /// Whether its channel can have several receivers.
    pub many_receivers: bool,
    /// Whether it has a web server.
    pub web: bool,
    /// Whether it has contexts, and whether those have time limits.
    pub contexts: Option<bool>,
}

/// Measures, in this process.
type Measures = fn(Work, Setting) -> Result<Reading, String>;
/// Serves, in this process, until the client has gone.
type Serves = fn(Work, Setting) -> Result<(), String>;

/// What a contestant in this program can do.
#[derive(Clone, Copy)]
pub struct Runs {
    /// Everything but services.
    pub measure: Measures,
    /// Services, for those that stand for a runtime.
    pub serve: Option<Serves>,
}

/// gosched done in another way, which takes part only where that is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Its taking away of Ps is switched off, which shows what that costs.
    WithoutRetake,
    /// Its fan-in is one goroutine that selects.
    OverRecvAny,
}

/// Where the code of a contestant is.
#[derive(Clone, Copy)]
pub enum Runner {
    /// In this program.
    Here(Runs),
    /// In the Go twin.
    Go,
}

impl Contestant {
    /// Whether it can do `work`.
    pub fn takes(&self, work: Work) -> bool {
        let ends = self.many_receivers || work.ends().1 == 1;
        if let Some(variant) = self.variant {
            return match variant {
                Variant::WithoutRetake => matches!(work, Work::Saturated { .. }),
                Variant::OverRecvAny => matches!(work, Work::Merge { .. }),
            };
        }
        match work {
            Work::Merge { .. } => self.merges,
            Work::Http { .. } => self.web,
            Work::Contexts(Contexts::Timeout) => self.contexts == Some(true),
            // Nothing is registered with a channel of Go's before a goroutine parks.
            Work::Contexts(Contexts::Wait) if matches!(self.runner, Runner::Go) => false,
            Work::Contexts(_) => self.contexts.is_some(),
            _ if work.is_channels() => ends,
            _ => self.native && ends,
        }
    }

    /// Whether it does `work` with a buffer of one because it has no channel without.
    pub fn makes_do_with_one(&self, work: Work) -> bool {
        work.is_rendezvous() && !self.rendezvous
    }

    const fn here(name: &'static str, measure: Measures) -> Self {
        Contestant {
            name,
            runner: Runner::Here(Runs {
                measure,
                serve: None,
            }),
            native: false,
            variant: None,
            merges: false,
            rendezvous: true,
            many_receivers: true,
            web: false,
            contexts: None,
        }
    }

    /// `measure` that also knows contexts.
    const fn with_contexts<R: Rt, C: chan::Chan, X: ctx::Ctx>(name: &'static str) -> Self {
        let mut this = Self::here(name, either_or_contexts::<R, C, X>);
        this.contexts = Some(X::TIMED);
        this
    }

    const fn native(mut self, serve: Serves) -> Self {
        self.native = true;
        if let Runner::Here(runs) = &mut self.runner {
            runs.serve = Some(serve);
        }
        self
    }

    const fn variant(mut self, variant: Variant) -> Self {
        self.variant = Some(variant);
        self
    }

    const fn merging(mut self) -> Self {
        self.merges = true;
        self
    }

    const fn web(mut self) -> Self {
        self.web = true;
        self
    }

    const fn buffered_only(mut self) -> Self {
        self.rendezvous = false;
        self
    }

    const fn single_receiver(mut self) -> Self {
        self.many_receivers = false;
        self
    }
}

/// All of them, in the order of the report.
pub fn all() -> Vec<Contestant> {
    use crate::chan::{AsyncChannel, Flume, Kanal};
    use crate::rt::{Gosched, GoschedWithoutRetake, Smol, Tokio};

    vec![
        Contestant::with_contexts::<Gosched, chan::Gosched, ctx::Gosched>("gosched")
            .native(echo_and_web::<Gosched>)
            .web()
            .merging(),
        Contestant::here(
            "gosched-without-retake",
            either::<GoschedWithoutRetake, chan::Gosched>,
        )
        .variant(Variant::WithoutRetake),
        Contestant::here("gosched-over-recv-any", work::run_merge_over_recv_any)
            .variant(Variant::OverRecvAny),
        Contestant::here("gosched@tokio", either::<Tokio, chan::Gosched>),
        Contestant::with_contexts::<Tokio, chan::Tokio, ctx::Tokio>("tokio")
            .native(echo_and_web::<Tokio>)
            .web()
            .buffered_only()
            .single_receiver(),
        Contestant::here("tokio@gosched", either::<Gosched, chan::Tokio>)
            .buffered_only()
            .single_receiver(),
        Contestant::here("smol", either::<Smol, AsyncChannel>)
            .native(echo::<Smol>)
            .buffered_only(),
        Contestant::here("async-channel@tokio", either::<Tokio, AsyncChannel>).buffered_only(),
        Contestant::here("async-channel@gosched", either::<Gosched, AsyncChannel>).buffered_only(),
        Contestant::here("flume@tokio", either::<Tokio, Flume>),
        Contestant::here("flume@gosched", either::<Gosched, Flume>),
        Contestant::here("kanal@tokio", either::<Tokio, Kanal>),
        Contestant::here("kanal@gosched", either::<Gosched, Kanal>),
        Contestant::here("crossfire@tokio", crossfire::<Tokio>).buffered_only(),
        Contestant::here("crossfire@gosched", crossfire::<Gosched>).buffered_only(),
        Contestant {
            name: "go",
            runner: Runner::Go,
            native: true,
            variant: None,
            merges: true,
            rendezvous: true,
            many_receivers: true,
            web: true,
            contexts: Some(true),
        },
    ]
}

/// The one of that name.
pub fn named(name: &str) -> Option<Contestant> {
    all().into_iter().find(|contestant| contestant.name == name)
}

fn either<R: Rt, C: chan::Chan>(work: Work, setting: Setting) -> Result<Reading, String> {
    if work.is_channels() || matches!(work, Work::Parked { .. }) {
        work::run_channels::<R, C>(work, setting)
    } else {
        work::run_scheduler::<R>(work, setting)
    }
}

fn either_or_contexts<R: Rt, C: chan::Chan, X: ctx::Ctx>(
    work: Work,
    setting: Setting,
) -> Result<Reading, String> {
    match work {
        Work::Contexts(contexts) => work::run_contexts::<R, X>(contexts, setting),
        Work::Merge { .. } => work::run_merge(work, setting),
        other => either::<R, C>(other, setting),
    }
}

/// crossfire, by the narrowest of its families that the workload fits.
fn crossfire<R: Rt>(work: Work, setting: Setting) -> Result<Reading, String> {
    match work.ends() {
        (1, 1) => work::run_channels::<R, chan::CrossfireSpsc>(work, setting),
        (_, 1) => work::run_channels::<R, chan::CrossfireMpsc>(work, setting),
        _ => work::run_channels::<R, chan::CrossfireMpmc>(work, setting),
    }
}

fn echo<R: Rt>(work: Work, setting: Setting) -> Result<(), String> {
    match work {
        Work::EchoUnderLoad => service::serve_echo::<R>(setting),
        other => Err(format!("no server for {other:?}")),
    }
}

#[cfg(feature = "http")]
fn echo_and_web<R: service::Web>(work: Work, setting: Setting) -> Result<(), String> {
    match work {
        Work::Http { .. } => service::serve_http::<R>(setting),
        other => echo::<R>(other, setting),
    }
}

#[cfg(not(feature = "http"))]
use echo as echo_and_web;
