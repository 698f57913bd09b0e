//! What a user may say about kind clusters, from options or the environment, as the values that
//! the provider works with. The one place that knows the names of the variables.
//!
//! Nothing is read here: whoever runs a program asks its environment and passes the answers on.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use gateproof_kind::choice;
use gateproof_kind::docker_config::DockerEnvironment;
use gateproof_kind::endpoint::Endpoint;
use gateproof_kind::helm::DEFAULT_HELM_IMAGE;
use gateproof_kind::plan::proxy::chosen;
pub use gateproof_kind::provider::Workplace;
use gateproof_kind::settings::{OwnImage, Settings};
use gateproof_stack::Downloads;
use gateproof_stack::HelmSource;
use gateproof_stack::helm::on_path;

use crate::clock;

/// The variable for `--node-image`.
pub const NODE_IMAGE: &str = "GATEPROOF_NODE_IMAGE";
/// The variable for `--load-balancer-image`.
pub const LOAD_BALANCER_IMAGE: &str = "GATEPROOF_LOAD_BALANCER_IMAGE";
/// The variable for `--registry-mirror`.
pub const REGISTRY_MIRROR: &str = "GATEPROOF_REGISTRY_MIRROR";
/// The variable for `--node-privileges`.
pub const NODE_PRIVILEGES: &str = "GATEPROOF_NODE_PRIVILEGES";
/// The variable for `--image`.
pub const OWN_IMAGE: &str = "GATEPROOF_IMAGE";
/// The variable for `--vantage`.
pub const VANTAGE: &str = "GATEPROOF_VANTAGE";
/// The variable for `--helm`.
pub const HELM: &str = "GATEPROOF_HELM";
/// The variable for `--helm-image`.
pub const HELM_IMAGE: &str = "GATEPROOF_HELM_IMAGE";
/// The variable for `--gateway-api-crds`.
pub const GATEWAY_API_CRDS: &str = "GATEPROOF_GATEWAY_API_CRDS";
/// The variable for `--cilium-chart`.
pub const CILIUM_CHART: &str = "GATEPROOF_CILIUM_CHART";
/// The variable for `--cert-manager-chart`.
pub const CERT_MANAGER_CHART: &str = "GATEPROOF_CERT_MANAGER_CHART";

/// The environment: a variable's value, if it is set.
pub type Variables<'v> = &'v dyn Fn(&str) -> Option<String>;

/// What was said, as text; `None` leaves a thing at its default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wishes {
    /// The image of the nodes.
    pub node_image: Option<String>,
    /// The image of the load balancer before several control planes.
    pub load_balancer_image: Option<String>,
    /// The image of mirrors of the registries that nodes pull from.
    pub registry_mirror: Option<String>,
    /// With which rights nodes run.
    pub node_privileges: Option<String>,
    /// A published image of gateproof.
    pub own_image: Option<String>,
    /// From where sockets are asked.
    pub vantage: Option<String>,
    /// The Helm program.
    pub helm: Option<PathBuf>,
    /// The image that Helm runs in.
    pub helm_image: Option<String>,
    /// Where the Gateway API's definitions are.
    pub gateway_api_crds: Option<String>,
    /// Where Cilium's chart is.
    pub cilium_chart: Option<String>,
    /// Where cert-manager's chart is.
    pub cert_manager_chart: Option<String>,
}

impl Wishes {
    /// What the environment alone says, for programs without options.
    pub fn of(variables: Variables<'_>) -> Self {
        let said = |name: &str| variables(name).filter(|value| !value.is_empty());
        Self {
            node_image: said(NODE_IMAGE),
            load_balancer_image: said(LOAD_BALANCER_IMAGE),
            registry_mirror: said(REGISTRY_MIRROR),
            node_privileges: said(NODE_PRIVILEGES),
            own_image: said(OWN_IMAGE),
            vantage: said(VANTAGE),
            helm: said(HELM).map(PathBuf::from),
            helm_image: said(HELM_IMAGE),
            gateway_api_crds: said(GATEWAY_API_CRDS),
            cilium_chart: said(CILIUM_CHART),
            cert_manager_chart: said(CERT_MANAGER_CHART),
        }
    }
}

