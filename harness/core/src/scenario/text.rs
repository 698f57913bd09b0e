//! Forms of text in scenario files: durations, names, versions, addresses, URLs.
//!
//! Each form is one type with one parser; the JSON Schema, the collected problems and the decoder
//! all use that parser, so they cannot disagree.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::cilium::CiliumVersion;
use crate::name::NamespacedName;
use crate::source::schema::{Format, FormatError};

mod url;
pub(crate) use url::HttpUrl;

/// A form of text.
pub(crate) trait TextForm: Sized {
    /// Its name in the schema's `format`.
    const FORMAT: &'static str;
    /// A regular expression for editors; the parser decides.
    const PATTERN: &'static str;
    /// A text of this form.
    const EXAMPLE: &'static str;

    /// Reads the text.
    fn parse(text: &str) -> Result<Self, FormatError>;
}

/// Every form, for the schema checker.
pub(crate) const FORMATS: &[Format] = &[
    format_of::<DurationText>(),
    format_of::<Label>(),
    format_of::<Cidr>(),
    format_of::<Release>(),
    format_of::<HttpUrl>(),
    format_of::<NamespacedName>(),
    format_of::<CiliumVersion>(),
];

const fn format_of<T: TextForm>() -> Format {
    Format { name: T::FORMAT, check: |text| T::parse(text).map(|_| ()) }
}

/// The schema of a form of text.
pub(crate) fn schema_of<T: TextForm>() -> Schema {
    json_schema!({
        "type": "string",
        "format": T::FORMAT,
        "pattern": T::PATTERN,
        "examples": [T::EXAMPLE],
    })
}

fn expected(expected: impl Into<String>) -> FormatError {
    FormatError { expected: expected.into(), note: None }
}

/// A duration such as `2s`, `500ms` or `1m30s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DurationText(pub(crate) Duration);

impl TextForm for DurationText {
    const FORMAT: &'static str = "go-duration";
    const PATTERN: &'static str = "^([0-9]+(ms|s|m|h))+$";
    const EXAMPLE: &'static str = "30s";

    fn parse(text: &str) -> Result<Self, FormatError> {
        let wrong = || expected("a duration such as `500ms`, `2s` or `1m30s`");
        let mut total = Duration::ZERO;
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let number: u32 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let unit = match &rest[..end] {
                "ms" => Duration::from_millis(1),
                "s" => Duration::from_secs(1),
                "m" => Duration::from_mins(1),
                "h" => Duration::from_hours(1),
                _ => return Err(wrong()),
            };
            total = unit
                .checked_mul(number)
                .and_then(|part| total.checked_add(part))
                .filter(|total| *total <= LONGEST)
                .ok_or_else(|| expected("a duration of a day at the most"))?;
            rest = &rest[end..];
        }
        if total.is_zero() {
            Err(expected("a duration above zero such as `2s`"))
        } else {
            Ok(Self(total))
        }
    }
}

/// Nothing in a scenario waits longer.
const LONGEST: Duration = Duration::from_hours(24);

/// A name as Kubernetes has it for most objects: an RFC 1123 label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Label(pub(crate) String);

impl TextForm for Label {
    const FORMAT: &'static str = "dns-label";
    const PATTERN: &'static str = "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$";
    const EXAMPLE: &'static str = "host-network";

    fn parse(text: &str) -> Result<Self, FormatError> {
        if text.len() <= 63 && !text.contains('.') && is_dns_name(text) {
            Ok(Self(text.to_owned()))
        } else {
            Err(expected(
                "a name of small letters, digits and `-`, at most 63, such as `host-network`",
            ))
        }
    }
}

fn is_dns_name(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            label.starts_with(inner)
                && label.ends_with(inner)
                && label.chars().all(|c| inner(c) || c == '-')
        })
}

/// An address range such as `172.18.255.0/28`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cidr(pub(crate) String);

impl TextForm for Cidr {
    const FORMAT: &'static str = "cidr";
    const PATTERN: &'static str = "^[0-9a-fA-F.:]+/[0-9]{1,3}$";
    const EXAMPLE: &'static str = "172.18.255.0/28";

    fn parse(text: &str) -> Result<Self, FormatError> {
        let wrong = || expected("an address range such as `172.18.255.0/28`");
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let length: u8 = length.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if length <= most { Ok(Self(text.to_owned())) } else { Err(wrong()) }
    }
}

