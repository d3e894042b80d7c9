//! The list of workloads: what each measures, what it needs, and how it is named to the Go twin.

use std::time::Duration;

use super::context::Contexts;
use super::figure::{Figure, PER_OPERATION};

/// One workload with its sizes. Capacities are in values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Batches of 1,000 detached tasks, waited for with a counter. Per task.
    Spawn,
    /// Spawn one task, join it, again. Per task.
    SpawnJoin,
    /// Eight tasks that do nothing but yield. Per yield.
    Yield,
    /// A tree of tasks, ten children each, a million leaves; each joins its children. Per leaf.
    Skynet,
    /// A thread outside the runtime wakes a task, which unparks the thread. Per round trip.
    Wake,
    /// Tasks that all sleep at once, each for another time between half a second and a second.
    Timers {
        /// How many.
        tasks: usize,
    },
    /// A ticker of one millisecond beside tasks that compute 200 ms without a pause, two for each worker.
    TickerUnderHogs,
    /// Tasks that compute, four for each worker, and one that wants to be woken each millisecond.
    Saturated {
        /// How long each computes between two yields.
        poll: Duration,
    },
    /// Tasks that wait in a receive: what each takes of the process's memory.
    Parked {
        /// How many.
        tasks: usize,
        /// All in the same channel; each in its own, else.
        one_channel: bool,
    },
    /// A byte each millisecond from another process, sent back by a task beside others that compute and yield.
    EchoUnderLoad,
    /// A web service that says hello, asked over 64 connections by another process.
    #[cfg_attr(not(feature = "http"), allow(dead_code))]
    Http {
        /// One request in a thousand blocks its thread for 100 ms.
        blocking: bool,
    },
    /// Contexts, in a task of their own.
    Contexts(Contexts),
    /// Two tasks, two channels, one value in flight. Per round trip.
    PingPong {
        /// Of both channels.
        capacity: usize,
    },
    /// Values through one channel until it is closed and drained. Per value.
    Stream {
        /// Sending tasks.
        senders: usize,
        /// Receiving tasks.
        receivers: usize,
        /// Of the channel.
        capacity: usize,
    },
    /// Senders with a channel each, one task that selects over all. Per value.
    Select {
        /// Channels: 2, 4 or 16.
        channels: usize,
        /// Of each channel.
        capacity: usize,
    },
    /// A sender, and a task that selects over its channel and a cancellation that does not come. Per value.
    SelectDone {
        /// Of the channel.
        capacity: usize,
    },
    /// A sender, and a task that selects over its channel and a new timer each time. Per value.
    SelectTimer {
        /// Of the channel.
        capacity: usize,
    },
    /// Senders with an unbuffered channel each, whose values come out of one. Per value.
    Merge {
        /// Channels.
        inputs: usize,
    },
    /// The numbers up to 2,000 through a chain of tasks, one for each prime. Per value handed on.
    Sieve {
        /// Of each channel.
        capacity: usize,
    },
}

const TIMERS: [Figure; 3] = [
    Figure::cost("CPU", "ns/sleep"),
    Figure::cost("late p99", "µs"),
    Figure::cost("wall", "ms"),
];
const TICKER: [Figure; 5] = [
    Figure::cost("late p50", "µs"),
    Figure::cost("p99", "µs"),
    Figure::cost("max", "µs"),
    Figure::cost("missed", "%"),
    Figure::cost("hogs' wall", "ms"),
];
const SATURATED: [Figure; 3] = [
    Figure::gain("computed", "M steps/s"),
    Figure::cost("CPU", "ns/1,000 steps"),
    Figure::cost("another's wait p99", "µs"),
];
const PARKED: [Figure; 1] = [Figure::cost("", "bytes/task")];
const ECHO: [Figure; 2] = [Figure::cost("p50", "µs"), Figure::cost("p99", "µs")];
const HTTP: [Figure; 3] = [
    Figure::gain("", "answers/s"),
    Figure::cost("p50", "µs"),
    Figure::cost("p99", "µs"),
];

const TREE: [Figure; 4] = [
    Figure::cost("make", "ns/context"),
    Figure::cost("cancel", "ns/context"),
    Figure::cost("let go", "ns/context"),
    Figure::cost("memory", "bytes/context"),
];

