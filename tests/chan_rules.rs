//! The rules of channels, one by one.

mod chan_support;

use std::task::Poll;

use chan_support::{Wakes, block_on, now, parked, poll, poll_with};
use gosched::chan::{self, Receiver, SendError, Sender, TryRecvError, TrySendError, chan};

#[test]
fn values_leave_in_the_order_in_which_they_came_for_every_capacity() {
    for capacity in 0..12 {
        block_on(async {
            let (tx, rx) = chan(capacity);
            let produce = async {
                for n in 0..100 {
                    tx.send(n).await.unwrap();
                }
                drop(tx);
            };
            let consume = async {
                let mut next = 0;
                while let Some(n) = rx.recv().await {
                    assert_eq!(n, next, "capacity {capacity}");
                    next += 1;
                }
                assert_eq!(next, 100);
            };
            futures::future::join(produce, consume).await;
        });
    }
}

#[test]
fn a_send_waits_when_the_buffer_is_full_and_a_receive_when_it_is_empty() {
    for capacity in 0..6 {
        let (tx, rx) = chan(capacity);
        let waiting = parked(rx.recv());
        drop(waiting);
        for n in 0..capacity {
            assert_eq!(tx.len(), n);
            assert_eq!(now(tx.send(n)), Ok(()));
        }
        assert_eq!((rx.len(), rx.capacity()), (capacity, capacity));
        assert!(tx.is_full());
        let mut waiting = parked(tx.send(capacity));
        assert_eq!(rx.len(), capacity, "a parked value is not buffered");
        for n in 0..=capacity {
            assert_eq!(now(rx.recv()), Some(n));
        }
        assert_eq!(poll(waiting.as_mut()), Poll::Ready(Ok(())));
        assert!(rx.is_empty());
    }
}

#[test]
fn a_value_goes_straight_into_a_waiting_receiver_past_the_buffer() {
    let (tx, rx) = chan(4);
    let mut waiting = parked(rx.recv());
    tx.try_send(1).unwrap();
    assert_eq!(tx.len(), 0, "it is in the receiver's hands already");
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(poll(waiting.as_mut()), Poll::Ready(Some(1)));
}

#[test]
fn receivers_that_wait_are_served_first_come_first_served() {
    let (tx, rx) = chan(0);
    let mut waiting: Vec<_> = (0..5).map(|_| parked(rx.recv())).collect();
    for n in 0..5 {
        tx.try_send(n).unwrap();
    }
    for (n, receiver) in waiting.iter_mut().enumerate() {
        assert_eq!(poll(receiver.as_mut()), Poll::Ready(Some(n)));
    }
}

#[test]
fn senders_that_wait_are_served_first_come_first_served() {
    for capacity in [0, 2] {
        let (tx, rx) = chan(capacity);
        for n in 0..capacity {
            tx.try_send(n).unwrap();
        }
        let mut waiting: Vec<_> = (capacity..capacity + 5)
            .map(|n| parked(tx.send(n)))
            .collect();
        for n in 0..capacity + 5 {
            assert_eq!(rx.try_recv(), Ok(n));
        }
        for sender in &mut waiting {
            assert_eq!(poll(sender.as_mut()), Poll::Ready(Ok(())));
        }
    }
}

#[test]
fn a_receiver_that_left_the_queue_is_passed_over() {
    let (tx, rx) = chan(0);
    let mut waiting: Vec<_> = (0..3).map(|_| Some(parked(rx.recv()))).collect();
    waiting[1] = None;
    tx.try_send(0).unwrap();
    tx.try_send(1).unwrap();
    assert!(tx.try_send(2).unwrap_err().is_full());
    assert_eq!(
        poll(waiting[0].as_mut().unwrap().as_mut()),
        Poll::Ready(Some(0))
    );
    assert_eq!(
        poll(waiting[2].as_mut().unwrap().as_mut()),
        Poll::Ready(Some(1))
    );
}

