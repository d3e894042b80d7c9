//! A waiter and the queue it waits in.
//!
//! The node lives inside the pinned future that waits, so parking allocates nothing. Owners are the
//! operations of `op`; counterparts reach the node through the queues that `hchan` keeps.
//!
//! | state | in a queue | `slot` and `held` belong to | who leaves it |
//! |---|---|---|---|
//! | `FRESH` | no | the owner | the owner, by parking |
//! | `QUEUED` | yes | whoever holds the channel's lock | a counterpart, or the owner by unlinking |
//! | `SERVED` | no | the owner | the owner |
//! | `CLOSED` | no | the owner | the owner |
//! | `LEFT` | no | the owner | the owner |
//! | `OVER` | no | the owner | nobody |
//!
//! # Invariants
//!
//! 1. `QUEUED` is entered and left only under the lock of the node's channel.
//! 2. A counterpart's store of the next state is the last time it touches the node: the owner may
//!    free it at once.
//! 3. A queued node does not move and is not freed: its owner is pinned and unlinks it when dropped.
//! 4. The node of a select is served only by who has won the select's word.
//! 5. A receiver's node that is `SERVED` holds its value; a sender's that is `SERVED` holds none, and
//!    one that is `CLOSED` holds it still.
//! 6. `held` is filled in when the state leaves `FRESH` for any but `OVER`, and read in no other.
//! 7. A `Waker` in `held` is in its parts, so that it shares its place with the select's word: a node
//!    is half as much again otherwise, and there is one in each operation that anybody waits in.
//!
//! What it does not do: it takes no lock and wakes nobody.

use std::marker::PhantomPinned;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::ptr::{self, NonNull};
use std::task::{RawWakerVTable, Waker};

use super::ready::Ready;
use crate::loom::cell::UnsafeCell;
use crate::loom::sync::atomic::{AtomicU8, Ordering};
use crate::runtime::wake::wakes_same;
use crate::select::word::{Serve, Word};

/// Where a waiter stands; see the table above.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    /// In no queue, and not served.
    Fresh,
    /// Parked.
    Queued,
    /// A counterpart has completed the operation.
    Served,
    /// The channel was closed meanwhile.
    Closed,
    /// A counterpart took it out of the queue, because another arm of its select was chosen.
    Left,
    /// The result has been given out.
    Over,
}

impl State {
    #[inline]
    fn from_u8(raw: u8) -> Self {
        match raw {
            0 => Self::Fresh,
            1 => Self::Queued,
            2 => Self::Served,
            3 => Self::Closed,
            4 => Self::Left,
            _ => Self::Over,
        }
    }
}

/// Who is to be told.
pub(crate) enum Who {
    Nobody,
    /// One operation by itself.
    Task(Waker),
    /// An arm of a select, with its number.
    Select(NonNull<Word>, u32),
}

impl Who {
    /// In parts (I7): the address, the table of a waker, and the number of an arm.
    #[inline]
    fn into_parts(self) -> (*const (), Option<&'static RawWakerVTable>, u64) {
        match self {
            Self::Nobody => (ptr::null(), None, 0),
            Self::Task(waker) => {
                let waker = ManuallyDrop::new(waker);
                (waker.data(), Some(waker.vtable()), 0)
            }
            Self::Select(word, index) => (word.as_ptr().cast_const().cast(), None, index.into()),
        }
    }
}

/// The part of a node that belongs to the queue. Nothing in it has to be dropped but a waker, which
/// whoever takes the node out of its queue takes, too.
#[repr(C)]
struct Held<T> {
    prev: Option<NonNull<Sudog<T>>>,
    next: Option<NonNull<Sudog<T>>>,
    /// The data of the task's waker; or the word of the select, where there is no table; or null.
    who: *const (),
    table: Option<&'static RawWakerVTable>,
    /// While it is queued, the arm's number in its select. Then, where the value in a receiver's slot
    /// stood among all values that left the channel.
    seq: u64,
}

impl<T> Held<T> {
    fn new(prev: Option<NonNull<Sudog<T>>>, who: Who) -> Self {
        let (who, table, seq) = who.into_parts();
        Self {
            prev,
            next: None,
            who,
            table,
            seq,
        }
    }

