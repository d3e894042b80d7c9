//! Selects against selects, sends and receives in other threads.

mod chan_support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use chan_support::{Census, block_on, now, poll};
use gosched::chan::{Receiver, Sender, chan};
use gosched::select::{Select, recv_any};

const ROUNDS: usize = if cfg!(debug_assertions) {
    3_000
} else {
    30_000
};

#[test]
fn default_is_never_chosen_while_one_of_two_channels_is_always_ready() {
    for round in 0..ROUNDS {
        let (a_tx, a_rx) = chan(1);
        let (b_tx, b_rx) = chan(1);
        a_tx.try_send(1).unwrap();
        thread::scope(|scope| {
            let look = scope.spawn(|| {
                let select = Select::new().recv(&a_rx, |_| true).recv(&b_rx, |_| true);
                now(select.default(|| false).into_future())
            });
            // First the second channel becomes ready, by a value or by its close, then the first
            // may become empty.
            if round % 2 == 0 {
                b_tx.try_send(1).unwrap();
            } else {
                b_tx.close();
            }
            let _ = a_rx.try_recv();
            assert!(look.join().unwrap(), "default was chosen in round {round}");
        });
    }
}

/// Selects between sending and receiving; counts which of both happened.
fn cross(
    rounds: usize,
    ends: (&Sender<usize>, &Receiver<usize>),
    counts: (&AtomicUsize, &AtomicUsize),
) {
    block_on(async {
        for n in 0..rounds {
            Select::new()
                .send(ends.0, n, |sent| {
                    sent.unwrap();
                    counts.0.fetch_add(1, Ordering::SeqCst);
                })
                .recv(ends.1, |got| {
                    got.unwrap();
                    counts.1.fetch_add(1, Ordering::SeqCst);
                })
                .await;
        }
    });
}

#[test]
fn selects_facing_each_other_neither_deadlock_nor_half_happen() {
    let (a_tx, a_rx) = chan(0);
    let (b_tx, b_rx) = chan(0);
    let zero = || AtomicUsize::new(0);
    let (a_sent, a_got, b_sent, b_got) = (zero(), zero(), zero(), zero());
    thread::scope(|scope| {
        scope.spawn(|| cross(ROUNDS, (&a_tx, &b_rx), (&a_sent, &b_got)));
        scope.spawn(|| cross(ROUNDS, (&b_tx, &a_rx), (&b_sent, &a_got)));
    });
    assert_eq!(a_sent.load(Ordering::SeqCst), a_got.load(Ordering::SeqCst));
    assert_eq!(b_sent.load(Ordering::SeqCst), b_got.load(Ordering::SeqCst));
    assert_eq!(a_sent.into_inner() + b_sent.into_inner(), ROUNDS);
}

#[test]
fn four_channels_with_mixed_peers_and_arms_going_nil_lose_nothing() {
    for capacity in [0, 1, 3] {
        let chans: Vec<_> = (0..4).map(|_| chan(capacity)).collect();
        let per_channel = ROUNDS / 4;
        let total = AtomicUsize::new(0);
        thread::scope(|scope| {
            // Two channels are fed by plain sends, two by one select that drops arms as they finish.
            for (tx, _) in &chans[..2] {
                let tx = tx.clone();
                scope.spawn(move || {
                    block_on(async {
                        for n in 0..per_channel {
                            tx.send(n).await.unwrap();
                        }
                    });
                    tx.close();
                });
            }
            let (mut x, mut y) = (chans[2].0.clone(), chans[3].0.clone());
            scope.spawn(move || {
                block_on(async {
                    let (mut xs, mut ys) = (0, 0);
                    while xs + ys < 2 * per_channel {
                        let is_x = Select::new()
                            .send(&x, xs, |sent| sent.map(|()| true).unwrap())
                            .send(&y, ys, |sent| sent.map(|()| false).unwrap())
                            .await;
                        if is_x {
                            xs += 1;
                            if xs == per_channel {
                                x.close();
                                x = Sender::nil();
                            }
                        } else {
                            ys += 1;
                            if ys == per_channel {
                                y.close();
                                y = Sender::nil();
                            }
                        }
                    }
                });
            });
            // Two selects receive from all, dropping arms as they end.
            for _ in 0..2 {
                let mut receivers: Vec<_> = chans.iter().map(|(_, rx)| rx.clone()).collect();
                let total = &total;
                scope.spawn(move || {
                    block_on(async {
                        let mut open = receivers.len();
                        let mut last = [None; 4];
                        while open > 0 {
                            let arms: Vec<_> = receivers.iter().collect();
                            let (at, got) = recv_any(&arms).await;
                            match got {
                                Some(n) => {
                                    assert!(last[at] < Some(n), "reordered");
                                    last[at] = Some(n);
                                    total.fetch_add(1, Ordering::SeqCst);
                                }
                                None => {
                                    receivers[at] = Receiver::nil();
                                    open -= 1;
                                }
                            }
                        }
                    });
                });
            }
        });
        assert_eq!(total.into_inner(), 4 * per_channel);
    }
}

