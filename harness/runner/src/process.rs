//! Who this process is and which other processes live, as the kernel tells (proc(5)).
//!
//! Where there is no `/proc`, every process counts as one that cannot be seen from here: nothing
//! of it is taken for a leftover by its label, and the locks of the [journal](crate::journal)
//! still tell the dead runs of this machine.

use std::fs;
use std::os::unix::fs::MetadataExt;

use gateproof_kubernetes::{Owner, Standing};

/// This process as the owner of what it creates.
pub fn owner() -> Owner {
    let process = std::process::id();
    let line = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    Owner {
        boot: line("/proc/sys/kernel/random/boot_id").unwrap_or_else(|| "unknown".to_owned()),
        // The inode is the namespace's identity (namespaces(7)).
        namespace: fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino()),
        user: nix::unistd::getuid().as_raw(),
        process,
        start: start_of(process).unwrap_or(0),
        machine: line("/etc/machine-id").map_or_else(String::new, |id| name_of_machine(&id)),
    }
}

/// What an owner is to this process.
pub fn standing(owner: &Owner) -> Standing {
    let this = self::owner();
    match owner.standing(&this, start_of) {
        // Without a namespace nothing was read of either.
        Standing::Dead | Standing::Alive if this.namespace == 0 => Standing::OutOfSight,
        standing => standing,
    }
}

/// When a process started, in ticks since boot; `None` when it does not run. One that has ended
/// and was not waited for does not run.
fn start_of(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses and may hold anything; the third is
    // the state, the twenty-second the start.
    let rest = stat.rsplit_once(')')?.1;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    fields.get(19)?.parse().ok()
}

/// The memory that this machine has left, in MiB; `None` where the kernel does not tell.
pub fn available_mib() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

/// machine-id(5) asks not to show the id itself to others.
fn name_of_machine(id: &str) -> String {
    // FNV-1a with 64 bits: the same on every build, which the standard hasher is not.
    let seeded = "gateproof".bytes().chain(id.bytes());
    let hash = seeded.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    if id.is_empty() { String::new() } else { format!("{hash:016x}") }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use gateproof_kubernetes::{Owner, Standing};

    use super::{owner, standing};

    #[test]
    fn this_process_lives_and_one_that_has_ended_does_not() {
        let this = owner();
        assert_eq!(standing(&this), Standing::Alive);
        assert_eq!(standing(&Owner { start: this.start + 1, ..this.clone() }), Standing::Dead);
        let mut child = Command::new("true").spawn().expect("a program");
        let process = child.id();
        child.wait().expect("it ends");
        assert_eq!(standing(&Owner { process, ..this.clone() }), Standing::Dead);
        let user = this.user + 1;
        assert_eq!(standing(&Owner { user, ..this }), Standing::AnotherUser);
    }

    #[test]
    fn process_that_was_not_waited_for_does_not_live() {
        let mut child = Command::new("true").spawn().expect("a program");
        let process = child.id();
        let limit = std::time::Instant::now() + std::time::Duration::from_mins(1);
        while super::start_of(process).is_some() {
            assert!(std::time::Instant::now() < limit, "`true` ends");
            std::thread::yield_now();
        }
        child.wait().expect("it ends");
    }
}
