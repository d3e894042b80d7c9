//! How many Ps a runtime has that nobody gave a number: as many as there are CPUs that the process may use.
//!
//! Each child narrows its own CPUs before its first goroutine. A quota needs a cgroup, which only the root of a machine,
//! or of a container with a hierarchy of its own, may make: elsewhere the case says so on stderr and shows nothing.

use std::path::{Path, PathBuf};
use std::{env, fs, mem};

use gosched::runtime::{gomaxprocs, num_cpu};

use super::{Case, Outcome, wait};

/// Tells a child which cgroup it is to enter.
const CGROUP: &str = "GOSCHED_TEST_CGROUP";

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "a_process_that_may_use_one_cpu_has_one_p",
        program: || {
            keep_one_cpu();
            tell();
        },
        check: |case| {
            if several_cpus(case) {
                case.run().ended_with(0).says("1 CPUs, 1 Ps");
            }
        },
    },
    Case {
        name: "gomaxprocs_in_the_environment_counts_whatever_the_cpus",
        program: || {
            keep_one_cpu();
            tell();
        },
        check: |case| {
            let child = case.command().env("GOMAXPROCS", "3").spawn().unwrap();
            wait(child).ended_with(0).says("1 CPUs, 3 Ps");
        },
    },
    Case {
        name: "a_process_with_a_quota_below_two_cpus_has_one_p",
        program: || {
            enter_cgroup();
            tell();
        },
        check: |case| {
            if several_cpus(case) {
                for quota in [50_000, 100_000, 150_000] {
                    with_quota(case, quota, "1 CPUs, 1 Ps");
                }
            }
        },
    },
    Case {
        name: "a_quota_above_the_cpus_changes_nothing",
        program: || {
            enter_cgroup();
            tell();
        },
        check: |case| {
            let cpus = num_cpu();
            let quota = 100_000 * (cpus + 1);
            with_quota(case, quota, &format!("{cpus} CPUs, {cpus} Ps"));
        },
    },
];

/// What the library sees, in a program that sets nothing.
fn tell() {
    let procs = gosched::block_on(async { gomaxprocs(0) });
    eprintln!("{} CPUs, {procs} Ps", num_cpu());
}

/// Whether there is something to narrow.
fn several_cpus(case: &Case) -> bool {
    let several = num_cpu() > 1;
    if !several {
        eprintln!(
            "{}: not shown, this process may use one CPU only",
            case.name
        );
    }
    several
}

/// Leaves the process, which has one thread, the first of its CPUs.
fn keep_one_cpu() {
    // SAFETY: a set of CPUs is plain bits, all of which may be 0; the calls are told its size.
    unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        let size = mem::size_of_val(&set);
        assert_eq!(libc::sched_getaffinity(0, size, &mut set), 0);
        let first = (0..libc::CPU_SETSIZE as usize).find(|cpu| libc::CPU_ISSET(*cpu, &set));
        libc::CPU_ZERO(&mut set);
        libc::CPU_SET(first.expect("a CPU"), &mut set);
        assert_eq!(libc::sched_setaffinity(0, size, &set), 0);
    }
}

fn enter_cgroup() {
    let dir = PathBuf::from(env::var_os(CGROUP).expect("a cgroup"));
    // 0 is whoever writes.
    fs::write(dir.join("cgroup.procs"), "0").expect("a cgroup of ours can be entered");
}

/// A cgroup with a quota of CPU time, until it is dropped.
struct Cgroup(PathBuf);

impl Cgroup {
    /// One with so many microseconds in each 100 000; what stood against it, else.
    fn with_quota(quota: usize) -> Result<Cgroup, String> {
        let mut refusals = Vec::new();
        // Version 2, then the places in which version 1 is mounted.
        for root in ["", "cpu", "cpu,cpuacct"] {
            let root = Path::new("/sys/fs/cgroup").join(root);
            match Cgroup::below(&root, quota) {
                Ok(cgroup) => return Ok(cgroup),
                Err(refusal) => refusals.push(format!("{}: {refusal}", root.display())),
            }
        }
        Err(refusals.join("; "))
    }

    fn below(root: &Path, quota: usize) -> Result<Cgroup, String> {
        // Not every directory there is a hierarchy.
        if !root.join("cgroup.procs").exists() {
            return Err("no hierarchy".to_owned());
        }
        let dir = root.join(format!("gosched-test-{}", std::process::id()));
        fs::create_dir(&dir).map_err(|error| error.to_string())?;
        let cgroup = Cgroup(dir);
        let [v2, v1, period] =
            ["cpu.max", "cpu.cfs_quota_us", "cpu.cfs_period_us"].map(|file| cgroup.0.join(file));
        // A file that is not there belongs to a controller that is off, and could not be made either.
        let written = if v2.exists() {
            fs::write(v2, format!("{quota} 100000"))
        } else {
            fs::write(period, "100000").and_then(|()| fs::write(v1, quota.to_string()))
        };
        written.map_err(|error| error.to_string())?;
        Ok(cgroup)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}

fn with_quota(case: &Case, quota: usize, says: &str) {
    let cgroup = match Cgroup::with_quota(quota) {
        Ok(cgroup) => cgroup,
        Err(why) => {
            eprintln!("{}: not shown, no cgroup with a quota: {why}", case.name);
            return;
        }
    };
    let child = case.command().env(CGROUP, &cgroup.0).spawn().unwrap();
    let outcome: Outcome = wait(child);
    outcome.ended_with(0).says(says);
}
