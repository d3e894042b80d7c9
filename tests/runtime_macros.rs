//! What `#[gosched::main]` and `#[gosched::test]` make of a function.

mod common;

use std::rc::Rc;
use std::sync::OnceLock;
use std::thread;

use common::{Census, panic_of};
use gosched::runtime::{goexit, goid, gomaxprocs, num_goroutine};
use gosched::{go, yield_now};

static PENDING: OnceLock<Census> = OnceLock::new();

#[gosched::main(procs = 3)]
async fn answers() -> Result<u32, String> {
    assert!(goid().is_some(), "main is a goroutine");
    assert_eq!(gomaxprocs(0), 3);
    let value = PENDING.get_or_init(Census::default).value();
    drop(go(async move {
        let _value = value;
        std::future::pending::<()>().await;
    }));
    assert_eq!(num_goroutine(), 2);
    let n = go(async { 41 }).await.map_err(|e| e.to_string())?;
    Ok(n + 1)
}

#[test]
fn main_returns_what_its_body_does_and_leaves_no_goroutine_behind() {
    assert_eq!(answers(), Ok(42));
    let census = PENDING.get().unwrap();
    assert_eq!((census.made(), census.dropped()), (1, 1));
}

#[gosched::main]
async fn keeps_what_is_not_send() -> (Rc<u32>, thread::ThreadId) {
    let kept = Rc::new(7);
    yield_now().await;
    assert_eq!(goid(), None, "it runs beside the Ps");
    assert_eq!(go(async { 7 }).await.unwrap(), *kept);
    (kept, thread::current().id())
}

#[test]
fn a_main_that_is_not_send_runs_on_the_thread_that_calls() {
    let (seven, id) = keeps_what_is_not_send();
    assert_eq!((*seven, id), (7, thread::current().id()));
}

#[gosched::main(procs = 1)]
async fn panics() {
    yield_now().await;
    panic!("out of main");
}

#[gosched::main(procs = 1)]
async fn exits() {
    goexit().await;
}

#[gosched::main(procs = usize::from(goid().is_some()))]
async fn with_no_ps() {}

#[test]
fn main_panics_with_its_bodys_panic_and_with_gos_words_after_goexit() {
    assert_eq!(panic_of(panics), "out of main");
    assert_eq!(
        panic_of(exits),
        "no goroutines (main called runtime.Goexit) - deadlock!"
    );
    assert_eq!(
        panic_of(with_no_ps),
        "procs(0): a runtime needs at least one P"
    );
}

mod renamed {
    pub use gosched as other_name;

    #[gosched::main(crate = crate::renamed::other_name, procs = 2,)]
    pub async fn under_another_name() -> usize {
        other_name::runtime::gomaxprocs(0)
    }
}

#[test]
fn the_crate_may_have_another_name() {
    assert_eq!(renamed::under_another_name(), 2);
}

#[gosched::test]
async fn a_test_is_a_goroutine_of_a_runtime_of_its_own() {
    assert!(goid().is_some());
    assert_eq!(num_goroutine(), 1);
}

#[gosched::test(procs = 1)]
async fn a_test_may_return_a_result() -> Result<(), gosched::JoinError> {
    let n = go(async { 7 }).await?;
    assert_eq!((n, gomaxprocs(0)), (7, 1));
    Ok(())
}

#[gosched::test]
#[should_panic(expected = "as it should")]
async fn a_test_may_be_one_that_should_panic() {
    yield_now().await;
    panic!("as it should");
}
