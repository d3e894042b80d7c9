//! Channels and selects against a model: random programs on one thread, compared after every step.
//!
//! `model.rs` says what must happen, `real.rs` has the operations as they are used, and this file draws
//! the programs and compares: results, who is woken and in which order, `len`, `is_closed`, the counts
//! of handles, and which values still exist.
//!
//! A failure prints the seed of its program, and what the program did. `CHAN_MODEL_SEED=n` runs that
//! program alone; `CHAN_MODEL_PROGRAMS=n` so many fresh ones.

mod model;
mod real;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use gosched::chan::{Receiver, Sender, TryRecvError, TrySendError, WeakSender, chan};
use model::{Got, Model, Tried};
use real::{Ledger, Shelf, Value};

const PROGRAMS: u64 = 8_000;
const STEPS: usize = 120;
const CAPACITIES: [usize; 4] = [0, 1, 2, 5];
/// More operations than this do not live at once.
const OPS: usize = 12;

type Log = Arc<Mutex<Vec<(usize, usize)>>>;

/// Notes whom it wakes.
struct Noting {
    op: usize,
    number: usize,
    log: Log,
}

impl Wake for Noting {
    fn wake(self: Arc<Self>) {
        self.log.lock().unwrap().push((self.op, self.number));
    }
}

struct Living {
    future: real::Op,
    /// The waker that it was polled with last.
    waker: Option<(usize, Waker)>,
    gate: Option<Arc<AtomicBool>>,
}

struct Driver {
    seed: u64,
    rng: fastrand::Rng,
    model: Model,
    senders: Vec<(usize, Sender<Value>)>,
    receivers: Vec<(usize, Receiver<Value>)>,
    weak: Vec<(usize, WeakSender<Value>)>,
    ops: BTreeMap<usize, Living>,
    next: usize,
    ledger: Ledger,
    shelf: Shelf,
    log: Log,
    done: Vec<String>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for (at, step) in self.done.iter().enumerate() {
                eprintln!("{at:4} {step}");
            }
            eprintln!("again with CHAN_MODEL_SEED={}", self.seed);
        }
    }
}

