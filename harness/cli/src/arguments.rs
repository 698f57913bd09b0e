//! What can be typed. `command` turns it into what it means.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) mod check;
pub(crate) mod cluster;
pub(crate) mod dns;
pub(crate) mod existing;
pub(crate) mod images;
pub(crate) mod kind;

use check::CheckArguments;
use cluster::ClusterCommand;
use dns::DnsArguments;
use existing::ExistingArguments;
use images::ImagesCommand;
use kind::KindArguments;

/// Proves that a Cilium Gateway carries traffic, before anyone upgrades.
///
/// Exit codes: 0 all passed; 1 a trial failed; 2 the input is wrong; 3 a trial was inconclusive or
/// the infrastructure failed; 4 nothing was selected; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "gateproof", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to use colour.
    #[arg(long, value_enum, default_value_t, global = true)]
    pub(crate) color: ColorChoice,
    /// Log the harness's own doings to standard error, such as `gateproof=debug`.
    #[arg(long, env = "GATEPROOF_LOG", value_name = "FILTER", global = true)]
    pub(crate) log: Option<String>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run scenarios and report pass or fail for each variant, with the cause of every failure.
    Run(RunArguments),
    /// Look at a cluster that somebody runs: what its Gateways should expose, what they do expose,
    /// what a load balancer concludes from that, and why. Reads alone.
    Check(CheckArguments),
    /// Check scenario files and topologies; every problem of every file in one go.
    Validate(ValidateArguments),
    /// Show what a run would do: clusters and trials.
    Plan(PlanArguments),
    /// Print what Cilium of a version would make of manifests, without a cluster.
    Predict(PredictArguments),
    /// Print what differs between Cilium versions, with sources: what predictions stand on.
    Facts(FactsArguments),
    /// Explain a finding by its number, such as GP0001; without one, list them all.
    Explain(ExplainArguments),
    /// Print which versions of Cilium, the Gateway API, Kubernetes and cert-manager fit each other.
    Versions,
    /// Print the JSON Schema of scenario files, for editors.
    Schema,
    /// Make reports from event logs.
    #[command(subcommand)]
    Report(ReportCommand),
    /// Clusters that stay up, for kubectl, curl and any other client.
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// The images of a run on kind clusters: list them, pull them, take them along in a file.
    #[command(subcommand)]
    Images(ImagesCommand),
    /// Remove what killed runs left behind; living runs are not touched.
    Clean(CleanArguments),
    /// Answer every request with what was seen of it: the backend of scenarios.
    Echo {
        /// The port to listen on, on every address.
        #[arg(long, default_value_t = gateproof_echo::pod::PORT)]
        port: u16,
    },
    /// Answer for zones of DNS, and take signed updates of them: what proves names to an ACME server
    /// by DNS-01.
    Dns(DnsArguments),
    /// Ask sockets from here for a gateproof elsewhere: questions on standard input, answers on
    /// standard output. Ends when standard input does.
    #[command(hide = true)]
    Prober,
}

/// Which scenarios and trials.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    /// Scenario files, or folders with them.
    #[arg(default_value = "scenarios", value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Folder with topologies (kind's v1alpha4 files); by default `clusters` beside the scenarios.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) clusters: Option<PathBuf>,
    /// Only trials whose name, scenario's name or cluster's name matches this glob; repeatable.
    #[arg(short, long = "select", value_name = "GLOB")]
    pub(crate) select: Vec<String>,
    /// Only this variant; repeatable.
    #[arg(long = "variant", value_name = "NAME")]
    pub(crate) variants: Vec<String>,
    /// Only scenarios with this label (`key=value`); repeatable, all must hold.
    #[arg(short, long = "label", value_name = "KEY=VALUE")]
    pub(crate) labels: Vec<String>,
    /// Only the i-th of n parts of the plan, such as `2/5`.
    #[arg(long, value_name = "I/N")]
    pub(crate) shard: Option<String>,
    /// Who runs the clusters.
    #[arg(long, value_enum, env = "GATEPROOF_PROVIDER", default_value_t)]
    pub(crate) provider: ProviderChoice,
}

