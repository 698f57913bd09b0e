//! How often requests are sent, so that no backend is left out by luck.
//!
//! Envoy draws for each request one of a rule's weighted backends, and one of its endpoints. A dead
//! one shows only to the request that draws it: one in a hundred for a canary with one percent. So
//! it is counted how surely each endpoint is drawn by what is asked anyway, and the request that goes
//! to a backend most often is asked more often where that is not enough. Each endpoint counts for
//! itself, drawn evenly: Envoy's round robin does no worse.
//!
//! What would take more requests than a check may send is told, not asked.

use std::collections::{BTreeMap, BTreeSet};

use gateproof_core::dossier::{Dossier, Unread, Why, text};
use gateproof_core::name::NamespacedName;
use gateproof_model::translation::envoy::{EnvoyConfig, WeightedCluster};

/// One in so many endpoints may be missed by luck.
const ONE_IN: f64 = 1000.0;

/// One request is sent so often at most, over all nodes: enough for one percent of the requests of
/// a rule.
const EACH: u32 = 700;

/// So many requests beyond the usual ones are sent by one check.
const BEYOND: u32 = 3000;

/// What is asked again and again by one claim.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stream {
    /// Clusters that Envoy sends it to, each with its share of 1.
    pub(super) goes: Vec<(String, f64)>,
    /// How often it is asked anyway.
    pub(super) usual: u32,
}

/// How often each stream is to be asked, and what is left to luck.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Covered {
    pub(super) times: Vec<u32>,
    pub(super) left: Vec<Unread>,
}

/// The clusters that a draw by weight goes to. With one entry the weight is not looked at, and one
/// of weight 0 is never drawn.
pub(super) fn shares(clusters: &[WeightedCluster]) -> Vec<(String, f64)> {
    if let [only] = clusters {
        return vec![(only.cluster.clone(), 1.0)];
    }
    let sum: f64 = clusters.iter().map(|cluster| f64::from(cluster.weight)).sum();
    let drawn = clusters.iter().filter(|cluster| cluster.weight > 0);
    drawn.map(|to| (to.cluster.clone(), f64::from(to.weight) / sum)).collect()
}

/// How many endpoints are ready behind each cluster; at least one, also where none can be read.
pub(super) fn endpoints(dossier: &Dossier, envoy: &EnvoyConfig) -> BTreeMap<String, u32> {
    let ready = |service: &NamespacedName| {
        let addresses: BTreeSet<&str> = dossier
            .list("discovery.k8s.io", "EndpointSlice")
            .filter(|slice| {
                let label = slice["metadata"]["labels"]["kubernetes.io/service-name"].as_str();
                label == Some(&service.name)
                    && text(slice, "/metadata/namespace") == Some(&service.namespace)
            })
            .flat_map(|slice| slice["endpoints"].as_array().into_iter().flatten())
            .filter(|endpoint| endpoint["conditions"]["ready"].as_bool().unwrap_or(true))
            .filter_map(|endpoint| endpoint["addresses"][0].as_str())
            .collect();
        u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1)
    };
    let clusters = envoy.clusters.iter();
    clusters.map(|(name, cluster)| (name.clone(), ready(&cluster.service))).collect()
}

/// Plans how often each stream is asked.
pub(super) fn cover(streams: &[Stream], endpoints: &BTreeMap<String, u32>) -> Covered {
    let behind = |cluster: &str| endpoints.get(cluster).copied().unwrap_or(1);
    let chance = |cluster: &str, share: f64| share / f64::from(behind(cluster));
    let mut covered =
        Covered { times: streams.iter().map(|stream| stream.usual).collect(), left: Vec::new() };
    // The stream that draws an endpoint of each cluster most often.
    let mut best: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for (index, stream) in streams.iter().enumerate() {
        for (cluster, share) in &stream.goes {
            let chance = chance(cluster, *share);
            let known = best.entry(cluster).or_insert((index, chance));
            if chance > known.1 {
                *known = (index, chance);
            }
        }
    }
    let mut clusters: Vec<(&str, (usize, f64))> = best.into_iter().collect();
    clusters.sort_by(|(_, (_, one)), (_, (_, other))| other.total_cmp(one));
    let mut beyond = 0_u32;
    for (cluster, (index, most)) in clusters {
        let missed: f64 = streams
            .iter()
            .zip(&covered.times)
            .flat_map(|(stream, times)| stream.goes.iter().map(move |to| (to, f64::from(*times))))
            .filter(|((to, _), _)| to == cluster)
            .map(|((_, share), times)| times * (1.0 - chance(cluster, *share)).ln())
            .sum();
        let missing = -ONE_IN.ln() - missed;
        if missing >= 0.0 {
            continue;
        }
        let more = whole((missing / (1.0 - most).ln()).ceil());
        let times = covered.times[index].saturating_add(more);
        if times <= EACH && beyond.saturating_add(more) <= BEYOND {
            covered.times[index] = times;
            beyond += more;
        } else {
            covered.left.push(left_to_luck(cluster, behind(cluster), most, times));
        }
    }
    covered.left.sort();
    covered
}

