//! Node ports: 30000 to 32767, each given once.
//!
//! kubernetes/kubernetes `--service-node-port-range`; ports below 30086 are left to people who
//! choose numbers themselves, as the real allocator prefers to.

use std::collections::BTreeSet;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value};

use crate::controllers::object::{items, port};

const FIRST: u16 = 30_000;
const FIRST_DYNAMIC: u16 = 30_086;
const LAST: u16 = 32_767;

/// Which node ports are taken.
#[derive(Debug)]
pub(super) struct NodePorts {
    taken: BTreeSet<u16>,
}

impl NodePorts {
    /// The node ports that Services have.
    pub(super) fn taken_by<'a>(services: impl Iterator<Item = &'a Value>) -> Self {
        let taken = services
            .flat_map(|service| {
                items(service, "/spec/ports")
                    .iter()
                    .filter_map(|entry| port(entry, "/nodePort"))
                    .chain(port(service, "/spec/healthCheckNodePort"))
                    .collect::<Vec<_>>()
            })
            .filter(|port| *port != 0)
            .collect();
        Self { taken }
    }

    /// Gives a node port to every port of a Service that has none.
    pub(super) fn allocate(&mut self, service: &str, spec: &mut Map<String, Value>) {
        for entry in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
            if port(entry, "/nodePort").is_some_and(|port| port != 0) {
                continue;
            }
            let seed = format!("{service}:{}", entry.get("port").unwrap_or(&Value::Null));
            let chosen = self.choose(&seed);
            if let (Some(entry), Some(chosen)) = (entry.as_object_mut(), chosen) {
                entry.insert("nodePort".to_owned(), chosen.into());
            }
        }
    }

    /// Gives a health-check node port to a LoadBalancer Service with policy Local, and takes it
    /// away from every other.
    pub(super) fn allocate_health_check(&mut self, service: &str, spec: &mut Map<String, Value>) {
        const FIELD: &str = "healthCheckNodePort";
        let wanted = spec.get("type").and_then(Value::as_str) == Some("LoadBalancer")
            && spec.get("externalTrafficPolicy").and_then(Value::as_str) == Some("Local");
        if !wanted {
            spec.remove(FIELD);
        } else if spec.get(FIELD).and_then(Value::as_u64).is_none_or(|port| port == 0)
            && let Some(chosen) = self.choose(&format!("{service}:healthCheck"))
        {
            spec.insert(FIELD.to_owned(), chosen.into());
        }
    }

    /// A free port, found by name first and then upwards; `None` when the range is exhausted.
    fn choose(&mut self, seed: &str) -> Option<u16> {
        let hash = digest(&SHA256, seed.as_bytes());
        let bytes = hash.as_ref();
        let span = LAST - FIRST_DYNAMIC + 1;
        let start = u16::from_be_bytes([bytes[0], bytes[1]]) % span;
        let chosen = (0..span)
            .map(|step| FIRST_DYNAMIC + (start + step) % span)
            .chain(FIRST..FIRST_DYNAMIC)
            .find(|port| !self.taken.contains(port))?;
        self.taken.insert(chosen);
        Some(chosen)
    }
}
