//! `select!`, `select::Select` and `select::recv_any`, in every form that the documentation writes.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use gosched::chan::{Receiver, SendError, Sender};
use gosched::select::{Select, recv_any};
use gosched::{Context, chan, go, select, time};

use super::{is_send, is_send_val};

const FAR: Duration = Duration::from_secs(3600);

/// All sorts of arms at once; which one happens depends on what is made ready.
async fn every_form(
    rx: &Receiver<u32>,
    tx: &Sender<u32>,
    ctx: &Context,
    open: bool,
    limit: Duration,
) -> Result<Option<u32>, Box<dyn std::error::Error + Send + Sync>> {
    let mut slot = Some(9);
    let mut buf = [0_u8; 1];
    let mut silent = tokio::io::empty();
    let mut lives_on = std::pin::pin!(time::sleep(FAR));
    let out = loop {
        use tokio::io::AsyncReadExt as _;
        break select! {
            biased;
            v = rx.recv() => v,
            r = tx.send(8), if !open => { r?; None }
            r = tx.send_from(&mut slot), if open => { r?; continue }
            _ = ctx.done() => return Err(ctx.err().unwrap().into()),
            _ = time::after(limit) => break None,
            _ = &mut lives_on => unreachable!(),
            n = silent.read(&mut buf), if !open && limit.is_zero() => Some(n? as u32),
        };
    };
    // Operands are free again.
    assert_eq!((buf, slot.is_some() || open), ([0], true));
    Ok(out)
}

#[gosched::test]
async fn every_form_of_an_arm_works() {
    let (full, _keep) = chan::<u32>(0);
    let (live, cancel) = Context::background().with_cancel();

    let (tx, rx) = chan(1);
    tx.send(7).await.unwrap();
    assert_eq!(
        every_form(&rx, &full, &live, true, FAR).await.unwrap(),
        Some(7)
    );
    // A guarded send that has room; then, with the slot empty, the limit.
    let (room, there) = chan(1);
    let ms = Duration::from_millis(1);
    assert_eq!(
        every_form(&rx, &room, &live, false, FAR).await.unwrap(),
        None
    );
    assert_eq!(there.try_recv(), Ok(8));
    assert_eq!(every_form(&rx, &room, &live, true, ms).await.unwrap(), None);
    assert_eq!(there.try_recv(), Ok(9));
    // `?` in a body.
    room.close();
    let error = every_form(&rx, &room, &live, false, FAR).await.unwrap_err();
    assert!(error.downcast_ref::<SendError<u32>>().is_some());
    // `return` in a body.
    cancel.cancel();
    let error = every_form(&rx, &full, &live, true, FAR).await.unwrap_err();
    assert_eq!(error.to_string(), "context canceled");
    // Closed and drained: `None`.
    drop(tx);
    assert_eq!(
        every_form(&rx, &full, &live, true, FAR).await.unwrap(),
        None
    );
}

#[test]
fn with_default_it_needs_no_await() {
    fn take(rx: &Receiver<u8>) -> Option<u8> {
        select! {
            v = rx.recv() => v,
            default => None,
        }
    }
    fn put(tx: &Sender<u8>, slot: &mut Option<u8>) -> bool {
        select! {
            default => false,
            r = tx.send_from(slot) => r.is_ok(),
        }
    }
    let (tx, rx) = chan(1);
    assert_eq!(take(&rx), None);
    let mut slot = Some(1);
    assert!(put(&tx, &mut slot));
    slot = Some(2);
    assert!(!put(&tx, &mut slot));
    assert_eq!((slot, take(&rx)), (Some(2), Some(1)));
    let (ctx, cancel) = Context::background().with_cancel();
    let done = || select! { _ = ctx.done() => true, default => false };
    assert!(!done());
    cancel.cancel();
    assert!(done());
}

/// No form of an arm that the documentation has makes a compiler's lint speak up in the user's code.
#[deny(warnings, unused, clippy::all)]
#[gosched::test]
async fn patterns_and_bodies_may_be_written_as_in_a_match() {
    fn count(n: u32) -> u32 {
        n
    }
    macro_rules! either {
        ($rx:expr, $then:block) => {
            select! { _ = $rx.recv() => $then default => { count(0) } }
        };
    }
    let (tx, rx) = chan::<()>(0);
    assert_eq!(either!(rx, { count(1) }), 0);
    drop(tx);
    assert_eq!(either!(rx, { count(1) }), 1);
    let n = select! {
        v = rx.recv() => { count(u32::from(v.is_none())) }
        _ = std::future::pending::<()>() => { count(2) }
    };
    assert_eq!(n, 1);
    for _ in 0..20 {
        select! {
            Ok(n) | Err(n) = async { Ok::<u32, u32>(3) } => assert_eq!(n, 3),
            | Ok(n) | Err(n) = async { Err::<u32, u32>(4) } => assert_eq!(n, 4),
            (a, _) = async { (5, 6) } => { assert_eq!(a, 5) }
            mut n = async { 7 } => {
                n += 1;
                assert_eq!(n, 8);
            }
            whole @ [_, last] = async { [9, 10] } => assert_eq!(whole[1], last),
        }
    }
}

