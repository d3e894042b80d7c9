//! `gosched::chan`.

use std::pin::pin;
use std::sync::Arc;
use std::thread;

use futures::{FutureExt as _, SinkExt as _, StreamExt as _};
use gosched::chan::{
    IntoSink, IntoStream, Receiver, Recv, SendError, SendFrom, SendFuture, Sender, Stream,
    TryRecvError, TrySendError, WeakSender,
};
use gosched::{chan, go};

use super::{Plain, is_error, is_handle, is_send, is_sync, is_unpin};

#[gosched::test]
async fn a_closed_channel_gives_the_value_back_at_once_and_to_who_is_parked() {
    let (tx, rx) = chan(1);
    tx.send(1).await.unwrap();
    let parked = go!(clone(tx) { tx.send(2).await });
    while gosched::debug::goroutines()
        .iter()
        .all(|g| g.id() != parked.id() || g.wait_reason() != Some("chan send"))
    {
        gosched::yield_now().await;
    }
    assert!(tx.close(), "this call closed it");
    assert!(!tx.close());
    assert_eq!(parked.await.unwrap(), Err(SendError(2)));
    let SendError(back) = tx.send(3).await.unwrap_err();
    assert_eq!(back, 3);
    assert_eq!(tx.try_send(4), Err(TrySendError::Closed(4)));
    assert_eq!(tx.send_blocking(5), Err(SendError(5)));
    // What is buffered stays receivable.
    assert_eq!(rx.recv().await, Some(1));
    assert_eq!(rx.recv().await, None);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(rx.recv_blocking(), None);
}