/// Where and how kind clusters are made.
///
/// # Errors
///
/// What cannot be understood, each in words that name the option or the variable.
pub fn workplace(wishes: &Wishes, variables: Variables<'_>) -> Result<Workplace, Vec<String>> {
    let said = |name: &str| variables(name).filter(|value| !value.is_empty());
    let mut mistakes = Vec::new();
    let mut settings = Settings::new(clock::now_rfc3339());
    settings.node_image.clone_from(&wishes.node_image);
    settings.load_balancer_image.clone_from(&wishes.load_balancer_image);
    settings.registry_mirror = wishes.registry_mirror.clone().filter(|image| !image.is_empty());
    if let Some(network) = said("KIND_EXPERIMENTAL_DOCKER_NETWORK") {
        settings.network = network;
    }
    settings.snapshotter = said("KIND_EXPERIMENTAL_CONTAINERD_SNAPSHOTTER");
    settings.docker = docker(variables);
    match wishes.node_privileges.as_deref().map(str::parse).transpose() {
        Ok(privileges) => {
            settings.privileges = privileges.unwrap_or(settings.privileges);
        }
        Err(error) => mistakes.push(format!("--node-privileges or {NODE_PRIVILEGES}: {error}")),
    }
    if let Some(image) = &wishes.own_image {
        settings.own_image = OwnImage::Published(image.clone());
    }
    match wishes.vantage.as_deref().map(str::parse).transpose() {
        Ok(vantage) => settings.vantage = vantage.unwrap_or(settings.vantage),
        Err(error) => mistakes.push(format!("--vantage or {VANTAGE}: {error}")),
    }
    let mut stack = gateproof_stack::Settings::default();
    let path = variables("PATH").unwrap_or_default();
    stack.helm = match &wishes.helm {
        Some(program) if program.is_file() => HelmSource::Program(program.clone()),
        Some(program) => {
            let program = program.display();
            mistakes.push(format!("--helm or {HELM}: there is no program {program}"));
            HelmSource::Program(PathBuf::new())
        }
        None if wishes.helm_image.is_some() => HelmSource::Container,
        None => HelmSource::Search { path: std::env::split_paths(&path).collect() },
    };
    if let Some(image) = &wishes.helm_image {
        settings.helm_image.clone_from(image);
        if wishes.helm.is_some() {
            mistakes.push(format!(
                "--helm or {HELM}, and --helm-image or {HELM_IMAGE}: expected one of the two"
            ));
        }
    }
    stack.downloads = downloads(&said);
    let never_fails = "every text is a place";
    if let Some(crds) = &wishes.gateway_api_crds {
        stack.crds = crds.parse().expect(never_fails);
    }
    if let Some(chart) = &wishes.cilium_chart {
        stack.cilium_chart = chart.parse().expect(never_fails);
    }
    if let Some(chart) = &wishes.cert_manager_chart {
        stack.cert_manager_chart = chart.parse().expect(never_fails);
    }
    let endpoint = endpoint(variables).map_err(|mistake| mistakes.push(mistake)).ok();
    if let Some(endpoint) = &endpoint {
        match choice::proxies_here(endpoint, &settings.docker) {
            Ok(of_docker) => settings.proxies = chosen(variables, &of_docker),
            Err(error) => mistakes.push(error.to_string()),
        }
    }
    let folder = std::path::absolute(".").map_err(|error| {
        mistakes.push(format!("the folder of this process cannot be told: {error}"));
    });
    match (endpoint, folder) {
        (Some(endpoint), Ok(folder)) if mistakes.is_empty() => Ok(Workplace {
            endpoint,
            search_path: Some(OsString::from(path)),
            folder,
            settings,
            stack,
        }),
        _ => Err(mistakes),
    }
}

/// The image in which a run would run Helm; `None` when it runs on this machine.
pub fn helm_in_container(
    image: Option<&str>,
    program: Option<&Path>,
    variables: Variables<'_>,
) -> Option<String> {
    let path = variables("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    match (image, program) {
        (Some(image), _) => Some(image.to_owned()),
        (None, Some(_)) => None,
        (None, None) if on_path(&folders).is_some() => None,
        (None, None) => Some(DEFAULT_HELM_IMAGE.to_owned()),
    }
}

