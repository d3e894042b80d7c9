//! The operating system's numbers of threads: which of the process's threads are ours.
//!
//! Only Linux tells which threads a process has; elsewhere every question is answered by "not known".

/// A thread's number; 0 where it is not known.
pub(crate) type Tid = u32;

#[cfg(all(target_os = "linux", not(loom)))]
mod imp {
    use super::Tid;

    /// The calling thread's.
    pub(crate) fn current() -> Tid {
        // SAFETY: the call reads no memory of ours.
        let tid = unsafe { libc::syscall(libc::SYS_gettid) };
        Tid::try_from(tid).unwrap_or(0)
    }

    /// That of the process's first thread.
    pub(crate) fn first() -> Tid {
        std::process::id()
    }

    /// All threads of the process.
    pub(crate) fn all() -> Option<Vec<Tid>> {
        let mut tids = Vec::new();
        for entry in std::fs::read_dir("/proc/self/task").ok()? {
            tids.push(entry.ok()?.file_name().to_str()?.parse().ok()?);
        }
        Some(tids)
    }
}

#[cfg(not(all(target_os = "linux", not(loom))))]
mod imp {
    use super::Tid;

    pub(crate) fn current() -> Tid {
        0
    }

    pub(crate) fn first() -> Tid {
        0
    }

    pub(crate) fn all() -> Option<Vec<Tid>> {
        None
    }
}

pub(crate) use imp::{all, current, first};

#[cfg(all(test, target_os = "linux", not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_listed_while_it_lives() {
        let (tx, rx) = std::sync::mpsc::channel::<()>();
        let (tid_tx, tid_rx) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tid_tx.send(current()).unwrap();
            let _ = rx.recv();
        });
        let tid = tid_rx.recv().unwrap();
        let listed = all().unwrap();
        for one in [tid, current(), first()] {
            assert!(listed.contains(&one));
        }
        drop(tx);
        thread.join().unwrap();
    }
}
