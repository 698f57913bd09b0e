//! Claims about blocks and the book.

use std::collections::BTreeSet;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::Arc;

use gateproof_kubernetes::cluster::AddressBook as _;

use super::{AddressBlock, LoopbackBook, Reach};

#[test]
fn clusters_with_the_same_seed_get_different_blocks() {
    for reach in [Reach::Direct, Reach::Mapped] {
        let blocks: Vec<_> =
            (0..5).map(|_| AddressBlock::claim_with(42, reach).expect("a free block")).collect();
        let networks: BTreeSet<_> = blocks.iter().map(|block| block.node(0)).collect();
        assert_eq!(networks.len(), blocks.len(), "{reach:?}: no two clusters share a block");
    }
}

#[test]
fn block_is_free_again_when_it_is_dropped() {
    let first = AddressBlock::claim_with(3_777, Reach::Direct).expect("a free block");
    let node = first.node(0);
    drop(first);
    let second = AddressBlock::claim_with(3_777, Reach::Direct).expect("a free block");
    assert_eq!(second.node(0), node);
}

#[test]
fn block_avoids_the_addresses_of_the_machine_itself() {
    let block = AddressBlock::claim().expect("a free block");
    let node = block.node(0).expect("a first node");
    assert!(node.is_loopback() && node.octets()[1] != 0, "{node} is not in 127.0.0.0/16");
    assert_eq!(node.octets()[3], 2);
    assert!(block.node(189).is_some() && block.node(190).is_none(), "nodes end before the pool");
    assert!(block.load_balancer_pool().is_some_and(|pool| pool.ends_with(".192/26")));
}

#[test]
fn unserved_port_is_refused_whatever_else_listens_on_this_machine() {
    let everywhere = TcpListener::bind("0.0.0.0:0").expect("bind 0.0.0.0");
    let port = everywhere.local_addr().expect("bound").port();
    let block = Arc::new(AddressBlock::claim().expect("a free block"));
    let book = LoopbackBook::new(Arc::clone(&block));
    let node = IpAddr::from(block.node(0).expect("a first node"));
    assert!(TcpStream::connect((node, port)).is_ok(), "the stranger answers on the real address");
    let socket = book.resolve(node, port).expect("an address of the cluster");
    let error = TcpStream::connect(socket).expect_err("must be refused");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn foreign_address_is_not_resolved_and_admitted_range_is() {
    let block = Arc::new(AddressBlock::claim().expect("a free block"));
    let book = LoopbackBook::new(Arc::clone(&block));
    let inside: IpAddr = "172.18.255.7".parse().expect("an address");
    let outside: IpAddr = "172.18.255.17".parse().expect("an address");
    assert_eq!(book.resolve(inside, 80), None);
    assert_eq!(book.resolve(IpAddr::from([127, 0, 0, 1]), 80), None);
    book.admit("172.18.255.0".parse().expect("an address"), 28);
    assert_eq!(book.resolve(inside, 80), Some(block.refused()));
    assert_eq!(book.resolve(outside, 80), None);
    assert_eq!(book.resolve("::1".parse().expect("an address"), 80), None);
}

#[test]
fn no_free_block_is_explained() {
    let mut taken = Vec::new();
    let error = loop {
        match AddressBlock::claim_with(7, Reach::Mapped) {
            Ok(block) => taken.push(block),
            Err(error) => break error,
        }
    };
    assert!(taken.len() <= 64, "the series has 64 blocks, {} were given", taken.len());
    assert!(error.to_string().contains("none of 64 tried is free"), "{error}");
}

#[test]
fn a_machine_has_its_one_address_and_none_to_give_away() {
    let own = IpAddr::from([127, 0, 0, 9]);
    let block = AddressBlock::of_machine(own).expect("loopback is this machine's");
    assert!(block.contains(own) && !block.contains(IpAddr::from([127, 0, 0, 8])));
    assert_eq!((block.node(0), block.load_balancer_pool()), (None, None));
    let error = TcpStream::connect(block.refused()).expect_err("must be refused");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    let foreign = AddressBlock::of_machine("192.0.2.7".parse().expect("an address"));
    let message = foreign.expect_err("documentation's address is nobody's").to_string();
    assert!(message.contains("192.0.2.7"), "{message}");
}
