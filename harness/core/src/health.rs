//! Target health: what a cloud load balancer would conclude from its health checks.

use std::time::Duration;

/// The health-check settings of a target group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What one check is.
    pub protocol: Protocol,
    /// Time between checks of one target.
    pub interval: Duration,
    /// How long one check may take.
    pub timeout: Duration,
    /// Consecutive passes that make an unhealthy target healthy.
    pub healthy_threshold: u32,
    /// Consecutive failures that make a target unhealthy.
    pub unhealthy_threshold: u32,
    /// Passes that make a *new* target healthy (facts of AWS disagree; default 1).
    pub initial_passes: u32,
}

/// What one health check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A TCP handshake, nothing more.
    Tcp,
}
