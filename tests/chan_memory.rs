//! What channels cost in memory: the figures in the docs of `chan`, measured.

mod chan_support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use chan_support::{now, parked, poll};
use futures::{SinkExt, StreamExt};
use gosched::chan::{Recv, SendFrom, SendFuture, chan};
use gosched::select;
use gosched::select::{Select, recv_any};

thread_local! {
    /// How often this thread has allocated, and how many bytes.
    static ALLOCATED: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (times, bytes) = ALLOCATED.get();
        ALLOCATED.set((times + 1, bytes + layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often, and how much, `f` allocates.
fn allocations<R>(f: impl FnOnce() -> R) -> ((usize, usize), R) {
    let (times, bytes) = ALLOCATED.get();
    let out = f();
    let (times_then, bytes_then) = ALLOCATED.get();
    ((times_then - times, bytes_then - bytes), out)
}

#[test]
#[cfg(target_pointer_width = "64")]
fn an_empty_channel_is_one_block_and_its_buffer() {
    /// As in the docs.
    const BLOCK: usize = 184;
    fn check<T>(capacity: usize) {
        let ((times, bytes), ends) = allocations(|| chan::<T>(capacity));
        let slots = capacity * size_of::<T>();
        assert_eq!(times, if slots == 0 { 1 } else { 2 });
        let block = bytes - slots;
        assert!((BLOCK - 32..=BLOCK).contains(&block), "{block}");
        drop(ends);
    }
    check::<u8>(0);
    check::<[u64; 8]>(0);
    check::<()>(1_000);
    check::<u8>(1_000);
    check::<[u64; 4]>(100);
}

#[test]
#[cfg(target_pointer_width = "64")]
fn a_waiting_operation_is_its_node_and_an_option_of_the_value() {
    /// As in the docs.
    const NODE: usize = 64;
    fn check<T>() {
        let most = NODE + size_of::<Option<T>>();
        for size in [size_of::<Recv<'_, T>>(), size_of::<SendFuture<'_, T>>()] {
            assert!((most - 16..=most).contains(&size), "{size} of {most}");
        }
        assert!(size_of::<SendFrom<'_, T>>() <= most + size_of::<usize>());
    }
    check::<()>();
    check::<u8>();
    check::<Box<u8>>();
    check::<u64>();
    check::<[u64; 8]>();
}

#[test]
fn sending_receiving_and_waiting_allocate_nothing() {
    let (tx, rx) = chan(1);
    let (full_tx, _full_rx) = chan(0);
    let ((times, _), ()) = allocations(|| {
        now_on_the_stack(tx.send(1));
        now_on_the_stack(rx.recv());
        tx.try_send(2).unwrap();
        rx.try_recv().unwrap();
        waits_on_the_stack(rx.recv());
        waits_on_the_stack(full_tx.send(3));
        waits_on_the_stack(full_tx.send_from(&mut Some(3)));
        waits_on_the_stack(async {
            select! {
                _ = rx.recv() => {}
                _ = full_tx.send(3) => {}
            }
        });
    });
    assert_eq!(times, 0);
}

fn now_on_the_stack<F: Future>(future: F) {
    assert!(poll(std::pin::pin!(future)).is_ready());
}

fn waits_on_the_stack<F: Future>(future: F) {
    assert!(poll(std::pin::pin!(future)).is_pending());
}

#[test]
fn what_does_allocate_does_so_once() {
    let (tx, rx) = chan(0);
    let mut stream = rx.stream();
    let ((times, _), ()) = allocations(|| {
        for _ in 0..3 {
            waits_on_the_stack(stream.next());
            tx.try_send(1).unwrap();
            now_on_the_stack(stream.next());
        }
    });
    assert_eq!(times, 1, "a stream, for its first wait");
    drop(stream);

    let mut sink = tx.clone().into_sink();
    let ((times, _), ()) = allocations(|| {
        for _ in 0..3 {
            waits_on_the_stack(sink.send(1));
            rx.try_recv().unwrap();
        }
    });
    assert_eq!(times, 1, "a sink, for its first wait");
    drop(sink);

    let served = parked(rx.recv());
    tx.try_send(1).unwrap();
    let ((times, _), ()) = allocations(|| drop(served));
    assert_eq!(times, 1, "a value that is given back and finds no receiver");
    assert_eq!(now(rx.recv()), Some(1));

    let ((times, _), ()) = allocations(|| waits_on_the_stack(recv_any(&[&rx, &rx, &rx])));
    assert_eq!(times, 1, "all arms together");
    let ((times, _), select) = allocations(|| Select::new().recv(&rx, |_| ()).biased());
    assert_eq!(times, 2, "the arm, and the list of arms");
    drop(select);
}
