//! From one program to the next: what Envoy takes, what sockets open, stay and close.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::join_all;
use gateproof_core::name::NamespacedName;
use gateproof_model::translation::envoy::{EnvoyConfig, Listener, RouteTable};

use crate::address::{AddressBlock, LoopbackBook, Reach};

use super::acceptance::{listener_refusal, table_refusal};
use super::certificate::{CertificateProblem, Certificates};
use super::datagram::OpenDatagrams;
use super::serving::Serving;
use super::socket::{OpenSocket, Purpose};
use super::{
    Applied, Behaviour, Closed, DatagramProgram, Mapped, Program, Refusal, RefusedPart, Shared,
    SocketProgram, UnusableCertificate,
};

/// What is in force.
#[derive(Debug, Default)]
pub(super) struct State {
    program: Program,
    applied: Applied,
    taken: Taken,
    certificates: Certificates,
    sockets: BTreeMap<(IpAddr, u16), OpenSocket>,
    datagrams: BTreeMap<(IpAddr, u16), OpenDatagrams>,
}

/// A part of a configuration: the configuration's name, how many of the same name come before
/// it, and the part's own name.
type PartKey = (NamespacedName, usize, String);

/// The newest listeners and route tables that Envoy has taken.
#[derive(Debug, Default)]
struct Taken {
    listeners: BTreeMap<PartKey, Listener>,
    tables: BTreeMap<PartKey, Arc<RouteTable>>,
}

/// Makes the program so.
pub(super) async fn apply(
    state: &mut State,
    block: &AddressBlock,
    book: &LoopbackBook,
    shared: &Arc<Shared>,
    program: Program,
) -> Applied {
    if program == state.program {
        return state.applied.clone();
    }
    if shared.abort.is_cancelled() {
        return after_shutdown(&program);
    }
    let mut applied = Applied::default();
    let malformed = state.certificates.update(&program.certificates);
    let servings = servings(state, &program, &mut applied);
    applied.certificates = unusable(&program, &state.certificates, malformed);
    let wanted = wanted(&program, &servings, &mut applied);

    close_unwanted(state, book, &wanted).await;
    let mut missing = Vec::new();
    for (key, purpose) in wanted {
        match state.sockets.get(&key) {
            Some(open) => open.reprogram(purpose),
            None => missing.push((key, purpose)),
        }
    }
    let opened = join_all(missing.into_iter().map(|((address, port), purpose)| async move {
        let opened = OpenSocket::open(block, shared, (address, port), purpose).await;
        ((address, port), opened)
    }));
    for ((address, port), result) in opened.await {
        match result {
            Ok(open) => {
                book.insert(address, port, open.bound());
                state.sockets.insert((address, port), open);
            }
            Err(error) => {
                applied.closed.push(Closed { address, port, reason: error.to_string() });
            }
        }
    }
    take_datagrams(state, block, shared, &program, &mut applied).await;
    applied.mapped = state.sockets.iter().filter_map(|(key, open)| mapped(*key, open)).collect();
    shared.upstreams.retain(&program.endpoints);
    state.applied = applied.clone();
    state.program = program;
    applied
}

/// Opens, closes and changes the ports that take UDP.
async fn take_datagrams(
    state: &mut State,
    block: &AddressBlock,
    shared: &Arc<Shared>,
    program: &Program,
    applied: &mut Applied,
) {
    let wanted = |key: &(IpAddr, u16)| {
        program.datagrams.iter().any(|found| (found.address, found.port) == *key)
    };
    state.datagrams.retain(|key, _| wanted(key));
    for DatagramProgram { address, port, to } in &program.datagrams {
        let targets = program.forwards.get(*to).cloned().unwrap_or_default();
        if let Some(open) = state.datagrams.get(&(*address, *port)) {
            open.reprogram(targets);
            continue;
        }
        // Cluster addresses lead nowhere from outside, and UDP cannot be mapped.
        if block.reach() == Reach::Mapped || !block.contains(*address) {
            continue;
        }
        match OpenDatagrams::open(shared, (*address, *port).into(), targets).await {
            Ok(open) => {
                state.datagrams.insert((*address, *port), open);
            }
            Err(error) => {
                let reason = format!("open a socket for UDP: {error}");
                applied.closed.push(Closed { address: *address, port: *port, reason });
            }
        }
    }
}

/// Nothing is opened any more.
fn after_shutdown(program: &Program) -> Applied {
    let closed = program.sockets.iter().map(|socket| Closed {
        address: socket.address,
        port: socket.port,
        reason: "the data plane has been shut down".into(),
    });
    Applied { closed: closed.collect(), ..Applied::default() }
}

fn mapped((address, port): (IpAddr, u16), open: &OpenSocket) -> Option<Mapped> {
    let reason = open.mapped_because()?.to_owned();
    Some(Mapped { address, port, socket: open.bound(), reason })
}

/// Closes what the program no longer has, and what changes its purpose.
async fn close_unwanted(
    state: &mut State,
    book: &LoopbackBook,
    wanted: &BTreeMap<(IpAddr, u16), Purpose>,
) {
    let unwanted: Vec<_> = state
        .sockets
        .iter()
        .filter(|(key, open)| !wanted.get(key).is_some_and(|purpose| open.can_become(purpose)))
        .map(|(key, _)| *key)
        .collect();
    for key in unwanted {
        book.remove(key.0, key.1);
        if let Some(open) = state.sockets.remove(&key) {
            open.close().await;
        }
    }
}

