//! Recursion that is too deep for a thread's stack, in a goroutine.

use gosched::runtime::{Runtime, grow_stack};

use super::Case;

/// Each level takes more than 100 bytes, and the threads' stacks have 2 MiB.
const DEPTH: u64 = 100_000;
const STACK: usize = 2 * 1024 * 1024;

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "deep_recursion_in_a_goroutine_overflows_its_threads_stack",
        program: || run(plain),
        check: |case| {
            let outcome = case.run();
            assert_eq!(outcome.code, None, "killed by a signal");
            outcome.says("overflowed its stack");
        },
    },
    Case {
        name: "grow_stack_lets_the_same_recursion_through",
        program: || run(growing),
        check: |case| {
            case.run().ended_with(0).says("the sum is 5000050000");
        },
    },
];

fn run(sum: fn(u64) -> u64) {
    let rt = Runtime::builder()
        .procs(1)
        .thread_stack_size(STACK)
        .build()
        .unwrap();
    let sum = rt.block_on(rt.handle().go(async move { sum(DEPTH) }));
    eprintln!("the sum is {}", sum.unwrap());
}

/// A level of recursion that no compiler makes a loop of.
fn level(n: u64, below: fn(u64) -> u64) -> u64 {
    let frame = std::hint::black_box([n; 12]);
    let sum = if n == 0 { 0 } else { below(n - 1) };
    frame[usize::try_from(n % 12).unwrap()] + std::hint::black_box(sum)
}

fn plain(n: u64) -> u64 {
    level(n, plain)
}

fn growing(n: u64) -> u64 {
    grow_stack(|| level(n, growing))
}
