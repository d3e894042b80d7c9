//! A pipeline: one goroutine generates numbers, three square them, their results are merged.
//!
//!     cargo run --release --example fan_out_fan_in -- [HOW_MANY]
//!
//! Nobody counts goroutines or values here. A stage ends when its input is closed, dropping its `Sender` closes its
//! output, and so the end travels down the pipeline.

use gosched::chan::{Receiver, Sender};
use gosched::{chan, go};

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

    let numbers = generate(how_many);
    // Fan out: three goroutines receive from one channel, and each number goes to one of them.
    let squares = ["one", "two", "three"].map(|name| square(name, numbers.clone()));
    // The copies are the squarers' now. A receiver kept here would keep the generator sending if they all went away.
    drop(numbers);

    // Fan in. The numbers arrive in whatever order the squarers finish, the sum is always the same.
    let merged = merge(squares);
    let mut sum = 0;
    while let Some(Squared { by, number, square }) = merged.recv().await {
        println!("{by:>5}: {number} x {number} = {square}");
        sum += square;
    }
    println!("sum of the squares of 1 to {how_many}: {sum}");
}

struct Squared {
    by: &'static str,
    number: u64,
    square: u64,
}

fn generate(how_many: u64) -> Receiver<u64> {
    let (tx, rx) = chan(0);
    go!({
        for number in 1..=how_many {
            if tx.send(number).await.is_err() {
                return; // nobody is left who wants numbers
            }
        }
    });
    rx
}

fn square(by: &'static str, numbers: Receiver<u64>) -> Receiver<Squared> {
    let (tx, rx) = chan(0);
    go!({
        while let Some(number) = numbers.recv().await {
            let square = number * number;
            if tx.send(Squared { by, number, square }).await.is_err() {
                return;
            }
        }
    });
    rx
}

fn merge<const N: usize>(inputs: [Receiver<Squared>; N]) -> Receiver<Squared> {
    let (tx, rx) = chan(0);
    for input in inputs {
        go(forward(input, tx.clone()));
    }
    // Here the original `tx` is dropped: `rx` is closed when the last forwarder has dropped its copy.
    rx
}

async fn forward(from: Receiver<Squared>, to: Sender<Squared>) {
    while let Some(value) = from.recv().await {
        if to.send(value).await.is_err() {
            return;
        }
    }
}