/// What each listener of the program serves, by the indexes of configuration and listener. A
/// listener that Envoy refuses is there as it was before, or not at all.
fn servings(
    state: &mut State,
    program: &Program,
    applied: &mut Applied,
) -> BTreeMap<(usize, usize), Arc<Serving>> {
    let mut taken = Taken::default();
    let mut servings = BTreeMap::new();
    for (index, config) in program.configs.iter().enumerate() {
        let ordinal = program.configs[..index].iter().filter(|c| c.name == config.name).count();
        let key = |part: &str| (config.name.clone(), ordinal, part.to_owned());
        let tables = take_tables(&state.taken, &mut taken, config, ordinal, applied);
        for (position, listener) in config.listeners.iter().enumerate() {
            let key = key(&listener.name);
            let in_force = match listener_refusal(listener) {
                None => Some(listener.clone()),
                Some(reason) => {
                    let part = RefusedPart::Listener(listener.name.clone());
                    applied.refused.push(Refusal { config: config.name.clone(), part, reason });
                    state.taken.listeners.get(&key).cloned()
                }
            };
            let Some(in_force) = in_force else { continue };
            taken.listeners.insert(key, in_force.clone());
            let serving =
                Serving::new(config, in_force, tables.clone(), &state.certificates, program);
            servings.insert((index, position), Arc::new(serving));
        }
    }
    state.taken = taken;
    servings
}

/// The route tables of a configuration that are in force.
fn take_tables(
    before: &Taken,
    taken: &mut Taken,
    config: &EnvoyConfig,
    ordinal: usize,
    applied: &mut Applied,
) -> BTreeMap<String, Arc<RouteTable>> {
    let mut tables = BTreeMap::new();
    for (name, table) in &config.route_tables {
        let key = (config.name.clone(), ordinal, name.clone());
        let in_force = match table_refusal(table) {
            None => Some(Arc::new(table.clone())),
            Some(reason) => {
                let part = RefusedPart::RouteTable(name.clone());
                applied.refused.push(Refusal { config: config.name.clone(), part, reason });
                before.tables.get(&key).cloned()
            }
        };
        if let Some(table) = in_force {
            taken.tables.insert(key, Arc::clone(&table));
            tables.insert(name.clone(), table);
        }
    }
    tables
}

/// The purpose of each socket. What cannot be is reported as closed.
fn wanted(
    program: &Program,
    servings: &BTreeMap<(usize, usize), Arc<Serving>>,
    applied: &mut Applied,
) -> BTreeMap<(IpAddr, u16), Purpose> {
    let mut wanted = BTreeMap::new();
    for SocketProgram { address, port, behaviour } in &program.sockets {
        let purpose = match behaviour {
            Behaviour::Forward { to } => match program.forwards.get(*to) {
                Some(targets) => Ok(Purpose::Forward(targets.clone())),
                None => Err(format!(
                    "the socket names target list {to}, the program has {}",
                    program.forwards.len()
                )),
            },
            Behaviour::Silent => Ok(Purpose::Silent),
            Behaviour::Status(status) => Ok(Purpose::Status(*status)),
            Behaviour::Serve { config, listener } => servings
                .get(&(*config, *listener))
                .map(|serving| Purpose::Serve(Arc::clone(serving)))
                .ok_or_else(|| why_not_served(program, *config, *listener)),
        };
        let reason = match purpose {
            Ok(purpose) => match wanted.entry((*address, *port)) {
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(purpose);
                    continue;
                }
                std::collections::btree_map::Entry::Occupied(_) => {
                    "another socket of the program has this address and port already".to_owned()
                }
            },
            Err(reason) => reason,
        };
        applied.closed.push(Closed { address: *address, port: *port, reason });
    }
    wanted
}

fn why_not_served(program: &Program, config: usize, listener: usize) -> String {
    let Some(found) = program.configs.get(config) else {
        return format!(
            "the socket names configuration {config}, the program has {}",
            program.configs.len()
        );
    };
    match found.listeners.get(listener) {
        Some(listener) => format!(
            "Envoy refuses the listener {} of {} and had none before",
            listener.name, found.name
        ),
        None => format!(
            "the socket names listener {listener} of {}, which has {}",
            found.name,
            found.listeners.len()
        ),
    }
}

/// Certificates that chains of served listeners ask for and cannot use, and malformed ones that
/// chains ask for although an older one is still in use.
fn unusable(
    program: &Program,
    certificates: &Certificates,
    malformed: Vec<UnusableCertificate>,
) -> Vec<UnusableCertificate> {
    let chains = || {
        program
            .configs
            .iter()
            .flat_map(|config| &config.listeners)
            .flat_map(|listener| &listener.terminate)
    };
    let asked: BTreeSet<&str> = chains().map(|chain| chain.sds_name.as_str()).collect();
    let mut unusable: Vec<_> =
        malformed.into_iter().filter(|problem| asked.contains(problem.sds_name.as_str())).collect();
    for chain in chains() {
        let known = unusable.iter().any(|problem| problem.sds_name == chain.sds_name);
        if !known && certificates.server_config(chain).is_none() {
            unusable.push(UnusableCertificate {
                sds_name: chain.sds_name.clone(),
                problem: CertificateProblem::Missing,
            });
        }
    }
    unusable.sort_by(|a, b| a.sds_name.cmp(&b.sds_name));
    unusable
}
