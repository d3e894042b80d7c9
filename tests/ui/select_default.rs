//! `default` and `biased;`.

fn defaults(rx: gosched::chan::Receiver<u32>) {
    gosched::select! {
        v = rx.recv() => drop(v),
        default => {}
        default => {}
    }
    gosched::select! {
        default = rx.recv() => {}
    }
    gosched::select! {
        default(1) => {}
    }
    gosched::select! {
        v = rx.recv() => drop(v),
        default
    }
}

fn biased(rx: gosched::chan::Receiver<u32>) {
    gosched::select! {
        biased
        v = rx.recv() => drop(v),
        default => {}
    }
    gosched::select! {
        biased, v = rx.recv() => drop(v),
        default => {}
    }
    gosched::select! {
        v = rx.recv() => drop(v),
        biased;
        default => {}
    }
    gosched::select! {
        biased;
        biased;
        default => {}
    }
}

// In any place but twice, `default` is right.
fn first(rx: gosched::chan::Receiver<u32>) -> Option<u32> {
    gosched::select! {
        default => None,
        v = rx.recv() => v,
    }
}

fn main() {}