#[gosched::test]
async fn guards_then_operands_are_evaluated_once_in_source_order() {
    let (tx, rx) = chan(1);
    tx.send(()).await.unwrap();
    let mut said = Vec::new();
    let log = std::cell::RefCell::new(&mut said);
    let say = |what: &'static str| {
        log.borrow_mut().push(what);
        true
    };
    let never = |what| {
        say(what);
        std::future::pending::<()>()
    };
    select! {
        _ = never("operand 1"), if say("guard 1") => unreachable!(),
        _ = never("operand 2"), if !say("guard 2") => unreachable!(),
        _ = { say("operand 3"); rx.recv() }, if say("guard 3") => {}
    }
    assert_eq!(
        said,
        ["guard 1", "guard 2", "guard 3", "operand 1", "operand 3"]
    );
}

#[gosched::test]
async fn bodies_break_continue_and_await_and_may_use_what_the_operands_borrowed() {
    let (tx, rx) = chan(1);
    let mut rx = rx;
    let mut slot = Some(1);
    let mut seen = Vec::new();
    'outer: loop {
        select! {
            v = rx.recv() => {
                seen.push(v);
                let Some(n) = v else { break 'outer };
                if n == 1 {
                    // The borrow of `slot` and of `rx` is over.
                    slot = Some(2);
                    rx = rx.clone();
                    continue;
                }
                gosched::yield_now().await;
                tx.close();
            }
            r = tx.send_from(&mut slot) => r.unwrap(),
        }
    }
    assert_eq!(seen, [Some(1), Some(2), None]);
}

#[gosched::test]
async fn biased_takes_the_first_and_else_every_ready_arm_has_its_turn() {
    let (tx, rx) = chan::<()>(0);
    tx.close();
    for _ in 0..100 {
        select! {
            biased;
            _ = rx.recv() => {}
            _ = rx.recv() => unreachable!(),
        }
    }
    let mut counts = [0; 3];
    for _ in 0..3_000 {
        let which = select! {
            _ = rx.recv() => 0,
            _ = std::future::ready(()) => 1,
            _ = time::after(Duration::ZERO) => 2,
        };
        counts[which] += 1;
    }
    assert!(counts.iter().all(|&n| n > 500), "{counts:?}");
}

#[gosched::test]
async fn a_send_and_a_receive_of_one_channel_never_match_each_other() {
    let (tx, rx) = chan(0);
    let alone = select! {
        _ = tx.send(1) => "sent",
        _ = rx.recv() => "received",
        _ = time::after(Duration::from_millis(1)) => "neither",
    };
    assert_eq!(alone, "neither");
}

#[gosched::test]
async fn without_an_enabled_arm_it_waits_for_ever() {
    let off = false;
    let (_tx, rx) = chan::<()>(0);
    let parked = go(async move {
        select! { _ = rx.recv(), if off => {} }
    });
    let nothing = go(async {
        select! {}
    });
    for _ in 0..100 {
        gosched::yield_now().await;
    }
    assert!(!parked.is_finished() && !nothing.is_finished());
    parked.abort();
    nothing.abort();
}

