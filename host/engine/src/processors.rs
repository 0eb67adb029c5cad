//! How threads share the processors, as far as the operating system lets a process say.
//!
//! A step goes from thread to thread: the one that answers requests, a shard, the writing
//! thread, a guest's, and back. Where all processors are busy, each of them may wait for as
//! long as others run on, which is a slice of theirs. So the host's own threads, which do
//! little at a time, ask for short slices: whoever asks for less runs sooner, and no more.
//! Guests may use all that there is. They have longer slices, and step back behind the host.

/// How far guests step back: a niceness, in which 5 is a third of the weight of 0.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 5;
/// Nanoseconds of the shortest slice that Linux gives.
#[cfg(target_os = "linux")]
const SHORT_SLICE_NS: u64 = 100_000;
/// Stands for the slice that whoever runs the machine has set.
#[cfg(target_os = "linux")]
const USUAL_SLICE: u64 = 0;

/// Has the calling thread, and those that it starts from now on, run in short slices. Before
/// Linux 6.12, and elsewhere, it changes nothing.
pub fn run_in_short_slices() {
    #[cfg(target_os = "linux")]
    if let Err(error) = linux::set_slice(SHORT_SLICE_NS) {
        tracing::debug!(%error, "the host's threads run in the usual slices");
    }
}

/// Puts the calling thread behind the host's own.
pub(crate) fn step_back() {
    #[cfg(target_os = "linux")]
    {
        // Whoever runs the host may have it as far back as it goes already.
        if let Err(error) = rustix::process::nice(NICENESS) {
            tracing::debug!(%error, "guests run beside the host's own threads");
        }
        if let Err(error) = linux::set_slice(USUAL_SLICE) {
            tracing::debug!(%error, "guests run in short slices");
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::mem::size_of;

    /// Asks for slices of so many nanoseconds for the calling thread, if it is one of the
    /// ordinary policy: a real-time thread has none.
    ///
    /// `sched_setattr(2)`; the slice is `sched_runtime` since Linux 6.12, and not looked at
    /// before.
    pub(super) fn set_slice(nanoseconds: u64) -> io::Result<()> {
        let size = size_of::<libc::sched_attr>();
        let mut attributes = libc::sched_attr {
            size: 0,
            sched_policy: 0,
            sched_flags: 0,
            sched_nice: 0,
            sched_priority: 0,
            sched_runtime: 0,
            sched_deadline: 0,
            sched_period: 0,
        };
        #[expect(unsafe_code, reason = "no library has these system calls")]
        // SAFETY: 0 is the calling thread; the kernel writes no more than `size` bytes.
        let read =
            unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
        checked(read)?;
        if attributes.sched_policy != libc::SCHED_OTHER.cast_unsigned() {
            return Ok(());
        }
        attributes.sched_runtime = nanoseconds;
        #[expect(unsafe_code, reason = "no library has these system calls")]
        // SAFETY: 0 is the calling thread; the kernel reads as many bytes as `size` in it says.
        let set = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
        checked(set)
    }

    fn checked(returned: libc::c_long) -> io::Result<()> {
        if returned == 0 {
            return Ok(());
        }
        Err(io::Error::last_os_error())
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::thread;

    use super::*;

    /// The slice of the calling thread as the kernel tells it, in nanoseconds; none before
    /// Linux 6.12.
    fn slice() -> Option<u64> {
        let told = std::fs::read_to_string("/proc/thread-self/sched").ok()?;
        let line = told.lines().find(|line| line.starts_with("se.slice"))?;
        line.rsplit(':').next()?.trim().parse().ok()
    }

    fn niceness() -> i32 {
        rustix::process::getpriority_process(None).unwrap()
    }

    #[test]
    fn threads_inherit_short_slices_and_guests_step_back_into_the_usual_ones() {
        thread::spawn(|| {
            let (usual, before) = (slice(), niceness());
            run_in_short_slices();
            let of_child = || thread::spawn(slice).join().unwrap();
            if usual.is_some() {
                assert_eq!(slice(), Some(SHORT_SLICE_NS));
                assert_eq!(of_child(), Some(SHORT_SLICE_NS));
            }
            step_back();
            assert_eq!(slice(), usual);
            assert_eq!(niceness(), (before + NICENESS).min(19));
        })
        .join()
        .unwrap();
    }
}
