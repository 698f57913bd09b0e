//! GP0011: the Gateway API's definitions are absent, incomplete, or of a bundle that this Cilium
//! cannot use.

use semver::Version;

use super::issue;
use crate::dossier::{Component, Dossier, Why};
use crate::finding::reading::{gateways, is_about};
use crate::finding::releases::{Releases, between, since};
use crate::finding::{About, Confidence, Firing, Issue, Role, Rule};
use crate::scenario::Channel;
use crate::versions::Release;
use crate::versions::pairing::{Fit, fit};

const OF_1_19: Releases = Releases(&[between((19, 0), (20, 0))]);

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0011",
    title: "the Gateway API's definitions do not fit this Cilium",
    explanation: "\
When Cilium's operator starts, it asks for each kind of the Gateway API at one exact version. When \
one is missing it logs `Required GatewayAPI resources are not found` and leaves the support off for \
the life of the process: Gateways keep waiting for a controller, and definitions that are installed \
afterwards change nothing until the operator restarts (1.20 retries for 30 seconds and then ends, so \
that its pod starts again).

Which bundle fits depends on the version. 1.15 and 1.16 need TLSRoute, which only the experimental \
channel has. 1.17 to 1.19 want v1alpha2 of TLSRoute where they find it, and crash with bundles from \
1.5 on whose standard channel lists and does not serve it. 1.20 needs v1 of TLSRoute, ReferenceGrant \
and BackendTLSPolicy, which bundles before 1.5 do not have; after an upgrade to 1.20 with an old \
bundle listeners stay, and Secrets are no longer synchronised.",
    remedy: &[
        "install the bundle that fits (gateproof versions prints which), then restart the operator: kubectl -n kube-system rollout restart deployment/cilium-operator",
    ],
    sources: &[
        "cilium/cilium operator/pkg/gateway-api/cell.go 1.14.10 to 1.21-dev: what is asked for, and what follows",
        "kubernetes-sigs/gateway-api config/crd at each tag: which bundle has which versions",
    ],
    issues: &[
        issue("cilium/cilium#33239", Releases(&[since(15, 0)])),
        issue("cilium/cilium#44920", OF_1_19),
        issue("cilium/cilium#45139", OF_1_19),
        Issue {
            reference: "kubernetes-sigs/kubespray#13222",
            about: About::Cilium(OF_1_19),
        },
        issue("cilium/cilium#38420", Releases(&[between((17, 0), (17, 3))])),
    ],
    examine,
};

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let said = dossier
        .log(Component::CiliumOperator)
        .find(|line| line.text.contains("Required GatewayAPI resources are not found"));
    let misfit = misfit(dossier);
    let absent = dossier.unread.iter().find(|unread| {
        unread.why == Why::NotServed
            && (is_about(&unread.what, "Gateway") || is_about(&unread.what, "GatewayClass"))
    });
    let unseen = gateways(dossier).iter().any(|gateway| !gateway.has_been_seen());
    let gateway_api = dossier.cilium.config.as_ref().is_some_and(|config| config.gateway_api);
    let certain = misfit.is_some() || (said.is_some() && unseen);
    let absent = absent.filter(|_| gateway_api && dossier.versions.gateway_api.is_none());
    if said.is_none() && misfit.is_none() && absent.is_none() {
        return Vec::new();
    }
    // A line from before the definitions were put right, with Gateways that are looked after.
    if misfit.is_none() && absent.is_none() && !unseen {
        return Vec::new();
    }
    let confidence = if certain { Confidence::Certain } else { Confidence::Likely };
    let mut firing = Firing::new(Role::Cause, confidence).about("definitions of the Gateway API");
    if let Some((pair, why)) = misfit {
        firing = firing.seen(pair, "annotations of the definitions, image of the operator");
        firing = firing.inferred(why);
    }
    if let Some(line) = said {
        firing = firing.seen(&line.text, format!("log {}", line.source));
    }
    if let Some(unread) = absent {
        firing = firing.seen(format!("{} are not served", unread.what), "API server");
    }
    vec![firing.inferred("the operator leaves Gateway API support off, or ends again and again")]
}

/// A pair of versions that is known not to work.
fn misfit(dossier: &Dossier) -> Option<(String, String)> {
    let cilium = dossier.versions.cilium.as_ref()?;
    let bundle = dossier.versions.gateway_api.as_ref()?;
    let version = Version::parse(bundle.version.trim_start_matches('v')).ok()?;
    let channels = match bundle.channel {
        Some(channel) => vec![channel],
        // Without a channel it does not work only when it works in neither.
        None => vec![Channel::Standard, Channel::Experimental],
    };
    let mut reason = None;
    for channel in channels {
        match fit(cilium, &Release { version: version.clone(), channel }) {
            Fit::Off(why) | Fit::Crashes(why) => reason = Some(why),
            Fit::Works | Fit::Partly(_) | Fit::Unknown => return None,
        }
    }
    let channel = bundle.channel.map(|channel| format!(", {channel} channel")).unwrap_or_default();
    let pair = format!("Cilium {cilium} with Gateway API {}{channel}", bundle.version);
    Some((pair, reason?.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::RULE;
    use crate::dossier::{Bundle, Component, Dossier, Unread, Why};
    use crate::finding::Confidence;
    use crate::finding::fixture::{Change, dedicated, fires, silent};
    use crate::scenario::Channel;

    fn bundle(cilium: &str, version: &str, channel: Option<Channel>) -> Dossier {
        let mut dossier = dedicated().version(cilium);
        dossier.versions.gateway_api = Some(Bundle { version: version.to_owned(), channel });
        dossier
    }

    const LINE: &str = r#"level=error msg="Required GatewayAPI resources are not found, please refer to docs for installation instructions""#;

    #[test]
    fn a_bundle_that_does_not_fit_is_certain() {
        for (cilium, version, channel) in [
            ("1.20.2", "v1.4.1", Some(Channel::Standard)),
            ("1.19.3", "v1.5.0", Some(Channel::Standard)),
            ("1.16.7", "v1.1.0", Some(Channel::Standard)),
            ("1.20.2", "v1.3.0", None),
        ] {
            assert_eq!(
                fires(&RULE, &bundle(cilium, version, channel)).confidence,
                Confidence::Certain
            );
        }
    }

    #[test]
    fn a_bundle_that_fits_in_one_channel_is_not_doubted_when_the_channel_is_unknown() {
        silent(&RULE, &bundle("1.16.7", "v1.1.0", None));
        silent(&RULE, &bundle("1.19.3", "v1.4.1", Some(Channel::Standard)));
    }

    #[test]
    fn the_operators_line_counts_while_gateways_wait() {
        let said = dedicated().log(Component::CiliumOperator, None, LINE);
        silent(&RULE, &said);
        let waiting = said.set("Gateway", "shared-gateway", "/status", &json!({}));
        assert_eq!(fires(&RULE, &waiting).confidence, Confidence::Certain);
    }

    #[test]
    fn definitions_that_are_not_served_are_absent_and_forbidden_ones_are_not() {
        let mut absent = dedicated();
        absent.versions.gateway_api = None;
        absent.objects.clear();
        silent(&RULE, &absent.clone().unread("gateways"));
        let mut older = absent.clone();
        older.unread.push(Unread {
            what: "CiliumGatewayClassConfig objects".to_owned(),
            why: Why::NotServed,
            hides: "what a class asks for".to_owned(),
        });
        silent(&RULE, &older);
        absent.unread.push(Unread {
            what: "Gateway objects".to_owned(),
            why: Why::NotServed,
            hides: "all".to_owned(),
        });
        fires(&RULE, &absent);
    }
}