impl Driver {
    fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut model = Model::default();
        let (mut senders, mut receivers) = (Vec::new(), Vec::new());
        let chans = rng.usize(1..=3);
        let mut done = Vec::new();
        for at in 0..chans {
            let capacity = CAPACITIES[rng.usize(..CAPACITIES.len())];
            let (tx, rx) = chan(capacity);
            model.make(capacity);
            senders.push((at, tx));
            receivers.push((at, rx));
            done.push(format!("channel {at}: capacity {capacity}"));
        }
        Self {
            seed,
            rng,
            model,
            senders,
            receivers,
            weak: Vec::new(),
            ops: BTreeMap::new(),
            next: 0,
            ledger: Ledger::default(),
            shelf: Shelf::default(),
            log: Log::default(),
            done,
        }
    }

    fn note(&mut self, step: String) {
        self.done.push(step);
    }

    fn number(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    fn value(&mut self) -> Value {
        let id = self.number();
        Value::new(id, &self.ledger)
    }

    /// The place of one of the handles, if there is any.
    fn pick<T>(rng: &mut fastrand::Rng, handles: &[T]) -> Option<usize> {
        (!handles.is_empty()).then(|| rng.usize(..handles.len()))
    }

    /// The place of one of the operations.
    fn pick_op(&mut self) -> Option<usize> {
        let ids: Vec<_> = self.ops.keys().copied().collect();
        Self::pick(&mut self.rng, &ids).map(|at| ids[at])
    }

    fn step(&mut self) {
        match self.rng.u32(..100) {
            0..28 => self.begin(),
            28..52 => self.poll(),
            52..62 => self.cancel(),
            62..72 => self.try_send(),
            72..82 => self.try_recv(),
            82..90 => self.handles(),
            90..92 => self.weaken(),
            92..94 => self.upgrade(),
            94..95 => self.drop_a_handle(),
            95..96 => self.close(),
            _ => self.open(),
        }
        self.compare();
    }

    fn arm(&mut self, in_select: bool) -> Option<(model::Arm, real::Arm)> {
        let kind = self.rng.u32(..if in_select { 8 } else { 6 });
        Some(match kind {
            0..3 => {
                let (chan, rx) = &self.receivers[Self::pick(&mut self.rng, &self.receivers)?];
                (
                    model::Arm::Recv { chan: *chan },
                    real::Arm::Recv(rx.clone()),
                )
            }
            3..6 => {
                let at = Self::pick(&mut self.rng, &self.senders)?;
                let value = self.value();
                let (chan, tx) = &self.senders[at];
                let arm = model::Arm::Send {
                    chan: *chan,
                    value: value.id,
                    from: kind == 5,
                };
                let tx = tx.clone();
                if kind == 5 {
                    (
                        arm,
                        real::Arm::From(tx, real::Home::new(value, &self.shelf)),
                    )
                } else {
                    (arm, real::Arm::Send(tx, Some(value)))
                }
            }
            6 => (model::Arm::Gate, real::Arm::Gate(Arc::default())),
            _ => (model::Arm::Nil, real::Arm::Recv(Receiver::nil())),
        })
    }

    /// Makes a future; polls it or not.
    fn begin(&mut self) {
        if self.ops.len() >= OPS {
            return self.cancel();
        }
        let select = self.rng.u32(..5) < 3;
        let wanted = if select { self.rng.usize(1..=4) } else { 1 };
        let mut arms = Vec::new();
        let mut reals = Vec::new();
        for _ in 0..wanted {
            if let Some((arm, real)) = self.arm(select) {
                // One gate is enough: it is found by its operation.
                if matches!(arm, model::Arm::Gate)
                    && arms.iter().any(|arm| matches!(arm, model::Arm::Gate))
                {
                    continue;
                }
                arms.push(arm);
                reals.push(real);
            }
        }
        if arms.is_empty() {
            return;
        }
        let id = self.number();
        // Of two sends on one channel either may be served; with `biased`, the model can tell which.
        let sends: Vec<usize> = arms
            .iter()
            .filter_map(|arm| match arm {
                model::Arm::Send { chan, .. } => Some(*chan),
                _ => None,
            })
            .collect();
        let twice = (1..sends.len()).any(|at| sends[at..].contains(&sends[at - 1]));
        let biased = twice || self.rng.bool();
        let default = select && self.rng.u32(..4) == 0;
        self.note(format!(
            "begin {id}: {arms:?}, select {select}, biased {biased}, default {default}"
        ));
        let gate = reals.iter().find_map(|arm| match arm {
            real::Arm::Gate(gate) => Some(gate.clone()),
            _ => None,
        });
        let all_receive = reals.iter().all(|arm| matches!(arm, real::Arm::Recv(_)));
        let (future, ordered) = match (select, default) {
            (false, _) => (real::plain(reals.remove(0)), true),
            (true, true) => (real::dynamic(reals, biased, true), biased),
            (true, false) if all_receive && self.rng.bool() => (real::any(reals), false),
            (true, false) => (real::by_macro(reals, biased), biased),
        };
        self.model.begin(id, arms, ordered, default);
        let living = Living {
            future,
            waker: None,
            gate,
        };
        self.ops.insert(id, living);
        if default || self.rng.u32(..5) > 0 {
            self.poll_op(id);
        }
        if self.ops.contains_key(&id) && self.rng.u32(..6) == 0 {
            self.cancel_op(id);
        }
    }

    fn poll(&mut self) {
        if let Some(id) = self.pick_op() {
            self.poll_op(id);
        }
    }

    fn poll_op(&mut self, id: usize) {
        let fresh = self.rng.bool();
        let number = self.number();
        let log = self.log.clone();
        let op = self.ops.get_mut(&id).expect("it lives");
        let (number, waker) = match op.waker.take() {
            Some(waker) if !fresh => waker,
            _ => {
                let noting = Noting {
                    op: id,
                    number,
                    log,
                };
                (number, Waker::from(Arc::new(noting)))
            }
        };
        let polled = op.future.as_mut().poll(&mut Context::from_waker(&waker));
        op.waker = Some((number, waker));
        let result = match polled {
            Poll::Ready(result) => Some(result),
            Poll::Pending => None,
        };
        let real = result.as_ref().map(|(arm, result)| (*arm, result.got()));
        self.note(format!("poll {id} with waker {number}: {real:?}"));
        let back = self.model.poll(id, number, real);
        if let Some(back) = back {
            self.ops.remove(&id);
            self.compare_shelf(&back);
        }
    }

    fn cancel(&mut self) {
        if let Some(id) = self.pick_op() {
            self.cancel_op(id);
        }
    }

    fn cancel_op(&mut self, id: usize) {
        self.note(format!("drop {id}"));
        drop(self.ops.remove(&id));
        let back = self.model.cancel(id);
        self.compare_shelf(&back);
    }

    /// What came back into the slots of `send_from`.
    fn compare_shelf(&mut self, back: &BTreeSet<usize>) {
        let shelf = std::mem::take(&mut *self.shelf.lock().unwrap());
        let ids: BTreeSet<_> = shelf.iter().map(|value| value.id).collect();
        assert_eq!(ids, *back, "what is back in its slot");
    }

    fn try_send(&mut self) {
        let Some(at) = Self::pick(&mut self.rng, &self.senders) else {
            return;
        };
        let value = self.value();
        let id = value.id;
        let (chan, tx) = &self.senders[at];
        let chan = *chan;
        let real = match tx.try_send(value) {
            Ok(()) => Tried::Done(Got::Sent),
            Err(TrySendError::Closed(value)) => Tried::Done(Got::Unsent(value.id)),
            Err(TrySendError::Full(value)) => {
                assert_eq!(value.id, id);
                Tried::Blocked
            }
        };
        self.note(format!("try_send {id} into {chan}: {real:?}"));
        assert_eq!(real, self.model.send(chan, id));
    }

    fn try_recv(&mut self) {
        let Some(at) = Self::pick(&mut self.rng, &self.receivers) else {
            return;
        };
        let (chan, rx) = &self.receivers[at];
        let chan = *chan;
        let real = match rx.try_recv() {
            Ok(value) => Tried::Done(Got::Received(Some(value.id))),
            Err(TryRecvError::Closed) => Tried::Done(Got::Received(None)),
            Err(TryRecvError::Empty) => Tried::Blocked,
        };
        self.note(format!("try_recv from {chan}: {real:?}"));
        assert_eq!(real, self.model.recv(chan));
    }

    fn handles(&mut self) {
        if self.rng.bool() {
            if let Some(at) = Self::pick(&mut self.rng, &self.senders) {
                if self.senders.len() < 6 {
                    let (chan, tx) = self.senders[at].clone();
                    self.note(format!("clone a sender of {chan}"));
                    self.model.clone_sender(chan);
                    self.senders.push((chan, tx));
                } else {
                    self.drop_sender(at);
                }
            }
        } else if let Some(at) = Self::pick(&mut self.rng, &self.receivers) {
            if self.receivers.len() < 6 {
                let (chan, rx) = self.receivers[at].clone();
                self.note(format!("clone a receiver of {chan}"));
                self.model.clone_receiver(chan);
                self.receivers.push((chan, rx));
            } else {
                self.drop_receiver(at);
            }
        }
    }

    fn drop_sender(&mut self, at: usize) {
        let (chan, tx) = self.senders.swap_remove(at);
        self.note(format!("drop a sender of {chan}"));
        drop(tx);
        self.model.drop_sender(chan);
    }

    fn drop_receiver(&mut self, at: usize) {
        let (chan, rx) = self.receivers.swap_remove(at);
        self.note(format!("drop a receiver of {chan}"));
        drop(rx);
        self.model.drop_receiver(chan);
    }

    fn drop_a_handle(&mut self) {
        if self.rng.bool() {
            if let Some(at) = Self::pick(&mut self.rng, &self.senders) {
                self.drop_sender(at);
            }
        } else if let Some(at) = Self::pick(&mut self.rng, &self.receivers) {
            self.drop_receiver(at);
        }
    }

    fn weaken(&mut self) {
        if self.weak.len() > 3 {
            self.weak.swap_remove(0);
        } else if let Some(at) = Self::pick(&mut self.rng, &self.senders) {
            let (chan, tx) = &self.senders[at];
            self.weak.push((*chan, tx.downgrade()));
        }
    }

    fn upgrade(&mut self) {
        let Some(at) = Self::pick(&mut self.rng, &self.weak) else {
            return;
        };
        let (chan, weak) = &self.weak[at];
        let chan = *chan;
        let upgraded = weak.upgrade();
        self.note(format!("upgrade on {chan}: {}", upgraded.is_some()));
        assert_eq!(upgraded.is_some(), self.model.upgrade(chan));
        self.senders.extend(upgraded.map(|tx| (chan, tx)));
    }

    fn close(&mut self) {
        if let Some(at) = Self::pick(&mut self.rng, &self.senders) {
            let (chan, tx) = &self.senders[at];
            let chan = *chan;
            let closed = tx.close();
            self.note(format!("close {chan}: {closed}"));
            assert_eq!(closed, self.model.close(chan));
        }
    }

    fn open(&mut self) {
        let Some(id) = self.pick_op() else {
            return;
        };
        if let Some(gate) = &self.ops[&id].gate {
            gate.store(true, Ordering::Relaxed);
            self.note(format!("open the gate of {id}"));
            self.model.open_gate(id);
        }
    }

    fn compare(&mut self) {
        self.model.check();
        let woken = std::mem::take(&mut *self.log.lock().unwrap());
        assert_eq!(
            woken,
            std::mem::take(&mut self.model.wakes),
            "who was woken, by operation and waker"
        );
        for (chan, tx) in &self.senders {
            let seen = (tx.len(), tx.is_closed());
            let counts = (tx.sender_count(), tx.receiver_count());
            self.compare_chan(*chan, seen, counts);
        }
        for (chan, rx) in &self.receivers {
            let seen = (rx.len(), rx.is_closed());
            let counts = (rx.sender_count(), rx.receiver_count());
            self.compare_chan(*chan, seen, counts);
        }
        assert_eq!(
            *self.ledger.lock().unwrap(),
            self.model.alive(),
            "which values exist"
        );
    }

    fn compare_chan(&self, chan: usize, seen: (usize, bool), counts: (usize, usize)) {
        let expected = (self.model.len(chan), self.model.is_closed(chan));
        assert_eq!(seen, expected, "len and is_closed of channel {chan}");
        let expected = (self.model.senders(chan), self.model.receivers(chan));
        assert_eq!(counts, expected, "senders and receivers of channel {chan}");
    }

    /// Drops everything, in any order.
    fn end(mut self) {
        loop {
            match self.rng.u32(..3) {
                0 if !self.senders.is_empty() => self.drop_sender(0),
                1 if !self.receivers.is_empty() => self.drop_receiver(0),
                _ if !self.ops.is_empty() => self.cancel(),
                _ if self.senders.is_empty() && self.receivers.is_empty() => break,
                _ => continue,
            }
            self.compare();
        }
        assert!(self.ledger.lock().unwrap().is_empty(), "values were lost");
    }
}

fn run(seed: u64) {
    let mut driver = Driver::new(seed);
    for _ in 0..STEPS {
        driver.step();
    }
    driver.end();
}

fn from_env(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

#[test]
fn random_programs_do_step_by_step_what_the_model_does() {
    if let Some(seed) = from_env("CHAN_MODEL_SEED") {
        return run(seed);
    }
    // Fresh ones in each run: a failure says which it was.
    let base = fastrand::u64(..u64::MAX / 2);
    for at in 0..from_env("CHAN_MODEL_PROGRAMS").unwrap_or(PROGRAMS) {
        run(base + at);
    }
}
