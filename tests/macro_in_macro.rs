//! `select!` in a macro of the user's: what that puts together stays together.

#![deny(warnings)]

use std::future::{pending, ready};

use gosched::{chan, go, select};

const SIX: u8 = 6;

/// Each is to be `SIX` with `1 + 2`.
macro_rules! twice {
    (operation $e:expr) => {
        select! { v = ready($e * 2) => v }
    };
    (inside an operation $e:expr) => {
        select! { v = async { ready($e * 2).await } => v }
    };
    (body $e:expr) => {
        select! { v = ready(0) => v + $e * 2, }
    };
    (block $e:expr) => {
        select! { v = ready(0) => { v + $e * 2 } }
    };
    (inside a body $e:expr) => {
        select! { v = ready(true) => if v { $e * 2 } else { 0 }, }
    };
    (in a macro of a body $e:expr) => {
        select! { _ = ready(()) => vec![$e * 2][0], }
    };
    (in a select of a body $e:expr) => {
        select! { v = ready(2) => v * select! { v = ready($e * 1) => v }, }
    };
    (default $e:expr) => {
        select! { _ = pending::<()>() => 0, default => $e * 2 }
    };
}

#[gosched::test]
async fn an_expression_of_a_macro_is_one_operand() {
    assert_eq!(twice!(operation 1 + 2), SIX);
    assert_eq!(twice!(inside an operation 1 + 2), SIX);
    assert_eq!(twice!(body 1 + 2), SIX);
    assert_eq!(twice!(block 1 + 2), SIX);
    assert_eq!(twice!(inside a body 1 + 2), SIX);
    assert_eq!(twice!(in a macro of a body 1 + 2), SIX);
    assert_eq!(twice!(in a select of a body 1 + 2), SIX);
    assert_eq!(twice!(default 1 + 2), SIX);
}

macro_rules! unless {
    ($e:expr) => {
        select! { _ = ready(()), if !$e => true, default => false }
    };
}

#[gosched::test]
async fn so_is_one_in_a_guard() {
    let (yes, no) = (true, false);
    assert!(unless!(no && yes));
    assert!(!unless!(no || yes));
}

macro_rules! receive {
    ($rx:expr) => {
        select! { v = $rx.recv() => v }
    };
    (from $rx:expr, $($other:expr),* => $p:pat, $t:ty, $b:block) => {
        select! {
            $p = $rx.recv() => { let value: $t = $b; value }
            $(_ = $other => 0,)*
        }
    };
    (or $e:expr) => {
        select! { v = $e => v }
    };
}

#[gosched::test]
async fn a_macro_gives_any_part_of_an_arm() {
    let (tx, rx) = chan::<u8>(2);
    tx.send(1).await.unwrap();
    tx.send(2).await.unwrap();
    assert_eq!(receive!(&rx), Some(1));
    let value = receive!(from rx, pending::<()>(), ready(()) => v, u8, { v.unwrap() + 1 });
    assert!([0, 3].contains(&value));
    assert_eq!(receive!(or ready(7)), 7);
    assert_eq!(receive!(or go(async { 7 })).unwrap(), 7);
}

macro_rules! start {
    ($block:block) => {
        go!($block)
    };
    ($name:ident $block:block) => {
        go!(clone($name) $block)
    };
}

#[gosched::test]
async fn go_takes_a_block_of_a_macro() {
    let (tx, rx) = chan(2);
    start!(tx {
        tx.send(1).await.unwrap();
    });
    start!({
        tx.send(2).await.unwrap();
    });
    let sum = rx.recv().await.unwrap() + rx.recv().await.unwrap();
    assert_eq!(sum, 3);
}

macro_rules! with_procs {
    ($name:ident $n:expr) => {
        #[gosched::test(procs = $n * 2)]
        async fn $name() {
            assert_eq!(gosched::runtime::gomaxprocs(0), 4);
        }
    };
}

with_procs!(so_is_one_in_an_option 1 + 1);
