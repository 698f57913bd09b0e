//! What a topology leaves to Gateproof, settled by the stack that its cluster will run.
//!
//! kind's own defaults are its network plug-in and kube-proxy with iptables. A cluster for Cilium
//! has neither, unless the scenario's values keep kube-proxy. Nothing is settled in silence: every
//! default and every oddity is a [`Note`].

use std::fmt;

use super::{DefaultCni, KubeProxyMode, Networking};
use crate::cilium::CiliumConfig;

/// What the stack asks of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StackNeeds {
    /// Who does kube-proxy's work.
    pub services: ServicesBy,
}

impl StackNeeds {
    /// What a Cilium with this configuration asks.
    pub fn of(config: &CiliumConfig) -> Self {
        let services =
            if config.kube_proxy_replacement { ServicesBy::Cilium } else { ServicesBy::KubeProxy };
        Self { services }
    }
}

/// Who carries the traffic of Services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServicesBy {
    /// Cilium: `kubeProxyReplacement: true`.
    Cilium,
    /// kube-proxy.
    KubeProxy,
}

/// How a cluster is made to fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fit {
    /// How kube-proxy works, if at all.
    pub kube_proxy_mode: KubeProxyMode,
    /// What was filled in, and what is odd.
    pub notes: Vec<Note>,
}

/// Something that a person who reads the plan should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// What, in one sentence.
    pub what: String,
    /// Why, or what follows from it.
    pub why: String,
}

impl Note {
    /// A note.
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// Settles what a topology leaves open.
///
/// Cilium replaces kube-proxy also where kube-proxy runs; both then work on their own
/// (cilium/cilium 1.20.0: `Documentation/network/kubernetes/kubeproxy-free.rst`), so a kube-proxy
/// that is asked for is a note and no error.
pub fn fit(networking: &Networking, needs: StackNeeds) -> Fit {
    let mut notes = Vec::new();
    if networking.default_cni == DefaultCni::Unsaid {
        notes.push(Note::new(
            "disableDefaultCNI: true was filled in",
            "Cilium is the network plug-in of this cluster",
        ));
    }
    let kube_proxy_mode = match (networking.kube_proxy_mode, needs.services) {
        (None, ServicesBy::Cilium) => {
            notes.push(Note::new(
                "kubeProxyMode: none was filled in",
                "the values say kubeProxyReplacement: true",
            ));
            KubeProxyMode::None
        }
        (None, ServicesBy::KubeProxy) => {
            notes.push(Note::new(
                "kubeProxyMode: iptables was filled in",
                "the values do not say kubeProxyReplacement: true, and iptables is kind's default",
            ));
            KubeProxyMode::Iptables
        }
        (Some(KubeProxyMode::None), ServicesBy::KubeProxy) => {
            notes.push(Note::new(
                "the topology says kubeProxyMode: none, and the values do not say \
                 kubeProxyReplacement: true",
                "nobody serves node ports and load balancer addresses in this cluster",
            ));
            KubeProxyMode::None
        }
        (Some(mode), ServicesBy::Cilium) if mode != KubeProxyMode::None => {
            notes.push(Note::new(
                format!(
                    "the topology says kubeProxyMode: {}, and the values say \
                     kubeProxyReplacement: true",
                    mode.word()
                ),
                "kube-proxy and Cilium serve the same Services side by side and know nothing of \
                 each other; leave kubeProxyMode out to measure Cilium alone",
            ));
            mode
        }
        (Some(mode), _) => mode,
    };
    Fit { kube_proxy_mode, notes }
}

#[cfg(test)]
mod tests {
    use super::{ServicesBy, StackNeeds, fit};
    use crate::topology::{DefaultCni, IpFamily, KubeProxyMode, Networking};

    #[test]
    fn what_is_left_out_comes_from_the_stack_and_is_told() {
        for (written, services, mode, told) in [
            (None, ServicesBy::Cilium, KubeProxyMode::None, Some("none was filled in")),
            (None, ServicesBy::KubeProxy, KubeProxyMode::Iptables, Some("iptables was filled in")),
            (Some(KubeProxyMode::None), ServicesBy::Cilium, KubeProxyMode::None, None),
            (Some(KubeProxyMode::Ipvs), ServicesBy::KubeProxy, KubeProxyMode::Ipvs, None),
            (
                Some(KubeProxyMode::Nftables),
                ServicesBy::Cilium,
                KubeProxyMode::Nftables,
                Some("side by side"),
            ),
            (
                Some(KubeProxyMode::None),
                ServicesBy::KubeProxy,
                KubeProxyMode::None,
                Some("nobody serves node ports"),
            ),
        ] {
            let networking = Networking {
                default_cni: DefaultCni::Off,
                kube_proxy_mode: written,
                ..Networking::defaults(IpFamily::V4)
            };
            let fitted = fit(&networking, StackNeeds { services });
            assert_eq!(fitted.kube_proxy_mode, mode, "{written:?}, {services:?}");
            let notes: Vec<String> = fitted.notes.iter().map(ToString::to_string).collect();
            match told {
                Some(told) => assert!(notes.concat().contains(told), "{notes:?}"),
                None => assert!(notes.is_empty(), "{notes:?}"),
            }
        }
    }

    #[test]
    fn an_unsaid_network_plug_in_is_switched_off_and_told() {
        let fitted =
            fit(&Networking::defaults(IpFamily::V4), StackNeeds { services: ServicesBy::Cilium });
        assert_eq!(fitted.notes.len(), 2, "{:?}", fitted.notes);
        assert!(fitted.notes[0].what.starts_with("disableDefaultCNI"), "{:?}", fitted.notes);
    }
}