/// How manifests are downloaded: proxies as curl has them (lower case first, and upper case too,
/// as most programs read them), and the XDG cache directory.
fn downloads(said: &dyn Fn(&str) -> Option<String>) -> Downloads {
    let proxy = |name: &str| said(name).or_else(|| said(&name.to_uppercase()));
    let all = || proxy("all_proxy");
    let cache = said("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(said("HOME")?).join(".cache")));
    Downloads {
        cache: cache.map(|folder| folder.join("gateproof")),
        https_proxy: proxy("https_proxy").or_else(all),
        http_proxy: proxy("http_proxy").or_else(all),
        no_proxy: proxy("no_proxy")
            .map(|list| list.split(',').map(|host| host.trim().to_owned()).collect())
            .unwrap_or_default(),
        authorities: None,
    }
}

/// Where runs keep their journals and evidence: `GATEPROOF_STATE_DIR`, else the XDG state directory
/// (specifications.freedesktop.org/basedir).
pub fn state_folder(variables: Variables<'_>) -> PathBuf {
    let folder = |name| variables(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("GATEPROOF_STATE_DIR").unwrap_or_else(|| {
        folder("XDG_STATE_HOME")
            .or_else(|| folder("HOME").map(|home| home.join(".local/state")))
            .unwrap_or_else(std::env::temp_dir)
            .join("gateproof")
    })
}

/// Where evidence of a run goes unless the user names a folder.
pub fn usual_evidence(state: &Path, run: &str) -> PathBuf {
    state.join("evidence").join(run)
}

/// The engine that the Docker CLI would use.
///
/// # Errors
///
/// When the environment names one that cannot be used.
pub fn endpoint(variables: Variables<'_>) -> Result<Endpoint, String> {
    choice::choose_here(None, &docker(variables)).map_err(|error| error.to_string())
}

/// What the environment says about Docker.
pub fn docker(variables: Variables<'_>) -> DockerEnvironment {
    DockerEnvironment {
        search_path: variables("PATH").map(OsString::from),
        ..DockerEnvironment::from_variables(variables)
    }
}

#[cfg(test)]
mod tests {
    use gateproof_kind::container::Privileges;
    use gateproof_kind::prober::vantage::Vantage;
    use gateproof_kind::settings::OwnImage;
    use gateproof_stack::{ChartSource, CrdSource, HelmSource};

    use super::{DEFAULT_HELM_IMAGE, Wishes, endpoint, helm_in_container, workplace};

    /// An environment.
    fn of<'v>(variables: &'v [(&'v str, &'v str)]) -> impl Fn(&str) -> Option<String> + 'v {
        move |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn what_the_environment_says_becomes_settings() {
        let variables = of(&[
            ("GATEPROOF_NODE_IMAGE", "node:1"),
            ("GATEPROOF_NODE_PRIVILEGES", "NET_ADMIN"),
            ("GATEPROOF_HELM", "/bin/sh"),
            ("GATEPROOF_REGISTRY_MIRROR", "registry:3"),
            ("GATEPROOF_IMAGE", "mine/gateproof:1"),
            ("GATEPROOF_VANTAGE", "container"),
            ("GATEPROOF_GATEWAY_API_CRDS", "crds.yaml"),
            ("GATEPROOF_CILIUM_CHART", "oci://charts/cilium"),
            ("KIND_EXPERIMENTAL_DOCKER_NETWORK", "mine"),
            ("https_proxy", "http://proxy"),
            ("DOCKER_HOST", "ssh://builder"),
        ]);
        let found = workplace(&Wishes::of(&variables), &variables).expect("settings");
        assert_eq!(found.settings.node_image.as_deref(), Some("node:1"));
        assert_eq!(found.settings.registry_mirror.as_deref(), Some("registry:3"));
        let rights = Privileges::Capabilities(vec!["NET_ADMIN".to_owned()]);
        assert_eq!((found.settings.privileges, &*found.settings.network), (rights, "mine"));
        let published = OwnImage::Published("mine/gateproof:1".to_owned());
        assert_eq!(
            (found.settings.own_image, found.settings.vantage),
            (published, Vantage::Container)
        );
        assert_eq!(found.settings.proxies["HTTPS_PROXY"], "http://proxy");
        assert_eq!(found.endpoint.to_string(), "ssh://builder");
        assert_eq!(found.stack.helm, HelmSource::Program("/bin/sh".into()));
        assert_eq!(found.stack.crds, CrdSource::File("crds.yaml".into()));
        assert_eq!(found.stack.cilium_chart, ChartSource::Oci("oci://charts/cilium".to_owned()));
    }

    #[test]
    fn nothing_said_is_what_kind_and_the_docker_cli_do() {
        let variables = of(&[("PATH", "/usr/bin:/bin"), ("GATEPROOF_NODE_IMAGE", "")]);
        let found = workplace(&Wishes::of(&variables), &variables).expect("settings");
        assert_eq!((found.settings.node_image, &*found.settings.network), (None, "kind"));
        assert_eq!(found.settings.privileges, Privileges::Privileged);
        assert_eq!(found.endpoint.to_string(), "unix:///var/run/docker.sock");
        assert!(found.folder.is_absolute());
        let HelmSource::Search { path } = found.stack.helm else { panic!("PATH is searched") };
        assert_eq!(path.len(), 2);
    }

    #[test]
    fn nodes_have_the_proxies_of_dockers_settings_unless_the_environment_names_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().to_str().expect("text");
        let settings = r#"{"proxies": {"default": {"httpProxy": "http://docker:1"}}}"#;
        std::fs::write(folder.path().join("config.json"), settings).expect("written");
        for (variables, expected) in [
            (vec![("DOCKER_CONFIG", config)], ("HTTP_PROXY", "http://docker:1")),
            (
                vec![("DOCKER_CONFIG", config), ("https_proxy", "http://env:2")],
                ("HTTPS_PROXY", "http://env:2"),
            ),
        ] {
            let variables = of(&variables);
            let found = workplace(&Wishes::of(&variables), &variables).expect("settings");
            let (name, address) = expected;
            let expected = [(name.to_owned(), address.to_owned())].into();
            assert_eq!(found.settings.proxies, expected);
        }
        std::fs::write(folder.path().join("config.json"), "{").expect("written");
        let variables = [("DOCKER_CONFIG", config), ("DOCKER_HOST", "unix:///a.sock")];
        let variables = of(&variables);
        let mistakes = workplace(&Wishes::of(&variables), &variables).expect_err("no settings");
        assert!(mistakes[0].contains("config.json at line 1"), "{mistakes:?}");
    }

    #[test]
    fn an_image_for_helm_is_taken_whatever_is_on_the_path() {
        let variables = of(&[("PATH", "/usr/bin"), ("GATEPROOF_HELM_IMAGE", "helm:1")]);
        let found = workplace(&Wishes::of(&variables), &variables).expect("settings");
        assert_eq!(found.stack.helm, HelmSource::Container);
        assert_eq!(found.settings.helm_image, "helm:1");
        let nothing = of(&[("PATH", "/no/such/folder")]);
        let default = helm_in_container(None, None, &nothing);
        assert_eq!(default.as_deref(), Some(DEFAULT_HELM_IMAGE), "there is no helm on PATH");
        assert_eq!(helm_in_container(None, Some("/bin/sh".as_ref()), &nothing), None);
        let both = of(&[("GATEPROOF_HELM", "/bin/sh"), ("GATEPROOF_HELM_IMAGE", "helm:1")]);
        let mistakes = workplace(&Wishes::of(&both), &both).expect_err("one of the two");
        assert!(mistakes[0].contains("expected one of the two"), "{mistakes:?}");
    }

    #[test]
    fn every_mistake_is_told_with_where_it_was_made() {
        let variables = of(&[
            ("GATEPROOF_NODE_PRIVILEGES", "all"),
            ("GATEPROOF_VANTAGE", "pod"),
            ("GATEPROOF_HELM", "/no/such/helm"),
            ("DOCKER_HOST", "tcp//x"),
        ]);
        let mistakes = workplace(&Wishes::of(&variables), &variables).expect_err("mistakes");
        for (mistake, part) in mistakes.iter().zip([
            "GATEPROOF_NODE_PRIVILEGES: `all`",
            "GATEPROOF_VANTAGE: `pod` is no vantage",
            "/no/such/helm",
            "DOCKER_HOST: ",
        ]) {
            assert!(mistake.contains(part), "{part}: {mistake}");
        }
        assert_eq!(mistakes.len(), 4);
    }

    #[test]
    fn tls_needs_keys() {
        let tls = [("DOCKER_HOST", "tcp://docker.test"), ("DOCKER_TLS_VERIFY", "1")];
        let error = endpoint(&of(&tls)).expect_err("no folder is known");
        assert!(error.contains("DOCKER_CERT_PATH"), "{error}");
        let with_folder = [tls[0], tls[1], ("DOCKER_CERT_PATH", "/certs")];
        let error = endpoint(&of(&with_folder)).expect_err("there is no such folder");
        assert!(error.contains("/certs/ca.pem does not exist"), "{error}");
    }
}