impl Work {
    /// Whether it compares channels. Other work compares runtimes, and runs once per runtime.
    pub fn is_channels(self) -> bool {
        matches!(
            self,
            Work::PingPong { .. }
                | Work::Stream { .. }
                | Work::Select { .. }
                | Work::SelectDone { .. }
                | Work::SelectTimer { .. }
                | Work::Sieve { .. }
        )
    }

    /// Whether the contestant is a server in a process of its own, and the measuring process its client.
    pub fn is_served(self) -> bool {
        matches!(self, Work::EchoUnderLoad | Work::Http { .. })
    }

    /// How many senders and receivers share a channel.
    pub fn ends(self) -> (usize, usize) {
        match self {
            Work::Stream {
                senders, receivers, ..
            } => (senders, receivers),
            Work::Parked {
                tasks,
                one_channel: true,
            } => (1, tasks),
            _ => (1, 1),
        }
    }

    /// Whether its channels have no buffer.
    pub fn is_rendezvous(self) -> bool {
        match self {
            Work::PingPong { capacity }
            | Work::Stream { capacity, .. }
            | Work::Select { capacity, .. }
            | Work::SelectDone { capacity }
            | Work::SelectTimer { capacity }
            | Work::Sieve { capacity } => capacity == 0,
            _ => false,
        }
    }

    /// What its numbers are.
    pub fn figures(self) -> &'static [Figure] {
        match self {
            Work::Timers { .. } => &TIMERS,
            Work::TickerUnderHogs => &TICKER,
            Work::Saturated { .. } => &SATURATED,
            Work::Parked { .. } => &PARKED,
            Work::EchoUnderLoad => &ECHO,
            Work::Http { .. } => &HTTP,
            Work::Contexts(Contexts::Tree { .. }) => &TREE,
            _ => &[PER_OPERATION],
        }
    }

    /// The Go twin's flags for it.
    pub fn go_flags(self) -> Vec<String> {
        let (name, capacity, count) = match self {
            Work::Spawn => ("spawn", 0, 0),
            Work::SpawnJoin => ("spawn-join", 0, 0),
            Work::Yield => ("yield", 0, 0),
            Work::Skynet => ("skynet", 0, 0),
            Work::Wake => ("wake", 0, 0),
            Work::Timers { tasks } => ("timers", 0, tasks),
            Work::TickerUnderHogs => ("ticker-under-hogs", 0, 0),
            Work::Saturated { poll } => ("saturated", 0, poll.as_millis() as usize),
            Work::Parked {
                tasks,
                one_channel: false,
            } => ("parked", 1, tasks),
            Work::Parked {
                tasks,
                one_channel: true,
            } => ("parked-in-one", 1, tasks),
            Work::EchoUnderLoad => ("echo", 0, 0),
            Work::Http { .. } => ("http", 0, 0),
            Work::Contexts(contexts) => match contexts {
                Contexts::Tree { fan_out } => ("ctx-tree", 0, fan_out),
                Contexts::Child => ("ctx-child", 0, 0),
                Contexts::Timeout => ("ctx-timeout", 0, 0),
                Contexts::Err => ("ctx-err", 0, 0),
                Contexts::Poll => ("ctx-poll", 0, 0),
                Contexts::Wait => ("ctx-wait", 0, 0),
            },
            Work::PingPong { capacity } => ("ping-pong", capacity, 0),
            Work::Stream { capacity, .. } => ("stream", capacity, 0),
            Work::Select { channels, capacity } => ("select", capacity, channels),
            Work::SelectDone { capacity } => ("select-done", capacity, 0),
            Work::SelectTimer { capacity } => ("select-timer", capacity, 0),
            Work::Merge { inputs } => ("merge", 0, inputs),
            Work::Sieve { capacity } => ("sieve", capacity, 0),
        };
        let (senders, receivers) = self.ends();
        vec![
            format!("-work={name}"),
            format!("-cap={capacity}"),
            format!("-count={count}"),
            format!("-senders={senders}"),
            format!("-receivers={receivers}"),
        ]
    }
}
