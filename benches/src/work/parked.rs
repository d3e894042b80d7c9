//! What a waiting task takes of the memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::latch::Latch;
use super::meter::Reading;
use super::process::resident;
use crate::chan::{Chan, Received};
use crate::rt::Rt;

/// Parks `tasks` in a receive, looks, and closes the channels, upon which all must end without a value.
///
/// What is counted is the task, its future, its place in the channel's queue, and, where each has a channel of its own,
/// that channel.
pub async fn parked<R: Rt, C: Chan>(tasks: usize, one_channel: bool) -> Result<Reading, String> {
    let capacity = 1;
    let started = Latch::new();
    let ended = Latch::new();
    started.arm(tasks);
    ended.arm(tasks);
    let empty_handed = Arc::new(AtomicUsize::new(0));
    let shared = one_channel.then(|| C::make::<[u64; 1]>(capacity));
    // The space for the senders is the harness's: written to, so that it is resident before the first look.
    let mut senders = Vec::new();
    senders.resize_with(tasks, || None);

    let before = resident()?;
    for sender in &mut senders {
        let mut rx = match &shared {
            Some((_, rx)) => C::clone_rx(rx).ok_or("this channel has one receiver")?,
            None => {
                let (tx, rx) = C::make::<[u64; 1]>(capacity);
                *sender = Some(tx);
                rx
            }
        };
        let (started, ended, empty_handed) = (started.clone(), ended.clone(), empty_handed.clone());
        R::detach(async move {
            started.done();
            if C::recv(&mut rx).await.into_value().is_none() {
                // Relaxed: the latch orders it before the load below.
                empty_handed.fetch_add(1, Ordering::Relaxed);
            }
            ended.done();
        });
    }
    started.wait().await;
    // Those that started last may not wait yet. Once nothing has changed for a while, they do.
    let mut now = resident()?;
    loop {
        R::sleep(Duration::from_millis(50)).await;
        let before = std::mem::replace(&mut now, resident()?);
        if before == now {
            break;
        }
    }

    drop((senders, shared));
    ended.wait().await;
    let empty_handed = empty_handed.load(Ordering::Relaxed);
    if empty_handed != tasks {
        return Err(format!(
            "only {empty_handed} of {tasks} saw the channel closed"
        ));
    }
    Ok(Reading {
        figures: vec![now.saturating_sub(before) as f64 / tasks as f64],
        ops: tasks as u64,
    })
}