    /// Takes the task's waker out, if there is one.
    #[inline]
    fn take_waker(&mut self) -> Option<Waker> {
        let table = self.table.take()?;
        let data = std::mem::replace(&mut self.who, ptr::null());
        // SAFETY: I7: the parts are those of a waker that nobody else has; they are taken out.
        Some(unsafe { Waker::new(data, table) })
    }

    /// The word of the select, if it is an arm of one.
    #[inline]
    fn word(&self) -> Option<NonNull<Word>> {
        match self.table {
            Some(_) => None,
            None => NonNull::new(self.who.cast_mut().cast()),
        }
    }
}

/// The memory of a `Held`, field by field. There is nothing in it while the operation can be moved, but as one
/// block the compiler would copy it with each move.
#[repr(C)]
struct Blank<T> {
    prev: MaybeUninit<Option<NonNull<Sudog<T>>>>,
    next: MaybeUninit<Option<NonNull<Sudog<T>>>>,
    who: MaybeUninit<*const ()>,
    table: MaybeUninit<Option<&'static RawWakerVTable>>,
    seq: MaybeUninit<u64>,
}

impl<T> Blank<T> {
    #[inline]
    fn new() -> Self {
        const { assert!(size_of::<Self>() == size_of::<Held<T>>()) };
        Self {
            prev: MaybeUninit::uninit(),
            next: MaybeUninit::uninit(),
            who: MaybeUninit::uninit(),
            table: MaybeUninit::uninit(),
            seq: MaybeUninit::uninit(),
        }
    }
}

/// A waiter.
pub struct Sudog<T> {
    state: AtomicU8,
    /// Nothing is in it until the node is first queued or served: most never are (I6).
    held: UnsafeCell<Blank<T>>,
    slot: UnsafeCell<Option<T>>,
    _pinned: PhantomPinned,
}

// SAFETY: the value crosses threads, hence `T: Send`; the pointers are followed as the table says.
unsafe impl<T: Send> Send for Sudog<T> {}
// SAFETY: a shared node is touched by its owner and counterparts as the table says, never by both.
unsafe impl<T: Send> Sync for Sudog<T> {}

impl<T> Sudog<T> {
    /// A fresh node with this in its slot.
    #[inline]
    pub(crate) fn new(value: Option<T>) -> Self {
        Self {
            state: AtomicU8::new(State::Fresh as u8),
            held: UnsafeCell::new(Blank::new()),
            slot: UnsafeCell::new(value),
            _pinned: PhantomPinned,
        }
    }

    /// Where the node stands.
    #[inline]
    pub(crate) fn state(&self) -> State {
        // Ordering: Acquire pairs with the Release of `set_state`: who reads `SERVED` or `CLOSED`
        // owns the slot that the counterpart has written.
        State::from_u8(self.state.load(Ordering::Acquire))
    }

    /// Moves on. For a counterpart, the last touch (I2).
    #[inline]
    pub(crate) fn set_state(&self, state: State) {
        // Ordering: Release pairs with the Acquire of `state`.
        self.state.store(state as u8, Ordering::Release);
    }

    /// Lends the slot.
    ///
    /// # Safety
    ///
    /// By the table the slot belongs to the caller.
    #[inline]
    pub(crate) unsafe fn slot<R>(&self, f: impl FnOnce(&mut Option<T>) -> R) -> R {
        // SAFETY: the caller's promise.
        self.slot.with_mut(|slot| f(unsafe { &mut *slot }))
    }

    /// Lends the queue's part.
    ///
    /// # Safety
    ///
    /// By the table it belongs to the caller.
    #[inline]
    unsafe fn held<R>(&self, f: impl FnOnce(&mut Held<T>) -> R) -> R {
        // SAFETY: the caller's promise; I6; the two have the same fields in the same order.
        self.held
            .with_mut(|held| f(unsafe { &mut *held.cast::<Held<T>>() }))
    }

    /// Fills in the queue's part.
    ///
    /// # Safety
    ///
    /// The node is the caller's.
    #[inline]
    unsafe fn fill(&self, content: Held<T>) {
        // SAFETY: the caller's promise.
        self.held
            .with_mut(|held| unsafe { held.cast::<Held<T>>().write(content) });
    }

