//! Guards in the wrong place or of the wrong kind.

async fn guards(rx: gosched::chan::Receiver<u32>, open: bool) {
    gosched::select! {
        v if open = rx.recv() => drop(v),
    }
    gosched::select! {
        v = rx.recv() if open => drop(v),
    }
    gosched::select! {
        v = rx.recv(), if => drop(v),
    }
    gosched::select! {
        v = rx.recv(), if let Some(_) = Some(1) => drop(v),
    }
    gosched::select! {
        v = rx.recv(), if open
    }
    gosched::select! {
        if open => {}
    }
    gosched::select! {
        v = rx.recv() => drop(v),
        default if open => {}
    }
}

fn main() {}
