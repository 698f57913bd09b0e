//! CiliumLoadBalancerIPPool (cilium/cilium `pkg/k8s/apis/cilium.io`, v2alpha1 and v2).

use gateproof_core::label_selector::LabelSelector;
use serde::Deserialize;

use super::meta::Object;

/// A pool of load-balancer addresses.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pub name: String,
    pub created: Option<String>,
    pub spec: PoolSpec,
}

/// What a pool holds. `cidrs` was dropped with 1.16 and is not read: the CRD prunes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PoolSpec {
    pub blocks: Vec<Block>,
    pub service_selector: Option<LabelSelector>,
    pub disabled: bool,
    #[serde(rename = "allowFirstLastIPs")]
    pub allow_first_last_ips: Option<String>,
}

/// A CIDR, or a range from start to stop.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Block {
    pub cidr: Option<String>,
    pub start: Option<String>,
    pub stop: Option<String>,
}

impl From<Object<PoolSpec>> for Pool {
    fn from(object: Object<PoolSpec>) -> Self {
        let created = object.metadata.creation_timestamp;
        Self { name: object.metadata.name, created, spec: object.spec }
    }
}