#[gosched::test]
async fn sixty_four_arms_fit() {
    let chans: Vec<_> = (0..64).map(|_| chan::<usize>(1)).collect();
    let rx = |n: usize| &chans[n].1;
    for want in [0, 31, 63] {
        chans[want].0.send(want).await.unwrap();
        let got = select! {
            v = rx(0).recv() => v, v = rx(1).recv() => v, v = rx(2).recv() => v, v = rx(3).recv() => v,
            v = rx(4).recv() => v, v = rx(5).recv() => v, v = rx(6).recv() => v, v = rx(7).recv() => v,
            v = rx(8).recv() => v, v = rx(9).recv() => v, v = rx(10).recv() => v, v = rx(11).recv() => v,
            v = rx(12).recv() => v, v = rx(13).recv() => v, v = rx(14).recv() => v, v = rx(15).recv() => v,
            v = rx(16).recv() => v, v = rx(17).recv() => v, v = rx(18).recv() => v, v = rx(19).recv() => v,
            v = rx(20).recv() => v, v = rx(21).recv() => v, v = rx(22).recv() => v, v = rx(23).recv() => v,
            v = rx(24).recv() => v, v = rx(25).recv() => v, v = rx(26).recv() => v, v = rx(27).recv() => v,
            v = rx(28).recv() => v, v = rx(29).recv() => v, v = rx(30).recv() => v, v = rx(31).recv() => v,
            v = rx(32).recv() => v, v = rx(33).recv() => v, v = rx(34).recv() => v, v = rx(35).recv() => v,
            v = rx(36).recv() => v, v = rx(37).recv() => v, v = rx(38).recv() => v, v = rx(39).recv() => v,
            v = rx(40).recv() => v, v = rx(41).recv() => v, v = rx(42).recv() => v, v = rx(43).recv() => v,
            v = rx(44).recv() => v, v = rx(45).recv() => v, v = rx(46).recv() => v, v = rx(47).recv() => v,
            v = rx(48).recv() => v, v = rx(49).recv() => v, v = rx(50).recv() => v, v = rx(51).recv() => v,
            v = rx(52).recv() => v, v = rx(53).recv() => v, v = rx(54).recv() => v, v = rx(55).recv() => v,
            v = rx(56).recv() => v, v = rx(57).recv() => v, v = rx(58).recv() => v, v = rx(59).recv() => v,
            v = rx(60).recv() => v, v = rx(61).recv() => v, v = rx(62).recv() => v, v = rx(63).recv() => v,
            default => None,
        };
        assert_eq!(got, Some(want));
    }
}

#[gosched::test]
async fn select_takes_arms_at_run_time() {
    let (tx, rx) = chan::<u32>(1);
    let (full, _keep) = chan::<&str>(0);
    let pending = std::future::pending::<()>;
    let with_all = || {
        Select::<'_, Option<u32>>::new()
            .recv(&rx, |v: Option<u32>| v)
            .send(&full, "lost", |r: Result<(), SendError<&str>>| {
                r.unwrap();
                Some(0)
            })
            .future(pending(), |()| Some(1))
    };
    assert_eq!(with_all().default(|| Some(2)).await, Some(2));
    tx.send(7).await.unwrap();
    assert_eq!(with_all().await, Some(7));
    drop(tx);
    assert_eq!(with_all().biased().await, None);
    // Arms in a loop.
    let chans: Vec<_> = (0..100).map(|_| chan::<usize>(1)).collect();
    chans[42].0.send(42).await.unwrap();
    let mut select = Select::new();
    for (_, rx) in &chans {
        select = select.recv(rx, |v| v);
    }
    assert_eq!(select.await, Some(42));
}

#[gosched::test]
async fn recv_any_tells_which_channel_it_was() {
    let (a_tx, a) = chan(1);
    let (_b_tx, b) = chan::<u8>(1);
    a_tx.send(7).await.unwrap();
    assert_eq!(recv_any(&[&b, &a]).await, (1, Some(7)));
    drop(a_tx);
    assert_eq!(recv_any(&[&b, &a]).await, (1, None));
    let all = [a, b];
    let refs: Vec<&Receiver<u8>> = all.iter().collect();
    assert_eq!(recv_any(&refs).await, (0, None));
}

#[gosched::test]
async fn of_two_selects_that_face_each_other_exactly_one_arm_happens() {
    static SENT: AtomicUsize = AtomicUsize::new(0);
    static RECEIVED: AtomicUsize = AtomicUsize::new(0);
    let (a_tx, a_rx) = chan(0);
    let (b_tx, b_rx) = chan(0);
    let one = |tx: Sender<()>, rx: Receiver<()>| async move {
        for _ in 0..2_000 {
            select! {
                r = tx.send(()) => { r.unwrap(); SENT.fetch_add(1, SeqCst); }
                v = rx.recv() => { v.unwrap(); RECEIVED.fetch_add(1, SeqCst); }
            }
        }
    };
    let first = go(one(a_tx.clone(), b_rx.clone()));
    let second = go(one(b_tx.clone(), a_rx.clone()));
    first.await.unwrap();
    second.await.unwrap();
    assert_eq!((SENT.load(SeqCst), RECEIVED.load(SeqCst)), (2_000, 2_000));
}

#[test]
fn selects_can_be_goroutines() {
    is_send::<Select<'_, std::rc::Rc<u8>>>();
    is_send::<gosched::select::RecvAny<'_, std::cell::Cell<u8>>>();
    let (tx, rx) = chan::<std::cell::Cell<u8>>(0);
    drop(is_send_val(async move {
        select! {
            v = rx.recv() => assert!(v.is_none()),
            r = tx.send(std::cell::Cell::new(1)) => drop(r),
            _ = time::after(FAR) => {}
        }
    }));
}
