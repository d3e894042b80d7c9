//! The six channels.

use crate::{Chan, Close, Fut, Shared, Value};

/// `gosched::chan`.
pub struct Gosched;

impl Chan for Gosched {
    const NAME: &'static str = "gosched";

    type Tx = gosched::chan::Sender<Value>;
    type Rx = gosched::chan::Receiver<Value>;

    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        gosched::chan(capacity)
    }

    fn send(tx: &Self::Tx, value: Value) -> Fut<'_, Result<(), Option<Value>>> {
        let send = tx.send(value);
        Box::pin(async { send.await.map_err(|error| Some(error.into_inner())) })
    }

    fn try_send(tx: &Self::Tx, value: Value) -> Result<(), Option<Value>> {
        tx.try_send(value).map_err(|error| Some(error.into_inner()))
    }

    fn recv(rx: &mut Self::Rx) -> Fut<'_, Option<Value>> {
        Box::pin(rx.recv())
    }

    fn try_recv(rx: &mut Self::Rx) -> Option<Value> {
        rx.try_recv().ok()
    }
}

impl Shared for Gosched {
    fn clone_rx(rx: &Self::Rx) -> Self::Rx {
        rx.clone()
    }
}

impl Close for Gosched {
    fn close(tx: &Self::Tx, _rx: &mut Self::Rx) {
        assert!(tx.close());
    }
}

/// `tokio::sync::mpsc`. It has one receiver.
pub struct Tokio;

impl Chan for Tokio {
    const NAME: &'static str = "tokio";

    type Tx = tokio::sync::mpsc::Sender<Value>;
    type Rx = tokio::sync::mpsc::Receiver<Value>;

    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        tokio::sync::mpsc::channel(capacity)
    }

    fn send(tx: &Self::Tx, value: Value) -> Fut<'_, Result<(), Option<Value>>> {
        let send = tx.send(value);
        Box::pin(async { send.await.map_err(|error| Some(error.0)) })
    }

    fn try_send(tx: &Self::Tx, value: Value) -> Result<(), Option<Value>> {
        tx.try_send(value).map_err(|error| Some(error.into_inner()))
    }

    fn recv(rx: &mut Self::Rx) -> Fut<'_, Option<Value>> {
        Box::pin(rx.recv())
    }

    fn try_recv(rx: &mut Self::Rx) -> Option<Value> {
        rx.try_recv().ok()
    }
}

impl Close for Tokio {
    fn close(_tx: &Self::Tx, rx: &mut Self::Rx) {
        rx.close();
    }
}

/// `kanal`. Its errors hold no value.
pub struct Kanal;

impl Chan for Kanal {
    const NAME: &'static str = "kanal";

    type Tx = kanal::AsyncSender<Value>;
    type Rx = kanal::AsyncReceiver<Value>;

    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        kanal::bounded_async(capacity)
    }

    fn send(tx: &Self::Tx, value: Value) -> Fut<'_, Result<(), Option<Value>>> {
        let send = tx.send(value);
        Box::pin(async { send.await.map_err(|_| None) })
    }

    fn try_send(tx: &Self::Tx, value: Value) -> Result<(), Option<Value>> {
        match tx.try_send(value) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(None),
        }
    }

    fn recv(rx: &mut Self::Rx) -> Fut<'_, Option<Value>> {
        let recv = rx.recv();
        Box::pin(async { recv.await.ok() })
    }

    fn try_recv(rx: &mut Self::Rx) -> Option<Value> {
        rx.try_recv().ok().flatten()
    }
}

impl Shared for Kanal {
    fn clone_rx(rx: &Self::Rx) -> Self::Rx {
        rx.clone()
    }
}

impl Close for Kanal {
    fn close(tx: &Self::Tx, _rx: &mut Self::Rx) {
        assert!(tx.close().is_ok());
    }
}

/// `flume`.
pub struct Flume;

impl Chan for Flume {
    const NAME: &'static str = "flume";

    type Tx = flume::Sender<Value>;
    type Rx = flume::Receiver<Value>;

    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        flume::bounded(capacity)
    }

    fn send(tx: &Self::Tx, value: Value) -> Fut<'_, Result<(), Option<Value>>> {
        let send = tx.send_async(value);
        Box::pin(async { send.await.map_err(|error| Some(error.into_inner())) })
    }

    fn try_send(tx: &Self::Tx, value: Value) -> Result<(), Option<Value>> {
        tx.try_send(value).map_err(|error| Some(error.into_inner()))
    }

    fn recv(rx: &mut Self::Rx) -> Fut<'_, Option<Value>> {
        let recv = rx.recv_async();
        Box::pin(async { recv.await.ok() })
    }

    fn try_recv(rx: &mut Self::Rx) -> Option<Value> {
        rx.try_recv().ok()
    }
}

impl Shared for Flume {
    fn clone_rx(rx: &Self::Rx) -> Self::Rx {
        rx.clone()
    }
}

/// `async-channel`.
pub struct AsyncChannel;

impl Chan for AsyncChannel {
    const NAME: &'static str = "async-channel";

    type Tx = async_channel::Sender<Value>;
    type Rx = async_channel::Receiver<Value>;

    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        async_channel::bounded(capacity)
    }

    fn send(tx: &Self::Tx, value: Value) -> Fut<'_, Result<(), Option<Value>>> {
        let send = tx.send(value);
        Box::pin(async { send.await.map_err(|error| Some(error.into_inner())) })
    }

    fn try_send(tx: &Self::Tx, value: Value) -> Result<(), Option<Value>> {
        tx.try_send(value).map_err(|error| Some(error.into_inner()))
    }

    fn recv(rx: &mut Self::Rx) -> Fut<'_, Option<Value>> {
        let recv = rx.recv();
        Box::pin(async { recv.await.ok() })
    }

    fn try_recv(rx: &mut Self::Rx) -> Option<Value> {
        rx.try_recv().ok()
    }
}

impl Shared for AsyncChannel {
    fn clone_rx(rx: &Self::Rx) -> Self::Rx {
        rx.clone()
    }
}

impl Close for AsyncChannel {
    fn close(tx: &Self::Tx, _rx: &mut Self::Rx) {
        assert!(tx.close());
    }
}

/// `crossfire`, of its families the one with many senders and many receivers.
pub struct Crossfire;

impl Chan for Crossfire {
    const NAME: &'static str = "crossfire";

    type Tx = crossfire::MAsyncTx<crossfire::mpmc::Array<Value>>;
    type Rx = crossfire::MAsyncRx<crossfire::mpmc::Array<Value>>;

    fn make(capacity: usize) -> (Self::Tx, Self::Rx) {
        crossfire::mpmc::bounded_async(capacity)
    }

    fn send(tx: &Self::Tx, value: Value) -> Fut<'_, Result<(), Option<Value>>> {
        let send = tx.send(value);
        Box::pin(async { send.await.map_err(|error| Some(error.0)) })
    }

    fn try_send(tx: &Self::Tx, value: Value) -> Result<(), Option<Value>> {
        tx.try_send(value).map_err(|error| Some(error.into_inner()))
    }

    fn recv(rx: &mut Self::Rx) -> Fut<'_, Option<Value>> {
        let recv = rx.recv();
        Box::pin(async { recv.await.ok() })
    }

    fn try_recv(rx: &mut Self::Rx) -> Option<Value> {
        rx.try_recv().ok()
    }
}

impl Shared for Crossfire {
    fn clone_rx(rx: &Self::Rx) -> Self::Rx {
        rx.clone()
    }
}
