//! What channels and selects must do, written as plainly as possible: one thread, no sharing, values
//! that are numbers.
//!
//! The rules are Go's, with those for dropped futures: a value that had been handed to a receive which
//! is then dropped goes to the next receiver, ahead of all later ones; a send that is dropped has
//! happened, or is undone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// An arm of a select, or the whole of a plain operation.
#[derive(Clone, Copy, Debug)]
pub enum Arm {
    Recv {
        chan: usize,
    },
    /// With `from`, out of a slot, where an unsent value is found again.
    Send {
        chan: usize,
        value: usize,
        from: bool,
    },
    /// A future that knows nothing of channels.
    Gate,
    /// A receive from the nil channel.
    Nil,
}

/// What an arm yields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Got {
    Received(Option<usize>),
    Sent,
    Unsent(usize),
    Opened,
    /// No arm was ready, and there is a default.
    Default,
}

/// The number of the arm that was not one.
pub const DEFAULT: usize = usize::MAX;

#[derive(Clone, Copy, Debug)]
enum Stage {
    New,
    Parked,
    /// A counterpart has completed this arm; a received value stood at `seq` when it left.
    Served {
        arm: usize,
        got: Got,
        seq: u64,
    },
}

#[derive(Debug)]
struct Op {
    arms: Vec<Arm>,
    /// The first ready arm is taken, not any.
    ordered: bool,
    default: bool,
    gate_open: bool,
    stage: Stage,
    waker: usize,
}

#[derive(Debug, Default)]
struct Chan {
    capacity: usize,
    closed: bool,
    ring: VecDeque<usize>,
    returned: Vec<(u64, usize)>,
    next_seq: u64,
    /// Operations with the arm that waits, first come first.
    recvq: VecDeque<(usize, usize)>,
    sendq: VecDeque<(usize, usize)>,
    senders: usize,
    receivers: usize,
}

impl Chan {
    fn count(&self) -> usize {
        self.ring.len() + self.returned.len()
    }
    fn next_seq(&mut self) -> u64 {
        self.next_seq += 1;
        self.next_seq
    }
}

/// How an operation ended that may not wait.
#[derive(Debug, PartialEq, Eq)]
pub enum Tried {
    Done(Got),
    Blocked,
}

#[derive(Default)]
pub struct Model {
    chans: Vec<Chan>,
    ops: BTreeMap<usize, Op>,
    /// Whom the last step must have woken, in this order: an operation, and its waker's number.
    pub wakes: Vec<(usize, usize)>,
}

impl Model {
    pub fn make(&mut self, capacity: usize) {
        self.chans.push(Chan {
            capacity,
            senders: 1,
            receivers: 1,
            ..Chan::default()
        });
    }

    // What can be asked of a channel.

    pub fn len(&self, chan: usize) -> usize {
        self.chans[chan].count().min(self.chans[chan].capacity)
    }
    pub fn is_closed(&self, chan: usize) -> bool {
        self.chans[chan].closed
    }
    pub fn senders(&self, chan: usize) -> usize {
        self.chans[chan].senders
    }
    pub fn receivers(&self, chan: usize) -> usize {
        self.chans[chan].receivers
    }

    /// The values that exist somewhere.
    pub fn alive(&self) -> BTreeSet<usize> {
        let mut alive = BTreeSet::new();
        for chan in &self.chans {
            alive.extend(&chan.ring);
            alive.extend(chan.returned.iter().map(|(_, value)| value));
        }
        for op in self.ops.values() {
            alive.extend(op.unsent(|_| true));
            if let Stage::Served {
                got: Got::Received(Some(value)),
                ..
            } = op.stage
            {
                alive.insert(value);
            }
        }
        alive
    }

    // Handles.

    pub fn clone_sender(&mut self, chan: usize) {
        self.chans[chan].senders += 1;
    }
    pub fn clone_receiver(&mut self, chan: usize) {
        self.chans[chan].receivers += 1;
    }
    pub fn upgrade(&mut self, chan: usize) -> bool {
        let open = self.chans[chan].senders > 0;
        self.chans[chan].senders += usize::from(open);
        open
    }
    pub fn drop_sender(&mut self, chan: usize) {
        self.chans[chan].senders -= 1;
        if self.chans[chan].senders == 0 {
            self.close(chan);
        }
    }
    pub fn drop_receiver(&mut self, chan: usize) {
        self.chans[chan].receivers -= 1;
        if self.chans[chan].receivers == 0 {
            self.chans[chan].ring.clear();
            self.chans[chan].returned.clear();
            self.close(chan);
        }
    }

    pub fn close(&mut self, chan: usize) -> bool {
        if std::mem::replace(&mut self.chans[chan].closed, true) {
            return false;
        }
        while let Some(&(op, arm)) = self.chans[chan].recvq.front() {
            self.serve(op, arm, Got::Received(None), 0);
        }
        while let Some(&(op, arm)) = self.chans[chan].sendq.front() {
            let Arm::Send { value, .. } = self.ops[&op].arms[arm] else {
                unreachable!("a receive among the senders")
            };
            self.serve(op, arm, Got::Unsent(value), 0);
        }
        true
    }

