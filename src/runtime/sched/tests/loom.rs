//! Models of how Ms go to sleep and are woken: real queues, the real `Idle`, `Note` and `Nextp`, and a
//! search for work that is as short as it can be.
//!
//! An M here runs one goroutine and stays in it, as in a turn that is long. So work that nobody took
//! beside a P that is idle is a wake-up that was lost (idle I3). Each model names a change to the code
//! that it was seen to catch.

use std::panic::Location;
use std::ptr;

use loom::sync::Arc;
use loom::thread;

use crate::loom::cell::UnsafeCell;
use crate::runtime::g::{self, Birth, G, Header, JoinHandle, Turn};
use crate::runtime::m::{Nextp, Note};
use crate::runtime::p::P;
use crate::runtime::sched::idle::Idle;
use crate::runtime::sched::injector::Injector;
use crate::runtime::sched::procs::Procs;

/// Two Ps and the Ms that are needed.
struct Machine {
    ps: [P; 2],
    procs: Procs,
    injector: Injector,
    idle: Idle<usize, usize>,
    ms: [Nextp<P>; 4],
    /// The next M that is started.
    fresh: std::sync::atomic::AtomicUsize,
    /// As many Ms can be started.
    most: usize,
    /// Goroutines that had their turn.
    ran: std::sync::atomic::AtomicUsize,
}

/// Something that one thread writes and another reads, in this order by what lies between.
struct Told(UnsafeCell<u8>);

// SAFETY: the cell reports two accesses without an order.
unsafe impl Sync for Told {}

impl Told {
    fn new() -> Arc<Told> {
        Arc::new(Told(UnsafeCell::new(0)))
    }

    fn write(&self) {
        // SAFETY: as for `Sync`.
        self.0.with_mut(|told| unsafe { *told = 7 });
    }

    fn read(&self) -> u8 {
        // SAFETY: as for `Sync`.
        self.0.with(|told| unsafe { *told })
    }
}

fn goroutine() -> G {
    let birth = Birth {
        id: 1,
        parent: 0,
        site: Location::caller(),
    };
    let g = g::new(None, async {}, ptr::null(), birth);
    // SAFETY: just made, and this is the type of its result.
    drop(unsafe { JoinHandle::<()>::new(g) });
    g
}

impl Machine {
    /// `idle` are the Ps that nobody owns, M 0 and up to `started` are there.
    fn new(idle: &[usize], started: usize) -> Arc<Machine> {
        Arc::new(Machine {
            ps: [0, 1].map(|id| P::new(id, false)),
            procs: Procs::new(2),
            injector: Injector::new(),
            idle: Idle::new(idle.to_vec()),
            ms: std::array::from_fn(|_| Nextp::new()),
            fresh: std::sync::atomic::AtomicUsize::new(started),
            most: 4,
            ran: std::sync::atomic::AtomicUsize::new(0),
        })
    }

    /// The same where no further M can be started.
    fn at_its_limit(idle: &[usize], started: usize) -> Arc<Machine> {
        let mut machine = Machine::new(idle, started);
        Arc::get_mut(&mut machine).expect("just made").most = started;
        machine
    }

    /// With P 1 given up, and one P from now on.
    fn shrunk(idle: &[usize], started: usize) -> Arc<Machine> {
        let machine = Machine::new(idle, started);
        machine.procs.set(1);
        machine.ps[1].retire();
        machine
    }

