//! Newtypes for names that must not be swapped.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a name that has been checked where it entered the program.
            pub fn new(name: impl Into<String>) -> Self {
                Self(name.into())
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name_type!(
    /// A scenario's `metadata.name`; unique among the scenarios of a run.
    ScenarioName
);
name_type!(
    /// A variant's name, unique in its scenario, such as `host-network`.
    VariantName
);
name_type!(
    /// A Kubernetes node's name.
    NodeName
);
name_type!(
    /// The name of a listener in a Gateway.
    ListenerName
);
name_type!(
    /// A trial's stable name: `<scenario>::<variant>/cilium-<version>`.
    TrialName
);
name_type!(
    /// A cluster's name in a plan; also the name a provider gives the real thing.
    ClusterName
);

impl TrialName {
    /// Composes the stable name of a trial.
    pub fn compose(
        scenario: &ScenarioName,
        variant: &VariantName,
        cilium: &crate::cilium::CiliumVersion,
    ) -> Self {
        Self(format!("{scenario}::{variant}/cilium-{cilium}"))
    }
}

/// The namespace and name of an object, written `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespacedName {
    /// The namespace.
    pub namespace: String,
    /// The name in that namespace.
    pub name: String,
}

impl NamespacedName {
    /// Joins a namespace and a name.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for NamespacedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// Text that is not of the form `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not of the form namespace/name")]
pub struct NotANamespacedName(pub String);

impl FromStr for NamespacedName {
    type Err = NotANamespacedName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((namespace, name))
                if !namespace.is_empty() && !name.is_empty() && !name.contains('/') =>
            {
                Ok(Self::new(namespace, name))
            }
            _ => Err(NotANamespacedName(text.to_owned())),
        }
    }
}

impl Serialize for NamespacedName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for NamespacedName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
