//! Clusters that somebody runs already.
//!
//! Nothing is brought up here and nothing is installed: a kubeconfig's context names the cluster,
//! and what it has is read. Read in this order: [`connect`] (which cluster, and whether it
//! answers), [`survey`] (which nodes it has and how they are reached from here), [`prober`] (why
//! silence proves nothing where nothing ever answered), [`vantage`] and [`inside`] (a pod that asks
//! where nobody can from here), [`cluster`] and [`provider`] (what every provider hands over), [`mod@plan`] (what `gateproof check` claims of a cluster as it is); and for
//! runs that make something there, [`versions`] (at which version of Cilium), [`fit`] (what they
//! want and is not there), [`rights`] (what they may not do) and [`belongings`] (what they make, and its removal).

pub mod address_book;
pub mod belongings;
pub mod cluster;
pub mod connect;
pub mod fit;
pub mod inside;
pub mod plan;
pub mod prober;
pub mod provider;
pub mod rights;
pub mod survey;
pub mod vantage;
pub mod versions;

pub use connect::{Connected, connect};
pub use plan::plan;
pub use provider::ExistingProvider;
pub use survey::{Survey, survey};
