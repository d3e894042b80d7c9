//! The Go twins: the same workloads in a Go program, standard library only, in the folder `go`.
//!
//! Built once per run, beside this program, and run as a contestant like any other: it prints the same line.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::work::{Budget, Setting, Work};

/// The built program.
pub struct Twins {
    program: PathBuf,
    /// What `go version` says.
    pub version: String,
}

/// Builds the twins.
///
/// # Errors
///
/// A line that says why there are none: no `go` command, or one that could not build them.
pub fn build() -> Result<Twins, String> {
    let version = Command::new("go")
        .arg("version")
        .output()
        .map_err(|_| "there is no go command".to_owned())?;
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();

    let program = std::env::current_exe()
        .map_err(|error| format!("this program's folder is unknown: {error}"))?
        .with_file_name("gosched-bench-go");
    let build = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("go"))
        // No C compiler needed, and the toolchain that is there, not one fetched for the occasion.
        .env("CGO_ENABLED", "0")
        .env("GOTOOLCHAIN", "local")
        .output()
        .map_err(|error| format!("go build does not start: {error}"))?;
    if build.status.success() {
        Ok(Twins { program, version })
    } else {
        Err(format!(
            "go build: {}",
            String::from_utf8_lossy(&build.stderr).trim()
        ))
    }
}

impl Twins {
    /// The command for one measurement.
    pub fn command(&self, work: Work, setting: Setting) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(work.go_flags())
            .arg(format!("-bytes={}", setting.bytes))
            .env("GOMAXPROCS", setting.procs.to_string());
        match setting.budget {
            Budget::Time(time) => command.arg(format!("-ms={}", time.as_millis())),
            Budget::Ops(ops) => command.arg(format!("-ops={ops}")),
        };
        command
    }
}