    /// Fills in the queue's part of a fresh node that is about to be `SERVED` or `CLOSED` without ever
    /// having been parked.
    ///
    /// # Safety
    ///
    /// The node is the caller's.
    #[inline]
    pub(crate) unsafe fn ended_unparked(&self, seq: u64) {
        // SAFETY: passed on.
        unsafe {
            self.fill(Held {
                seq,
                ..Held::new(None, Who::Nobody)
            });
        }
    }

    /// Replaces the task to wake; the former waker is handed back, to be dropped without a lock.
    ///
    /// # Safety
    ///
    /// By the table `held` belongs to the caller; the node is no arm of a select.
    #[inline]
    pub(crate) unsafe fn set_waker(&self, waker: Waker) -> Option<Waker> {
        // SAFETY: the caller's promise.
        unsafe {
            self.held(|held| {
                let before = held.take_waker();
                (held.who, held.table, _) = Who::Task(waker).into_parts();
                before
            })
        }
    }

    /// Forgets whom to tell: a waker, to be dropped without a lock, or the word of a select.
    ///
    /// # Safety
    ///
    /// By the table `held` belongs to the caller.
    #[inline]
    pub(crate) unsafe fn forget(&self) -> (Option<Waker>, Option<NonNull<Word>>) {
        // SAFETY: the caller's promise.
        unsafe {
            self.held(|held| {
                let word = held.word();
                let waker = held.take_waker();
                held.who = ptr::null();
                (waker, word)
            })
        }
    }

    /// Whether waking the node would wake this task.
    ///
    /// # Safety
    ///
    /// By the table `held` belongs to the caller.
    pub(crate) unsafe fn wakes(&self, waker: &Waker) -> bool {
        // SAFETY: the caller's promise; I7: the parts are those of a waker, which is only looked at.
        unsafe {
            self.held(|held| {
                held.table.is_some_and(|table| {
                    wakes_same(&ManuallyDrop::new(Waker::new(held.who, table)), waker)
                })
            })
        }
    }

    /// Where the slot's value stood.
    ///
    /// # Safety
    ///
    /// By the table `held` belongs to the caller.
    pub(crate) unsafe fn seq(&self) -> u64 {
        // SAFETY: the caller's promise.
        unsafe { self.held(|held| held.seq) }
    }

    /// Notes where the slot's value stood.
    ///
    /// # Safety
    ///
    /// By the table `held` belongs to the caller.
    pub(crate) unsafe fn set_seq(&self, seq: u64) {
        // SAFETY: the caller's promise.
        unsafe { self.held(|held| held.seq = seq) }
    }
}

/// A waiter that has been taken out of its queue to be served. It must be settled.
#[must_use = "the waiter has left its queue and must be settled"]
pub(crate) struct Chosen<T> {
    node: NonNull<Sudog<T>>,
    waker: Option<Waker>,
}

impl<T> Chosen<T> {
    /// A parked receiver gets this value.
    #[inline]
    pub(crate) fn give(self, value: T, seq: u64) -> Ready {
        // SAFETY: the node is in no queue but still `QUEUED`, so it is alive (I3) and, under the
        // lock that `choose` required, ours.
        unsafe {
            let node = self.node.as_ref();
            node.slot(|slot| *slot = Some(value));
            node.set_seq(seq);
        }
        self.settle(State::Served)
    }

    /// A parked sender's value is taken.
    #[inline]
    pub(crate) fn take(self) -> (Option<T>, Ready) {
        // SAFETY: as in `give`.
        let value = unsafe { self.node.as_ref().slot(Option::take) };
        (value, self.settle(State::Served))
    }

    /// The waiter is let go in this state.
    #[inline]
    pub(crate) fn settle(self, state: State) -> Ready {
        // SAFETY: as in `give`; by I2 this is the last touch.
        unsafe { self.node.as_ref().set_state(state) };
        Ready::peer(self.waker)
    }
}