fn left_to_luck(cluster: &str, endpoints: u32, chance: f64, times: u32) -> Unread {
    let percent = chance * f64::from(endpoints) * 100.0;
    let whose = match endpoints {
        1 => format!("backend {cluster}, which gets {percent:.2} % of the requests of its rule"),
        several => format!("each single one of the {several} endpoints of backend {cluster}"),
    };
    Unread {
        what: whose,
        why: Why::Failed(format!(
            "it would take about {times} requests to be sure that it was among those that \
             answered; one check sends {EACH} of a kind at most, and {BEYOND} beyond the usual ones"
        )),
        hides: "whether requests that go there are carried".to_owned(),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn whole(number: f64) -> u32 {
    number as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Stream, cover, shares};
    use gateproof_model::translation::envoy::{HeaderEdits, WeightedCluster};

    fn to(goes: &[(&str, f64)], usual: u32) -> Stream {
        let goes = goes.iter().map(|(cluster, share)| ((*cluster).to_owned(), *share)).collect();
        Stream { goes, usual }
    }

    #[track_caller]
    fn check(streams: &[Stream], endpoints: &[(&str, u32)], times: &[u32], left: &[&str]) {
        let endpoints: BTreeMap<String, u32> =
            endpoints.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let covered = cover(streams, &endpoints);
        assert_eq!(covered.times, times, "{covered:?}");
        assert_eq!(covered.left.len(), left.len(), "{covered:?}");
        for (told, part) in covered.left.iter().zip(left) {
            assert!(told.what.contains(part), "{told:?}");
        }
    }

    #[test]
    fn a_backend_alone_with_one_endpoint_is_reached_by_any_request() {
        check(&[to(&[("a", 1.0)], 15)], &[], &[15], &[]);
        check(&[to(&[("a", 1.0)], 1)], &[("a", 1)], &[1], &[]);
    }

    #[test]
    fn what_is_drawn_rarely_is_asked_for_until_it_was_surely_drawn() {
        // One in a thousand: 10 times for a half, 66 for a tenth, 688 for a hundredth.
        check(&[to(&[("a", 0.5), ("b", 0.5)], 1)], &[], &[10], &[]);
        check(&[to(&[("a", 0.9), ("b", 0.1)], 15)], &[], &[66], &[]);
        check(&[to(&[("a", 0.99), ("b", 0.01)], 15)], &[], &[688], &[]);
        check(&[to(&[("a", 1.0)], 15)], &[("a", 10)], &[66], &[]);
        check(&[to(&[("a", 1.0)], 15)], &[("a", 2)], &[15], &[]);
    }

    #[test]
    fn requests_of_several_rules_count_together_and_the_most_frequent_way_is_asked_more() {
        let rare = to(&[("a", 0.99), ("b", 0.01)], 15);
        check(&[rare.clone(), to(&[("b", 1.0)], 15)], &[], &[15, 15], &[]);
        let tenth = to(&[("a", 0.9), ("b", 0.1)], 35);
        check(&[tenth.clone(), tenth], &[], &[35, 35], &[]);
    }

    #[test]
    fn what_would_take_too_many_requests_is_left_and_told() {
        check(
            &[to(&[("a", 0.999), ("b", 0.001)], 15)],
            &[],
            &[15],
            &["backend b, which gets 0.10 %"],
        );
        check(&[to(&[("a", 1.0)], 15)], &[("a", 500)], &[15], &["500 endpoints of backend a"]);
        let many: Vec<Stream> = ["a", "b", "c", "d", "e"].map(|one| to(&[(one, 1.0)], 15)).to_vec();
        let endpoints = ["a", "b", "c", "d", "e"].map(|one| (one, 100));
        check(&many, &endpoints, &[688, 688, 688, 688, 15], &["backend e"]);
    }

    #[test]
    fn weights_are_shares_and_what_has_none_is_not_asked_for() {
        let weighted = |cluster: &str, weight| WeightedCluster {
            cluster: cluster.to_owned(),
            weight,
            request_headers: HeaderEdits::default(),
            response_headers: HeaderEdits::default(),
        };
        let all = [weighted("a", 3), weighted("b", 0), weighted("c", 1)];
        assert_eq!(shares(&all), [("a".to_owned(), 0.75), ("c".to_owned(), 0.25)]);
        assert_eq!(shares(&all[1..2]), [("b".to_owned(), 1.0)]);
        assert_eq!(shares(&[]), []);
    }
}
