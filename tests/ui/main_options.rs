//! Options that `#[gosched::main]` and `#[gosched::test]` do not take.

#[gosched::main(procs = 0)]
async fn zero() {}

#[gosched::main(threads = 2)]
async fn unknown() {}

#[gosched::main(procs)]
async fn no_number() {}

#[gosched::main(procs(2))]
async fn in_parentheses() {}

#[gosched::main(procs = 1, procs = 2)]
async fn twice() {}

#[gosched::main(crate = "gosched")]
async fn a_string() {}

#[gosched::main(4)]
async fn a_number() {}

#[gosched::test(flavor = "multi_thread")]
async fn of_another() {}

#[gosched::main(virtual_time)]
async fn no_test() {}

#[gosched::test(virtual_time = true)]
async fn a_value() {}

#[gosched::test(virtual_time, virtual_time)]
async fn virtual_twice() {}

#[gosched::test(virtual_time, procs = 2)]
async fn two_ps() {}

#[gosched::test(seed = 7)]
async fn a_seed_for_nothing() {}

#[gosched::test(virtual_time, seed)]
async fn no_seed() {}

fn main() {}
