//! Scenario files as people write them (`apiVersion: gateproof.dev/v1alpha1`, `kind: Scenario`).
//!
//! These types mirror the file and nothing else; [`resolve`](super::resolve) turns them into what
//! the program believes. Their documentation becomes the descriptions of the JSON Schema that
//! editors show, so it speaks to the person who writes a scenario.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::text::{Cidr, Label, Release};
use crate::cilium::CiliumVersion;
use crate::name::NamespacedName;

pub(crate) mod check;
pub(crate) mod fault;
pub(crate) mod form;
pub(crate) mod request;
pub(crate) mod socket;

use check::CheckFile;
use fault::FaultFile;
use form::{CertManagerForm, ManifestForm, OneOrMany};

/// A scenario: Cilium configurations to try, what to apply, and what must be true then.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ScenarioFile {
    /// The version of this format.
    #[expect(dead_code, reason = "its only value says what the file is")]
    api_version: ApiVersion,
    /// What this document is.
    #[expect(dead_code, reason = "its only value says what the file is")]
    kind: Kind,
    /// Names the scenario.
    pub(crate) metadata: MetadataFile,
    /// What the scenario does and claims.
    pub(crate) spec: SpecFile,
}

/// The version of the scenario format.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) enum ApiVersion {
    /// The first, still changing.
    #[serde(rename = "gateproof.dev/v1alpha1")]
    V1alpha1,
}

/// The kind of document.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) enum Kind {
    /// A scenario.
    Scenario,
}

/// Names a scenario.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MetadataFile {
    /// Unique among all scenarios of a run; part of every trial's name.
    pub(crate) name: Label,
    /// For selection on the command line, such as `suite: smoke`.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
}

/// What a scenario does and claims.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SpecFile {
    /// Why this scenario exists: what would go unnoticed without it.
    #[schemars(length(min = 1))]
    pub(crate) description: String,
    /// The cluster's nodes: the name of a file in the topology folder, without `.yaml`.
    pub(crate) topology: Label,
    /// Which versions to install, and values for all variants.
    pub(crate) stack: StackFile,
    /// The Cilium configurations to try, each on a cluster of its own.
    #[schemars(length(min = 1))]
    pub(crate) variants: Vec<VariantFile>,
    /// Certificates that cert-manager shall issue.
    pub(crate) certificates: Option<CertificatesFile>,
    /// Echo servers to deploy: a Deployment and a Service of one name each. They tell what request
    /// reached them.
    #[serde(default)]
    pub(crate) backends: Vec<BackendFile>,
    /// Address ranges for LoadBalancer Services (LB-IPAM). Without any, the provider chooses.
    #[serde(default)]
    pub(crate) address_pools: Vec<Cidr>,
    /// Kubernetes objects to apply before the checks: paths relative to this file, or objects.
    #[serde(default)]
    pub(crate) manifests: Vec<ManifestForm>,
    /// Deviations of the embedded cluster, to prove that checks notice them. Other providers skip
    /// the scenario.
    #[serde(default)]
    pub(crate) faults: Vec<FaultFile>,
    /// What must become of every trial, when it is not that everything holds. A variant may say
    /// otherwise.
    pub(crate) expect: Option<ExpectFile>,
    /// What must be true once the manifests are applied.
    #[serde(default)]
    pub(crate) checks: Vec<CheckFile>,
    /// Actions and checks in order; instead of `manifests` and `checks`.
    #[serde(default)]
    pub(crate) steps: Vec<StepFile>,
}

/// Versions to install, and values for all variants.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StackFile {
    /// One Cilium version, or a list of them: every variant is tried on each.
    pub(crate) cilium: OneOrMany<CiliumVersion>,
    /// The Gateway API bundle.
    #[serde(rename = "gatewayAPI")]
    pub(crate) gateway_api: Option<GatewayApiFile>,
    /// cert-manager: its version, or version and Helm values; without it, a version that fits.
    pub(crate) cert_manager: Option<CertManagerForm>,
    /// Helm values for every variant.
    #[serde(default)]
    pub(crate) values: Map<String, Value>,
}

/// The Gateway API bundle to install.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct GatewayApiFile {
    /// The release channel; without it, what fits the Cilium version.
    pub(crate) channel: Option<ChannelFile>,
    /// The version; without it, what fits the Cilium version.
    pub(crate) version: Option<Release>,
}

/// A release channel of the Gateway API.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ChannelFile {
    /// Stable kinds and fields only.
    Standard,
    /// Also kinds and fields that may still change.
    Experimental,
}

/// A Cilium configuration under test.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct VariantFile {
    /// Its name, part of the trial's name.
    pub(crate) name: Label,
    /// Helm values on top of `stack.values`, merged as Helm merges files: mappings are merged,
    /// lists replace each other, null removes the chart's default.
    #[serde(default)]
    pub(crate) values: Map<String, Value>,
    /// Deviations of the embedded cluster in this variant, besides those of the scenario. Other
    /// providers skip the variant.
    #[serde(default)]
    pub(crate) faults: Vec<FaultFile>,
    /// What must become of this variant's trials, when it is not that everything holds; instead of
    /// what the scenario says.
    pub(crate) expect: Option<ExpectFile>,
}

