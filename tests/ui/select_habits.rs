//! What one writes by the habits of other libraries' `select!`.

async fn habits(rx: gosched::chan::Receiver<u32>) {
    gosched::select! {
        v = rx.recv() => drop(v),
        else => {}
    }
    gosched::select! {
        v = rx.recv() => drop(v),
        complete => {}
    }
    gosched::select! {
        recv(rx) -> v => drop(v),
    }
    gosched::select! {
        case v = rx.recv() => drop(v),
    }
}

fn main() {}
