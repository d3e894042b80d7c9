//! What this process has taken of the machine.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Processor time of all threads, living and ended.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap_or_default(),
        time.tv_nsec.try_into().unwrap_or_default(),
    )
}

/// Memory in use, in bytes: the resident set, counted page by page.
///
/// # Errors
///
/// Where the system does not tell it as Linux does.
pub fn resident() -> Result<u64, String> {
    const FILE: &str = "/proc/self/smaps_rollup";
    let text = std::fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
    text.lines()
        .find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix(" kB"))
        .and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok())
        .map(|kilobytes| kilobytes * 1024)
        .ok_or_else(|| format!("{FILE} has no line of the resident set"))
}
