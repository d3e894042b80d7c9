//! The rules of `Context`, one by one, as users see them.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context as Task, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use gosched::block_on;
use gosched::context::{Cause, Context, ContextError};

const FAR: Duration = Duration::from_secs(3_600);

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Task::from_waker(Waker::noop()))
}

fn is_done(ctx: &Context) -> bool {
    poll_once(pin!(ctx.done())).is_ready()
}

fn cause(ctx: &Context) -> String {
    ctx.cause().expect("a context that is done").to_string()
}

/// Waits, for as long as a slow machine may need, until `ctx` is done.
fn wait_done(ctx: &Context) {
    let until = Instant::now() + Duration::from_secs(60);
    while ctx.err().is_none() {
        assert!(Instant::now() < until, "{ctx} is still alive");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_live_context_has_neither_error_nor_cause_and_is_not_done() {
    let (cancellable, _cancel) = Context::background().with_cancel();
    for ctx in [Context::background(), Context::todo(), cancellable] {
        assert_eq!(ctx.err(), None);
        assert_eq!(ctx.check(), Ok(()));
        assert!(ctx.cause().is_none());
        assert!(ctx.deadline().is_none());
        assert!(!is_done(&ctx));
    }
}

#[test]
fn cancel_ends_the_context_and_all_below_but_nothing_above_or_beside() {
    let (root, _cancel_root) = Context::background().with_cancel();
    let (ctx, cancel) = root.with_cancel();
    let (sibling, _cancel_sibling) = root.with_cancel();
    let (child, _cancel_child) = ctx.with_cancel();
    let (grandchild, _cancel_grandchild) = child.with_value(1_u8).with_timeout(FAR);
    cancel.cancel();
    for ctx in [&ctx, &child, &grandchild, &ctx.with_value("late")] {
        assert_eq!(ctx.err(), Some(ContextError::Canceled));
        assert_eq!(ctx.check(), Err(ContextError::Canceled));
        assert!(is_done(ctx));
    }
    assert_eq!(root.err(), None);
    assert_eq!(sibling.err(), None);
}

#[test]
fn dropping_the_cancel_func_cancels_and_detaching_it_does_not() {
    let (dropped, cancel) = Context::background().with_cancel();
    drop(cancel);
    assert_eq!(dropped.err(), Some(ContextError::Canceled));
    let (kept, cancel) = Context::background().with_cancel();
    cancel.detach();
    assert_eq!(kept.err(), None);
}

#[test]
fn a_detached_context_still_ends_with_its_parent() {
    let (parent, cancel) = Context::background().with_cancel();
    let (child, cancel_child) = parent.with_cancel();
    cancel_child.detach();
    cancel.cancel_cause("parent");
    assert_eq!(cause(&child), "parent");
}

#[test]
fn a_detached_context_still_ends_at_its_deadline() {
    let (ctx, cancel) = Context::background().with_timeout(Duration::from_millis(2));
    cancel.detach();
    wait_done(&ctx);
    assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
}

#[test]
fn a_cancel_func_cancels_although_no_other_handle_is_left() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (child, _cancel_child) = ctx.with_cancel();
    drop(ctx);
    cancel.cancel();
    assert!(child.err().is_some());
}

#[test]
fn a_child_of_a_done_parent_is_born_done_with_its_error_and_cause() {
    let (parent, _cancel) = Context::background().with_timeout_cause(Duration::ZERO, "too late");
    let made: [Context; 3] = [
        parent.with_cancel().0,
        parent.with_timeout(FAR).0,
        parent.with_value(1_u8),
    ];
    for child in made {
        assert_eq!(child.err(), Some(ContextError::DeadlineExceeded));
        assert_eq!(cause(&child), "too late");
        assert!(is_done(&child));
    }
}

#[test]
fn children_made_while_their_parent_is_cancelled_get_its_cause() {
    for _ in 0..200 {
        let (parent, cancel) = Context::background().with_cancel();
        let start = Arc::new(Barrier::new(3));
        let makers: Vec<_> = (0..2)
            .map(|_| {
                let (parent, start) = (parent.clone(), start.clone());
                thread::spawn(move || {
                    start.wait();
                    (0..20).map(|_| parent.with_cancel()).collect::<Vec<_>>()
                })
            })
            .collect();
        start.wait();
        cancel.cancel_cause("parent");
        for maker in makers {
            for (child, _cancel) in maker.join().unwrap() {
                assert_eq!(child.err(), Some(ContextError::Canceled));
                assert_eq!(cause(&child), "parent");
            }
        }
    }
}

#[test]
fn an_error_implies_that_done_is_ready() {
    for _ in 0..500 {
        let (parent, cancel) = Context::background().with_cancel();
        let (ctx, _cancel) = parent.with_cancel();
        let canceller = thread::spawn(move || cancel.cancel());
        while ctx.err().is_none() {
            std::hint::spin_loop();
        }
        assert!(is_done(&ctx));
        assert!(ctx.cause().is_some());
        canceller.join().unwrap();
    }
}

#[test]
fn a_tree_of_a_hundred_is_cancelled_everywhere_at_once() {
    let (root, cancel) = Context::background().with_cancel();
    let mut tree = vec![(root.clone(), None)];
    for n in 0..100 {
        let (child, cancel) = tree[n / 3].0.with_cancel();
        let child = if n % 4 == 0 {
            child.with_value(n)
        } else {
            child
        };
        tree.push((child, Some(cancel)));
    }
    let woken = Arc::new(AtomicUsize::new(0));
    let waiting: Vec<_> = tree
        .iter()
        .map(|(ctx, _)| {
            let (ctx, woken) = (ctx.clone(), woken.clone());
            let (ready, polled) = mpsc::channel();
            let thread = thread::spawn(move || {
                let mut done = Box::pin(ctx.done());
                assert!(poll_once(done.as_mut()).is_pending());
                ready.send(()).unwrap();
                block_on(done);
                woken.fetch_add(1, SeqCst);
            });
            polled.recv().unwrap();
            thread
        })
        .collect();
    cancel.cancel_cause("all of you");
    assert!(
        tree.iter().all(|(ctx, _)| cause(ctx) == "all of you"),
        "done when cancel returns"
    );
    waiting
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(woken.load(SeqCst), 101);
}

#[test]
fn every_wait_of_one_context_is_woken_and_its_waker_used_once() {
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let (ctx, cancel) = Context::background().with_cancel();
    let count = Arc::new(Count(AtomicUsize::new(0)));
    let waker = Waker::from(count.clone());
    let mut waits: Vec<_> = (0..50).map(|_| Box::pin(ctx.done())).collect();
    for wait in &mut waits {
        assert!(
            wait.as_mut()
                .poll(&mut Task::from_waker(&waker))
                .is_pending()
        );
        assert!(
            wait.as_mut()
                .poll(&mut Task::from_waker(&waker))
                .is_pending()
        );
    }
    waits.truncate(30);
    cancel.cancel();
    assert_eq!(count.0.load(SeqCst), 30);
    for wait in &mut waits {
        assert!(poll_once(wait.as_mut()).is_ready());
        assert!(
            poll_once(wait.as_mut()).is_ready(),
            "once ready, always ready"
        );
    }
}

#[test]
fn a_wait_wakes_the_task_that_polled_it_last() {
    struct Flag(AtomicBool);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, SeqCst);
        }
    }
    let [first, last] = [(); 2].map(|()| Arc::new(Flag(AtomicBool::new(false))));
    let (ctx, cancel) = Context::background().with_cancel();
    let mut done = pin!(ctx.done());
    for flag in [&last, &first, &first, &last] {
        let waker = Waker::from(flag.clone());
        assert!(
            done.as_mut()
                .poll(&mut Task::from_waker(&waker))
                .is_pending()
        );
    }
    cancel.cancel();
    assert!(!first.0.load(SeqCst));
    assert!(last.0.load(SeqCst));
}