    fn run(&self, g: *mut Header) {
        // SAFETY: it came from a queue (state I2).
        let turn = unsafe { G::from_ptr(g).map(|g| g::run(g, &g::Unleased)) };
        assert_eq!(turn, Some(Turn::Over));
        self.ran.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    /// `Sched::take_idle_p`.
    fn take_p(&self) -> Option<usize> {
        self.idle.take_p(|&p| {
            let p = &self.ps[p];
            self.procs.wants(p) || self.procs.give_up(p)
        })
    }

    fn has_work(&self) -> bool {
        self.injector.len() > 0 || self.ps.iter().any(|p| !p.runq.steal().ring_is_empty())
    }

    /// The M of P `p` makes a goroutine ready in its turn.
    fn push(&self, p: usize) {
        // SAFETY: P I1: the caller is the M that owns it.
        let local = unsafe { self.ps[p].runq.local() };
        if local.push_next(goroutine().as_ptr(), &self.injector) {
            self.wakep();
        }
    }

    fn resize(&self, n: usize) {
        let p = |id: usize| (&self.ps[id], false);
        self.procs.resize(n, &self.idle, p, || self.wakep());
    }

    /// `Sched::wakep_if_work`.
    fn wakep_if_work(&self) {
        self.idle.after_sleep_decision();
        if self.has_work() {
            self.wakep();
        }
    }

    fn wakep(&self) {
        if self.idle.wants_spinner() {
            if let Some(p) = self.idle.p_for_spinner(|| self.take_p()) {
                self.start_m(p, true);
            }
        }
    }

    /// A new M is not another thread here: it does its work at once.
    fn start_m(&self, p: usize, spinning: bool) {
        match self.idle.take_m() {
            Some(m) => self.ms[m].leave(Some(&self.ps[p]), spinning),
            None => {
                let m = self
                    .fresh
                    .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if m < self.most {
                    self.schedule(m, p, spinning);
                } else if let Some((p, m)) = self.idle.owe(p, spinning) {
                    self.ms[m].leave(Some(&self.ps[p]), spinning);
                }
            }
        }
    }

    fn inject(&self, g: G) {
        self.injector.push(g);
        self.wakep();
    }

    /// `Sched::handoff`, where no M is needed for the poller.
    fn handoff(&self, p: usize) {
        if !self.ps[p].runq.steal().is_empty() || self.injector.len() > 0 {
            return self.start_m(p, false);
        }
        self.idle.put_p(p);
        self.wakep_if_work();
    }

    fn find(&self, p: usize, spinning: &mut bool) -> Option<*mut Header> {
        // SAFETY: P I1: each P has one owner, by the lists of `idle`.
        let local = unsafe { self.ps[p].runq.local() };
        if let Some(g) = local.pop_next().or_else(|| local.pop()) {
            return Some(g);
        }
        if !std::mem::replace(spinning, true) {
            self.idle.start_spinning();
        }
        let other = Some(1 - p).filter(|&other| other < self.procs.most());
        let stolen = other.and_then(|other| local.steal_from(&self.ps[other].runq.steal()));
        stolen.or_else(|| self.injector.pop_batch(1, |_| {}).map(G::as_ptr))
    }

    /// M `m`, which owns `p`, until it has run a goroutine or sleeps.
    fn schedule(&self, m: usize, mut p: usize, mut spinning: bool) {
        loop {
            if p >= self.procs.get() {
                // SAFETY: P I1: M `m` owns it.
                unsafe {
                    self.procs
                        .retire(&self.ps[p], &self.idle, &self.injector, spinning, || {});
                }
                self.wakep_if_work();
                return self.park(m);
            }
            if let Some(g) = self.find(p, &mut spinning) {
                if std::mem::take(&mut spinning) && self.idle.stop_spinning() {
                    self.wakep();
                }
                return self.run(g);
            }
            let again = self.idle.give_up(
                Some(p),
                std::mem::take(&mut spinning),
                || self.has_work(),
                || self.take_p(),
            );
            match again.or_else(|| self.poll()) {
                Some(id) => (p, spinning) = (id, true),
                None => return self.park(m),
            }
        }
    }

    /// A visit to the poller by an M that finds nothing there: it does not block when an M is owed.
    fn poll(&self) -> Option<usize> {
        let p = self.idle.settle_debt().then(|| self.take_p())??;
        self.idle.start_spinning();
        Some(p)
    }

    /// `Sched::park`; who wakes M `m` leaves a P for it.
    fn park(&self, m: usize) {
        if self.idle.put_m(m) {
            self.wakep_if_work();
        }
    }

    /// The Ms that were woken do their work; then no goroutine waits beside a P that is idle, and there were
    /// `goroutines` in all.
    #[track_caller]
    fn settle(&self, goroutines: usize) {
        while let Some((m, (p, spinning))) = self
            .ms
            .iter()
            .enumerate()
            .find_map(|(m, next)| Some((m, next.take()?)))
        {
            // SAFETY: it points into `ps`.
            self.schedule(m, unsafe { (*p).id }, spinning);
        }
        assert!(!self.has_work() || self.idle.npidle() == 0, "idle I3");
        assert_eq!(self.idle.nspinning(), 0);
        while let Some(g) = self.injector.pop_batch(1, |_| {}) {
            self.run(g.as_ptr());
        }
        for p in &self.ps {
            let given_up = p.reinstate();
            // SAFETY: P I1: nobody else is left.
            let local = unsafe { p.runq.local() };
            while let Some(g) = local.pop().or_else(|| local.pop_next()) {
                assert!(!given_up, "nobody would come to what is left there");
                self.run(g);
            }
        }
        let ran = self.ran.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(ran, goroutines);
    }
}

// Caught: `wants_spinner` or `after_sleep_decision` without its fence, or with one that is only AcqRel;
// `give_up` that does not look again; one that stops spinning after the look.
#[test]
fn a_goroutine_injected_while_the_last_spinner_goes_to_sleep_is_run() {
    loom::model(|| {
        let machine = Machine::new(&[], 1);
        machine.idle.start_spinning();
        let m = {
            let machine = machine.clone();
            thread::spawn(move || machine.schedule(0, 1, true))
        };
        machine.inject(goroutine());
        m.join().unwrap();
        machine.settle(1);
    });
}

// Caught: as above; `give_up` that puts the P on the list after its fence, or after its look.
#[test]
fn a_goroutine_left_in_a_ring_while_another_m_goes_to_sleep_is_stolen() {
    loom::model(|| {
        let machine = Machine::new(&[], 2);
        let m = {
            let machine = machine.clone();
            thread::spawn(move || machine.schedule(1, 1, false))
        };
        // M 0 makes two ready in one long turn.
        machine.push(0);
        machine.push(0);
        m.join().unwrap();
        machine.settle(2);
    });
}

// Caught: a `stop_spinning` that is never the last; `wants_spinner` that adds to the count without
// comparing; `p_for_spinner` that gives its spinner up without asking again.
#[test]
fn a_spinner_that_finds_work_hands_the_search_on() {
    loom::model(|| {
        let machine = Machine::new(&[0], 1);
        machine.idle.start_spinning();
        let m = {
            let machine = machine.clone();
            thread::spawn(move || machine.schedule(0, 1, true))
        };
        machine.inject(goroutine());
        machine.inject(goroutine());
        m.join().unwrap();
        machine.settle(2);
    });
}

// Caught: a `handoff` that does not look again after the P is on the list; one without the fence.
#[test]
fn a_goroutine_injected_while_a_p_is_handed_off_is_run() {
    loom::model(|| {
        let machine = Machine::new(&[], 1);
        let blocked = {
            let machine = machine.clone();
            thread::spawn(move || machine.handoff(0))
        };
        machine.inject(goroutine());
        blocked.join().unwrap();
        machine.settle(1);
    });
}

// Caught: `owe` that does not look for an M; one that tells of the debt before the P is on the list; one that counts
// as a spinner after that; `put_m` that looks at the debt before it is on the list.
#[test]
fn a_goroutine_injected_where_no_thread_can_be_started_is_run_by_the_m_that_goes_to_sleep() {
    loom::model(|| {
        let machine = Machine::at_its_limit(&[], 1);
        let m = {
            let machine = machine.clone();
            thread::spawn(move || machine.schedule(0, 1, false))
        };
        machine.inject(goroutine());
        m.join().unwrap();
        machine.settle(1);
    });
}

// Caught: `p_for_spinner` that gives its spinner up without asking again.
#[test]
fn a_submitter_that_finds_no_p_leaves_no_other_to_rely_on_it() {
    loom::model(|| {
        let machine = Machine::new(&[0], 2);
        // A call that blocked is over: it takes P 0, and its next turn is the goroutine in the global
        // queue. Then M 1 gives P 1 up.
        let others = {
            let machine = machine.clone();
            thread::spawn(move || {
                if machine.take_p().is_some() {
                    let g = machine.injector.pop_batch(1, |_| {});
                    g.map(G::as_ptr).into_iter().for_each(|g| machine.run(g));
                    machine.schedule(1, 1, false);
                }
            })
        };
        let second = {
            let machine = machine.clone();
            thread::spawn(move || machine.inject(goroutine()))
        };
        machine.inject(goroutine());
        others.join().unwrap();
        second.join().unwrap();
        machine.settle(2);
    });
}

// Caught: a `wakeup` that unparks before it sets. (A Relaxed swap goes unnoticed: the checker does not run
// another thread between the swap and the unpark, which synchronises too.)
#[test]
fn a_wake_up_that_comes_before_or_during_the_sleep_ends_it_and_publishes() {
    loom::model(|| {
        let (idle, told) = (Arc::new(Idle::<u8, Arc<Note>>::new(vec![])), Told::new());
        let sleeper = {
            let (idle, told) = (idle.clone(), told.clone());
            thread::spawn(move || {
                let note = Arc::new(Note::new());
                assert!(!idle.put_m(note.clone()), "nobody is owed");
                note.sleep(std::time::Duration::MAX);
                told.read()
            })
        };
        let note = loop {
            match idle.take_m() {
                Some(note) => break note,
                None => thread::yield_now(),
            }
        };
        told.write();
        note.wakeup();
        assert_eq!(sleeper.join().unwrap(), 7);
    });
}

// Caught: `leave` with a Relaxed store of the P; one that stores `spinning` after the P.
#[test]
fn what_is_left_for_an_m_is_whole_when_it_is_taken() {
    loom::model(|| {
        let (next, told) = (Arc::new(Nextp::new()), Told::new());
        let giver = {
            let (next, told) = (next.clone(), told.clone());
            thread::spawn(move || {
                told.write();
                next.leave(Some(&*told), true);
            })
        };
        if let Some((p, spinning)) = next.take() {
            assert!(spinning);
            // SAFETY: the model keeps `told`.
            assert_eq!(unsafe { (*p).read() }, 7);
        }
        giver.join().unwrap();
    });
}

/// The number grows from one P to two while P 1 is given up by `giver`; afterwards it is on the idle
/// list, or `giver` kept it.
fn grow_beside(idle: &[usize], giver: fn(&Procs, &P, &Idle<usize, ()>) -> bool) {
    let (procs, p) = (Arc::new(Procs::new(1)), Arc::new(P::new(1, false)));
    let idle = Arc::new(Idle::new(idle.to_vec()));
    let giving = {
        let (procs, p, idle) = (procs.clone(), p.clone(), idle.clone());
        thread::spawn(move || giver(&procs, &p, &idle))
    };
    assert_eq!(procs.set(2), 1);
    if p.reinstate() {
        idle.put_p(1);
    }
    let kept = giving.join().unwrap();
    let on_list = idle.take_p(|_| true).is_some();
    assert_ne!(kept, on_list, "P 1 belongs to one");
    assert_eq!(idle.npidle(), 0);
}

// Caught: a `retire` that is a store; `retire` that is only a Release; `reinstate` that is only an Acquire;
// `give_up` that does not look at the number again, or does and leaves the mark.
#[test]
fn a_p_given_up_by_its_m_while_the_number_grows_is_in_use() {
    loom::model(|| {
        grow_beside(&[], |procs, p, idle| {
            let wanted = procs.wants(p);
            if !wanted && procs.give_up(p) {
                idle.put_p(1);
            }
            wanted
        });
    });
}

// Caught: as above, by who takes a P off the idle list instead of its M.
#[test]
fn a_p_dropped_from_the_idle_list_while_the_number_grows_is_in_use() {
    loom::model(|| {
        grow_beside(&[1], |procs, p, idle| {
            idle.take_p(|_| procs.wants(p) || procs.give_up(p))
                .is_some()
        });
    });
}

// Caught: a `retire` after which nobody looks at the queues again, or that stops spinning only after that look.
#[test]
fn a_goroutine_injected_while_the_number_shrinks_is_run() {
    loom::model(|| {
        let machine = Machine::new(&[0], 2);
        machine.idle.start_spinning();
        // The last that looks for work is on the P that goes.
        let m = {
            let machine = machine.clone();
            thread::spawn(move || machine.schedule(1, 1, true))
        };
        machine.resize(1);
        machine.inject(goroutine());
        m.join().unwrap();
        machine.settle(1);
    });
}

// Caught: a `retire` that leaves the ring or `runnext` as it is; thieves that look at as many Ps as there are to be.
#[test]
fn what_is_queued_on_a_p_while_the_number_shrinks_is_run() {
    loom::model(|| {
        let machine = Machine::new(&[], 2);
        let m = {
            let machine = machine.clone();
            thread::spawn(move || {
                machine.resize(1);
                machine.schedule(0, 0, false);
            })
        };
        machine.push(1);
        machine.push(1);
        machine.schedule(1, 1, false);
        m.join().unwrap();
        machine.settle(2);
    });
}

// Caught: a `resize` that wakes nobody, or before the P is on the list.
#[test]
fn a_goroutine_injected_while_the_number_grows_is_run() {
    loom::model(|| {
        let machine = Machine::shrunk(&[], 1);
        let grower = {
            let machine = machine.clone();
            thread::spawn(move || machine.resize(2))
        };
        // All Ps are in long turns when it comes.
        machine.inject(goroutine());
        grower.join().unwrap();
        machine.settle(1);
    });
}

// Caught: a `retire` that gives the P up before its queue is empty.
#[test]
fn what_is_queued_on_a_p_that_is_given_up_while_the_number_grows_is_run() {
    loom::model(|| {
        let machine = Machine::new(&[], 2);
        // SAFETY: P I1: nobody owns it yet.
        let local = unsafe { machine.ps[1].runq.local() };
        local.push_next(goroutine().as_ptr(), &machine.injector);
        local.push_next(goroutine().as_ptr(), &machine.injector);
        machine.procs.set(1);
        let m = {
            let machine = machine.clone();
            thread::spawn(move || machine.schedule(1, 1, false))
        };
        machine.resize(2);
        m.join().unwrap();
        machine.settle(2);
    });
}
