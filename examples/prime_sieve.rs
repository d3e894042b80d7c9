//! Prime numbers from a chain of goroutines, each of which strikes out the multiples of one prime.
//!
//!     cargo run --release --example prime_sieve -- [HOW_MANY]
//!
//! The first goroutine counts 2, 3, 4, … What comes out of the end of the chain has been divided by every prime so far
//! without success: it is the next one, and gets a goroutine of its own at the end. All channels are unbuffered, so a
//! number that is struck out late was handed from goroutine to goroutine hundreds of times: this measures a hand-off.

use std::time::Instant;

use gosched::chan::{Receiver, Sender};
use gosched::{chan, go, runtime};

#[gosched::main]
async fn main() {
    let how_many = match std::env::args().nth(1).map(|arg| arg.parse::<usize>()) {
        None => 100,
        Some(Ok(how_many)) => how_many,
        Some(Err(error)) => {
            eprintln!("prime_sieve: how many primes? {error}");
            std::process::exit(2);
        }
    };

    let began = Instant::now();
    let mut last = None;
    let mut chain = count_from(2);
    for nth in 1..=how_many {
        let Some(prime) = chain.recv().await else {
            break; // the counter has reached the end of u32
        };
        print!(
            "{prime}{}",
            if nth % 10 == 0 || nth == how_many {
                '\n'
            } else {
                ' '
            }
        );
        last = Some(prime);
        chain = strike_out_multiples_of(prime, chain);
    }

    if let Some(prime) = last {
        println!(
            "prime number {how_many} is {prime}, found by {} goroutines in {:.1?}",
            runtime::num_goroutine(),
            began.elapsed()
        );
    }
    // Dropping the end of the chain makes the last goroutine's send fail, it drops its receiver, and so on to the first.
}

fn count_from(first: u32) -> Receiver<u32> {
    let (tx, rx) = chan(0);
    go!({
        for number in first.. {
            if tx.send(number).await.is_err() {
                return;
            }
        }
    });
    rx
}

fn strike_out_multiples_of(prime: u32, from: Receiver<u32>) -> Receiver<u32> {
    let (to, rx) = chan(0);
    go(filter(prime, from, to));
    rx
}

async fn filter(prime: u32, from: Receiver<u32>, to: Sender<u32>) {
    while let Some(number) = from.recv().await {
        if number % prime != 0 && to.send(number).await.is_err() {
            return;
        }
    }
}
