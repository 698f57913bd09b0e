//! `certificates.issuer`: who signs, and for ACME where challenges are answered.

mod zones;

use semver::Version;

use super::{cert_manager_version, gateway_api, unknown};
use crate::cilium::CiliumVersion;
use crate::name::NamespacedName;
use crate::scenario::file::{AcmeFile, ScenarioFile, SolverFile};
use crate::scenario::inventory::{GatewayEntry, Inventory, ListenerEntry};
use crate::scenario::issuer::{Acme, ChallengeListener, Http01, Issuer, SelfCheck, Solver};
use crate::source::problem::Problem;
use crate::source::schema::one_of;
use crate::source::tree::Place;
use crate::versions::{Asked, choose};

/// Pebble, when the scenario names no image: the newest release that was looked at.
const PEBBLE: &str = "ghcr.io/letsencrypt/pebble:2.10.1";

/// Who signs. What is wrong with an ACME issuer goes to `problems`.
pub(super) fn resolve(
    file: &ScenarioFile,
    spec: Place<'_>,
    cilium: &[CiliumVersion],
    inventory: &Inventory<'_>,
    problems: &mut Vec<Problem>,
) -> Issuer {
    let Some(certificates) = &file.spec.certificates else { return Issuer::None };
    let place = spec.at(&["certificates", "issuer", "acme"]);
    match &certificates.issuer.acme {
        None if certificates.issuer.ca.is_some() => Issuer::Ca,
        None => Issuer::SelfSigned,
        Some(acme) => {
            let solver = match acme.solver {
                SolverFile::Http01 => {
                    let question = Question { file, acme, place, cilium, inventory };
                    question.resolve(problems).map(Solver::Http01)
                }
                SolverFile::Dns01 => {
                    zones::resolve(acme, place, inventory, problems).map(Solver::Dns01)
                }
            };
            let image = acme.image.clone().unwrap_or_else(|| PEBBLE.to_owned());
            // The scenario is refused then; for its checks it has an issuer with a root.
            solver.map_or(Issuer::Ca, |solver| Issuer::Acme(Acme { image, solver }))
        }
    }
}

struct Question<'q, 'a> {
    file: &'q ScenarioFile,
    acme: &'q AcmeFile,
    place: Place<'q>,
    cilium: &'q [CiliumVersion],
    inventory: &'q Inventory<'a>,
}

