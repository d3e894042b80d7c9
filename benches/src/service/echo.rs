//! Readiness: how soon a task learns that its socket has something, while all workers have enough to do.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::child::announce;
use crate::rt::Rt;
use crate::work::{Busy, Lateness, Reading, Setting};

/// Between one byte and the next.
const PAUSE: Duration = Duration::from_millis(1);
/// Tasks for each worker that compute and yield.
const BUSY_TASKS: usize = 2;
/// How long they compute between two yields.
const SLICE: Duration = Duration::from_micros(20);
/// Measured for at least so long: a p99 needs samples.
const LEAST: Duration = Duration::from_secs(1);
/// A byte that does not come back in this time never will.
const PATIENCE: Duration = Duration::from_secs(10);

/// Echoes one connection, on a runtime whose workers are all busy.
///
/// # Errors
///
/// A line for standard error.
pub fn serve<R: Rt>(setting: Setting) -> Result<(), String> {
    let failed = |error: io::Error| format!("the echo server: {error}");
    let busy = Busy::calibrated();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
    announce(listener.local_addr().map_err(failed)?.port())?;
    let (stream, _) = listener.accept().map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    stream.set_nonblocking(true).map_err(failed)?;
    R::start(setting.procs, async move {
        for _ in 0..setting.procs * BUSY_TASKS {
            R::detach(async move {
                loop {
                    busy.compute(SLICE);
                    R::yield_now().await;
                }
            });
        }
        R::echo(stream).await
    })?
    .map_err(failed)?;
    // The busy tasks would never end.
    std::process::exit(0)
}

/// Sends a byte, waits for it, pauses.
pub fn measure(address: SocketAddr, time: Duration) -> Result<Reading, String> {
    let failed = |error: io::Error| format!("the echo: {error}");
    let mut stream = TcpStream::connect(address).map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed)?;
    let mut trips = Lateness::default();
    let end = Instant::now() + time.max(LEAST);
    let mut number = 0_u8;
    while Instant::now() < end {
        thread::sleep(PAUSE);
        let mut back = [0];
        let start = Instant::now();
        stream.write_all(&[number]).map_err(failed)?;
        stream.read_exact(&mut back).map_err(failed)?;
        trips.add(start.elapsed());
        if back != [number] {
            return Err(format!("sent {number}, and {} came back", back[0]));
        }
        number = number.wrapping_add(1);
    }
    let ops = trips.count();
    Ok(Reading {
        figures: trips.quantiles([50.0, 99.0]).to_vec(),
        ops,
    })
}