#[test]
fn a_panic_in_a_waker_does_not_keep_the_rest_from_being_told() {
    struct Bomb;
    impl Wake for Bomb {
        fn wake(self: Arc<Self>) {
            panic!("a waker that panics");
        }
    }
    let (ctx, cancel) = Context::background().with_cancel();
    let (child, _cancel_child) = ctx.with_cancel();
    let waker = Waker::from(Arc::new(Bomb));
    let mut own = pin!(ctx.done());
    assert!(
        own.as_mut()
            .poll(&mut Task::from_waker(&waker))
            .is_pending()
    );
    let token = ctx.token().clone();
    let mut library = pin!(token.cancelled());
    assert!(
        library
            .as_mut()
            .poll(&mut Task::from_waker(&waker))
            .is_pending()
    );
    cancel.cancel();
    assert!(child.err().is_some());
    assert!(token.is_cancelled());
}

#[test]
fn a_waker_may_use_the_context_it_is_woken_by() {
    struct Reenter(Context, Mutex<Option<ContextError>>);
    impl Wake for Reenter {
        fn wake(self: Arc<Self>) {
            let (child, _cancel) = self.0.with_cancel();
            *self.1.lock().unwrap() = child.err();
            assert!(is_done(&self.0));
            self.0.token().cancel();
        }
    }
    let (ctx, cancel) = Context::background().with_cancel();
    let reenter = Arc::new(Reenter(ctx.clone(), Mutex::new(None)));
    let waker = Waker::from(reenter.clone());
    let mut done = pin!(ctx.done());
    assert!(
        done.as_mut()
            .poll(&mut Task::from_waker(&waker))
            .is_pending()
    );
    cancel.cancel();
    assert_eq!(*reenter.1.lock().unwrap(), Some(ContextError::Canceled));
}

