//! Listeners and their filter chains as Envoy's JSON.

use serde_json::{Value, json};

use crate::Input;
use crate::facts::Behaviour;
use crate::resources::class_config::ClassConfig;
use crate::translation::envoy::{EnvoyConfig, Listener, PassthroughChain, TlsChain};

/// What all listeners of a Gateway are written with.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub input: &'a Input<'a>,
    /// The parameters of the Gateway's class.
    pub parameters: Option<&'a ClassConfig>,
    /// Everything the Gateway is given.
    pub config: &'a EnvoyConfig,
}

/// One listener.
pub(super) fn listener(context: Context<'_>, listener: &Listener) -> Value {
    let input = context.input;
    let mut chains = Vec::new();
    if let Some(plain) = &listener.plain {
        chains.push(json!({
            "filterChainMatch": {"transportProtocol": "raw_buffer"},
            "filters": [http_manager(context, &plain.route_table)],
        }));
    }
    chains.extend(listener.terminate.iter().map(|chain| tls_chain(context, chain)));
    chains.extend(listener.passthrough.iter().map(|chain| passthrough_chain(input, chain)));
    let mut filters = Vec::new();
    if listener.proxy_protocol {
        filters.push(listener_filter("proxy_protocol", "ProxyProtocol"));
    }
    filters.push(listener_filter("tls_inspector", "TlsInspector"));
    let mut value = json!({
        "@type": "type.googleapis.com/envoy.config.listener.v3.Listener",
        "name": listener.name,
        "filterChains": chains,
        "listenerFilters": filters,
        "socketOptions": [
            socket_option("Enable TCP keep-alive (default to enabled)", "1", "9", "1"),
            socket_option("TCP keep-alive idle time (in seconds) (defaults to 10s)", "6", "4", "10"),
            socket_option("TCP keep-alive probe intervals (in seconds) (defaults to 5s)", "6", "5", "5"),
            socket_option("TCP keep-alive probe max failures.", "6", "6", "10"),
        ],
    });
    let mut addresses = host_addresses(input, listener).into_iter();
    if let Some(first) = addresses.next() {
        value["address"] = first;
        let more: Vec<Value> = addresses.map(|address| json!({"address": address})).collect();
        if !more.is_empty() {
            value["additionalAddresses"] = json!(more);
        }
    }
    value
}

/// The addresses a listener binds on the host. The order with both families on is inferred.
fn host_addresses(input: &Input<'_>, listener: &Listener) -> Vec<Value> {
    let families = [(input.config.ipv4, "0.0.0.0"), (input.config.ipv6, "::")];
    listener
        .host_ports
        .iter()
        .flat_map(|port| {
            families.iter().filter(|(enabled, _)| *enabled).map(move |(_, address)| {
                json!({"socketAddress": {"address": address, "portValue": port}})
            })
        })
        .collect()
}

fn listener_filter(name: &str, message: &str) -> Value {
    json!({
        "name": format!("envoy.filters.listener.{name}"),
        "typedConfig": {
            "@type": format!("type.googleapis.com/envoy.extensions.filters.listener.{name}.v3.{message}"),
        },
    })
}

fn socket_option(description: &str, level: &str, name: &str, value: &str) -> Value {
    json!({"description": description, "level": level, "name": name, "intValue": value})
}

fn tls_match(server_names: &[String]) -> Value {
    let mut matching = json!({"transportProtocol": "tls"});
    if !server_names.is_empty() {
        matching["serverNames"] = json!(server_names);
    }
    matching
}

/// A TCP proxy to one cluster or to several by weight.
fn passthrough_chain(input: &Input<'_>, chain: &PassthroughChain) -> Value {
    let mut proxy = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
    });
    if let [only] = chain.clusters.as_slice() {
        proxy["cluster"] = json!(only.cluster);
    } else {
        let clusters = chain.clusters.iter().map(|cluster| {
            let mut value = json!({"name": cluster.cluster});
            if cluster.weight > 0 {
                value["weight"] = json!(cluster.weight);
            }
            value
        });
        proxy["weightedClusters"] = json!({"clusters": clusters.collect::<Vec<_>>()});
    }
    proxy["statPrefix"] = if input.holds(Behaviour::PassthroughPerRoute) {
        let names = &chain.server_names;
        let names = if names.is_empty() { "*".to_owned() } else { names.join(",") };
        json!(format!("tls-passthrough:{names}"))
    } else {
        proxy["cluster"].clone()
    };
    json!({
        "filterChainMatch": tls_match(&chain.server_names),
        "filters": [{"name": "envoy.filters.network.tcp_proxy", "typedConfig": proxy}],
    })
}

