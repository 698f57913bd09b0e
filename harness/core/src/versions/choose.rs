//! Fills in what was left open, and refuses what is known not to work.

use semver::Version;

use super::Release;
use super::pairing::{Fit, NEWEST, Row, fit, fitting};
use super::ranges::{self, FIRST_FOR_GATEWAY_API_1_5};
use super::releases::{CERT_MANAGER, FIRST_CERT_MANAGER, KNOWN_BAD, default_release};
use crate::cilium::CiliumVersion;
use crate::scenario::GatewayApi;

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Cilium's version.
    pub cilium: &'a CiliumVersion,
    /// The Gateway API's release, as far as it was said.
    pub gateway_api: &'a GatewayApi,
    /// cert-manager's version, if it was said.
    pub cert_manager: Option<&'a str>,
    /// The version of Kubernetes, if it is known.
    pub kubernetes: Option<&'a str>,
}

/// What is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The Gateway API's release.
    pub gateway_api: Release,
    /// cert-manager's version.
    pub cert_manager: Version,
    /// What is not known to work, in words.
    pub warnings: Vec<String>,
}

/// Versions that are known not to work together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Misfit(pub Vec<String>);

/// Chooses versions that fit.
///
/// # Errors
///
/// Everything that is known not to work, each with what fits.
pub fn choose(asked: Asked<'_>) -> Result<Chosen, Misfit> {
    let mut judge = Judge { asked, problems: Vec::new(), warnings: Vec::new() };
    let gateway_api = judge.gateway_api();
    let cert_manager = judge.cert_manager();
    judge.kubernetes(&gateway_api);
    if let (Some(cert_manager), true) = (cert_manager, judge.problems.is_empty()) {
        Ok(Chosen { gateway_api, cert_manager, warnings: judge.warnings })
    } else {
        Err(Misfit(judge.problems))
    }
}