/// A version `major.minor.patch` of something other than Cilium; a leading `v` is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Release(pub(crate) String);

impl TextForm for Release {
    const FORMAT: &'static str = "version";
    const PATTERN: &'static str = "^v?[0-9]+\\.[0-9]+\\.[0-9]+(-[0-9A-Za-z.-]+)?$";
    const EXAMPLE: &'static str = "1.21.0";

    fn parse(text: &str) -> Result<Self, FormatError> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        match semver::Version::parse(bare) {
            Ok(_) => Ok(Self(bare.to_owned())),
            Err(_) => Err(expected("a version major.minor.patch such as `1.21.0`")),
        }
    }
}

impl TextForm for NamespacedName {
    const FORMAT: &'static str = "namespaced-name";
    const PATTERN: &'static str = "^[a-z0-9]([-.a-z0-9]*[a-z0-9])?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$";
    const EXAMPLE: &'static str = "gateway/shared-gateway";

    fn parse(text: &str) -> Result<Self, FormatError> {
        match text.parse::<Self>() {
            Ok(name) if is_dns_name(&name.namespace) && is_dns_name(&name.name) => Ok(name),
            _ => Err(expected("namespace/name such as `gateway/shared-gateway`")),
        }
    }
}

impl TextForm for CiliumVersion {
    const FORMAT: &'static str = "cilium-version";
    const PATTERN: &'static str = "^v?1\\.[0-9]+(\\.[0-9]+(-[0-9A-Za-z.-]+)?|-dev)$";
    const EXAMPLE: &'static str = "1.20.2";

    fn parse(text: &str) -> Result<Self, FormatError> {
        let version: Self = text.parse().map_err(|_| {
            expected("a Cilium version major.minor.patch such as `1.20.2`, or `1.21-dev`")
        })?;
        if version.minor() >= OLDEST_MINOR {
            Ok(version)
        } else {
            Err(FormatError {
                expected: format!("Cilium 1.{OLDEST_MINOR}.0 or newer"),
                note: Some("nothing is known about the Gateways of older versions".to_owned()),
            })
        }
    }
}

/// The oldest Cilium whose Gateway API behaviour was read (cilium/cilium 1.14.0).
const OLDEST_MINOR: u64 = 14;

macro_rules! text_schema {
    ($($form:ty),+) => {$(
        impl JsonSchema for $form {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                Cow::Borrowed(Self::FORMAT)
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schema_of::<Self>()
            }
        }
    )+};
}

macro_rules! text_decoder {
    ($($form:ty),+) => {$(
        impl<'de> Deserialize<'de> for $form {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).map_err(|error| serde::de::Error::custom(error.expected))
            }
        }
    )+};
}

text_schema!(DurationText, Label, Cidr, Release, HttpUrl, NamespacedName, CiliumVersion);
text_decoder!(DurationText, Label, Cidr, Release, HttpUrl);

#[cfg(test)]
mod tests {
    use super::{Cidr, DurationText, Label, Release, TextForm};
    use crate::cilium::CiliumVersion;
    use crate::name::NamespacedName;
    use std::time::Duration;

    #[test]
    fn durations_are_sums_of_whole_units() {
        let ok = |text| DurationText::parse(text).map(|duration| duration.0);
        assert_eq!(ok("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(ok("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["", "5", "s", "0s", "1.5s", "2 s", "-1s", "25h", "4000000000h"] {
            assert!(DurationText::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_form_accepts_its_example_and_refuses_a_look_alike() {
        fn case<T: TextForm>(wrong: &[&str]) {
            assert!(T::parse(T::EXAMPLE).is_ok(), "{}", T::EXAMPLE);
            for text in wrong {
                assert!(T::parse(text).is_err(), "{} must refuse {text}", T::FORMAT);
            }
        }
        case::<Label>(&["Host", "a.b", "-a", "a-", ""]);
        case::<Cidr>(&["172.18.255.0", "172.18.255.0/33", "x/8"]);
        case::<Release>(&["1.21", "latest"]);
        case::<NamespacedName>(&["shared-gateway", "a/b/c", "A/b", "/b"]);
        case::<CiliumVersion>(&["1.20", "2.0.0", "1.13.5"]);
        case::<super::HttpUrl>(&["hello.test", "ftp://a.test/", "http://", "http://a.test:0/"]);
    }
}