fn tls_chain(context: Context<'_>, chain: &TlsChain) -> Value {
    let mut tls = json!({"tlsCertificateSdsSecretConfigs": [{"name": chain.sds_name}]});
    if !chain.alpn.is_empty() {
        // Cilium writes one string, which Envoy takes apart.
        tls["alpnProtocols"] = json!([chain.alpn.join(",")]);
    }
    json!({
        "filterChainMatch": tls_match(&chain.server_names),
        "filters": [http_manager(context, &chain.http.route_table)],
        "transportSocket": {
            "name": "envoy.transport_sockets.tls",
            "typedConfig": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
                "commonTlsContext": tls,
            },
        },
    })
}

/// The HTTP connection manager.
fn http_manager(context: Context<'_>, route_table: &str) -> Value {
    let Context { input, .. } = context;
    let config = input.config;
    let use_remote_address =
        config.use_remote_address || !input.holds(Behaviour::UseRemoteAddressSetting);
    let mut manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "statPrefix": route_table,
        "rds": {"routeConfigName": route_table},
        "httpFilters": http_filters(context),
        "commonHttpProtocolOptions": {"maxStreamDuration": "0s"},
        "upgradeConfigs": [{"upgradeType": "websocket"}],
        "useRemoteAddress": use_remote_address,
    });
    if config.xff_num_trusted_hops > 0 {
        manager["xffNumTrustedHops"] = json!(config.xff_num_trusted_hops);
    }
    if input.holds(Behaviour::StreamIdleTimeout) {
        manager["streamIdleTimeout"] = json!(format!("{}s", config.stream_idle_timeout_seconds));
    }
    if input.holds(Behaviour::InternalAddresses) {
        manager["internalAddressConfig"] = json!({"cidrRanges": internal_ranges(input)});
    }
    json!({"name": "envoy.filters.network.http_connection_manager", "typedConfig": manager})
}

fn http_filters(context: Context<'_>) -> Vec<Value> {
    let mut filters = Vec::new();
    let translation =
        context.parameters.filter(|_| context.input.holds(Behaviour::GrpcWebSwitch)).and_then(
            |parameters| parameters.spec.http_options.as_ref()?.grpc_web_translation.as_ref(),
        );
    if translation.and_then(|translation| translation.enabled).unwrap_or(true) {
        filters.push(http_filter("grpc_web", "grpc_web.v3.GrpcWeb", json!({})));
    }
    filters.push(http_filter(
        "grpc_stats",
        "grpc_stats.v3.FilterConfig",
        json!({"emitFilterState": true, "enableUpstreamStats": true}),
    ));
    let hosts = context.config.route_tables.values().flat_map(|table| &table.virtual_hosts);
    if hosts.flat_map(|host| &host.routes).any(|route| route.cors.is_some()) {
        filters.push(http_filter("cors", "cors.v3.Cors", json!({})));
    }
    filters.push(http_filter("router", "router.v3.Router", json!({})));
    filters
}

/// Addresses that count as internal. That `::1` comes back with IPv6 on is inferred.
fn internal_ranges(input: &Input<'_>) -> Vec<Value> {
    let mut ranges =
        vec![("10.0.0.0", 8), ("172.16.0.0", 12), ("192.168.0.0", 16), ("127.0.0.1", 32)];
    if input.config.ipv6 || input.holds(Behaviour::InternalLoopbackAlwaysBoth) {
        ranges.push(("::1", 128));
    }
    ranges
        .into_iter()
        .map(|(prefix, length)| json!({"addressPrefix": prefix, "prefixLen": length}))
        .collect()
}

fn http_filter(name: &str, message: &str, mut config: Value) -> Value {
    config["@type"] = json!(format!("type.googleapis.com/envoy.extensions.filters.http.{message}"));
    json!({"name": format!("envoy.filters.http.{name}"), "typedConfig": config})
}