#[test]
fn room_in_a_full_buffer_is_taken_by_the_first_waiting_sender_not_by_a_newcomer() {
    let (tx, rx) = chan(1);
    tx.try_send(1).unwrap();
    let waiting = parked(tx.send(2));
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(tx.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!(rx.try_recv(), Ok(2));
    drop(waiting);
}

#[test]
fn the_peer_that_was_served_is_woken_once() {
    let (tx, rx) = chan(0);
    let (wakes, waker) = Wakes::new();
    let mut waiting = Box::pin(rx.recv());
    assert!(poll_with(waiting.as_mut(), &waker).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!(wakes.count(), 1);
    tx.close();
    assert_eq!(wakes.count(), 1);
}

#[test]
fn the_last_task_that_polled_is_the_one_woken() {
    let (tx, rx) = chan(0);
    let (first, first_waker) = Wakes::new();
    let (second, second_waker) = Wakes::new();
    let mut waiting = Box::pin(rx.recv());
    assert!(poll_with(waiting.as_mut(), &first_waker).is_pending());
    assert!(poll_with(waiting.as_mut(), &second_waker).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!((first.count(), second.count()), (0, 1));

    let (tx, rx) = chan(0);
    let mut waiting = Box::pin(tx.send(1));
    assert!(poll_with(waiting.as_mut(), &first_waker).is_pending());
    assert!(poll_with(waiting.as_mut(), &second_waker).is_pending());
    rx.try_recv().unwrap();
    assert_eq!((first.count(), second.count()), (0, 2));
}

#[test]
#[should_panic(expected = "polled after it had completed")]
fn polling_a_receive_again_after_its_end_panics() {
    let (tx, rx) = chan(1);
    tx.try_send(1).unwrap();
    let mut receive = Box::pin(rx.recv());
    assert!(poll(receive.as_mut()).is_ready());
    let _ = poll(receive.as_mut());
}

#[test]
fn a_send_on_a_closed_channel_gives_the_value_back() {
    let (tx, rx) = chan(1);
    assert!(tx.close());
    assert_eq!(now(tx.send(1)), Err(SendError(1)));
    assert_eq!(tx.try_send(2), Err(TrySendError::Closed(2)));
    assert_eq!(tx.send_blocking(3), Err(SendError(3)));
    let mut slot = Some(4);
    assert_eq!(now(tx.send_from(&mut slot)).unwrap_err().into_inner(), 4);
    drop(rx);
}

#[test]
fn only_the_first_close_is_told_that_it_closed() {
    let (tx, rx) = chan::<u8>(0);
    let other = tx.clone();
    assert!(!rx.is_closed());
    assert!(other.close());
    assert!(!tx.close());
    assert!(rx.is_closed() && tx.is_closed());
}

#[test]
fn what_is_buffered_outlives_the_close() {
    let (tx, rx) = chan(3);
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    tx.close();
    assert_eq!((rx.len(), rx.capacity()), (2, 3));
    assert_eq!(now(rx.recv()), Some(1));
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(now(rx.recv()), None);
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn closing_wakes_receivers_with_nothing_and_senders_with_their_values() {
    let (tx, rx) = chan::<u8>(0);
    let mut receivers: Vec<_> = (0..3).map(|_| parked(rx.recv())).collect();
    tx.close();
    for receiver in &mut receivers {
        assert_eq!(poll(receiver.as_mut()), Poll::Ready(None));
    }
    let (tx, _rx) = chan(0);
    let mut senders: Vec<_> = (0..3).map(|n| parked(tx.send(n))).collect();
    tx.close();
    for (n, sender) in senders.iter_mut().enumerate() {
        assert_eq!(poll(sender.as_mut()), Poll::Ready(Err(SendError(n))));
    }
}

#[test]
fn a_full_channel_with_parked_senders_keeps_its_buffer_when_closed() {
    let (tx, rx) = chan(1);
    tx.try_send(1).unwrap();
    let mut waiting = parked(tx.send(2));
    tx.close();
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert_eq!(poll(waiting.as_mut()), Poll::Ready(Err(SendError(2))));
}

#[test]
fn the_last_sender_dropped_closes() {
    let (tx, rx) = chan::<u8>(0);
    let other = tx.clone();
    let mut waiting = parked(rx.recv());
    drop(tx);
    assert!(!rx.is_closed() && poll(waiting.as_mut()).is_pending());
    drop(other);
    assert!(rx.is_closed());
    assert_eq!(poll(waiting.as_mut()), Poll::Ready(None));
}

#[test]
fn the_last_receiver_dropped_fails_the_senders() {
    let (tx, rx) = chan(0);
    let other = rx.clone();
    let mut waiting = parked(tx.send(1));
    drop(rx);
    assert!(!tx.is_closed() && poll(waiting.as_mut()).is_pending());
    drop(other);
    assert_eq!(poll(waiting.as_mut()), Poll::Ready(Err(SendError(1))));
    assert_eq!(now(tx.send(2)), Err(SendError(2)));
}

#[test]
fn a_nil_channel_is_never_ready_and_never_closed() {
    let (tx, rx) = chan::nil::<u8>();
    for _ in 0..2 {
        drop(parked(tx.send(1)));
        drop(parked(rx.recv()));
        assert_eq!(tx.try_send(1), Err(TrySendError::Full(1)));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        assert!(!tx.close());
        assert!(!tx.is_closed() && !rx.is_closed());
    }
    assert_eq!(
        (tx.len(), tx.capacity(), rx.len(), rx.capacity()),
        (0, 0, 0, 0)
    );
    assert_eq!((tx.sender_count(), tx.receiver_count()), (0, 0));
    assert!(tx.same_channel(&Sender::nil()) && tx.same_channel(&Receiver::nil()));
    assert!(!tx.same_channel(&chan::<u8>(0).0));
    assert!(tx.downgrade().upgrade().is_some());
    let mut slot = Some(1);
    drop(parked(tx.send_from(&mut slot)));
    assert_eq!(slot, Some(1));
}

#[test]
fn both_ends_count_the_handles() {
    let (tx, rx) = chan::<u8>(0);
    let (tx2, rx2) = (tx.clone(), rx.clone());
    assert_eq!((tx.sender_count(), rx.sender_count()), (2, 2));
    assert_eq!((tx.receiver_count(), rx.receiver_count()), (2, 2));
    drop((tx2, rx2));
    assert_eq!((rx.sender_count(), tx.receiver_count()), (1, 1));
}

#[test]
fn a_weak_sender_does_not_keep_the_channel_open() {
    let (tx, rx) = chan(1);
    let weak = tx.downgrade();
    let again = weak.upgrade().unwrap();
    drop(tx);
    again.try_send(1).unwrap();
    drop(again);
    assert!(weak.upgrade().is_none());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    let other = weak.clone();
    drop((rx, weak));
    assert!(other.upgrade().is_none());
}

#[test]
fn send_from_empties_the_slot_only_when_it_sends() {
    let (tx, rx) = chan(1);
    let mut slot = Some(1);
    assert_eq!(now(tx.send_from(&mut slot)), Ok(()));
    assert_eq!(slot, None);
    let mut slot = Some(2);
    drop(parked(tx.send_from(&mut slot)));
    assert_eq!(slot, Some(2));
    drop(tx.send_from(&mut slot));
    assert_eq!(slot, Some(2));
    let mut waiting = parked(tx.send_from(&mut slot));
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(poll(waiting.as_mut()), Poll::Ready(Ok(())));
    drop(waiting);
    assert_eq!(slot, None);
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn send_from_an_empty_slot_is_never_ready() {
    let (tx, rx) = chan::<u8>(1);
    let mut slot = None;
    let mut waiting = parked(tx.send_from(&mut slot));
    tx.close();
    assert!(poll(waiting.as_mut()).is_pending());
    drop(rx);
    assert!(poll(waiting.as_mut()).is_pending());
}

#[test]
fn values_without_a_size_are_counted_like_others() {
    let (tx, rx) = chan(2);
    tx.try_send(()).unwrap();
    tx.try_send(()).unwrap();
    assert!(tx.try_send(()).unwrap_err().is_full());
    let waiting = parked(tx.send(()));
    assert_eq!(rx.len(), 2);
    for _ in 0..3 {
        rx.try_recv().unwrap();
    }
    assert!(rx.try_recv().is_err());
    drop(waiting);
    let (tx, rx) = chan::<()>(1 << 40);
    tx.try_send(()).unwrap();
    assert_eq!((rx.len(), rx.capacity()), (1, 1 << 40));
}

#[test]
#[should_panic(expected = "out of range")]
fn a_capacity_whose_size_overflows_panics() {
    let _ = chan::<u64>(usize::MAX / 2);
}

#[test]
#[should_panic(expected = "out of range")]
fn a_capacity_beyond_all_memory_panics() {
    let _ = chan::<[u8; 1 << 20]>(1 << 30);
}

#[test]
#[should_panic(expected = "out of range")]
fn a_capacity_beyond_counting_panics_even_for_values_without_a_size() {
    let _ = chan::<()>(usize::MAX);
}

#[test]
fn a_refused_capacity_is_reported_at_the_line_that_asked_for_it() {
    use std::sync::{Arc, Mutex};
    let place = Arc::new(Mutex::new(None));
    let seen = place.clone();
    let former = std::panic::take_hook();
    let this_thread = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == this_thread {
            *seen.lock().unwrap() = info.location().map(|l| (l.file().to_string(), l.line()));
        }
    }));
    let line = line!() + 1;
    let result = std::panic::catch_unwind(|| chan::<u64>(usize::MAX));
    std::panic::set_hook(former);
    assert!(result.is_err());
    assert_eq!(*place.lock().unwrap(), Some((file!().to_string(), line)));
}

#[test]
fn errors_read_as_sentences_and_ask_nothing_of_the_value() {
    struct Opaque;
    let err = SendError(Opaque);
    assert_eq!(err.to_string(), "send on a closed channel");
    assert_eq!(format!("{err:?}"), "SendError { .. }");
    assert_eq!(format!("{:?}", TrySendError::Full(Opaque)), "Full(..)");
    let boxed: Box<dyn std::error::Error> = Box::new(TrySendError::from(err));
    assert_eq!(boxed.to_string(), "send on a closed channel");
    assert_eq!(
        TryRecvError::Closed.to_string(),
        "the channel is closed and drained"
    );
}

#[test]
fn a_handle_is_one_pointer() {
    assert_eq!(size_of::<Sender<[u64; 9]>>(), size_of::<usize>());
    assert_eq!(size_of::<Receiver<[u64; 9]>>(), size_of::<usize>());
    assert_eq!(size_of::<chan::WeakSender<[u64; 9]>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Sender<u8>>>(), 2 * size_of::<usize>());
}

#[test]
fn handles_and_futures_cross_threads_whatever_the_value_shares() {
    use std::cell::Cell;
    fn send_sync<T: Send + Sync>() {}
    fn unpin<T: Unpin>() {}
    // `Cell` is `Send` but not `Sync`.
    type V = Cell<u8>;
    send_sync::<Sender<V>>();
    send_sync::<Receiver<V>>();
    send_sync::<chan::WeakSender<V>>();
    send_sync::<chan::SendFuture<'_, V>>();
    send_sync::<chan::SendFrom<'_, V>>();
    send_sync::<chan::Recv<'_, V>>();
    send_sync::<chan::Stream<'_, V>>();
    send_sync::<chan::IntoStream<V>>();
    send_sync::<chan::IntoSink<V>>();
    send_sync::<gosched::select::RecvAny<'_, V>>();
    fn send<T: Send>() {}
    send::<gosched::select::Select<'_, std::rc::Rc<u8>>>();
    send::<gosched::select::Running<'_, std::rc::Rc<u8>>>();
    unpin::<Sender<std::marker::PhantomPinned>>();
    unpin::<Receiver<std::marker::PhantomPinned>>();
    unpin::<chan::Stream<'_, std::marker::PhantomPinned>>();
    unpin::<chan::IntoStream<std::marker::PhantomPinned>>();
    unpin::<chan::IntoSink<std::marker::PhantomPinned>>();
}

/// Compiles only while the futures stay pinned: two implementations would be ambiguous.
#[test]
fn waiting_futures_do_not_move() {
    trait NotUnpin<A> {
        fn check() {}
    }
    impl<T: ?Sized> NotUnpin<()> for T {}
    #[allow(dead_code)]
    struct IsUnpin;
    impl<T: ?Sized + Unpin> NotUnpin<IsUnpin> for T {}
    <chan::SendFuture<'_, u8> as NotUnpin<_>>::check();
    <chan::SendFrom<'_, u8> as NotUnpin<_>>::check();
    <chan::Recv<'_, u8> as NotUnpin<_>>::check();
}