struct Judge<'a> {
    asked: Asked<'a>,
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Judge<'_> {
    fn gateway_api(&mut self) -> Release {
        let Asked { cilium, gateway_api, .. } = self.asked;
        let mut release = default_release(cilium, gateway_api.channel);
        if let Some(text) = &gateway_api.version {
            match Version::parse(text.trim_start_matches('v')) {
                Ok(version) => release.version = version,
                Err(_) => self.problems.push(format!("`{text}` is no version of the Gateway API")),
            }
        }
        let pair = format!("Cilium {cilium} with Gateway API {release}");
        let newer = cilium.minor() > NEWEST.0 || release.version.minor > NEWEST.1;
        match fit(cilium, &release) {
            Fit::Works => {}
            Fit::Partly(exception) => self.warnings.push(format!("{pair}: {exception}")),
            Fit::Off(why) => self.problems.push(format!(
                "{pair} does not work: its operator leaves Gateway API support off, because {why}; \
                 what fits: {}",
                what_fits(cilium)
            )),
            Fit::Crashes(why) => self.problems.push(format!(
                "{pair} does not work: its operator ends again and again, because {why}; what \
                 fits: {}",
                what_fits(cilium)
            )),
            Fit::Unknown if newer => {
                self.warnings.push(format!("{pair} is newer than what is known here"));
            }
            Fit::Unknown => self.warnings.push(format!("nothing is known of {pair}")),
        }
        release
    }

    fn cert_manager(&mut self) -> Option<Version> {
        let kubernetes = self.asked.kubernetes.and_then(minor_of);
        let Some(text) = self.asked.cert_manager else {
            let fits = |range: (u64, u64)| {
                kubernetes.is_none_or(|minor| range.0 <= minor && minor <= range.1)
            };
            let found = CERT_MANAGER.iter().find(|one| fits(one.kubernetes));
            // A Kubernetes newer than all of them gets the newest, and the warning below.
            return Some(found.unwrap_or(&CERT_MANAGER[0]).version());
        };
        let Ok(version) = Version::parse(text.trim_start_matches('v')) else {
            self.problems.push(format!("`{text}` is no version of cert-manager"));
            return None;
        };
        let newest = CERT_MANAGER[0].version();
        if (version.major, version.minor) < (1, FIRST_CERT_MANAGER) {
            self.problems.push(format!(
                "cert-manager {version} asks for a version of the Gateway API that is not served \
                 any more; what fits: 1.{FIRST_CERT_MANAGER} or later"
            ));
        } else if (version.major, version.minor) > (newest.major, newest.minor) {
            self.warnings.push(format!("cert-manager {version} is newer than what is known here"));
        }
        let known = KNOWN_BAD.iter().find(|known| known.is_of(&version));
        self.warnings.extend(known.map(|known| format!("cert-manager {version} {}", known.what)));
        Some(version)
    }

    fn kubernetes(&mut self, release: &Release) {
        let Some(text) = self.asked.kubernetes else { return };
        let Some(minor) = minor_of(text) else {
            self.warnings.push(format!("`{text}` is no version of Kubernetes that can be read"));
            return;
        };
        let cilium = self.asked.cilium;
        if (release.version.major, release.version.minor) >= (1, 5)
            && minor < FIRST_FOR_GATEWAY_API_1_5
        {
            self.problems.push(format!(
                "Gateway API {release} needs Kubernetes 1.{FIRST_FOR_GATEWAY_API_1_5} or later, \
                 and this is {text}; what fits: a newer Kubernetes, or {}",
                older_fits(cilium)
            ));
        }
        if let Some((first, last)) = ranges::of_cilium(cilium.minor())
            && !(first..=last).contains(&minor)
        {
            self.warnings.push(format!(
                "Cilium {cilium} is tested with Kubernetes 1.{first} to 1.{last}, and this is \
                 {text}"
            ));
        }
        let asked = self.asked.cert_manager.and_then(|text| {
            let version = Version::parse(text.trim_start_matches('v')).ok()?;
            CERT_MANAGER.iter().find(|one| one.newest.1 == version.minor)
        });
        let known = asked.unwrap_or(&CERT_MANAGER[0]);
        let (first, last) = known.kubernetes;
        let outside = !(first..=last).contains(&minor);
        if outside && (asked.is_some() || minor > last) {
            self.warnings.push(format!(
                "cert-manager 1.{} supports Kubernetes 1.{first} to 1.{last}, and this is {text}",
                known.newest.1
            ));
        }
    }
}

/// The releases that fit a Cilium version, as a list for people.
fn what_fits(cilium: &CiliumVersion) -> String {
    let words = listed(fitting(cilium));
    if words.is_empty() { "nothing that is known here".to_owned() } else { words }
}

/// Those of them that older versions of Kubernetes serve.
fn older_fits(cilium: &CiliumVersion) -> String {
    let words = listed(fitting(cilium).filter(|row| row.releases.1 < 5));
    if words.is_empty() { format!("an older Cilium than {cilium}") } else { words }
}

fn listed(rows: impl Iterator<Item = &'static Row>) -> String {
    let mut words: Vec<String> = Vec::new();
    for row in rows {
        let (first, last) = row.releases;
        let releases =
            if first == last { format!("1.{first}") } else { format!("1.{first} to 1.{last}") };
        let exception = match row.fit {
            Fit::Partly(exception) => format!(", though {exception}"),
            _ => String::new(),
        };
        words.push(format!("{releases} ({}{exception})", row.channel));
    }
    words.join("; ")
}

/// 36 for `1.36.4`, `v1.36` and `1.36.4-gke.100`.
fn minor_of(text: &str) -> Option<u64> {
    let (major, rest) = text.trim_start_matches('v').split_once('.')?;
    let minor: String = rest.chars().take_while(char::is_ascii_digit).collect();
    if major == "1" { minor.parse().ok() } else { None }
}
