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

fn main() {}
