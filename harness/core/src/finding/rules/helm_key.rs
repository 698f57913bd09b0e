//! GP0009: Helm values hold a key that the chart does not know.

use serde_json::Value;

use crate::cilium::CiliumVersion;
use crate::cilium::chart::{KeyProblem, key_problem};
use crate::dossier::Dossier;
use crate::finding::{Confidence, Firing, Role, Rule};

/// The rule.
pub(super) const RULE: Rule = Rule {
    id: "GP0009",
    title: "Cilium's Helm values hold a key that the chart does not know",
    explanation: "\
Helm takes unknown keys without a word: the schema of Cilium's chart never forbids additional ones, \
and charts before 1.16 have no schema at all. A misspelt key, one of another version or one that was \
only ever recommended changes nothing, and whoever set it believes that it does.

Two that are recommended here and there and are in no chart from 1.14 to 1.21: \
gatewayAPI.serviceAnnotations (annotations belong into the Gateway's spec.infrastructure.annotations) \
and gatewayAPI.hostNetwork.nodeSelector (the key is gatewayAPI.hostNetwork.nodes.matchLabels; with \
the wrong one Envoy listens on every node).",
    remedy: &[
        "use the key that is named here, or take the wrong one out; compare with helm show values cilium/cilium --version VERSION",
        "look at what comes of values before they are applied: helm template with and without the key prints the same when the key is not known",
    ],
    sources: &[
        "cilium/charts values.yaml and values.schema.json 1.14.0 to 1.21.0-pre.0: the keys, and that no schema says additionalProperties: false",
    ],
    issues: &[],
    examine,
};

/// Where a wrong key may concern a Gateway.
const CONCERNS: &[&str] =
    &["gatewayAPI", "envoy", "envoyConfig", "l2announcements", "loadBalancer"];

fn examine(dossier: &Dossier) -> Vec<Firing> {
    let Some(values) = &dossier.cilium.values else { return Vec::new() };
    // Without a version only what no version has can be told; any version finds that.
    let any: Option<CiliumVersion> = "1.20.0".parse().ok();
    let Some(version) = dossier.versions.cilium.as_ref().or(any.as_ref()) else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    walk(version, values, &mut Vec::new(), &mut problems);
    if dossier.versions.cilium.is_none() {
        problems.retain(|(_, problem)| matches!(problem, KeyProblem::Unknown { .. }));
    }
    problems.into_iter().map(|(path, problem)| firing(version, &path, &problem)).collect()
}

fn walk(
    version: &CiliumVersion,
    value: &Value,
    path: &mut Vec<String>,
    problems: &mut Vec<(Vec<String>, KeyProblem)>,
) {
    let Some(keys) = value.as_object() else { return };
    for (key, below) in keys {
        path.push(key.clone());
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        match key_problem(version, &names, below) {
            Some(problem) => {
                let telling =
                    matches!(problem, KeyProblem::Unknown { .. }) || CONCERNS.contains(&names[0]);
                if telling {
                    problems.push((path.clone(), problem));
                }
            }
            None => walk(version, below, path, problems),
        }
        path.pop();
    }
}

fn firing(version: &CiliumVersion, path: &[String], problem: &KeyProblem) -> Firing {
    let dotted = path.join(".");
    let concerns = CONCERNS.contains(&path[0].as_str());
    let known = matches!(problem, KeyProblem::Unknown { advice: Some(_), .. });
    let role = if known { Role::Cause } else { Role::Contributing };
    let confidence = if concerns { Confidence::Certain } else { Confidence::Likely };
    let firing = Firing::new(role, confidence)
        .about(format!("Helm value {dotted}"))
        .seen(&dotted, "values of Cilium's Helm release")
        .inferred("the key changes nothing, so what it was meant to do is not done");
    match problem {
        KeyProblem::Unknown { advice: Some(advice), .. } => firing.remedy(advice),
        KeyProblem::Unknown { nearest: Some(nearest), .. } => {
            let parent = &path[..path.len() - 1];
            let right = parent.iter().map(String::as_str).chain([*nearest]).collect::<Vec<_>>();
            firing.remedy(format!("did you mean {}?", right.join(".")))
        }
        KeyProblem::Unknown { .. } => firing,
        KeyProblem::NotYet { since } => {
            firing.remedy(format!("the chart has {dotted} since 1.{since}, and this is {version}"))
        }
        KeyProblem::NoLonger { until } => {
            firing.remedy(format!("the chart had {dotted} until 1.{until}, and this is {version}"))
        }
        KeyProblem::WrongType { expected, .. } => {
            firing.remedy(format!("the chart wants {expected} for {dotted}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::RULE;
    use crate::dossier::Dossier;
    use crate::finding::Role;
    use crate::finding::fixture::{Change, dedicated, fires, silent, words};

    fn values(values: Value) -> Dossier {
        let mut dossier = dedicated();
        dossier.cilium.values = Some(values);
        dossier
    }

    #[test]
    fn keys_that_are_recommended_and_in_no_chart_are_named_with_the_right_ones() {
        let cases = [
            (
                json!({"gatewayAPI": {"enabled": true, "serviceAnnotations": {"a": "b"}}}),
                "spec.infrastructure.annotations",
            ),
            (
                json!({"gatewayAPI": {"hostNetwork": {"nodeSelector": {"a": "b"}}}}),
                "hostNetwork.nodes.matchLabels",
            ),
        ];
        for (wrong, right) in cases {
            for dossier in [values(wrong.clone()), values(wrong).version_unknown()] {
                let firing = fires(&RULE, &dossier);
                assert_eq!(firing.role, Role::Cause);
                assert!(words(&firing).contains(right), "{firing:#?}");
            }
        }
    }

    #[test]
    fn a_misspelt_key_is_told_with_its_neighbour() {
        let firing = fires(&RULE, &values(json!({"gatewayAPI": {"hostNetwrok": {}}})));
        assert!(words(&firing).contains("gatewayAPI.hostNetwork?"), "{firing:#?}");
    }

    #[test]
    fn keys_of_other_versions_are_told_where_they_concern_a_gateway() {
        let host = values(json!({"gatewayAPI": {"hostNetwork": {"enabled": true}}}));
        silent(&RULE, &host);
        let firing = fires(&RULE, &host.version("1.15.9"));
        assert!(words(&firing).contains("since 1.16"), "{firing:#?}");
        silent(&RULE, &values(json!({"externalIPs": {"enabled": true}})));
    }

    #[test]
    fn right_keys_and_values_that_were_not_read_are_no_finding() {
        silent(&RULE, &dedicated());
        let mut unread = dedicated();
        unread.cilium.values = None;
        silent(&RULE, &unread);
    }
}
