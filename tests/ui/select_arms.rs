//! Arms that are not whole.

async fn arms(rx: gosched::chan::Receiver<u32>) {
    gosched::select! {
        v = rx.recv()
    }
    gosched::select! {
        v = rx.recv(), default => {}
    }
    gosched::select! {
        v = rx.recv() =>
    }
    gosched::select! {
        v = rx.recv() => , default => {}
    }
    gosched::select! {
        v = => {}
    }
    gosched::select! {
        rx.recv() => {}
    }
    gosched::select! {
        _ => {}
    }
    gosched::select! {
        , v = rx.recv() => {}
    }
    gosched::select! {
        v = rx.recv() => drop(v)
        w = rx.recv() => drop(w)
    }
    gosched::select! {
        #[cfg(unix)]
        v = rx.recv() => drop(v),
    }
    gosched::select! { 1 + 1 }
}

fn main() {}
