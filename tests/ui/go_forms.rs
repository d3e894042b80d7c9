//! Forms that `go!` does not take.

fn forms(tx: gosched::chan::Sender<u32>) {
    gosched::go!(async { 1 });
    gosched::go!(async move { 1 });
    gosched::go!(|| 1);
    gosched::go!(move || 1);
    gosched::go!(move { 1 });
    gosched::go!(clone(&tx) { tx.len() });
    gosched::go!(clone(self.tx) { 1 });
    gosched::go!(clone tx { 1 });
    gosched::go!(1 + 1);
    gosched::go!();
}

fn main() {}
