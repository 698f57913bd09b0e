//! Linux capabilities: names, numbers, and which of them are missing in a set.

/// A set of capabilities as `/proc/PID/status` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapabilitySet {
    /// One bit for each capability.
    pub bits: u64,
    /// The highest number that the kernel knows (`/proc/sys/kernel/cap_last_cap`).
    pub last: u32,
}

/// In the order of their numbers (linux: `include/uapi/linux/capability.h`).
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

impl CapabilitySet {
    /// Reads the bounding set of a process's status.
    pub fn bounding(status: &str, last: u32) -> Option<Self> {
        let line = status.lines().find_map(|line| line.strip_prefix("CapBnd:"))?;
        Some(Self { bits: u64::from_str_radix(line.trim(), 16).ok()?, last })
    }

    fn has(self, number: usize) -> bool {
        self.bits >> number & 1 == 1
    }
}

/// Capabilities that the kernel knows and the set has not.
pub fn missing_of_all(set: CapabilitySet) -> Vec<&'static str> {
    let known = (0..=set.last as usize).zip(NAMES);
    known.filter(|(number, _)| !set.has(*number)).map(|(_, name)| name).collect()
}

/// Which of these names the set has not. A name that nobody knows is for the engine to refuse.
pub fn missing(names: &[String], set: CapabilitySet) -> Vec<&str> {
    let number = |name: &str| NAMES.iter().position(|known| *known == name);
    names
        .iter()
        .map(String::as_str)
        .filter(|name| {
            let name = name.strip_prefix("CAP_").unwrap_or(name);
            number(name).is_some_and(|number| !set.has(number))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_bounding_set_lacks_has_a_name() {
        let status = "Name:\tdockerd\nCapPrm:\t0000000000000000\nCapBnd:\t000001fffeffffff\n";
        let set = CapabilitySet::bounding(status, 40).expect("a bounding set");
        assert_eq!(missing_of_all(set), ["SYS_RESOURCE"]);
        let names = ["SYS_ADMIN", "CAP_SYS_RESOURCE", "NOT_A_CAPABILITY"].map(str::to_owned);
        assert_eq!(missing(&names, set), ["CAP_SYS_RESOURCE"]);

        let full = CapabilitySet { bits: (1 << 38) - 1, last: 37 };
        assert_eq!(missing_of_all(full), Vec::<&str>::new(), "an older kernel knows fewer");
        assert_eq!(CapabilitySet::bounding("Name:\tdockerd\n", 40), None);
    }
}
