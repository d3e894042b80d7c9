//! Patterns that do not match every value.

async fn refutable(rx: gosched::chan::Receiver<u32>, tx: gosched::chan::Sender<u32>) {
    gosched::select! {
        Some(v) = rx.recv() => drop(v),
        default => {}
    }
    gosched::select! {
        Ok(()) = tx.send(1) => {}
        (0, None) = async { (0, rx.recv().await) } => {}
    }
    gosched::select! {
        7 = async { 7 } => {}
    }
}

fn main() {}
