//! The macros beside a trait that gives methods of their names to every type.

use gosched::{block_on, chan, go, select};

#[allow(dead_code)]
trait Everywhere {
    fn tag(&self) -> &str {
        "mine"
    }
    fn arm(&self) {}
    fn as_mut(&self) {}
    fn enter(&self) {}
    fn finish(&self) {}
    fn go_on(&self) {}
    fn map(&self) {}
    fn poll(&self) {}
    fn procs(&self) {}
    fn run(&self) {}
    fn try_enter(&self) {}
    fn try_go_on(&self) {}
    fn try_poll(&self) {}
}

impl<T: ?Sized> Everywhere for T {}

async fn each_shape_of_select() -> u32 {
    let (tx, rx) = chan(3);
    for n in [1, 2, 4] {
        tx.send(n).await.unwrap();
    }
    let mut sum = select! {
        v = rx.recv() => v.unwrap(),
        _ = std::future::pending::<()>() => 0,
    };
    sum += select! {
        v = rx.recv() => v.unwrap(),
        v = rx.recv() => v.unwrap(),
        v = rx.recv() => v.unwrap(),
    };
    sum += select! {
        v = rx.recv() => v.unwrap(),
        default => 0,
    };
    sum += select! {
        v = rx.recv() => v.unwrap(),
        v = rx.recv() => v.unwrap(),
        v = rx.recv() => v.unwrap(),
        default => 8,
    };
    sum
}

#[test]
fn a_method_of_the_same_name_on_every_type_disturbs_no_select() {
    assert_eq!(1.tag(), "mine");
    assert_eq!(block_on(each_shape_of_select()), 15);
}

#[gosched::test(procs = 1)]
async fn nor_an_attribute() {
    assert_eq!(go!({ each_shape_of_select().await }).await.unwrap(), 15);
}