/// What must become of a trial so that it counts as passed: `verdict` and `finding`, or `refused`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ExpectFile {
    /// The verdict that its steps and checks have to add up to.
    pub(crate) verdict: Option<ExpectedVerdict>,
    /// The rule that has to name the cause, such as `GP0001`; `gateproof explain` lists them.
    pub(crate) finding: Option<String>,
    /// Helm values that have to be refused before anything runs, such as
    /// `gatewayAPI.serviceAnnotations`: these, and no others.
    #[schemars(length(min = 1))]
    pub(crate) refused: Option<Vec<String>>,
}

/// A verdict that can be expected.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ExpectedVerdict {
    /// A claim does not hold.
    Failed,
}

/// Certificates that cert-manager shall issue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct CertificatesFile {
    /// Who signs. A ClusterIssuer named `gateproof` is made; Gateways refer to it by the annotation
    /// `cert-manager.io/cluster-issuer: gateproof`.
    pub(crate) issuer: IssuerFile,
}

/// Who signs certificates: exactly one of the keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["ca"]}, {"required": ["selfSigned"]}, {"required": ["acme"]}
]))]
pub(crate) struct IssuerFile {
    /// A certificate authority made for the run. Clients can verify what it signs.
    pub(crate) ca: Option<NoSettings>,
    /// Every certificate signs itself. No client can verify it.
    #[expect(dead_code, reason = "the schema demands exactly one of the three")]
    pub(crate) self_signed: Option<NoSettings>,
    /// An ACME server in the cluster (Pebble), which signs for a name once a challenge was answered
    /// through the Gateway or in DNS. Clients can verify what it signs.
    pub(crate) acme: Option<AcmeFile>,
}

/// An ACME server in the cluster. `{}` answers challenges through the Gateway that asks for
/// certificates.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AcmeFile {
    /// How it is shown whose a name is.
    #[serde(default)]
    pub(crate) solver: SolverFile,
    /// The Gateway that answers challenges: `namespace/name`. Without it, the one that asks for
    /// certificates.
    pub(crate) gateway: Option<NamespacedName>,
    /// Its HTTP listener that does; the ACME server asks the listener's port. Without it, the one
    /// on port 80, or the only one.
    #[schemars(length(min = 1))]
    pub(crate) listener: Option<String>,
    /// With `dns01`: the zones in which names are proved. Without it, one that begins at each name.
    #[schemars(length(min = 1))]
    pub(crate) zones: Option<Vec<String>>,
    /// The image of Pebble; without it, one of Let's Encrypt's own.
    #[schemars(length(min = 1))]
    pub(crate) image: Option<String>,
}

/// How it is shown whose a name is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum SolverFile {
    /// By an answer to an HTTP request that goes through the Gateway.
    #[default]
    Http01,
    /// By a TXT record that cert-manager adds at a name server of Gateproof's own. Wildcards can be
    /// proved by nothing else.
    Dns01,
}

/// Nothing to set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoSettings {}

/// An echo server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BackendFile {
    /// The namespace; made when it does not exist.
    pub(crate) namespace: Label,
    /// The name of Deployment and Service.
    pub(crate) name: Label,
    /// How many pods.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100))]
    pub(crate) replicas: u32,
    /// The Service's port.
    #[serde(default = "backend_port")]
    #[schemars(range(min = 1))]
    pub(crate) port: u16,
}

fn one() -> u32 {
    1
}

fn backend_port() -> u16 {
    8080
}

/// One thing to do or to check: its name and exactly one of the other keys.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["apply"]}, {"required": ["patch"]}, {"required": ["delete"]}, {"required": ["check"]}
]))]
pub(crate) struct StepFile {
    /// Its name, unique in the scenario.
    #[schemars(length(min = 1))]
    pub(crate) name: String,
    /// Apply objects: paths relative to this file, or objects.
    #[schemars(length(min = 1))]
    pub(crate) apply: Option<Vec<ManifestForm>>,
    /// Change an object with a JSON merge patch.
    pub(crate) patch: Option<PatchFile>,
    /// Delete an object and wait until it is gone.
    pub(crate) delete: Option<ObjectRefFile>,
    /// Claim something.
    pub(crate) check: Option<Box<CheckFile>>,
}

/// A JSON merge patch (RFC 7386) of an object.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PatchFile {
    /// The object.
    pub(crate) object: ObjectRefFile,
    /// What to change; null removes a key.
    #[schemars(extend("minProperties" = 1))]
    pub(crate) patch: Map<String, Value>,
}

/// Names a Kubernetes object.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ObjectRefFile {
    /// Its API group and version, such as `gateway.networking.k8s.io/v1`.
    #[schemars(length(min = 1))]
    pub(crate) api_version: String,
    /// Its kind, such as `HTTPRoute`.
    #[schemars(length(min = 1))]
    pub(crate) kind: String,
    /// Its namespace; leave it out for cluster-scoped kinds.
    pub(crate) namespace: Option<Label>,
    /// Its name.
    #[schemars(length(min = 1))]
    pub(crate) name: String,
}

impl BackendFile {
    /// Namespace and name.
    pub(crate) fn full_name(&self) -> NamespacedName {
        NamespacedName::new(&self.namespace.0, &self.name.0)
    }
}