#[test]
fn selects_dropped_while_they_are_served_lose_and_double_nothing() {
    let census = Census::default();
    let (a_tx, a_rx) = chan(0);
    let (b_tx, b_rx) = chan(1);
    let got = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            let (a_rx, b_rx, got) = (a_rx.clone(), b_rx.clone(), &got);
            scope.spawn(move || {
                let mut rng = fastrand::Rng::with_seed(11);
                let mut ended = [false; 2];
                while ended != [true; 2] {
                    let nil = Receiver::nil();
                    let a = if ended[0] { &nil } else { &a_rx };
                    let b = if ended[1] { &nil } else { &b_rx };
                    let mut select = Box::pin(recv_any(&[a, b]));
                    for _ in 0..rng.usize(1..4) {
                        match poll(select.as_mut()) {
                            std::task::Poll::Ready((_, Some(_))) => {
                                got.fetch_add(1, Ordering::SeqCst);
                                break;
                            }
                            std::task::Poll::Ready((at, None)) => {
                                ended[at] = true;
                                break;
                            }
                            std::task::Poll::Pending => thread::yield_now(),
                        }
                    }
                }
            });
        }
        for tx in [a_tx, b_tx] {
            let census = census.clone();
            scope.spawn(move || {
                for n in 0..ROUNDS {
                    tx.send_blocking(census.value(n)).ok().unwrap();
                }
            });
        }
    });
    let left = [&a_rx, &b_rx]
        .into_iter()
        .map(|rx| std::iter::from_fn(|| rx.try_recv().ok()).count())
        .sum::<usize>();
    assert_eq!(got.into_inner() + left, 2 * ROUNDS);
    assert_eq!(census.alive(), 0);
}

#[test]
fn a_send_arm_beside_a_future_that_ends_at_the_same_time_happens_or_is_back() {
    let (tx, rx) = chan(0);
    let (gate_tx, gate_rx) = chan(0);
    thread::scope(|scope| {
        let receiver = scope.spawn(move || std::iter::from_fn(|| rx.recv_blocking()).count());
        scope.spawn(move || while gate_tx.send_blocking(()).is_ok() {});
        let sent = block_on(async {
            let mut sent = 0;
            for n in 0..ROUNDS {
                let mut slot = Some(n);
                // A receive as a foreign future: the select does not know that it is a channel's.
                let gate = async { gate_rx.recv().await };
                let was_sent = Select::new()
                    .send_from(&tx, &mut slot, |r| r.is_ok())
                    .future(gate, |_| false)
                    .await;
                assert_eq!(was_sent, slot.is_none());
                sent += usize::from(was_sent);
            }
            sent
        });
        drop((tx, gate_rx));
        assert_eq!(receiver.join().unwrap(), sent);
    });
}

#[test]
fn selects_work_between_tokio_tasks() {
    let rt = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    rt.block_on(async {
        let (tx, rx) = chan(0);
        let (quit_tx, quit_rx) = chan::<()>(0);
        let worker = tokio::spawn(async move {
            let mut sum = 0;
            while let Some(n) = Select::new()
                .recv(&rx, |v| v)
                .recv(&quit_rx, |_| None)
                .await
            {
                sum += n;
            }
            sum
        });
        for n in 0..1000 {
            tx.send(n).await.unwrap();
        }
        drop(quit_tx);
        assert_eq!(worker.await.unwrap(), (0..1000).sum::<i32>());
    });
}
