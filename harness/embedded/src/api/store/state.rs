//! What the lock guards: objects by kind and name, their history, and who owns whom.
//!
//! It stores and indexes; what may be stored is decided before.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::ops::Bound;
use std::sync::Arc;

use ring::rand::{SecureRandom, SystemRandom};
use serde_json::Value;

use super::change::{Change, ChangeKind, ChangeLog, TooOld};
use crate::api::kinds::Kinds;
use crate::api::object::{ObjectName, owner_uids, set_metadata};
use crate::api::resources::Kind;

type Objects = BTreeMap<ObjectName, Arc<Value>>;

/// Everything a store holds.
#[derive(Default)]
pub(super) struct State {
    objects: BTreeMap<Kind, Objects>,
    logs: BTreeMap<Kind, ChangeLog>,
    /// Objects that name a uid as their owner.
    dependants: HashMap<String, BTreeSet<(Kind, ObjectName)>>,
    revision: u64,
    /// What is served.
    kinds: Arc<Kinds>,
}

impl State {
    pub(super) fn kinds(&self) -> &Arc<Kinds> {
        &self.kinds
    }

    pub(super) fn serve(&mut self, kinds: Kinds) {
        self.kinds = Arc::new(kinds);
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn get(&self, kind: &Kind, name: &ObjectName) -> Option<Arc<Value>> {
        self.objects.get(kind)?.get(name).cloned()
    }

    pub(super) fn of_kind(&self, kind: &Kind) -> Option<&Objects> {
        self.objects.get(kind)
    }

    pub(super) fn everything(&self) -> impl Iterator<Item = &Objects> {
        self.objects.values()
    }

    /// The objects of a kind in a namespace.
    pub(super) fn in_namespace<'s>(
        &'s self,
        kind: &Kind,
        namespace: &'s str,
    ) -> impl Iterator<Item = (&'s ObjectName, &'s Arc<Value>)> + use<'s> {
        let first = ObjectName::namespaced(namespace, "");
        let objects = self.objects.get(kind);
        objects
            .into_iter()
            .flat_map(move |objects| objects.range((Bound::Included(&first), Bound::Unbounded)))
            .take_while(move |(name, _)| name.namespace.as_deref() == Some(namespace))
    }

    /// Every object in a namespace.
    pub(super) fn contents<'s>(
        &'s self,
        namespace: &'s str,
    ) -> impl Iterator<Item = (&'s Kind, &'s ObjectName)> {
        self.objects.keys().flat_map(move |kind| {
            self.in_namespace(kind, namespace).map(move |(name, _)| (kind, name))
        })
    }

    /// The objects that name a uid as their owner.
    pub(super) fn dependants(&self, uid: &str) -> Vec<(Kind, ObjectName)> {
        self.dependants.get(uid).into_iter().flatten().cloned().collect()
    }

    pub(super) fn changes_after(&self, kind: &Kind, revision: u64) -> Result<Vec<Change>, TooOld> {
        self.logs.get(kind).map_or(Ok(Vec::new()), |log| log.after(revision))
    }

    /// Stores an object under the next revision.
    pub(super) fn put(&mut self, kind: &Kind, name: &ObjectName, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        set_metadata(&mut object, "resourceVersion", Some(self.revision.to_string().into()));
        let object = Arc::new(object);
        for uid in owner_uids(&object) {
            let dependants = self.dependants.entry(uid.to_owned()).or_default();
            dependants.insert((kind.clone(), name.clone()));
        }
        let objects = self.objects.entry(kind.clone()).or_default();
        let previous = objects.insert(name.clone(), object.clone());
        if let Some(previous) = &previous {
            let still: BTreeSet<_> = owner_uids(&object).collect();
            let lost: Vec<_> = owner_uids(previous).filter(|uid| !still.contains(uid)).collect();
            for uid in lost {
                self.disown(uid, kind, name);
            }
        }
        let change = match previous {
            Some(_) => ChangeKind::Modified,
            None => ChangeKind::Added,
        };
        self.log(
            kind,
            Change { revision: self.revision, kind: change, object: object.clone(), previous },
        );
        object
    }

    /// Removes an object under the next revision; its last state carries that revision.
    pub(super) fn remove(&mut self, kind: &Kind, name: &ObjectName) -> Option<Arc<Value>> {
        let previous = self.objects.get_mut(kind)?.remove(name)?;
        self.revision += 1;
        let owners: Vec<_> = owner_uids(&previous).map(str::to_owned).collect();
        for uid in owners {
            self.disown(&uid, kind, name);
        }
        let mut last = Value::clone(&previous);
        set_metadata(&mut last, "resourceVersion", Some(self.revision.to_string().into()));
        let object = Arc::new(last);
        self.log(
            kind,
            Change {
                revision: self.revision,
                kind: ChangeKind::Deleted,
                object: object.clone(),
                previous: Some(previous),
            },
        );
        Some(object)
    }

    fn log(&mut self, kind: &Kind, change: Change) {
        self.logs.entry(kind.clone()).or_default().push(change);
    }

    fn disown(&mut self, uid: &str, kind: &Kind, name: &ObjectName) {
        if let Some(dependants) = self.dependants.get_mut(uid) {
            dependants.remove(&(kind.clone(), name.clone()));
            if dependants.is_empty() {
                self.dependants.remove(uid);
            }
        }
    }
}

/// A random uid (version 4).
pub(super) fn new_uid() -> String {
    let mut bytes = [0_u8; 16];
    fill_randomly(&mut bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let mut uid = String::with_capacity(36);
    for (position, byte) in bytes.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            uid.push('-');
        }
        write!(uid, "{byte:02x}").expect("writing to a String cannot fail");
    }
    uid
}

/// Five characters for `generateName`, from the letters Kubernetes uses (no vowels).
pub(super) fn name_suffix() -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut bytes = [0_u8; 5];
    fill_randomly(&mut bytes);
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

fn fill_randomly(bytes: &mut [u8]) {
    SystemRandom::new().fill(bytes).expect("the operating system has random numbers");
}
