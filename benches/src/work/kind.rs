//! The list of workloads, and how each is named to the Go twin.

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
    /// Two senders with a channel each, one task that selects over both. Per value.
    SelectTwo {
        /// Of both channels.
        capacity: usize,
    },
}

impl Work {
    /// Whether no channel takes part: such a workload compares runtimes, and runs once per runtime.
    pub fn is_scheduler(self) -> bool {
        matches!(
            self,
            Work::Spawn | Work::SpawnJoin | Work::Yield | Work::Skynet
        )
    }

    /// How many senders and receivers share a channel.
    pub fn ends(self) -> (usize, usize) {
        match self {
            Work::Stream {
                senders, receivers, ..
            } => (senders, receivers),
            _ => (1, 1),
        }
    }

    /// Whether its channels have no buffer.
    pub fn is_rendezvous(self) -> bool {
        match self {
            Work::PingPong { capacity }
            | Work::Stream { capacity, .. }
            | Work::SelectTwo { capacity } => capacity == 0,
            _ => false,
        }
    }

    /// The Go twin's flags for it.
    pub fn go_flags(self) -> Vec<String> {
        let (name, capacity) = match self {
            Work::Spawn => ("spawn", 0),
            Work::SpawnJoin => ("spawn-join", 0),
            Work::Yield => ("yield", 0),
            Work::Skynet => ("skynet", 0),
            Work::PingPong { capacity } => ("ping-pong", capacity),
            Work::Stream { capacity, .. } => ("stream", capacity),
            Work::SelectTwo { capacity } => ("select-two", capacity),
        };
        let (senders, receivers) = self.ends();
        vec![
            format!("-work={name}"),
            format!("-cap={capacity}"),
            format!("-senders={senders}"),
            format!("-receivers={receivers}"),
        ]
    }
}