/// The waiters on one side of a channel, first come first. Guarded by the channel's lock.
pub struct WaitQueue<T> {
    head: Option<NonNull<Sudog<T>>>,
    tail: Option<NonNull<Sudog<T>>>,
}

impl<T> WaitQueue<T> {
    /// Nobody waits.
    pub(crate) const fn new() -> Self {
        Self {
            head: None,
            tail: None,
        }
    }

    /// Whether nobody waits. A select that is busy, or has a place left over, counts as waiting.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Puts a node at the end.
    ///
    /// # Safety
    ///
    /// The channel's lock is held; the node is `FRESH`, pinned, and its owner will call `unlink`
    /// before it frees a `QUEUED` node (I3).
    #[inline]
    pub(crate) unsafe fn push(&mut self, node: NonNull<Sudog<T>>, who: Who) {
        // SAFETY: a fresh node is the caller's, and the tail is queued: under the lock it is ours.
        unsafe {
            node.as_ref().fill(Held::new(self.tail, who));
            match self.tail {
                Some(tail) => tail.as_ref().held(|held| held.next = Some(node)),
                None => self.head = Some(node),
            }
            self.tail = Some(node);
            node.as_ref().set_state(State::Queued);
        }
    }

    /// Takes a node out; its state is left to the caller.
    ///
    /// # Safety
    ///
    /// The channel's lock is held and the node is in this queue.
    #[inline]
    pub(crate) unsafe fn unlink(&mut self, node: NonNull<Sudog<T>>) {
        // SAFETY: all three nodes are queued: under the lock they are ours.
        unsafe {
            let (prev, next) = node
                .as_ref()
                .held(|held| (held.prev.take(), held.next.take()));
            match prev {
                Some(prev) => prev.as_ref().held(|held| held.next = next),
                None => self.head = next,
            }
            match next {
                Some(next) => next.as_ref().held(|held| held.prev = prev),
                None => self.tail = prev,
            }
        }
    }

    /// Takes out the first waiter that can be served (I4).
    ///
    /// Leftovers of selects that are over go as well; busy selects keep their place.
    ///
    /// # Safety
    ///
    /// The channel's lock is held, and until the node is settled.
    #[inline]
    pub(crate) unsafe fn choose(&mut self) -> Option<Chosen<T>> {
        let node = self.head?;
        // SAFETY: the node is queued: under the lock it is alive (I3), ours, and in this queue.
        unsafe {
            // Most waiters are tasks by themselves, and come first.
            match node.as_ref().held(Held::take_waker) {
                Some(waker) => {
                    self.unlink(node);
                    Some(Chosen {
                        node,
                        waker: Some(waker),
                    })
                }
                None => self.choose_or(false),
            }
        }
    }

    /// As `choose`, for a channel that has just been closed: busy selects lose their place too,
    /// for they will find the channel closed. So emptying a queue is linear.
    ///
    /// # Safety
    ///
    /// As for `choose`.
    pub(crate) unsafe fn choose_closed(&mut self) -> Option<Chosen<T>> {
        // SAFETY: passed on.
        unsafe { self.choose_or(true) }
    }

    #[inline(never)]
    unsafe fn choose_or(&mut self, drop_busy: bool) -> Option<Chosen<T>> {
        let mut at = self.head;
        while let Some(node) = at {
            // SAFETY: the node is queued: under the lock it is alive (I3) and ours. A select's word
            // is alive while its arm is queued (word I4).
            let (next, serve) = unsafe {
                node.as_ref().held(|held| {
                    let serve = match held.word() {
                        Some(word) => word.as_ref().serve(held.seq as u32),
                        None => Serve::Won(held.take_waker()),
                    };
                    (held.next, serve)
                })
            };
            match serve {
                Serve::Won(waker) => {
                    // SAFETY: the node is in this queue.
                    unsafe { self.unlink(node) };
                    return Some(Chosen { node, waker });
                }
                Serve::Busy if !drop_busy => {}
                Serve::Busy | Serve::Lost => {
                    // SAFETY: the node is in this queue; by I2 the store is the last touch.
                    unsafe {
                        self.unlink(node);
                        node.as_ref().set_state(State::Left);
                    }
                }
            }
            at = next;
        }
        None
    }
}
