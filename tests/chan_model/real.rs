//! The real operations, each a future that owns its handles.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use gosched::chan::{Receiver, SendError, Sender};
use gosched::select;
use gosched::select::{Select, recv_any};

use crate::model::{DEFAULT, Got};

/// Which values exist.
pub type Ledger = Arc<Mutex<BTreeSet<usize>>>;

/// A value that strikes itself off the ledger when it is dropped; a second time is a failure.
pub struct Value {
    pub id: usize,
    ledger: Ledger,
}

impl Value {
    pub fn new(id: usize, ledger: &Ledger) -> Self {
        assert!(ledger.lock().unwrap().insert(id));
        Self {
            id,
            ledger: ledger.clone(),
        }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let was_there = self.ledger.lock().unwrap().remove(&self.id);
        // A panic while another one unwinds would hide the first.
        assert!(
            was_there || std::thread::panicking(),
            "value {} was dropped twice",
            self.id
        );
    }
}

/// The slot of a `send_from`; what is in it when it goes is put on the shelf.
pub struct Home {
    slot: Option<Value>,
    shelf: Shelf,
}

pub type Shelf = Arc<Mutex<Vec<Value>>>;

impl Home {
    pub fn new(value: Value, shelf: &Shelf) -> Self {
        Self {
            slot: Some(value),
            shelf: shelf.clone(),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.shelf.lock().unwrap().extend(self.slot.take());
    }
}

pub enum Arm {
    Recv(Receiver<Value>),
    Send(Sender<Value>, Option<Value>),
    From(Sender<Value>, Home),
    Gate(Arc<AtomicBool>),
}

/// What an arm yields.
pub enum Result {
    Received(Option<Value>),
    Sent(std::result::Result<(), SendError<Value>>),
    Opened,
    Default,
}

impl Result {
    pub fn got(&self) -> Got {
        match self {
            Self::Received(value) => Got::Received(value.as_ref().map(|value| value.id)),
            Self::Sent(Ok(())) => Got::Sent,
            Self::Sent(Err(SendError(value))) => Got::Unsent(value.id),
            Self::Opened => Got::Opened,
            Self::Default => Got::Default,
        }
    }
}

pub type Op = Pin<Box<dyn Future<Output = (usize, Result)> + Send>>;

fn is_open(gate: Arc<AtomicBool>) -> impl Future<Output = ()> + Send {
    std::future::poll_fn(move |_| {
        if gate.load(Ordering::Relaxed) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
}

/// Without a select.
pub fn plain(mut arm: Arm) -> Op {
    Box::pin(async move {
        let result = match &mut arm {
            Arm::Recv(rx) => Result::Received(rx.recv().await),
            Arm::Send(tx, value) => Result::Sent(tx.send(value.take().unwrap()).await),
            Arm::From(tx, home) => Result::Sent(tx.send_from(&mut home.slot).await),
            Arm::Gate(_) => unreachable!("a gate is an arm of a select"),
        };
        (0, result)
    })
}

pub fn dynamic(mut arms: Vec<Arm>, biased: bool, default: bool) -> Op {
    Box::pin(async move {
        let mut select = Select::new();
        for (at, arm) in arms.iter_mut().enumerate() {
            select = match arm {
                Arm::Recv(rx) => select.recv(rx, move |v| (at, Result::Received(v))),
                Arm::Send(tx, value) => {
                    let value = value.take().unwrap();
                    select.send(tx, value, move |sent| (at, Result::Sent(sent)))
                }
                Arm::From(tx, home) => {
                    select.send_from(tx, &mut home.slot, move |sent| (at, Result::Sent(sent)))
                }
                Arm::Gate(gate) => {
                    select.future(is_open(gate.clone()), move |()| (at, Result::Opened))
                }
            };
        }
        if biased {
            select = select.biased();
        }
        if default {
            select = select.default(|| (DEFAULT, Result::Default));
        }
        select.await
    })
}

/// All arms receive.
pub fn any(arms: Vec<Arm>) -> Op {
    Box::pin(async move {
        let receivers: Vec<_> = arms
            .iter()
            .map(|arm| match arm {
                Arm::Recv(rx) => rx,
                _ => unreachable!("all arms receive"),
            })
            .collect();
        let (at, value) = recv_any(&receivers).await;
        (at, Result::Received(value))
    })
}

/// The macro, for the shapes of two arms that it is given here; the rest is dynamic.
pub fn by_macro(mut arms: Vec<Arm>, biased: bool) -> Op {
    let shape = match &arms[..] {
        [Arm::Recv(_), Arm::Recv(_)] => 0,
        [Arm::Recv(_), Arm::Send(..)] => 1,
        [Arm::From(..), Arm::Recv(_)] => 2,
        _ => return dynamic(arms, biased, false),
    };
    Box::pin(async move {
        match (shape, &mut arms[..]) {
            (0, [Arm::Recv(a), Arm::Recv(b)]) if biased => select! {
                biased;
                v = a.recv() => (0, Result::Received(v)),
                v = b.recv() => (1, Result::Received(v)),
            },
            (0, [Arm::Recv(a), Arm::Recv(b)]) => select! {
                v = a.recv() => (0, Result::Received(v)),
                v = b.recv() => (1, Result::Received(v)),
            },
            (1, [Arm::Recv(a), Arm::Send(b, value)]) => {
                let value = value.take().unwrap();
                if biased {
                    select! {
                        biased;
                        v = a.recv() => (0, Result::Received(v)),
                        r = b.send(value) => (1, Result::Sent(r)),
                    }
                } else {
                    select! {
                        v = a.recv() => (0, Result::Received(v)),
                        r = b.send(value) => (1, Result::Sent(r)),
                    }
                }
            }
            (2, [Arm::From(a, home), Arm::Recv(b)]) if biased => select! {
                biased;
                r = a.send_from(&mut home.slot) => (0, Result::Sent(r)),
                v = b.recv() => (1, Result::Received(v)),
            },
            (2, [Arm::From(a, home), Arm::Recv(b)]) => select! {
                r = a.send_from(&mut home.slot) => (0, Result::Sent(r)),
                v = b.recv() => (1, Result::Received(v)),
            },
            _ => unreachable!("looked at above"),
        }
    })
}
