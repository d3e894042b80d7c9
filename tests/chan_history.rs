//! Random programs on many threads and under many executors; what became of each value is written down
//! and checked.
//!
//! A failure prints the seed of its program. `CHAN_HISTORY_SEED=n` runs that one under every executor;
//! how the threads meet is up to the machine all the same.

mod chan_support;
mod common;

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use chan_support::{Census, Counted, Wakes, block_on};
use common::{runtime, within};
use futures::task::LocalSpawnExt as _;
use gosched::chan::{Receiver, Sender, TrySendError, chan};
use gosched::select::{Select, recv_any};

const PRODUCERS: usize = 3;
const CHANS: usize = 3;
/// Values of each producer.
const EACH: usize = if cfg!(debug_assertions) { 150 } else { 1_000 };

fn programs() -> usize {
    match std::env::var("CHAN_HISTORY_PROGRAMS") {
        Ok(count) => count.parse().expect("a number"),
        Err(_) => 12,
    }
}

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Who receives, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// One task, which drops receives as it likes: it sees each sender's values in order.
    One,
    /// Many, who never drop a receive that waits: each sees each sender's values in order.
    Patient,
    /// Many, who do. A value that another one gave back may come late.
    Fickle,
}

/// What became of each value.
struct Book {
    received: Vec<AtomicUsize>,
    dropped: Vec<AtomicUsize>,
    sent: Vec<AtomicUsize>,
}

/// What its producer knows of a value.
const UNKNOWN: usize = 0;
const SENT: usize = 1;

struct Value {
    producer: usize,
    seq: usize,
    chan: usize,
    book: Arc<Book>,
}

impl Value {
    fn id(&self) -> usize {
        self.producer * EACH + self.seq
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.book.dropped[self.id()].fetch_add(1, Ordering::Relaxed);
    }
}

/// What one task has received.
struct Reader {
    ordered: bool,
    last: HashMap<(usize, usize), usize>,
}

impl Reader {
    fn new(mode: Mode) -> Self {
        Self {
            ordered: mode != Mode::Fickle,
            last: HashMap::new(),
        }
    }

    fn take(&mut self, chan: usize, value: &Value) {
        assert_eq!(value.chan, chan, "a value came out of another channel");
        let before = value.book.received[value.id()].fetch_add(1, Ordering::Relaxed);
        assert_eq!(before, 0, "received twice");
        let last = self.last.insert((value.producer, chan), value.seq);
        assert!(!self.ordered || last < Some(value.seq), "reordered");
    }
}

/// Gives way once, under any executor.
async fn give_way() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls so many times, then drops.
async fn attempt<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    for at in 0..polls {
        if at > 0 {
            give_way().await;
        }
        if let Poll::Ready(output) = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await {
            return Some(output);
        }
    }
    None
}

/// Sends its values in every way there is. `receivers` are for selects that also receive.
async fn produce(
    producer: usize,
    mode: Mode,
    seed: u64,
    senders: Vec<Sender<Value>>,
    receivers: Vec<Receiver<Value>>,
    book: Arc<Book>,
) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut reader = Reader::new(mode);
    for seq in 0..EACH {
        let chan = rng.usize(..CHANS);
        let tx = &senders[chan];
        let mut slot = Some(Value {
            producer,
            seq,
            chan,
            book: book.clone(),
        });
        let mut fate = SENT;
        while slot.is_some() {
            let polls = rng.usize(1..4);
            match rng.u32(..12) {
                0..2 => assert!(tx.send(slot.take().unwrap()).await.is_ok()),
                2..4 => assert!(tx.send_from(&mut slot).await.is_ok()),
                4..7 => {
                    let sent = attempt(tx.send_from(&mut slot), polls).await;
                    assert!(sent.is_none_or(|sent| sent.is_ok()));
                }
                7 => {
                    if attempt(tx.send(slot.take().unwrap()), polls)
                        .await
                        .is_none()
                    {
                        fate = UNKNOWN;
                    }
                }
                8 => match tx.try_send(slot.take().unwrap()) {
                    Ok(()) => {}
                    Err(TrySendError::Full(value)) => slot = Some(value),
                    Err(TrySendError::Closed(_)) => panic!("closed while there are senders"),
                },
                _ => {
                    let other = rng.usize(..CHANS);
                    let nil = Receiver::nil();
                    let rx = receivers.get(other).unwrap_or(&nil);
                    let mut select = Select::new()
                        .send_from(tx, &mut slot, |sent| {
                            assert!(sent.is_ok());
                            None
                        })
                        .recv(rx, |value| Some(value.expect("there are senders")));
                    if rng.bool() {
                        select = select.biased();
                    }
                    let got = match mode {
                        Mode::Patient => select.await,
                        _ => attempt(select.into_future(), polls).await.flatten(),
                    };
                    if let Some(value) = got {
                        assert!(slot.is_some(), "two arms of one select happened");
                        reader.take(other, &value);
                    }
                }
            }
            if rng.u32(..8) == 0 {
                give_way().await;
            }
        }
        book.sent[producer * EACH + seq].store(fate, Ordering::Relaxed);
    }
}

