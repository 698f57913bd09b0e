//! Every form of a kubeconfig, against a server that verifies what it is given: TLS, tokens, client
//! certificates, plugins and proxies.

#[path = "kubeconfig/forms.rs"]
mod forms;
#[path = "kubeconfig/proxy.rs"]
mod proxy;
#[path = "kubeconfig/server.rs"]
mod server;
