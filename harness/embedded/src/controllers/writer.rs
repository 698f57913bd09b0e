//! Does writes, and passes over those that are known to change nothing.
//!
//! A round of all controllers repeats every write that is still wanted. Doing one means merging
//! and comparing ownership; remembering that the very same write was done on the very same
//! version of the object is much cheaper, and its effect is certain.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::object::{group_kind, name, namespace, text};
use super::write::{Effect, Write, perform};
use crate::api::{ApiError, Kind, ObjectName, Store};

/// Does writes on one store.
#[derive(Debug)]
pub(crate) struct Writer {
    store: Store,
    done: BTreeMap<Slot, Done>,
}

/// Which object, and as whom and what it is written.
type Slot = (&'static str, String, Option<String>, String);

/// A write that was done, and the version of the object it left behind.
#[derive(Debug)]
struct Done {
    write: Write,
    version: String,
}

impl Writer {
    /// A writer that has done nothing yet.
    pub(crate) fn new(store: Store) -> Self {
        Self { store, done: BTreeMap::new() }
    }

    /// Does a write, unless it was the last one of its kind on this version of the object.
    pub(crate) fn perform(&mut self, write: Write) -> Result<Effect, Box<ApiError>> {
        let slot = slot(&write);
        let version = |live: Option<Arc<Value>>| {
            live.and_then(|live| text(&live, "/metadata/resourceVersion").map(str::to_owned))
        };
        let before = version(self.live(write.object()));
        let known = self
            .done
            .get(&slot)
            .is_some_and(|done| Some(&done.version) == before.as_ref() && done.write == write);
        if known {
            return Ok(Effect::Unchanged);
        }
        let effect = perform(&self.store, write.clone())?;
        match version(self.live(write.object())) {
            Some(version) => self.done.insert(slot, Done { write, version }),
            None => self.done.remove(&slot),
        };
        Ok(effect)
    }

    fn live(&self, object: &Value) -> Option<Arc<Value>> {
        let (group, kind) = group_kind(object);
        let name = ObjectName {
            namespace: namespace(object).map(str::to_owned),
            name: name(object).to_owned(),
        };
        self.store.get(&Kind::new(group, kind), &name)
    }
}

fn slot(write: &Write) -> Slot {
    let object = write.object();
    let (_, kind) = group_kind(object);
    let full = format!("{kind} {}", name(object));
    let (action, manager) = match write {
        Write::Apply(manager, _) => ("apply", manager.as_str()),
        Write::ApplyStatus(manager, _) => ("apply status", manager.as_str()),
        Write::Complete(_) => ("complete", ""),
        Write::UpdateStatus(manager, _) => ("update status", manager.as_str()),
        Write::Delete(_) => ("delete", ""),
    };
    (action, manager.to_owned(), namespace(object).map(str::to_owned), full)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::Writer;
    use crate::api::{Kind, ObjectName, Part, Store, SystemClock};
    use crate::controllers::write::{Effect, FieldManager, Write};

    fn namespace(labels: &Value) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "apps", "labels": labels},
        })
    }

    fn label(store: &Store) -> Value {
        let live = store.get(&Kind::core("Namespace"), &ObjectName::cluster("apps"));
        live.expect("the namespace")["metadata"]["labels"]["a"].clone()
    }

    #[test]
    fn a_write_is_done_again_when_somebody_else_has_changed_the_object() {
        let store = Store::new(Arc::new(SystemClock));
        let mut writer = Writer::new(store.clone());
        let write = || Write::Apply(FieldManager::Helm, namespace(&json!({"a": "1"})));
        assert_eq!(writer.perform(write()).expect("written"), Effect::Changed);
        assert_eq!(writer.perform(write()).expect("written"), Effect::Unchanged);
        store.apply("other", namespace(&json!({"a": "2"})), Part::Whole).expect("applied");
        assert_eq!(writer.perform(write()).expect("written"), Effect::Changed);
        assert_eq!(label(&store), "1");
    }

    #[test]
    fn another_write_to_the_same_object_is_done() {
        let store = Store::new(Arc::new(SystemClock));
        let mut writer = Writer::new(store.clone());
        for value in ["1", "2", "1"] {
            let write = Write::Apply(FieldManager::Helm, namespace(&json!({"a": value})));
            assert_eq!(writer.perform(write).expect("written"), Effect::Changed);
            assert_eq!(label(&store), value);
        }
    }

    #[test]
    fn an_object_that_was_deleted_is_written_again() {
        let store = Store::new(Arc::new(SystemClock));
        let mut writer = Writer::new(store.clone());
        let write = || Write::Apply(FieldManager::Helm, namespace(&json!({"a": "1"})));
        writer.perform(write()).expect("written");
        let name = ObjectName::cluster("apps");
        store.delete(&Kind::core("Namespace"), &name).expect("deleted");
        assert_eq!(writer.perform(write()).expect("written"), Effect::Changed);
    }
}
