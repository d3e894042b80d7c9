//! What `#[gosched::main]` and `#[gosched::test]` do not stand on.

#[gosched::main]
fn not_async() {}

#[gosched::main]
async fn with_arguments(_n: u32) {}

#[gosched::main]
async fn generic<T>() {}

#[gosched::main]
async extern "C" fn foreign() {}

#[gosched::main]
struct NoFunction;

#[gosched::test]
fn no_async_test() {}

#[gosched::test]
#[test]
async fn twice_a_test() {}

#[gosched::test]
async fn test_with_arguments(_n: u32) {}

#[gosched::main]
fn main() {}
