//! The load balancer before several control planes, in the place of Envoy: started by the same line
//! of shell, told by the same files, which it looks at again and again.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gateproof_kubernetes::wait::pause;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Failure, Outcome, block_on, forward, init, journal};

const FOLDER: &str = "/home/envoy";
const LISTENERS: &str = "/home/envoy/lds.yaml";
const CLUSTERS: &str = "/home/envoy/cds.yaml";
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The line that puts full files in the place of empty ones.
pub(crate) const ACTIVATE: &str = "chmod 666 /home/envoy/cds.yaml.tmp /home/envoy/lds.yaml.tmp && \
    mv /home/envoy/cds.yaml.tmp /home/envoy/cds.yaml && \
    mv /home/envoy/lds.yaml.tmp /home/envoy/lds.yaml";

/// Does what that line does.
pub(crate) fn activate() -> Outcome {
    for file in [CLUSTERS, LISTENERS] {
        fs::rename(format!("{file}.tmp"), file)
            .map_err(|error| Failure::new(format!("mv: cannot stat '{file}.tmp': {error}")))?;
    }
    Ok(())
}

/// `bash -c LINE`, until the container is stopped.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let [shell, flag, line] = arguments else {
        return Err(Failure::new(format!("stand-in: not started as Envoy is: {arguments:?}")));
    };
    let bootstrap = line
        .strip_prefix("mkdir -p /home/envoy && printf '%s' '")
        .and_then(|rest| rest.split_once("' > /home/envoy/envoy.yaml && "));
    let Some((bootstrap, rest)) = bootstrap.filter(|_| (&**shell, &**flag) == ("bash", "-c"))
    else {
        return Err(Failure::new(format!("stand-in: not a start of Envoy: {line}")));
    };
    if !rest.ends_with("until envoy -c /home/envoy/envoy.yaml; do sleep 1; done") {
        return Err(Failure::new(format!("stand-in: Envoy would not be started again: {rest}")));
    }
    must_watch(bootstrap)?;
    fs::create_dir_all(FOLDER)?;
    fs::write(Path::new(FOLDER).join("envoy.yaml"), bootstrap)?;
    for file in [CLUSTERS, LISTENERS] {
        if !Path::new(file).exists() {
            fs::write(file, "resources: []\n")?;
        }
    }
    fs::write(init::UP, "")?;
    block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = terminate.recv() => Ok(()),
            served = serve() => served,
        }
    })
}

/// Envoy must look at the two files.
fn must_watch(bootstrap: &str) -> Outcome {
    let told = yaml(bootstrap)?;
    for (kind, file) in [("cds_config", CLUSTERS), ("lds_config", LISTENERS)] {
        let path = told.pointer(&format!("/dynamic_resources/{kind}/path_config_source/path"));
        if path.and_then(Value::as_str) != Some(file) {
            return Err(Failure::new(format!("stand-in: Envoy's {kind} is {path:?}, not {file}")));
        }
    }
    Ok(())
}

/// Waits for a listener and serves it.
async fn serve() -> Outcome {
    loop {
        let told = yaml(&fs::read_to_string(LISTENERS)?)?;
        let port = told.pointer("/resources/0/address/socket_address/port_value");
        if let Some(port) = port.and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok()) {
            let listener = TcpListener::bind((std::net::Ipv6Addr::UNSPECIFIED, port)).await;
            let listener = match listener {
                Ok(listener) => listener,
                // Containers without IPv6.
                Err(_) => TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, port)).await?,
            };
            journal::note(&format!("envoy: listener_apiserver on port {port}"));
            forward::serve(listener, Arc::new(targets)).await;
            return Err(Failure::new("stand-in: the load balancer takes no connections any more"));
        }
        pause(LOOK_EVERY).await;
    }
}

/// The control planes that the file names.
fn targets() -> Vec<String> {
    let told = fs::read_to_string(CLUSTERS).ok().and_then(|text| yaml(&text).ok());
    let told = told.unwrap_or_default();
    let endpoints = told.pointer("/resources/0/load_assignment/endpoints/0/lb_endpoints");
    let target = |endpoint: &Value| {
        let socket = endpoint.pointer("/endpoint/address/socket_address")?;
        Some(format!("{}:{}", socket["address"].as_str()?, socket["port_value"].as_u64()?))
    };
    endpoints.and_then(Value::as_array).into_iter().flatten().filter_map(target).collect()
}

fn yaml(text: &str) -> Result<Value, Failure> {
    serde_saphyr::from_str(text).map_err(|error| Failure::new(format!("envoy: {error}")))
}
