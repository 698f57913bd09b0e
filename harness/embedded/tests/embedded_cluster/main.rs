//! Whole embedded clusters, probed over real sockets: five workers, the founding Gateway, and what
//! carries traffic in every mode and under every fault.

mod acme;
mod acme_dns;
mod bench;
mod certificates;
mod exposure;
mod faults;
mod lifecycle;
mod load_balancer;
mod workloads;
