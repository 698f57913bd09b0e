//! Who owns what a run creates outside of its process, told so that leftovers can be distinguished
//! from what somebody still uses, also after a reboot and on an engine that several machines share.
//!
//! Pure: who this process is, and which processes live, is asked by the runner.

use std::fmt;
use std::str::FromStr;

/// A process that owns things: its machine, boot, process namespace, user, number and start.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner {
    /// The boot of its kernel; containers of a machine share it.
    pub boot: String,
    /// Its process namespace: numbers of processes mean nothing outside of it.
    pub namespace: u64,
    /// Its user.
    pub user: u32,
    /// Its number.
    pub process: u32,
    /// When it started, in the kernel's ticks since boot: a number that is used again is another
    /// process.
    pub start: u64,
    /// Its machine; empty when that has no name for itself.
    pub machine: String,
}

/// What an owner is to the process that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It runs.
    Alive,
    /// It has ended.
    Dead,
    /// It belongs to another user.
    AnotherUser,
    /// It cannot be seen from here: it is on another machine or in another container.
    OutOfSight,
}

impl Owner {
    /// A process that nobody can be.
    pub fn nobody() -> Self {
        let (boot, machine) = (String::new(), String::new());
        Self { boot, namespace: 0, user: u32::MAX, process: 0, start: 0, machine }
    }

    /// What this owner is to `viewer`; `start_of` says when a process of the viewer's namespace
    /// started, if it runs.
    pub fn standing(&self, viewer: &Self, start_of: impl Fn(u32) -> Option<u64>) -> Standing {
        if self.user != viewer.user {
            return Standing::AnotherUser;
        }
        if self.boot != viewer.boot {
            let known = !self.machine.is_empty() && self.machine == viewer.machine;
            return if known { Standing::Dead } else { Standing::OutOfSight };
        }
        if self.namespace != viewer.namespace {
            return Standing::OutOfSight;
        }
        if start_of(self.process) == Some(self.start) { Standing::Alive } else { Standing::Dead }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { boot, namespace, user, process, start, machine } = self;
        write!(f, "{boot}/{namespace}/{user}/{process}/{start}/{machine}")
    }
}

/// A text that names no owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no owner; expected `boot/namespace/user/process/start/machine`")]
pub struct NoOwner(pub String);

impl FromStr for Owner {
    type Err = NoOwner;

    fn from_str(text: &str) -> Result<Self, NoOwner> {
        let parts: Vec<&str> = text.split('/').collect();
        let parsed = match parts[..] {
            [boot, namespace, user, process, start, machine] => (|| {
                Some(Self {
                    boot: boot.to_owned(),
                    namespace: namespace.parse().ok()?,
                    user: user.parse().ok()?,
                    process: process.parse().ok()?,
                    start: start.parse().ok()?,
                    machine: machine.to_owned(),
                })
            })(),
            _ => None,
        };
        parsed.ok_or_else(|| NoOwner(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Owner, Standing};

    fn owner() -> Owner {
        let (boot, machine) = ("b00t".to_owned(), "m".to_owned());
        Owner { boot, namespace: 4_026_531_836, user: 1000, process: 7, start: 500, machine }
    }

    #[test]
    fn owner_is_read_as_it_is_written() {
        for owner in [owner(), Owner::nobody()] {
            assert_eq!(owner.to_string().parse(), Ok(owner));
        }
        for text in ["", "b00t/1/2/3/4", "b00t/1/2/3/4/m/x", "b00t/x/2/3/4/m", "7"] {
            assert!(text.parse::<Owner>().is_err(), "{text}");
        }
    }

    #[test]
    fn owner_is_dead_only_where_that_can_be_seen() {
        let viewer = Owner { process: 9, start: 900, ..owner() };
        let text = ToOwned::to_owned;
        let reused = Owner { start: 499, ..owner() };
        let gone = Owner { process: 8, ..owner() };
        let before_reboot = Owner { boot: text("other"), ..owner() };
        let elsewhere = Owner { machine: text("n"), ..before_reboot.clone() };
        let nameless = Owner { machine: text(""), ..before_reboot.clone() };
        let contained = Owner { namespace: 1, ..owner() };
        let theirs = Owner { user: 0, process: 8, ..owner() };
        for (owner, expected) in [
            (owner(), Standing::Alive),
            (reused, Standing::Dead),
            (gone, Standing::Dead),
            (before_reboot, Standing::Dead),
            (elsewhere, Standing::OutOfSight),
            (nameless.clone(), Standing::OutOfSight),
            (contained, Standing::OutOfSight),
            (theirs, Standing::AnotherUser),
            (Owner::nobody(), Standing::AnotherUser),
        ] {
            let standing = owner.standing(&viewer, |process| (process == 7).then_some(500));
            assert_eq!(standing, expected, "{owner}");
        }
        let viewer = Owner { machine: text(""), ..viewer };
        let standing = nameless.standing(&viewer, |_| None);
        assert_eq!(standing, Standing::OutOfSight, "two machines without a name are not the same");
    }
}
