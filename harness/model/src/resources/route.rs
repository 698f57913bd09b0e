//! A route of any kind, as far as attachment and references go: what kinds of routes have in common.

use gateproof_core::name::NamespacedName;

use super::grpc_route::GrpcRoute;
use super::http_route::{BackendRef, Filter, HttpRoute, ParentRef};
use super::layer_four_route::LayerFourRoute;
use super::tls_route::TlsRoute;

/// A kind of route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RouteKind {
    Http,
    Grpc,
    Tls,
    Tcp,
    Udp,
}

impl RouteKind {
    /// Whether it is about connections, not about anything in them.
    pub(crate) fn is_layer_four(self) -> bool {
        matches!(self, Self::Tcp | Self::Udp)
    }

    /// As Kubernetes names it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Http => "HTTPRoute",
            Self::Grpc => "GRPCRoute",
            Self::Tls => "TLSRoute",
            Self::Tcp => "TCPRoute",
            Self::Udp => "UDPRoute",
        }
    }

    /// Protocols of the listeners it attaches to.
    pub(crate) fn protocols(self) -> &'static [&'static str] {
        match self {
            Self::Http | Self::Grpc => &["HTTP", "HTTPS"],
            Self::Tls => &["TLS"],
            Self::Tcp => &["TCP"],
            Self::Udp => &["UDP"],
        }
    }
}

/// A route, seen as one that attaches to parents and refers to backends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Route<'a> {
    Http(&'a HttpRoute),
    Grpc(&'a GrpcRoute),
    Tls(&'a TlsRoute),
    Tcp(&'a LayerFourRoute),
    Udp(&'a LayerFourRoute),
}

impl<'a> Route<'a> {
    pub(crate) fn kind(self) -> RouteKind {
        match self {
            Self::Http(_) => RouteKind::Http,
            Self::Grpc(_) => RouteKind::Grpc,
            Self::Tls(_) => RouteKind::Tls,
            Self::Tcp(_) => RouteKind::Tcp,
            Self::Udp(_) => RouteKind::Udp,
        }
    }

    pub(crate) fn name(self) -> &'a NamespacedName {
        match self {
            Self::Http(route) => &route.name,
            Self::Grpc(route) => &route.name,
            Self::Tls(route) => &route.name,
            Self::Tcp(route) | Self::Udp(route) => &route.name,
        }
    }

    /// `Kind namespace/name`.
    pub(crate) fn object(self) -> String {
        format!("{} {}", self.kind().as_str(), self.name())
    }

    pub(crate) fn generation(self) -> Option<i64> {
        match self {
            Self::Http(route) => route.generation,
            Self::Grpc(route) => route.generation,
            Self::Tls(route) => route.generation,
            Self::Tcp(route) | Self::Udp(route) => route.generation,
        }
    }

    pub(crate) fn parents(self) -> &'a [ParentRef] {
        match self {
            Self::Http(route) => &route.spec.parent_refs,
            Self::Grpc(route) => &route.spec.parent_refs,
            Self::Tls(route) => &route.spec.parent_refs,
            Self::Tcp(route) | Self::Udp(route) => &route.spec.parent_refs,
        }
    }

    pub(crate) fn hostnames(self) -> &'a [String] {
        match self {
            Self::Http(route) => &route.spec.hostnames,
            Self::Grpc(route) => &route.spec.hostnames,
            Self::Tls(route) => &route.spec.hostnames,
            Self::Tcp(_) | Self::Udp(_) => &[],
        }
    }

    /// Paths of fields that are not read.
    pub(crate) fn unread(self) -> &'a [String] {
        match self {
            Self::Http(route) => &route.unread,
            Self::Grpc(route) => &route.unread,
            Self::Tls(route) => &route.unread,
            Self::Tcp(route) | Self::Udp(route) => &route.unread,
        }
    }

    /// Its rules: filters and references.
    pub(crate) fn rules(self) -> Vec<RuleRefs<'a>> {
        match self {
            Self::Http(route) => (route.spec.rules.iter())
                .map(|rule| RuleRefs { filters: &rule.filters, backends: &rule.backend_refs })
                .collect(),
            Self::Grpc(route) => (route.spec.rules.iter())
                .map(|rule| RuleRefs { filters: &rule.filters, backends: &rule.backend_refs })
                .collect(),
            Self::Tls(route) => (route.spec.rules.iter())
                .map(|rule| RuleRefs { filters: &[], backends: &rule.backend_refs })
                .collect(),
            Self::Tcp(route) | Self::Udp(route) => (route.spec.rules.iter())
                .map(|rule| RuleRefs { filters: &[], backends: &rule.backend_refs })
                .collect(),
        }
    }
}

/// The filters and references of one rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RuleRefs<'a> {
    pub filters: &'a [Filter],
    pub backends: &'a [BackendRef],
}
