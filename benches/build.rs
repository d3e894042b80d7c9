//! Hands the harness what it cannot ask for at run time: the compiler's version and the peers'.
//!
//! The versions are read from `Cargo.lock`, so a report names what was really linked.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=Cargo.lock");
    println!("cargo::rerun-if-env-changed=RUSTC");

    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    let rustc = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|out| String::from_utf8(out.stdout).ok())
        .map_or_else(
            || "rustc (unknown)".to_owned(),
            |text| text.trim().to_owned(),
        );
    println!("cargo::rustc-env=BENCH_RUSTC={rustc}");

    let manifest = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let lock = std::fs::read_to_string(Path::new(&manifest).join("Cargo.lock")).unwrap_or_default();
    for (variable, packages) in [
        ("BENCH_SELF", &["gosched"][..]),
        (
            "BENCH_PEERS",
            &[
                "tokio",
                "smol",
                "async-channel",
                "flume",
                "kanal",
                "crossfire",
                "tokio-util",
                "axum",
            ][..],
        ),
    ] {
        let versions: Vec<String> = packages
            .iter()
            .filter_map(|name| version_of(&lock, name).map(|v| format!("{name} {v}")))
            .collect();
        println!("cargo::rustc-env={variable}={}", versions.join(", "));
    }
}

/// The version that the lock file gives for `name`: its two lines follow each other in every
/// format of the file so far.
fn version_of<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let heading = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != heading);
    lines.next()?;
    lines
        .next()?
        .strip_prefix("version = \"")?
        .strip_suffix('"')
}