    // Sending and receiving.

    /// A waiter's arm happens: it leaves all queues and is woken.
    fn serve(&mut self, op: usize, arm: usize, got: Got, seq: u64) {
        self.leave_queues(op);
        let waiter = self.ops.get_mut(&op).expect("it waits");
        waiter.stage = Stage::Served { arm, got, seq };
        self.wakes.push((op, waiter.waker));
    }

    fn leave_queues(&mut self, op: usize) {
        for chan in &mut self.chans {
            chan.recvq.retain(|(other, _)| *other != op);
            chan.sendq.retain(|(other, _)| *other != op);
        }
    }

    pub fn send(&mut self, chan: usize, value: usize) -> Tried {
        let channel = &mut self.chans[chan];
        if channel.closed {
            return Tried::Done(Got::Unsent(value));
        }
        if let Some(&(op, arm)) = channel.recvq.front() {
            let seq = channel.next_seq();
            self.serve(op, arm, Got::Received(Some(value)), seq);
        } else if channel.count() < channel.capacity {
            channel.ring.push_back(value);
        } else {
            return Tried::Blocked;
        }
        Tried::Done(Got::Sent)
    }

    pub fn recv(&mut self, chan: usize) -> Tried {
        let channel = &mut self.chans[chan];
        let value = if channel.returned.is_empty() {
            let value = channel.ring.pop_front();
            if value.is_some() {
                channel.next_seq();
            }
            value
        } else {
            Some(channel.returned.remove(0).1)
        };
        if value.is_some() {
            // A value has gone: the first parked sender's comes in.
            if !channel.closed && channel.count() < channel.capacity {
                if let Some(sent) = self.take_parked(chan) {
                    self.chans[chan].ring.push_back(sent);
                }
            }
            return Tried::Done(Got::Received(value));
        }
        if channel.closed {
            return Tried::Done(Got::Received(None));
        }
        match self.take_parked(chan) {
            Some(value) => {
                self.chans[chan].next_seq();
                Tried::Done(Got::Received(Some(value)))
            }
            None => Tried::Blocked,
        }
    }

    /// The first parked sender has sent; its value.
    fn take_parked(&mut self, chan: usize) -> Option<usize> {
        let &(op, arm) = self.chans[chan].sendq.front()?;
        let Arm::Send { value, .. } = self.ops[&op].arms[arm] else {
            unreachable!("a receive among the senders")
        };
        self.serve(op, arm, Got::Sent, 0);
        Some(value)
    }

    // Operations.

    /// A future is made; it holds a handle for each of its arms.
    pub fn begin(&mut self, id: usize, arms: Vec<Arm>, ordered: bool, default: bool) {
        for arm in &arms {
            match arm {
                Arm::Recv { chan } => self.clone_receiver(*chan),
                Arm::Send { chan, .. } => self.clone_sender(*chan),
                Arm::Gate | Arm::Nil => {}
            }
        }
        let op = Op {
            arms,
            ordered,
            default,
            gate_open: false,
            stage: Stage::New,
            waker: 0,
        };
        self.ops.insert(id, op);
    }

    /// The future arm of this operation is ready from now on.
    pub fn open_gate(&mut self, id: usize) {
        self.ops.get_mut(&id).expect("it exists").gate_open = true;
    }

    /// A future was polled with this waker and yielded `real`. Returns which values must have come back
    /// into their slots, if it has ended.
    pub fn poll(
        &mut self,
        id: usize,
        waker: usize,
        real: Option<(usize, Got)>,
    ) -> Option<BTreeSet<usize>> {
        let op = &self.ops[&id];
        let gate = op
            .arms
            .iter()
            .position(|arm| matches!(arm, Arm::Gate) && op.gate_open);
        let ended = match op.stage {
            Stage::Served { arm, got, .. } => match real {
                // Of several receives from one channel any may have been first in its queue.
                Some((other, _)) if !op.ordered && op.receive_alike(arm, other) => {
                    Some((other, got))
                }
                _ => Some((arm, got)),
            },
            Stage::Parked => gate.map(|arm| (arm, Got::Opened)),
            Stage::New => {
                let ready: Vec<_> = (0..op.arms.len())
                    .filter(|arm| self.is_ready(id, *arm))
                    .collect();
                if ready.is_empty() {
                    op.default.then_some((DEFAULT, Got::Default))
                } else {
                    let arm = match real {
                        // The choice is random: any ready one will do.
                        Some((arm, _)) if !op.ordered && ready.contains(&arm) => arm,
                        _ => ready[0],
                    };
                    Some((arm, self.run(id, arm)))
                }
            }
        };
        assert_eq!(real, ended, "operation {id} yielded the left");
        match ended {
            Some((arm, got)) => {
                self.leave_queues(id);
                let op = self.ops.get_mut(&id).expect("it exists");
                op.stage = Stage::Served { arm, got, seq: 0 };
                // An unsent value is part of the result.
                let back = op.unsent(|at| at != arm).collect::<BTreeSet<_>>();
                let back = op.in_slots(&back);
                self.drop_handles(id);
                Some(back)
            }
            None => {
                self.park(id, waker);
                None
            }
        }
    }

