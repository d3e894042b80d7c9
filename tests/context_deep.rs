//! Trees too deep for recursion, on a stack that recursion would overflow.

use std::thread;

use gosched::Context;
use gosched::context::CancelFunc;

const DEPTH: usize = 100_000;

/// Runs `f` on 128 KiB of stack: little more than a byte for each level.
fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    thread::Builder::new()
        .stack_size(128 << 10)
        .spawn(f)
        .unwrap()
        .join()
        .unwrap();
}

/// A chain with a value at every second step, the leaf last.
fn chain() -> (Vec<Context>, Vec<CancelFunc>) {
    let (mut contexts, mut cancels) = (vec![Context::background()], Vec::new());
    for n in 0..DEPTH / 2 {
        let (next, cancel) = contexts[contexts.len() - 1].with_cancel();
        contexts.push(next.with_value(n));
        cancels.push(cancel);
    }
    (contexts, cancels)
}

#[test]
fn a_deep_chain_is_cancelled_without_recursion() {
    on_a_small_stack(|| {
        let (contexts, mut cancels) = chain();
        cancels.swap_remove(0).cancel_cause("top");
        assert!(
            contexts[1..]
                .iter()
                .all(|ctx| ctx.cause().unwrap().to_string() == "top")
        );
    });
}

#[test]
fn a_deep_chain_is_dropped_from_its_leaf_without_recursion() {
    on_a_small_stack(|| {
        let (mut contexts, cancels) = chain();
        cancels.into_iter().for_each(CancelFunc::detach);
        let leaf = contexts.pop().unwrap();
        drop(contexts);
        assert_eq!(leaf.value::<usize>(), Some(&(DEPTH / 2 - 1)));
        assert!(leaf.check().is_ok());
        drop(leaf);
    });
}

#[test]
fn a_deep_chain_of_which_only_ends_are_held_is_cancelled_and_dropped() {
    on_a_small_stack(|| {
        let (mut contexts, mut cancels) = chain();
        let leaf = contexts.pop().unwrap();
        drop(contexts);
        let top = cancels.swap_remove(0);
        cancels.into_iter().for_each(CancelFunc::detach);
        top.cancel();
        assert!(leaf.err().is_some());
    });
}

#[test]
fn a_deep_chain_has_a_name_and_finds_its_topmost_value() {
    on_a_small_stack(|| {
        let mut ctx = Context::background().with_value("top");
        let mut kept = Vec::new();
        for _ in 0..DEPTH {
            let (next, cancel) = ctx.with_cancel();
            kept.push(cancel);
            ctx = next;
        }
        assert_eq!(ctx.value::<&str>(), Some(&"top"));
        assert!(ctx.to_string().len() > DEPTH * ".WithCancel".len());
    });
}