#[gosched::test]
async fn try_calls_never_wait() {
    let (tx, rx) = chan(0);
    assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    let (tx, rx) = chan(1);
    assert_eq!(tx.try_send(1), Ok(()));
    assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn send_from_empties_its_slot_only_if_the_send_commits() {
    let (tx, rx) = chan(1);
    let mut slot = Some("a");
    assert_eq!(tx.send_from(&mut slot).now_or_never(), Some(Ok(())));
    assert_eq!(slot, None);
    // Never ready while the slot is empty, not even on a closed channel.
    assert_eq!(tx.send_from(&mut slot).now_or_never(), None);
    slot = Some("b");
    assert_eq!(tx.send_from(&mut slot).now_or_never(), None);
    assert_eq!(slot, Some("b"), "dropped without having sent");
    assert_eq!(rx.recv().now_or_never(), Some(Some("a")));
    tx.close();
    let Err(SendError(back)) = tx.send_from(&mut slot).now_or_never().unwrap() else {
        panic!("it was closed")
    };
    assert_eq!(back, "b");
    assert_eq!(tx.send_from(&mut slot).now_or_never(), None);
}

#[test]
fn blocking_ends_serve_plain_threads_and_goroutines_of_one_p() {
    let (tx, rx) = chan(0);
    let thread = thread::spawn(move || tx.send_blocking(7));
    assert_eq!(rx.recv_blocking(), Some(7));
    thread.join().unwrap().unwrap();

    let rt = gosched::runtime::Runtime::builder()
        .procs(1)
        .build()
        .unwrap();
    let sum = rt.block_on(async {
        let (tx, rx) = chan(0);
        let receiver = go(async move {
            let mut sum = 0;
            while let Some(n) = rx.recv_blocking() {
                sum += n;
            }
            sum
        });
        go(async move {
            for n in 1..=10 {
                tx.send_blocking(n).unwrap();
            }
        })
        .await
        .unwrap();
        receiver.await.unwrap()
    });
    assert_eq!(sum, 55);
}

#[test]
fn the_last_handle_of_either_end_closes() {
    let (tx, rx) = chan::<u8>(2);
    let more = tx.clone();
    drop(tx);
    assert!(!rx.is_closed());
    more.try_send(1).unwrap();
    drop(more);
    assert!(rx.is_closed());
    assert_eq!(
        (rx.try_recv(), rx.try_recv()),
        (Ok(1), Err(TryRecvError::Closed))
    );

    let (tx, rx) = chan(2);
    let value = Arc::new(());
    tx.try_send(value.clone()).unwrap();
    let other = rx.clone();
    drop(rx);
    assert!(!tx.is_closed());
    drop(other);
    assert_eq!(
        Arc::strong_count(&value),
        1,
        "what was buffered is dropped now"
    );
    assert!(matches!(tx.try_send(value), Err(TrySendError::Closed(_))));
}

#[test]
fn both_ends_can_be_asked_the_same() {
    let (tx, rx) = chan(2);
    tx.try_send(1).unwrap();
    let (other_tx, other_rx) = chan::<i32>(2);
    assert_eq!((tx.len(), rx.len()), (1, 1));
    assert_eq!((tx.capacity(), rx.capacity()), (2, 2));
    assert!(!tx.is_empty() && !rx.is_empty());
    assert!(!tx.is_full() && !rx.is_full());
    assert!(!tx.is_closed() && !rx.is_closed());
    assert!(tx.same_channel(&rx) && rx.same_channel(&tx));
    assert!(tx.same_channel(&tx.clone()) && rx.same_channel(&rx.clone()));
    assert!(!tx.same_channel(&other_tx) && !rx.same_channel(&other_rx));
    let _more = (tx.clone(), tx.clone(), rx.clone());
    assert_eq!((tx.sender_count(), rx.sender_count()), (3, 3));
    assert_eq!((tx.receiver_count(), rx.receiver_count()), (2, 2));
}

#[test]
fn a_weak_sender_keeps_nothing_open() {
    let (tx, rx) = chan::<u8>(1);
    let weak: WeakSender<u8> = tx.downgrade();
    let strong: Sender<u8> = weak.upgrade().unwrap();
    drop((tx, strong));
    assert!(rx.is_closed());
    assert!(weak.upgrade().is_none());
}

#[gosched::test]
async fn ends_are_streams_and_sinks() {
    let (tx, rx) = chan(1);
    let sender = go(async move {
        let mut sink = tx.into_sink();
        for n in 0..3 {
            sink.send(n).await.unwrap();
        }
        sink.close().await.unwrap();
    });
    assert_eq!(rx.stream().next().await, Some(0));
    assert_eq!(rx.into_stream().collect::<Vec<_>>().await, [1, 2]);
    sender.await.unwrap();
}

#[test]
fn a_nil_channel_is_never_ready_and_never_closed() {
    let (tx, rx) = chan::nil::<u8>();
    for (tx, rx) in [(tx, rx), (Sender::nil(), Receiver::nil())] {
        assert!(tx.send(1).now_or_never().is_none());
        assert!(rx.recv().now_or_never().is_none());
        assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert!(!tx.close() && !tx.is_closed() && !rx.is_closed());
        assert_eq!(
            (tx.len(), rx.len(), tx.capacity(), rx.capacity()),
            (0, 0, 0, 0)
        );
    }
}

#[test]
fn waiters_are_served_first_come_first_served() {
    let (tx, rx) = chan(0);
    let mut first = pin!(rx.recv());
    let mut second = pin!(rx.recv());
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    assert_eq!(second.now_or_never(), Some(Some(2)));
    assert_eq!(first.now_or_never(), Some(Some(1)));
}

#[test]
fn a_dropped_receive_that_was_served_gives_its_value_to_the_next_ahead_of_later_ones() {
    let (tx, rx) = chan(2);
    let mut served = Box::pin(rx.recv());
    assert!(served.as_mut().now_or_never().is_none());
    for n in 1..=3 {
        tx.try_send(n).unwrap();
    }
    drop(served);
    let all: Vec<_> = std::iter::from_fn(|| rx.try_recv().ok()).collect();
    assert_eq!(all, [1, 2, 3]);
}

#[test]
fn errors_are_errors_whatever_the_value_is() {
    is_error::<SendError<Plain>>();
    is_error::<TrySendError<Plain>>();
    is_error::<TryRecvError>();
    let (tx, rx) = chan(0);
    let full = tx.try_send(Plain).unwrap_err();
    assert!(full.is_full() && !full.is_closed());
    drop(rx);
    let closed = tx.try_send(full.into_inner()).unwrap_err();
    assert!(closed.is_closed());
    assert!(format!("{closed:?}").contains("Closed"));
    let error = tx.send_blocking(Plain).unwrap_err();
    assert!(format!("{error:?}").contains("SendError"));
    assert!(error.to_string().contains("closed"));
    // In functions that return the usual boxes.
    fn boxed(tx: &Sender<Plain>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        tx.send_blocking(Plain)?;
        Ok(())
    }
    assert!(
        boxed(&tx)
            .unwrap_err()
            .downcast_ref::<SendError<Plain>>()
            .is_some()
    );
}

#[test]
fn importing_everything_hides_no_name_of_the_prelude() {
    mod user {
        use gosched::{chan::*, context::*, debug::*, runtime::*, select::*, sync::*, time::*};
        pub(super) fn boxed<T: Send + Sync + Clone + Unpin + 'static>(
            rx: Receiver<T>,
        ) -> Box<dyn Fn() -> Result<Option<T>, String> + Send + Sync> {
            Box::new(move || Ok::<_, String>(rx.try_recv().ok()))
        }
        pub(super) type All = (
            Context,
            GoroutineInfo,
            Runtime,
            WaitGroup,
            Timer,
            Select<'static, ()>,
        );
    }
    is_send::<user::All>();
    let (tx, rx) = chan(1);
    tx.try_send(7).unwrap();
    assert_eq!(user::boxed(rx)(), Ok(Some(7)));
}

#[test]
fn handles_and_futures_have_the_auto_traits_that_they_can_have() {
    // Values that are `Send` and nothing else.
    type Value = std::cell::Cell<u8>;
    is_handle::<Sender<Value>>();
    is_handle::<Receiver<Value>>();
    is_handle::<WeakSender<Value>>();
    is_send::<Recv<'_, Value>>();
    is_sync::<Recv<'_, Value>>();
    is_send::<SendFuture<'_, Value>>();
    is_sync::<SendFuture<'_, Value>>();
    is_send::<SendFrom<'_, Value>>();
    is_sync::<SendFrom<'_, Value>>();
    is_send::<Stream<'_, Value>>();
    is_send::<IntoStream<Value>>();
    is_send::<IntoSink<Value>>();
    is_unpin::<Stream<'_, std::marker::PhantomPinned>>();
    is_unpin::<IntoStream<std::marker::PhantomPinned>>();
    is_unpin::<IntoSink<std::marker::PhantomPinned>>();
    // No bound on the value where nothing crosses threads.
    let (tx, rx) = chan(1);
    tx.try_send(std::rc::Rc::new(1)).unwrap();
    assert_eq!(*rx.try_recv().unwrap(), 1);
    // Values that borrow.
    let text = String::from("borrowed");
    let (tx, rx) = chan(1);
    tx.try_send(&*text).unwrap();
    assert_eq!(rx.try_recv(), Ok("borrowed"));
}