impl<'a> Question<'_, 'a> {
    fn resolve(&self, problems: &mut Vec<Problem>) -> Option<Http01> {
        self.refuse_zones(problems);
        self.refuse_wildcards(problems);
        let (gateway, entry) = self.gateway(problems)?;
        let listener = self.listener(&gateway, entry, problems)?;
        let answered_at =
            ChallengeListener { gateway, listener: listener.name.clone(), port: listener.port };
        if answered_at.self_check() == SelfCheck::LeftOut {
            self.refuse_self_check(listener, problems);
        }
        let mut names: Vec<String> =
            self.inventory.asked_names.iter().map(|asked| asked.name.clone()).collect();
        names.sort();
        names.dedup();
        Some(Http01 { names, answered_at })
    }

    fn refuse_zones(&self, problems: &mut Vec<Problem>) {
        if self.acme.zones.is_some() {
            problems.push(
                Problem::at(
                    &self.place.get("zones"),
                    "`zones` has no meaning with `solver: http01`",
                )
                .expected("no such key, or `solver: dns01`"),
            );
        }
    }

    /// No ACME server proves a wildcard by HTTP-01, and cert-manager finds no solver for one.
    fn refuse_wildcards(&self, problems: &mut Vec<Problem>) {
        for asked in self.inventory.asked_names.iter().filter(|it| it.name.starts_with("*.")) {
            problems.push(
                Problem::at(&asked.place, "an ACME server does not sign for a wildcard by HTTP-01")
                    .found(format!("`{}`", asked.name))
                    .expected("the names one by one, or `solver: dns01`")
                    .note(
                        "a wildcard is proved in DNS alone (DNS-01); cert-manager would wait with \
                         `no configured challenge solvers can be used for this challenge`",
                    ),
            );
        }
    }

    /// The Gateway that was named, or the only one that can be meant.
    fn gateway(&self, problems: &mut Vec<Problem>) -> Option<(NamespacedName, &GatewayEntry<'a>)> {
        let gateways = &self.inventory.gateways;
        if let Some(named) = &self.acme.gateway {
            let found = gateways.get(named);
            if found.is_none() && !self.inventory.incomplete {
                let known: Vec<String> = gateways.keys().map(ToString::to_string).collect();
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let at = self.place.get("gateway");
                problems.push(unknown(at, "Gateway", &named.to_string(), &known));
            }
            return Some((named.clone(), found?));
        }
        let asking: Vec<_> = self
            .inventory
            .cilium_gateways()
            .filter(|(name, _)| self.inventory.asking_gateways.contains(*name))
            .collect();
        match asking.as_slice() {
            [(name, entry)] => Some(((*name).clone(), *entry)),
            _ if self.inventory.incomplete => None,
            [] => {
                problems.push(
                    Problem::at(
                        &self.place,
                        "no Gateway of Cilium asks this issuer for a certificate",
                    )
                    .expected(
                        "a Gateway with the annotation `cert-manager.io/cluster-issuer: \
                             gateproof`, or `gateway:` with the one that answers challenges",
                    ),
                );
                None
            }
            several => {
                let known: Vec<String> = several.iter().map(|(name, _)| name.to_string()).collect();
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                problems.push(
                    Problem::at(&self.place, "several Gateways could answer challenges")
                        .expected(format!("`gateway:` with {}", one_of(&known))),
                );
                None
            }
        }
    }

    /// The HTTP listener that was named, or the one on port 80, or the only one.
    fn listener<'e>(
        &self,
        gateway: &NamespacedName,
        entry: &'e GatewayEntry<'a>,
        problems: &mut Vec<Problem>,
    ) -> Option<&'e ListenerEntry<'a>> {
        let plain: Vec<&ListenerEntry<'_>> =
            entry.listeners.iter().filter(|it| it.protocol == "HTTP").collect();
        let known: Vec<&str> = plain.iter().map(|it| it.name.as_str()).collect();
        if let Some(named) = &self.acme.listener {
            let found = entry.listeners.iter().find(|it| it.name == *named);
            let at = self.place.get("listener");
            match found {
                Some(found) if found.protocol == "HTTP" => return Some(found),
                Some(found) => problems.push(
                    Problem::at(&at, "challenges are not asked for over TLS")
                        .found(format!("listener `{named}` with protocol {}", found.protocol))
                        .expected("a listener with protocol HTTP")
                        .note("an ACME server asks by plain HTTP (RFC 8555, 8.3)"),
                ),
                None if self.inventory.changed.contains(gateway) => {}
                None => {
                    problems.push(unknown(
                        at,
                        &format!("HTTP listener of {gateway}"),
                        named,
                        &known,
                    ));
                }
            }
            return None;
        }
        let usual = plain.iter().find(|it| it.port == 80);
        match (usual, plain.as_slice()) {
            (Some(listener), _) | (None, [listener]) => Some(listener),
            _ if self.inventory.changed.contains(gateway) => None,
            (None, []) => {
                problems.push(
                    Problem::at(&self.place, format!("{gateway} has no HTTP listener"))
                        .expected("a listener with protocol HTTP, as a rule on port 80")
                        .note("an ACME server asks for challenges by plain HTTP (RFC 8555, 8.3)"),
                );
                None
            }
            (None, _) => {
                problems.push(
                    Problem::at(
                        &self.place,
                        format!("{gateway} has several HTTP listeners, and none on port 80"),
                    )
                    .expected(format!("`listener:` with {}", one_of(&known))),
                );
                None
            }
        }
    }

    /// Another port than 80 needs a cert-manager that can do without asking itself.
    fn refuse_self_check(&self, listener: &ListenerEntry<'_>, problems: &mut Vec<Problem>) {
        const FIRST: Version = Version::new(1, 21, 0);
        let gateway_api = gateway_api(self.file);
        let chosen = self.cilium.iter().filter_map(|cilium| {
            let asked = Asked {
                cilium,
                gateway_api: &gateway_api,
                cert_manager: cert_manager_version(self.file),
                kubernetes: None,
            };
            choose(asked).ok().map(|chosen| chosen.cert_manager)
        });
        if let Some(oldest) = chosen.min().filter(|oldest| *oldest < FIRST) {
            problems.push(
                Problem::at(
                    &self.place,
                    format!("cert-manager {oldest} asks for challenges at port 80 alone"),
                )
                .found(format!("listener `{}` on port {}", listener.name, listener.port))
                .expected("a listener on port 80, or cert-manager 1.21 or later"),
            );
        }
    }
}
