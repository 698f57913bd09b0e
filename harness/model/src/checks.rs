//! Checks: which listeners are valid and which routes attach, and what Cilium's operator says
//! about it (cilium/cilium `operator/pkg/gateway-api/gateway_reconcile.go` and `routechecks/`).
//!
//! A check looks at resources only. It builds no configuration and writes no status.

pub(crate) mod attachment;
pub(crate) mod backend_tls;
pub(crate) mod coverage;
pub(crate) mod hostname;
pub(crate) mod listener;
pub(crate) mod reference;
pub(crate) mod reference_grant;
pub(crate) mod route;
pub(crate) mod source;
pub(crate) mod value;
