//! Where and when: the head of the report, without which a figure means nothing.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The facts, as pairs of what and which.
pub fn facts(procs: usize, go: &str) -> Vec<(&'static str, String)> {
    let commit = Command::new("git")
        .args([
            "-C",
            env!("CARGO_MANIFEST_DIR"),
            "rev-parse",
            "--short",
            "HEAD",
        ])
        .output()
        .ok()
        .filter(|out| out.status.success())
        .map(|out| format!(" ({})", String::from_utf8_lossy(&out.stdout).trim()));
    vec![
        ("date", date(now())),
        ("cpu", format!("{}, {procs} workers each", cpu())),
        ("system", system()),
        ("load before", load()),
        (
            "subject",
            format!("{}{}", env!("BENCH_SELF"), commit.unwrap_or_default()),
        ),
        ("peers", env!("BENCH_PEERS").to_owned()),
        ("rust", env!("BENCH_RUSTC").to_owned()),
        ("go", go.to_owned()),
    ]
}

fn cpu() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(':'))
        .map_or("an unnamed CPU", |(_, model)| model.trim());
    let usable = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{model}, {usable} cores usable")
}

fn system() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{} {} {}",
        std::env::consts::OS,
        std::env::consts::ARCH,
        release.trim()
    )
}

/// The load averages: a figure from a busy machine should say so.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let averages: Vec<&str> = text.split_whitespace().take(3).collect();
    if averages.is_empty() {
        "unknown".into()
    } else {
        averages.join(" ")
    }
}

/// Days since 1970, UTC.
fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() / 86_400)
}

/// The Gregorian date of a day counted from 1970: whole years and months are taken off as long as they fit.
fn date(mut days: u64) -> String {
    let leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    format!("{year}-{month:02}-{:02}", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(11_017), "2000-03-01");
        assert_eq!(date(20_453), "2025-12-31");
        assert_eq!(date(20_454), "2026-01-01");
    }
}