/// `gateproof run`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "options as they are typed")]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// Clusters that may be up at the same time; by default as many as there are processors, and
    /// at least three; of kind clusters half as many as processors, as far as memory allows.
    #[arg(short, long, value_name = "N")]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Reports to write: `jsonl=PATH,junit=PATH,json=PATH,markdown=PATH,html=PATH`; `-` is
    /// standard output.
    #[arg(long, value_name = "KIND=PATH,…")]
    pub(crate) report: Vec<String>,
    /// Which clusters are left standing for a look, and are yours then: `on-failure` on a terminal
    /// with the kind provider, else `never`. `on-failure` keeps clusters on which a trial failed or
    /// was inconclusive.
    #[arg(long, value_enum, value_name = "WHEN")]
    pub(crate) keep: Option<KeepChoice>,
    /// Where logs of nodes and components go when something fails, in a folder of the run; by default
    /// below GATEPROOF_STATE_DIR. Nobody but you removes it.
    #[arg(long, env = "GATEPROOF_EVIDENCE", value_name = "FOLDER")]
    pub(crate) evidence: Option<PathBuf>,
    /// Use clusters of `gateproof cluster up --provider kind` where they fit the plan, instead of
    /// new ones: the stack is installed over what is there, and what the trials bring with them
    /// is removed again.
    #[arg(long)]
    pub(crate) reuse: bool,
    #[command(flatten)]
    pub(crate) kind: KindArguments,
    #[command(flatten)]
    pub(crate) existing: ExistingArguments,
    /// Let the run make objects on an existing cluster: namespaces of its own and what is in them,
    /// which are removed again. Without it the run says what it would make.
    #[arg(long, help_heading = "Existing clusters")]
    pub(crate) allow_writes: bool,
    /// On an existing cluster, also run trials for versions of Cilium that behave differently from
    /// the one that runs there; what a scenario expects may then be wrong.
    #[arg(long, help_heading = "Existing clusters")]
    pub(crate) any_version: bool,
    /// Say less (`-q`: failures and the last line).
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more (every check).
    #[arg(short, long)]
    pub(crate) verbose: bool,
}

/// `gateproof validate`.
#[derive(Debug, Args)]
pub(crate) struct ValidateArguments {
    /// Scenario files, topologies, or folders with them.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Folder with topologies; by default `clusters` beside the scenarios.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) clusters: Option<PathBuf>,
}

/// `gateproof plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) choice: Choice,
    /// How to print it; `github` is a job matrix for GITHUB_OUTPUT.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: PlanFormat,
    /// Show in full what a provider would do for every selected cluster: containers, commands in
    /// their order, and files. Nothing is asked and nothing runs.
    #[arg(long, value_enum, value_name = "PROVIDER", conflicts_with = "format")]
    pub(crate) show: Option<ShownProvider>,
    #[command(flatten)]
    pub(crate) kind: KindArguments,
}

/// `plan --show`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShownProvider {
    /// kind clusters over the Docker API.
    Kind,
}