    fn is_ready(&self, id: usize, arm: usize) -> bool {
        match self.ops[&id].arms[arm] {
            Arm::Recv { chan } => {
                let chan = &self.chans[chan];
                chan.count() > 0 || chan.closed || !chan.sendq.is_empty()
            }
            Arm::Send { chan, .. } => {
                let chan = &self.chans[chan];
                chan.closed || !chan.recvq.is_empty() || chan.count() < chan.capacity
            }
            Arm::Gate => self.ops[&id].gate_open,
            Arm::Nil => false,
        }
    }

    fn run(&mut self, id: usize, arm: usize) -> Got {
        let tried = match self.ops[&id].arms[arm] {
            Arm::Recv { chan } => self.recv(chan),
            Arm::Send { chan, value, .. } => self.send(chan, value),
            Arm::Gate => Tried::Done(Got::Opened),
            Arm::Nil => Tried::Blocked,
        };
        match tried {
            Tried::Done(got) => got,
            Tried::Blocked => unreachable!("it was ready"),
        }
    }

    fn park(&mut self, id: usize, waker: usize) {
        let op = self.ops.get_mut(&id).expect("it exists");
        op.waker = waker;
        if !matches!(op.stage, Stage::New) {
            return;
        }
        op.stage = Stage::Parked;
        for (at, arm) in op.arms.iter().enumerate() {
            match arm {
                Arm::Recv { chan } => self.chans[*chan].recvq.push_back((id, at)),
                Arm::Send { chan, .. } => self.chans[*chan].sendq.push_back((id, at)),
                Arm::Gate | Arm::Nil => {}
            }
        }
    }

    /// A future was dropped. Returns which values must have come back into their slots.
    pub fn cancel(&mut self, id: usize) -> BTreeSet<usize> {
        self.leave_queues(id);
        let op = &self.ops[&id];
        let back = op.in_slots(&op.unsent(|_| true).collect());
        if let Stage::Served {
            arm,
            got: Got::Received(Some(value)),
            seq,
        } = op.stage
        {
            let Arm::Recv { chan } = op.arms[arm] else {
                unreachable!("received by a send")
            };
            self.give_back(chan, value, seq);
            self.ops.get_mut(&id).expect("it exists").stage = Stage::New;
        }
        self.drop_handles(id);
        back
    }

    fn give_back(&mut self, chan: usize, value: usize, seq: u64) {
        let channel = &mut self.chans[chan];
        if let Some(&(op, arm)) = channel.recvq.front() {
            self.serve(op, arm, Got::Received(Some(value)), seq);
        } else {
            channel.returned.push((seq, value));
            channel.returned.sort_unstable();
        }
    }

    /// The end of an operation: its handles go, in the order of its arms.
    fn drop_handles(&mut self, id: usize) {
        let op = self.ops.remove(&id).expect("it exists");
        for arm in &op.arms {
            match arm {
                Arm::Recv { chan } => self.drop_receiver(*chan),
                Arm::Send { chan, .. } => self.drop_sender(*chan),
                Arm::Gate | Arm::Nil => {}
            }
        }
    }

    /// Nobody may wait for what is there, nor for what will never come.
    pub fn check(&self) {
        for chan in &self.chans {
            if chan.closed {
                assert!(chan.recvq.is_empty() && chan.sendq.is_empty());
            }
            assert!(chan.count() == 0 || chan.recvq.is_empty());
            assert!(chan.count() >= chan.capacity || chan.sendq.is_empty());
        }
    }
}

impl Op {
    /// Whether both arms receive from the same channel.
    fn receive_alike(&self, one: usize, other: usize) -> bool {
        match (self.arms.get(one), self.arms.get(other)) {
            (Some(Arm::Recv { chan: a }), Some(Arm::Recv { chan: b })) => a == b,
            _ => false,
        }
    }

    /// The values of the arms chosen by `which` that have not been sent.
    fn unsent(&self, which: impl Fn(usize) -> bool) -> impl Iterator<Item = usize> {
        let sent = match self.stage {
            Stage::Served {
                arm,
                got: Got::Sent,
                ..
            } => Some(arm),
            _ => None,
        };
        self.arms
            .iter()
            .enumerate()
            .filter_map(move |(at, arm)| match arm {
                Arm::Send { value, .. } if which(at) && Some(at) != sent => Some(*value),
                _ => None,
            })
    }

    /// Those among `values` that were sent out of a slot.
    fn in_slots(&self, values: &BTreeSet<usize>) -> BTreeSet<usize> {
        self.arms
            .iter()
            .filter_map(|arm| match arm {
                Arm::Send {
                    value, from: true, ..
                } if values.contains(value) => Some(*value),
                _ => None,
            })
            .collect()
    }
}