#[test]
fn any_error_and_any_text_may_be_the_cause() {
    fn cancelled(cancel: impl FnOnce(gosched::context::CancelFunc)) -> Cause {
        let (ctx, func) = Context::background().with_cancel();
        cancel(func);
        ctx.cause().unwrap()
    }
    assert_eq!(cancelled(|c| c.cancel_cause("text")).to_string(), "text");
    assert_eq!(
        cancelled(|c| c.cancel_cause(String::from("owned"))).to_string(),
        "owned"
    );
    let io = cancelled(|c| c.cancel_cause(io::Error::from(io::ErrorKind::NotFound)));
    assert_eq!(
        io.downcast_ref::<io::Error>().unwrap().kind(),
        io::ErrorKind::NotFound
    );
    let boxed: Box<dyn std::error::Error + Send + Sync> = "boxed".into();
    assert_eq!(cancelled(|c| c.cancel_cause(boxed)).to_string(), "boxed");
    let handed_on = cancelled(|c| c.cancel_cause(io.clone()));
    assert!(
        Arc::ptr_eq(&io, &handed_on),
        "a cause that is handed on stays the same one"
    );
    let plain = cancelled(|c| c.cancel());
    assert_eq!(plain.downcast_ref(), Some(&ContextError::Canceled));
}

#[test]
fn errors_read_as_in_go_and_turn_into_io_errors() {
    assert_eq!(ContextError::Canceled.to_string(), "context canceled");
    assert_eq!(
        ContextError::DeadlineExceeded.to_string(),
        "context deadline exceeded"
    );
    assert_eq!(
        io::Error::from(ContextError::DeadlineExceeded).kind(),
        io::ErrorKind::TimedOut
    );
    assert_eq!(
        io::Error::from(ContextError::Canceled).kind(),
        io::ErrorKind::Other
    );
}

