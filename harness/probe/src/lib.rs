//! HTTP, HTTPS and TCP probes that keep the cause and the phase timings.
