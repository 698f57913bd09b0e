//! One check: its circumstances and its claim.

use std::time::Duration;

use super::super::file::check::CheckFile;
use super::super::text::DurationText;
use super::{Scope, health, request, socket, status, unknown};
use crate::name::{NamespacedName, VariantName};
use crate::scenario::{Check, Claim, Hold};
use crate::source::problem::Problem;
use crate::source::tree::Place;

/// How long a claim may take to become true unless the check says otherwise.
const WITHIN: Duration = Duration::from_mins(1);
/// How long a negative claim must hold unless the check says otherwise.
const HOLD_FOR: Duration = Duration::from_secs(2);
/// How often a negative claim is tried unless the check says otherwise.
const HOLD_COUNT: u32 = 5;

/// A check that has no final name yet.
pub(super) struct Draft {
    /// The name that was given.
    pub(super) given: Option<String>,
    /// The name made from the claim.
    pub(super) made: String,
    check: Check,
}

impl Draft {
    /// The check with its name.
    pub(super) fn named(self, name: String) -> Check {
        Check { name, ..self.check }
    }
}

/// A claim with the name made from it.
pub(super) type Named = (String, Claim);

/// Where a claim is resolved, and what for.
pub(super) struct Context<'c, 'a> {
    /// The scenario around it.
    pub(super) scope: &'c Scope<'a>,
    /// The variants that the check is for.
    pub(super) variants: &'c [VariantName],
}

/// Resolves a check.
pub(super) fn resolve(
    file: &CheckFile,
    at: Place<'_>,
    scope: &Scope<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Draft> {
    let variants = variants(file, at, scope, problems);
    let context = Context { scope, variants: &variants };
    let (made, claim) = claim(file, at, &context, problems)?;
    let within = within(file, at, problems);
    let check = Check { name: String::new(), origin: at.exact_origin(), variants, within, claim };
    Some(Draft { given: file.name.clone(), made, check })
}

/// A target-health claim may carry the limit itself.
fn within(file: &CheckFile, at: Place<'_>, problems: &mut Vec<Problem>) -> Duration {
    let inner = file.target_health.as_ref().and_then(|health| health.within);
    if file.within.is_some() && inner.is_some() {
        problems.push(
            Problem::at(&at.get("targetHealth").key("within"), "`within` is there twice")
                .expected("it in the check or in the claim"),
        );
    }
    file.within.or(inner).map_or(WITHIN, |within| within.0)
}

fn claim(
    file: &CheckFile,
    at: Place<'_>,
    context: &Context<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Option<Named> {
    if let Some(gateway) = &file.gateway {
        status::gateway(gateway, at.get("gateway"), context, problems)
    } else if let Some(route) = &file.route {
        status::route(route, at.get("route"), context, problems)
    } else if let Some(service) = &file.service {
        status::service(service, at.get("service"), context, problems)
    } else if let Some(certificate) = &file.certificate {
        Some(status::certificate(certificate, at.get("certificate"), context, problems))
    } else if let Some(http) = &file.http {
        request::resolve(http, request::Scheme::Http, at.get("http"), context, problems)
    } else if let Some(https) = &file.https {
        request::resolve(https, request::Scheme::Https, at.get("https"), context, problems)
    } else if let Some(tcp) = &file.tcp {
        socket::tcp(tcp, at.get("tcp"), context, problems)
    } else if let Some(exposure) = &file.exposure {
        Some(socket::exposure(exposure, at.get("exposure"), context, problems))
    } else {
        let health = file.target_health.as_ref()?;
        health::resolve(health, at.get("targetHealth"), context, problems)
    }
}

fn variants(
    file: &CheckFile,
    at: Place<'_>,
    scope: &Scope<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<VariantName> {
    let known: Vec<&str> = scope.variants.iter().map(|variant| variant.name.as_str()).collect();
    let mut variants: Vec<VariantName> = Vec::new();
    for (index, name) in file.variants.iter().flatten().enumerate() {
        let place = at.get("variants").item(index);
        let name = VariantName::new(&name.0);
        if !known.contains(&name.as_str()) {
            problems.push(unknown(place, "variant", name.as_str(), &known));
        } else if variants.contains(&name) {
            problems.push(Problem::at(&place, format!("the variant `{name}` is there twice")));
        }
        variants.push(name);
    }
    variants
}

/// Says whether no manifest declares a Gateway, and reports it when all manifests could be read.
pub(super) fn report_unknown_gateway(
    name: &NamespacedName,
    place: Place<'_>,
    scope: &Scope<'_>,
    problems: &mut Vec<Problem>,
) -> bool {
    let known: Vec<String> = scope.inventory.gateways.keys().map(ToString::to_string).collect();
    let missing = !scope.inventory.gateways.contains_key(name);
    if missing && !scope.inventory.incomplete {
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        problems.push(unknown(place, "Gateway", &name.to_string(), &known));
    }
    missing
}

/// Whether a claim is that something does not work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Polarity {
    /// It works; one look may be enough.
    Positive,
    /// It does not; only time can tell.
    Negative,
}

/// How long and how often: as written, with the defaults of negative claims for what is not.
pub(super) fn hold(
    duration: Option<DurationText>,
    count: Option<u32>,
    polarity: Polarity,
) -> Option<Hold> {
    let duration = duration.map(|duration| duration.0);
    match (duration, count, polarity) {
        (None, None, Polarity::Positive) => None,
        (None, Some(count), Polarity::Positive) => Some(Hold { duration: Duration::ZERO, count }),
        (duration, count, _) => Some(Hold {
            duration: duration.unwrap_or(HOLD_FOR),
            count: count.unwrap_or(HOLD_COUNT),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Hold, Polarity, hold};
    use crate::scenario::text::DurationText;

    #[test]
    fn a_negative_claim_is_held_even_when_nothing_is_written() {
        let default = Hold { duration: Duration::from_secs(2), count: 5 };
        assert_eq!(hold(None, None, Polarity::Negative), Some(default));
        assert_eq!(hold(None, Some(9), Polarity::Negative), Some(Hold { count: 9, ..default }));
        let long = DurationText(Duration::from_secs(10));
        let held = hold(Some(long), None, Polarity::Negative);
        assert_eq!(held, Some(Hold { duration: long.0, ..default }));
    }

    #[test]
    fn a_positive_claim_is_held_only_when_that_is_written() {
        assert_eq!(hold(None, None, Polarity::Positive), None);
        let often = Hold { duration: Duration::ZERO, count: 20 };
        assert_eq!(hold(None, Some(20), Polarity::Positive), Some(often));
    }
}