/// `gateproof predict`.
#[derive(Debug, Args)]
pub(crate) struct PredictArguments {
    /// Manifests: a file, a folder with everything below it, or `-` for standard input; repeatable.
    #[arg(short, long = "filename", required = true, value_name = "PATH")]
    pub(crate) filename: Vec<PathBuf>,
    /// The namespace of objects that name none.
    #[arg(short, long, default_value = "default", value_name = "NAME")]
    pub(crate) namespace: String,
    /// The Cilium version, such as 1.20.2, 1.20 (its newest known release) or 1.21-dev.
    #[arg(long, value_name = "VERSION")]
    pub(crate) cilium: String,
    /// Helm values of Cilium; repeatable, later files go over earlier ones.
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Vec<PathBuf>,
    /// Single Helm values as Helm's own `--set` takes them, over those of files; repeatable.
    #[arg(long, value_name = "KEY=VALUE,…")]
    pub(crate) set: Vec<String>,
    /// The same with every value as text; repeatable.
    #[arg(long, value_name = "KEY=VALUE,…")]
    pub(crate) set_string: Vec<String>,
    /// The nodes, when no Node objects are among the manifests: a topology (kind's v1alpha4 file),
    /// or the name of one that is built in, such as three-nodes.
    #[arg(long, value_name = "TOPOLOGY")]
    pub(crate) nodes: Option<String>,
    /// A pool that LB-IPAM gives addresses from, besides those among the manifests; repeatable.
    #[arg(long, value_name = "CIDR")]
    pub(crate) pool: Vec<String>,
    /// The address or host name that somebody else's load balancer, such as a cloud's, gives to
    /// Services of type LoadBalancer: one for all of them; or, repeated or as a range
    /// (192.0.2.10-192.0.2.20, 192.0.2.0/28), one for each; or NAMESPACE/NAME=ADDRESS for the
    /// Service of one Gateway.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "pool")]
    pub(crate) load_balancer: Vec<String>,
    /// Print what changes on the way to this version, and which facts are behind it.
    #[arg(long, value_name = "VERSION")]
    pub(crate) compare: Option<String>,
    /// With `--compare`: end with exit code 1 when something changes.
    #[arg(long, requires = "compare")]
    pub(crate) exit_code: bool,
    /// How to print it; by default yaml, and table with `--compare`.
    #[arg(short, long, value_enum)]
    pub(crate) output: Option<PredictOutput>,
}

/// `gateproof explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// The number of a finding, such as GP0001; repeatable.
    #[arg(value_name = "FINDING")]
    pub(crate) findings: Vec<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t, conflicts_with = "findings")]
    pub(crate) format: ExplainFormat,
}

/// `explain --format`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// For people.
    #[default]
    Text,
    /// All findings as a page of documentation.
    Markdown,
}

/// `gateproof facts`.
#[derive(Debug, Args)]
pub(crate) struct FactsArguments {
    /// Cilium versions to tell about; with two of them, only what differs.
    #[arg(value_name = "VERSION", num_args = 0..=2)]
    pub(crate) versions: Vec<String>,
    /// How to print it.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: FactsFormat,
}

/// `facts --format`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FactsFormat {
    /// For people.
    #[default]
    Table,
    /// All facts as a page of documentation.
    Markdown,
}

/// `predict --output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PredictOutput {
    /// Kubernetes objects as one would read them back from the cluster; with `--compare` their
    /// difference after the words.
    Yaml,
    /// The same for programs, with what is not covered as a field.
    Json,
    /// For people: conditions, which sockets accept, and where requests go.
    Table,
}

/// `gateproof report`.
#[derive(Debug, Subcommand)]
pub(crate) enum ReportCommand {
    /// Join the event logs of several runs, such as the shards of a matrix, into one.
    Merge {
        /// Event logs (`--report jsonl=PATH` made them).
        #[arg(required = true, value_name = "LOG")]
        logs: Vec<PathBuf>,
        /// Reports to write of all of them together.
        #[arg(long, required = true, value_name = "KIND=PATH,…")]
        report: Vec<String>,
    },
    /// Show an event log on the console and make its reports again.
    Show {
        /// An event log.
        #[arg(id = "event_log", value_name = "LOG")]
        log: PathBuf,
        /// Reports to write.
        #[arg(long, value_name = "KIND=PATH,…")]
        report: Vec<String>,
    },
}

/// `gateproof clean`.
#[derive(Debug, Args)]
pub(crate) struct CleanArguments {
    /// Only tell what would be removed.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `--provider`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProviderChoice {
    /// In process: real sockets, TLS and certificates; Cilium is the reference model.
    #[default]
    Embedded,
    /// Docker containers as nodes: everything is real, Cilium included.
    Kind,
    /// A cluster that somebody runs, by kubeconfig and context; nothing is installed there.
    Existing,
}

/// `run --keep`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KeepChoice {
    /// All clusters, also what there is of one that did not come up.
    Always,
    /// Clusters on which a trial failed or was inconclusive.
    OnFailure,
    /// None.
    Never,
}

/// `--color`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set or TERM is `dumb`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// `plan --format`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
    /// A GitHub Actions job matrix.
    Github,
}