/// Receives from one channel until it is closed and drained.
async fn consume_one(mode: Mode, chan: usize, rx: Receiver<Value>) {
    let mut reader = Reader::new(mode);
    while let Some(value) = rx.recv().await {
        reader.take(chan, &value);
    }
}

/// Receives from all channels until they are.
async fn consume_all(mode: Mode, seed: u64, mut receivers: Vec<Receiver<Value>>) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut reader = Reader::new(mode);
    let mut open = receivers.len();
    while open > 0 {
        let arms: Vec<_> = receivers.iter().collect();
        let (chan, got) = if mode == Mode::Patient || rng.u32(..3) == 0 {
            recv_any(&arms).await
        } else {
            let polls = rng.usize(1..4);
            let got = if rng.bool() {
                attempt(recv_any(&arms), polls).await
            } else {
                let chan = rng.usize(..CHANS);
                attempt(arms[chan].recv(), polls)
                    .await
                    .map(|got| (chan, got))
            };
            match got {
                Some(got) => got,
                None => continue,
            }
        };
        match got {
            Some(value) => reader.take(chan, &value),
            None => {
                receivers[chan] = Receiver::nil();
                open -= 1;
            }
        }
    }
}

/// The tasks of one program.
fn program(seed: u64) -> (Vec<Task>, Arc<Book>) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mode = [Mode::One, Mode::Patient, Mode::Fickle][rng.usize(..3)];
    let count = || (0..PRODUCERS * EACH).map(|_| AtomicUsize::new(0)).collect();
    let book = Arc::new(Book {
        received: count(),
        dropped: count(),
        sent: count(),
    });
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..CHANS)
        .map(|_| chan::<Value>([0, 1, 2, 5][rng.usize(..4)]))
        .unzip();
    let mut tasks: Vec<Task> = Vec::new();
    for producer in 0..PRODUCERS {
        let mixed = mode != Mode::One && rng.bool();
        let receivers = if mixed { receivers.clone() } else { Vec::new() };
        let senders = senders.clone();
        let (seed, book) = (rng.u64(..), book.clone());
        tasks.push(Box::pin(produce(
            producer, mode, seed, senders, receivers, book,
        )));
    }
    if mode == Mode::Patient {
        for (at, rx) in receivers.iter().enumerate() {
            tasks.push(Box::pin(consume_one(mode, at, rx.clone())));
        }
    }
    for _ in 0..if mode == Mode::One { 1 } else { 2 } {
        tasks.push(Box::pin(consume_all(mode, rng.u64(..), receivers.clone())));
    }
    (tasks, book)
}

fn check(book: &Book) {
    for id in 0..PRODUCERS * EACH {
        let received = book.received[id].load(Ordering::Relaxed);
        let sent = book.sent[id].load(Ordering::Relaxed);
        assert_eq!(book.dropped[id].load(Ordering::Relaxed), 1, "value {id}");
        // A send that was dropped while it waited may have happened.
        assert!(received == 1 || sent == UNKNOWN, "value {id} was lost");
    }
}

/// Says which program it was, when one fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("again with CHAN_HISTORY_SEED={}", self.0);
        }
    }
}

fn run(execute: impl Fn(Vec<Task>) + Send + 'static) {
    within(move || {
        let only = std::env::var("CHAN_HISTORY_SEED").map(|seed| seed.parse().expect("a number"));
        let seeds = match only {
            Ok(seed) => vec![seed],
            Err(_) => (0..programs()).map(|_| fastrand::u64(..)).collect(),
        };
        for seed in seeds {
            let seed = Seed(seed);
            let (tasks, book) = program(seed.0);
            execute(tasks);
            check(&book);
        }
    });
}

fn on_goroutines(procs: usize) {
    run(move |tasks| {
        let rt = runtime(procs);
        let handles: Vec<_> = tasks.into_iter().map(|task| rt.handle().go(task)).collect();
        rt.block_on(async {
            for handle in handles {
                handle.await.unwrap();
            }
        });
    });
}

#[test]
fn no_value_is_lost_doubled_or_reordered_on_one_p() {
    on_goroutines(1);
}

#[test]
fn no_value_is_lost_doubled_or_reordered_on_two_ps() {
    on_goroutines(2);
}

#[test]
fn no_value_is_lost_doubled_or_reordered_on_sixteen_ps() {
    on_goroutines(16);
}

