//! From where the sockets of a cluster are asked: from here, or from a pod in it.

use std::fmt;
use std::str::FromStr;

use crate::survey::{Survey, Way};

/// From where a user wants sockets to be asked (`--vantage`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vantage {
    /// From here when a node can be reached from here, else from a pod where one may be made.
    #[default]
    Auto,
    /// From this process.
    Outside,
    /// From a pod in the cluster.
    Inside,
}

/// What is no vantage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no vantage; expected `auto`, `outside` (this machine) or `inside` (a pod)")]
pub struct VantageError(String);

impl FromStr for Vantage {
    type Err = VantageError;

    /// Reads the words of kind clusters as well: a container there is what a pod is here.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "outside" | "host" => Ok(Self::Outside),
            "inside" | "container" => Ok(Self::Inside),
            other => Err(VantageError(other.to_owned())),
        }
    }
}

impl fmt::Display for Vantage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Outside => "outside",
            Self::Inside => "inside",
        })
    }
}

/// What a pod needs that asks from inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// An image is named and objects may be made.
    There,
    /// Something of it is missing.
    Missing,
}

/// From where sockets are asked, and what a user should know of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen {
    /// From this process.
    Outside,
    /// From this process, although nothing answers it; what would help.
    InVain(String),
    /// From a pod.
    Inside,
}

/// Chooses by what is wished and by what answers from here.
pub fn choose(vantage: Vantage, survey: &Survey, means: Means) -> Chosen {
    // Where there is nothing to ask, nobody needs to stand anywhere.
    let way = if survey.nodes.is_empty() { Way::Internal } else { survey.way };
    by(vantage, way, means)
}

fn by(vantage: Vantage, way: Way, means: Means) -> Chosen {
    match (vantage, way, means) {
        (Vantage::Inside, _, _) | (Vantage::Auto, Way::None, Means::There) => Chosen::Inside,
        (Vantage::Outside, _, _) | (Vantage::Auto, Way::Internal | Way::External, _) => {
            Chosen::Outside
        }
        (Vantage::Auto, Way::None, Means::Missing) => Chosen::InVain(
            "no node answers from here: `--vantage inside --image IMAGE --allow-writes` asks from a \
             pod in the cluster, in a namespace of its own that is removed again"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{Chosen, Means, Vantage, Way, by};

    #[test]
    fn vantages_are_read_as_they_are_written() {
        for vantage in [Vantage::Auto, Vantage::Outside, Vantage::Inside] {
            assert_eq!(vantage.to_string().parse(), Ok(vantage));
        }
        let error = "pod".parse::<Vantage>().expect_err("it is none").to_string();
        assert!(error.contains("`inside` (a pod)"), "{error}");
    }

    #[test]
    fn a_pod_asks_where_it_is_wished_or_where_nothing_else_can() {
        use Vantage::{Auto, Inside, Outside};
        for (vantage, way, means, inside) in [
            (Auto, Way::Internal, Means::There, false),
            (Auto, Way::External, Means::There, false),
            (Auto, Way::None, Means::There, true),
            (Outside, Way::None, Means::There, false),
            (Inside, Way::Internal, Means::Missing, true),
        ] {
            let chosen = by(vantage, way, means);
            assert_eq!(chosen == Chosen::Inside, inside, "{vantage}, {way:?}, {means:?}");
        }
        let told = by(Auto, Way::None, Means::Missing);
        assert!(matches!(told, Chosen::InVain(what) if what.contains("--vantage inside")));
    }
}