#[test]
fn the_nearest_value_of_a_type_wins_and_others_are_not_hidden() {
    #[derive(Debug, PartialEq)]
    struct User(&'static str);
    #[derive(Debug, PartialEq)]
    struct Trace(u64);
    let outer = Context::background()
        .with_value(User("ann"))
        .with_value(Trace(1));
    let (inner, _cancel) = outer.with_cancel();
    let inner = inner.with_value(User("bob"));
    assert_eq!(inner.value(), Some(&User("bob")));
    assert_eq!(inner.value(), Some(&Trace(1)));
    assert_eq!(outer.value(), Some(&User("ann")));
    assert_eq!(
        inner.value::<u64>(),
        None,
        "a value is found by its own type only"
    );
}

#[test]
fn a_value_lives_as_long_as_a_context_below_it() {
    let held = Arc::new(());
    let ctx = Context::background()
        .with_value(held.clone())
        .with_cancel()
        .0
        .with_value(1_u8);
    assert_eq!(Arc::strong_count(&held), 2);
    assert!(ctx.value::<Arc<()>>().is_some());
    drop(ctx);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn without_cancel_keeps_values_and_drops_cancellation_cause_and_deadline() {
    let (parent, cancel) = Context::background().with_value(7_u32).with_timeout(FAR);
    let free = parent.without_cancel();
    let (below, cancel_below) = free.with_cancel();
    cancel.cancel_cause("parent");
    for ctx in [&free, &below, &parent.without_cancel()] {
        assert_eq!(ctx.err(), None);
        assert!(ctx.cause().is_none());
        assert_eq!(ctx.deadline(), None);
        assert!(!is_done(ctx));
        assert_eq!(ctx.value(), Some(&7_u32));
    }
    cancel_below.cancel();
    assert!(below.err().is_some());
    assert!(free.err().is_none());
}

#[test]
fn run_gives_the_output_or_drops_the_future_when_the_context_is_done() {
    struct OnDrop(Arc<AtomicBool>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let (ctx, cancel) = Context::background().with_cancel();
    assert_eq!(block_on(ctx.run(async { 7 })), Ok(7));
    let dropped = Arc::new(AtomicBool::new(false));
    let held = OnDrop(dropped.clone());
    let mut run = Box::pin(ctx.run(async move {
        let _held = held;
        std::future::pending::<()>().await;
    }));
    assert!(poll_once(run.as_mut()).is_pending());
    assert!(!dropped.load(SeqCst));
    cancel.cancel();
    assert_eq!(
        poll_once(run.as_mut()),
        Poll::Ready(Err(ContextError::Canceled))
    );
    assert!(dropped.load(SeqCst), "dropped at once, not with the `Run`");
}

#[test]
fn run_does_not_start_work_for_a_context_that_is_done() {
    let (ctx, cancel) = Context::background().with_cancel();
    cancel.cancel();
    let run = ctx.run(async { unreachable!("the context is looked at first") });
    assert_eq!(block_on(run), Err::<(), _>(ContextError::Canceled));
}

#[test]
fn run_is_woken_by_the_context_while_its_future_sleeps() {
    let (ctx, cancel) = Context::background().with_cancel();
    let run = ctx.run(std::future::pending::<()>());
    let canceller = thread::spawn(move || {
        thread::sleep(Duration::from_millis(5));
        cancel.cancel();
    });
    assert_eq!(block_on(run), Err(ContextError::Canceled));
    canceller.join().unwrap();
}

#[test]
fn done_works_under_another_executor() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (ctx, cancel) = Context::background().with_cancel();
    let canceller = thread::spawn(move || cancel.cancel());
    runtime.block_on(async { ctx.done().await });
    assert!(ctx.err().is_some());
    canceller.join().unwrap();
}

#[test]
fn names_read_as_in_go() {
    struct Secret;
    assert_eq!(Context::todo().to_string(), "context.TODO");
    let (ctx, _cancel) = Context::background().with_cancel();
    let ctx = ctx
        .with_value(Secret)
        .with_value("hello")
        .with_value(String::from("world"));
    let name = ctx.without_cancel().to_string();
    assert_eq!(
        name,
        "context.Background.WithCancel.WithValue(context::names_read_as_in_go::Secret)\
         .WithValue(&str, hello).WithValue(alloc::string::String, world).WithoutCancel"
    );
    assert_eq!(format!("{ctx:?}"), ctx.to_string());

    let (timed, _cancel_timed) = Context::background().with_timeout(FAR);
    let name = timed.to_string();
    let left = name
        .strip_prefix("context.Background.WithTimeout(3600s [")
        .expect(&name);
    assert!(left.starts_with("3599.") && left.ends_with("s])"), "{name}");
    let (later, _cancel_later) = timed.with_timeout(FAR * 2);
    assert!(
        later.to_string().ends_with("]).WithCancel"),
        "{later}: the parent's deadline stands"
    );
    let (passed, _cancel_passed) = Context::background().with_deadline(Instant::now());
    let name = passed.to_string();
    assert!(
        name.starts_with("context.Background.WithDeadline(2"),
        "{name}"
    );
    assert!(name.contains(" UTC [-") && name.ends_with("])"), "{name}");
}

#[test]
fn public_types_may_be_sent_and_shared() {
    fn shared<T: Send + Sync + Unpin + 'static>() {}
    fn future<T: Send + Sync>(_: &T) {}
    shared::<Context>();
    shared::<gosched::context::CancelFunc>();
    shared::<gosched::context::StopFunc>();
    shared::<ContextError>();
    let ctx = Context::background();
    future(&ctx.done());
    future(&ctx.run(std::future::ready(())));
}