#[test]
fn no_value_is_lost_doubled_or_reordered_between_threads() {
    run(|tasks| {
        let threads: Vec<_> = tasks
            .into_iter()
            .map(|task| thread::spawn(move || block_on(task)))
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn no_value_is_lost_doubled_or_reordered_on_tokios_threads() {
    run(|tasks| {
        let rt = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .build()
            .unwrap();
        let handles: Vec<_> = tasks.into_iter().map(|task| rt.spawn(task)).collect();
        rt.block_on(async {
            for handle in handles {
                handle.await.unwrap();
            }
        });
    });
}

#[test]
fn no_value_is_lost_doubled_or_reordered_in_a_local_pool() {
    run(|tasks| {
        let mut pool = futures::executor::LocalPool::new();
        for task in tasks {
            pool.spawner().spawn_local(task).unwrap();
        }
        pool.run();
    });
}

// Quiescence.

/// What an operation that was left alone does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Sends(usize),
    Receives(usize),
    Selects,
}

struct Parked {
    side: Side,
    wakes: Arc<Wakes>,
    future: Pin<Box<dyn Future<Output = Option<Counted>> + Send>>,
}

impl Parked {
    fn is_woken(&self) -> bool {
        self.wakes.count() > 0
    }
}

fn poll_noop<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Makes operations, polls each once; drops some, and returns those that wait.
fn park_some(
    seed: u64,
    chans: &[(Sender<Counted>, Receiver<Counted>)],
    census: &Census,
) -> Vec<Parked> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut parked: Vec<Parked> = Vec::new();
    for _ in 0..60 {
        let at = rng.usize(..chans.len());
        let (tx, rx) = chans[at].clone();
        let value = census.value(0);
        let side = match rng.u32(..5) {
            0..2 => Side::Sends(at),
            2..4 => Side::Receives(at),
            _ => Side::Selects,
        };
        let other = chans[rng.usize(..chans.len())].1.clone();
        let mut future: Pin<Box<dyn Future<Output = _> + Send>> = match side {
            Side::Sends(_) => Box::pin(async move {
                assert!(tx.send(value).await.is_ok());
                None
            }),
            Side::Receives(_) => Box::pin(async move { rx.recv().await }),
            Side::Selects => Box::pin(async move {
                Select::new()
                    .send(&tx, value, |_| None)
                    .recv(&rx, |value| value)
                    .recv(&other, |value| value)
                    .await
            }),
        };
        let (wakes, waker) = Wakes::new();
        if future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
        {
            parked.push(Parked {
                side,
                wakes,
                future,
            });
        }
        if rng.u32(..3) == 0 && !parked.is_empty() {
            parked.swap_remove(rng.usize(..parked.len()));
        }
    }
    parked
}

/// At rest, whoever was not woken can indeed not go on.
fn check_rest(chans: &[(Sender<Counted>, Receiver<Counted>)], parked: &[Parked]) {
    for (at, (tx, _)) in chans.iter().enumerate() {
        let waits = |side| parked.iter().any(|op| op.side == side && !op.is_woken());
        let (sends, receives) = (waits(Side::Sends(at)), waits(Side::Receives(at)));
        assert!(!(sends && receives), "both sides of {at} wait");
        assert!(
            !receives || tx.is_empty(),
            "a value in {at}, and a receiver"
        );
        assert!(!sends || tx.is_full(), "room in {at}, and a sender");
    }
}

#[test]
fn at_rest_nobody_waits_whose_counterpart_is_there() {
    within(|| {
        let rounds = if cfg!(debug_assertions) { 60 } else { 400 };
        for _ in 0..rounds * programs() / 12 {
            let seed = Seed(fastrand::u64(..));
            let mut rng = fastrand::Rng::with_seed(seed.0);
            let census = Census::default();
            let chans: Vec<_> = [0, 1, 3].into_iter().map(chan::<Counted>).collect();
            let mut parked: Vec<Parked> = thread::scope(|scope| {
                let threads: Vec<_> = (0..4)
                    .map(|_| {
                        let (seed, chans, census) = (rng.u64(..), &chans, &census);
                        scope.spawn(move || park_some(seed, chans, census))
                    })
                    .collect();
                let parked = threads.into_iter().map(|thread| thread.join().unwrap());
                parked.flatten().collect()
            });
            check_rest(&chans, &parked);
            // Those that were served give back what they hold, and others are served for it.
            rng.shuffle(&mut parked);
            while parked.len() > 20 {
                parked.pop();
                check_rest(&chans, &parked);
            }
            for op in &mut parked {
                let was_woken = op.is_woken();
                assert_eq!(poll_noop(op.future.as_mut()).is_ready(), was_woken);
            }
            drop((parked, chans));
            assert_eq!(census.alive(), 0);
        }
    });
}
