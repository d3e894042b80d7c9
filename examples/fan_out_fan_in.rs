//! A pipeline: one goroutine generates numbers, three square them, their results are merged.
//!
//!     cargo run --release --example fan_out_fan_in -- [HOW_MANY]
//!
//! Nobody counts goroutines or values here. A stage ends when its input does, and so the end travels down the
//! pipeline; were `squares` dropped early, the whole pipeline would stop.

use gosched::{Context, patterns};

struct Squared {
    by: &'static str,
    number: u64,
    square: u64,
}

#[gosched::main]
async fn main() {
    let how_many = match std::env::args().nth(1).map(|arg| arg.parse::<u64>()) {
        None => 10,
        Some(Ok(how_many)) => how_many,
        Some(Err(error)) => {
            eprintln!("fan_out_fan_in: how many numbers? {error}");
            std::process::exit(2);
        }
    };

    let ctx = Context::background();
    let numbers = patterns::generate(&ctx, 1..=how_many);

    // Fan out: three goroutines receive from one channel, and each number goes to one of them.
    let squarers = ["one", "two", "three"].map(|by| {
        move |number| async move {
            let square = number * number;
            Squared { by, number, square }
        }
    });
    let outputs = patterns::fan_out(&ctx, numbers, squarers);

    // Fan in. The numbers arrive in whatever order the squarers finish, the sum is always the same.
    let squares = patterns::merge(&ctx, outputs);
    let mut sum = 0;
    while let Some(Squared { by, number, square }) = squares.recv().await {
        println!("{by:>5}: {number} x {number} = {square}");
        sum += square;
    }
    println!("sum of the squares of 1 to {how_many}: {sum}");
}
