//! From where a cluster's sockets are asked.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use gateproof_core::observation::TcpOutcome;

use crate::engine_facts::EngineLocation;

/// From where a user wants sockets to be asked (`--vantage`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vantage {
    /// From here if container addresses can be reached from here, else from inside.
    #[default]
    Auto,
    /// From this process.
    Host,
    /// From a container on the cluster's network.
    Container,
}

/// From where they are asked, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// From this process.
    Host,
    /// From a container on the cluster's network.
    Container {
        /// Why, as a clause.
        because: String,
    },
}

/// How long a route to a container may take to show: it is one hop away, or there is none.
pub const ROUTE_WITHIN: Duration = Duration::from_secs(2);

/// What is no vantage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no vantage; expected `auto`, `host` or `container`")]
pub struct VantageError(String);

impl FromStr for Vantage {
    type Err = VantageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "host" => Ok(Self::Host),
            "container" => Ok(Self::Container),
            other => Err(VantageError(other.to_owned())),
        }
    }
}

impl fmt::Display for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Host => "host",
            Self::Container => "container",
        })
    }
}

/// Chooses; `api` is the API server's own socket in the cluster's network, which is known to
/// listen. It is only asked where the answer is open.
pub async fn choose(vantage: Vantage, location: EngineLocation, api: SocketAddr) -> Chosen {
    match (vantage, location) {
        (Vantage::Auto, EngineLocation::Local) => {
            let seen = gateproof_probe::tcp(api, ROUTE_WITHIN).await;
            by_measurement(api, &seen.outcome)
        }
        (vantage, location) => by_knowledge(vantage, location),
    }
}

fn by_knowledge(vantage: Vantage, location: EngineLocation) -> Chosen {
    let because = |reason: &str| Chosen::Container { because: reason.to_owned() };
    match (vantage, location) {
        (Vantage::Host, _) | (Vantage::Auto, EngineLocation::Local) => Chosen::Host,
        (Vantage::Container, _) => because("the user wishes so"),
        (Vantage::Auto, EngineLocation::Enclosed) => because(
            "the engine is enclosed on this machine, and its containers have no route from here",
        ),
        (Vantage::Auto, EngineLocation::Remote) => because(
            "the engine runs on another machine, and its containers have no route from here",
        ),
    }
}

/// A refusal comes over a route as well as a handshake does; silence does not.
fn by_measurement(api: SocketAddr, seen: &TcpOutcome) -> Chosen {
    match seen {
        TcpOutcome::Accepted | TcpOutcome::Refused | TcpOutcome::Reset => Chosen::Host,
        TcpOutcome::TimedOut | TcpOutcome::Unreachable | TcpOutcome::Other(_) => {
            let because = format!("{api} of the API server cannot be reached from here ({seen})");
            Chosen::Container { because }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vantages_are_read_as_they_are_written() {
        for vantage in [Vantage::Auto, Vantage::Host, Vantage::Container] {
            assert_eq!(vantage.to_string().parse(), Ok(vantage));
        }
        let error = "pod".parse::<Vantage>().unwrap_err().to_string();
        assert_eq!(error, "`pod` is no vantage; expected `auto`, `host` or `container`");
    }

    #[test]
    fn wishes_come_first_and_then_where_the_engine_is() {
        use EngineLocation::{Enclosed, Local, Remote};
        for (vantage, location, inside) in [
            (Vantage::Host, Enclosed, false),
            (Vantage::Host, Remote, false),
            (Vantage::Container, Local, true),
            (Vantage::Auto, Enclosed, true),
            (Vantage::Auto, Remote, true),
            (Vantage::Auto, Local, false),
        ] {
            let chosen = by_knowledge(vantage, location);
            assert_eq!(
                matches!(chosen, Chosen::Container { .. }),
                inside,
                "{vantage}, {location:?}"
            );
        }
    }

    #[test]
    fn only_silence_says_that_there_is_no_route() {
        let api = "172.18.0.2:6443".parse().unwrap();
        for (seen, inside) in [
            (TcpOutcome::Accepted, false),
            (TcpOutcome::Refused, false),
            (TcpOutcome::Reset, false),
            (TcpOutcome::TimedOut, true),
            (TcpOutcome::Unreachable, true),
        ] {
            let chosen = by_measurement(api, &seen);
            assert_eq!(matches!(chosen, Chosen::Container { .. }), inside, "{seen}");
        }
    }

    #[tokio::test]
    async fn a_local_engine_is_measured() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = listener.local_addr().unwrap();
        assert_eq!(choose(Vantage::Auto, EngineLocation::Local, api).await, Chosen::Host);
    }
}
