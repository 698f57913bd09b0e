//! Requests as they are sent, and what becomes of them.

use std::str::FromStr;

use domain::base::iana::{Class, Opcode, OptRcode, Rcode, Rtype, TsigRcode};
use domain::base::message_builder::{AdditionalBuilder, MessageBuilder};
use domain::base::{Message, Ttl, UnknownRecordData};
use domain::rdata::tsig::{Time48, Tsig};
use domain::rdata::{A, AllRecordData, Cname, Ns, Soa, Txt};
use domain::tsig::ClientTransaction;

use super::{Authority, Transport};
use crate::{Algorithm, Name, SharedKey, Zone};

const SECRET: &str = "c2VjcmV0IG9mIGEgdGVzdCwgYW5kIG9mIG5vdGhpbmc=";
const OTHER: &str = "YW5vdGhlciBzZWNyZXQgdGhhdCBub2JvZHkga25vd3M=";
const NOW: u64 = 1_800_000_000;

fn key(name: &str, algorithm: Algorithm, secret: &str) -> SharedKey {
    SharedKey::new(name, algorithm, secret).expect("a key")
}

fn shared() -> SharedKey {
    key("trial", Algorithm::Sha256, SECRET)
}

fn authority() -> Authority {
    let zone = |apex| Zone::new(apex, [10, 96, 0, 7].into()).expect("a zone");
    Authority::new(vec![zone("example.test"), zone("sub.example.test")], Some(shared()))
}

fn name(text: &str) -> Name {
    Name::from_str(text).expect("a name")
}

/// The answer, parsed.
fn sent(authority: &Authority, request: &[u8], transport: Transport) -> Message<Vec<u8>> {
    let now = Time48::from_u64(NOW);
    let responded = authority.respond(request, transport, now).expect("an answer");
    Message::from_octets(responded.message).expect("a message")
}

/// A query for a name and type; with EDNS of this size, if any.
fn query(asked: &str, rtype: Rtype, edns: Option<u16>) -> Vec<u8> {
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_id(7);
    let mut question = message.question();
    question.push((name(asked), rtype)).expect("it fits");
    let mut additional = question.additional();
    if let Some(size) = edns {
        let opt = additional.opt(|opt| {
            opt.set_udp_payload_size(size);
            Ok(())
        });
        opt.expect("it fits");
    }
    additional.finish()
}

/// The essence of an answer: how it went, and its records.
fn essence(message: &Message<Vec<u8>>) -> String {
    let mut parts = vec![message.opt_rcode().to_string()];
    parts.extend(message.header().aa().then(|| "aa".to_owned()));
    parts.extend(message.header().tc().then(|| "tc".to_owned()));
    let (_, answer, authority, _) = message.sections().expect("sections");
    for record in answer.limit_to::<AllRecordData<_, _>>() {
        parts.push(match record.expect("a record").data() {
            AllRecordData::Txt(words) => words.to_string(),
            AllRecordData::A(address) => address.to_string(),
            other => domain::base::RecordData::rtype(other).to_string(),
        });
    }
    for record in authority.limit_to::<Soa<_>>() {
        parts.push(format!("soa of {}", record.expect("a record").owner()));
    }
    parts.join(" ")
}

fn asked(authority: &Authority, asked: &str, rtype: Rtype) -> String {
    essence(&sent(authority, &query(asked, rtype, Some(1232)), Transport::Datagram))
}

#[test]
fn a_question_is_answered_by_the_zone_that_begins_nearest() {
    let authority = authority();
    for (name, rtype, expected) in [
        ("example.test", Rtype::SOA, "NOERROR aa SOA"),
        ("ExAmPlE.TeSt", Rtype::NS, "NOERROR aa NS"),
        ("gateproof-dns.example.test", Rtype::A, "NOERROR aa 10.96.0.7"),
        ("example.test", Rtype::ANY, "NOERROR aa NS SOA"),
        // There, and without such records.
        ("example.test", Rtype::TXT, "NOERROR aa soa of example.test"),
        ("example.test", Rtype::from_int(65_400), "NOERROR aa soa of example.test"),
        ("gateproof-dns.example.test", Rtype::AAAA, "NOERROR aa soa of example.test"),
        // Not there.
        ("no.example.test", Rtype::A, "NXDOMAIN aa soa of example.test"),
        ("no.sub.example.test", Rtype::A, "NXDOMAIN aa soa of sub.example.test"),
        // Not of this server: it asks nobody else.
        ("test", Rtype::SOA, "REFUSED"),
        ("notexample.test", Rtype::A, "REFUSED"),
        ("example.test", Rtype::AXFR, "REFUSED"),
    ] {
        assert_eq!(asked(&authority, name, rtype), expected, "{name} {rtype}");
    }
}

#[test]
fn what_is_no_question_is_refused_and_what_is_no_request_is_not_answered() {
    let authority = authority();
    let question = query("example.test", Rtype::SOA, None);
    let change = |at: usize, octet: u8| {
        let mut request = question.clone();
        request[at] = octet;
        essence(&sent(&authority, &request, Transport::Datagram))
    };
    assert_eq!(change(5, 0), "FORMERR", "no question");
    assert_eq!(change(5, 2), "FORMERR", "two questions");
    assert_eq!(change(2, 4 << 3), "NOTIMP", "NOTIFY");
    assert_eq!(change(question.len() - 1, 3), "REFUSED", "class CH");
    let now = Time48::from_u64(NOW);
    let mut answer = question.clone();
    answer[2] |= 0x80;
    for request in [&answer[..], &question[..11], &[]] {
        assert_eq!(authority.respond(request, Transport::Datagram, now), None);
    }
}

#[test]
fn every_cut_of_a_request_is_answered_or_not_but_never_taken_for_another() {
    let authority = authority();
    let request = update_of("example.test", &[add("a.example.test", "x")], &[]).finish();
    for length in 0..request.len() {
        let now = Time48::from_u64(NOW);
        let answer = authority.respond(&request[..length], Transport::Datagram, now);
        let rcode =
            answer.map(|it| Message::from_octets(it.message).expect("a message").header().rcode());
        assert!(
            matches!(rcode, None | Some(Rcode::FORMERR | Rcode::REFUSED)),
            "{length}: {rcode:?}"
        );
    }
}

#[test]
fn edns_is_answered_with_edns_and_another_version_with_ours() {
    let authority = authority();
    let soa =
        |edns| sent(&authority, &query("example.test", Rtype::SOA, edns), Transport::Datagram);
    assert!(soa(None).opt().is_none());
    assert_eq!(soa(Some(4096)).opt().expect("EDNS").udp_payload_size(), 1232);
    let mut later = query("example.test", Rtype::SOA, Some(4096));
    // Of the OPT record: root, type, size, then an extended code and the version.
    let version = later.len() - 5;
    later[version] = 1;
    let answer = sent(&authority, &later, Transport::Datagram);
    assert_eq!(answer.opt_rcode(), OptRcode::BADVERS);
    assert_eq!(answer.opt().expect("EDNS").version(), 0);
    let once = query("example.test", Rtype::SOA, Some(4096));
    let mut twice = once.clone();
    twice.extend(&once[once.len() - 11..]);
    twice[11] = 2;
    assert_eq!(essence(&sent(&authority, &twice, Transport::Datagram)), "FORMERR");
}

#[test]
fn an_answer_that_is_too_large_is_cut_by_datagram_and_whole_by_stream() {
    let authority = authority();
    let texts: Vec<String> = (0..20).map(|number| format!("{number:0>40}")).collect();
    let adds: Vec<Row> = texts.iter().map(|text| add("big.example.test", text)).collect();
    assert_eq!(updated(&authority, "example.test", &adds, &[]), Rcode::NOERROR);
    let ask =
        |edns, transport| sent(&authority, &query("big.example.test", Rtype::TXT, edns), transport);
    for (edns, transport, whole) in [
        (None, Transport::Datagram, false),
        (Some(100), Transport::Datagram, false),
        (Some(1232), Transport::Datagram, false),
        (Some(4096), Transport::Datagram, false),
        (None, Transport::Stream, true),
    ] {
        let answer = ask(edns, transport);
        assert_eq!(answer.header().tc(), !whole, "{edns:?} {transport:?}");
        let count = answer.header_counts().ancount();
        assert_eq!(count, if whole { 20 } else { 0 }, "{edns:?} {transport:?}");
        assert!(whole || answer.as_slice().len() <= 512, "{edns:?} {transport:?}");
    }
    let fewer: Vec<Row> = texts[..8].iter().map(|text| add("small.example.test", text)).collect();
    assert_eq!(updated(&authority, "example.test", &fewer, &[]), Rcode::NOERROR);
    let small = |edns| {
        let request = query("small.example.test", Rtype::TXT, edns);
        sent(&authority, &request, Transport::Datagram).header().tc()
    };
    assert!(small(None) && !small(Some(1232)), "between 512 and 1232 octets");
}

/// A record of an update: owner, class, TTL, data.
type Row = (Name, Class, u32, UnknownRecordData<Vec<u8>>);

fn row(owner: &str, rtype: Rtype, class: Class, ttl: u32, data: &[u8]) -> Row {
    let data = UnknownRecordData::from_octets(rtype, data.to_vec()).expect("short data");
    (name(owner), class, ttl, data)
}

fn composed<D: domain::base::rdata::ComposeRecordData>(data: &D) -> Vec<u8> {
    let mut octets = Vec::new();
    data.compose_rdata(&mut octets).expect("it fits");
    octets
}

fn txt(text: &str) -> Vec<u8> {
    composed(&Txt::<Vec<u8>>::build_from_slice(text.as_bytes()).expect("a text"))
}

fn add(owner: &str, text: &str) -> Row {
    row(owner, Rtype::TXT, Class::IN, 60, &txt(text))
}

fn remove(owner: &str, text: &str) -> Row {
    row(owner, Rtype::TXT, Class::NONE, 0, &txt(text))
}

fn remove_all(owner: &str, rtype: Rtype) -> Row {
    row(owner, rtype, Class::ANY, 0, &[])
}

fn update_of(zone: &str, changes: &[Row], required: &[Row]) -> AdditionalBuilder<Vec<u8>> {
    let mut message = MessageBuilder::new_vec();
    message.header_mut().set_id(9);
    message.header_mut().set_opcode(Opcode::UPDATE);
    let mut question = message.question();
    question.push((name(zone), Rtype::SOA)).expect("it fits");
    let mut prerequisites = question.answer();
    for (owner, class, ttl, data) in required {
        prerequisites.push((owner, *class, Ttl::from_secs(*ttl), data)).expect("it fits");
    }
    let mut updates = prerequisites.authority();
    for (owner, class, ttl, data) in changes {
        updates.push((owner, *class, Ttl::from_secs(*ttl), data)).expect("it fits");
    }
    updates.additional()
}

/// What a signed update comes to; its answer must be signed with the same key.
fn updated(authority: &Authority, zone: &str, changes: &[Row], required: &[Row]) -> Rcode {
    let mut message = update_of(zone, changes, required);
    let now = Time48::from_u64(NOW);
    let signed = ClientTransaction::request(shared(), &mut message, now).expect("it fits");
    let mut answer = sent(authority, &message.finish(), Transport::Datagram);
    signed.answer(&mut answer, now).expect("an answer that is signed");
    answer.header().rcode()
}

#[test]
fn a_signed_update_adds_and_takes_away() {
    let authority = authority();
    let at = "_acme-challenge.deep.example.test";
    let texts = || asked(&authority, at, Rtype::TXT);
    let update = |changes: &[Row]| updated(&authority, "EXAMPLE.test", changes, &[]);
    assert_eq!(update(&[add(at, "one"), add(&at.to_uppercase(), "two")]), Rcode::NOERROR);
    assert_eq!(texts(), "NOERROR aa \"one\" \"two\"");
    let above = asked(&authority, "deep.example.test", Rtype::TXT);
    assert_eq!(above, "NOERROR aa soa of example.test", "a name above others is there");
    assert_eq!(update(&[remove(at, "one"), remove(at, "three")]), Rcode::NOERROR);
    assert_eq!(texts(), "NOERROR aa \"two\"");
    assert_eq!(update(&[remove_all(at, Rtype::ANY)]), Rcode::NOERROR);
    assert_eq!(texts(), "NXDOMAIN aa soa of example.test");
}

#[test]
fn the_serial_number_counts_changes_and_nothing_else() {
    let authority = authority();
    let serial = || {
        let request = query("example.test", Rtype::SOA, None);
        let answer = sent(&authority, &request, Transport::Datagram);
        let soa = answer.answer().expect("a section").limit_to::<Soa<_>>().next();
        soa.expect("a record").expect("a SOA record").data().serial().into_int()
    };
    let update = |changes: &[Row]| updated(&authority, "example.test", changes, &[]);
    let first = serial();
    assert_eq!(update(&[add("a.example.test", "x")]), Rcode::NOERROR);
    assert_eq!(serial(), first + 1);
    assert_eq!(update(&[add("a.example.test", "x")]), Rcode::NOERROR);
    assert_eq!(serial(), first + 1, "it was there already");
    let outside = [add("b.example.test", "x"), add("elsewhere.test", "x")];
    assert_eq!(update(&outside), Rcode::NOTZONE);
    assert_eq!(serial(), first + 1, "all changes or none");
    assert_eq!(asked(&authority, "b.example.test", Rtype::TXT), "NXDOMAIN aa soa of example.test");
}

#[test]
fn a_zone_keeps_its_soa_and_last_name_server_and_an_alias_stands_alone() {
    let authority = authority();
    let update = |changes: &[Row]| updated(&authority, "example.test", changes, &[]);
    let server = composed(&Ns::new(name("gateproof-dns.example.test")));
    let alias = composed(&Cname::new(name("b.example.test")));
    for change in [
        remove_all("example.test", Rtype::ANY),
        remove_all("example.test", Rtype::SOA),
        remove_all("example.test", Rtype::NS),
        row("example.test", Rtype::NS, Class::NONE, 0, &server),
        row("example.test", Rtype::CNAME, Class::IN, 60, &alias),
    ] {
        assert_eq!(update(&[change]), Rcode::NOERROR, "asked for, and not done");
        assert_eq!(asked(&authority, "example.test", Rtype::ANY), "NOERROR aa NS SOA");
    }
    let address = composed(&A::from_octets(10, 0, 0, 1));
    assert_eq!(
        update(&[
            row("a.example.test", Rtype::CNAME, Class::IN, 60, &alias),
            add("a.example.test", "beside it"),
            row("b.example.test", Rtype::A, Class::IN, 60, &address),
        ]),
        Rcode::NOERROR
    );
    assert_eq!(
        asked(&authority, "a.example.test", Rtype::TXT),
        "NOERROR aa CNAME soa of example.test"
    );
    assert_eq!(asked(&authority, "a.example.test", Rtype::A), "NOERROR aa CNAME 10.0.0.1");
    let away = composed(&Cname::new(name("elsewhere.test")));
    let circle = composed(&Cname::new(name("d.example.test")));
    let more = [
        row("c.example.test", Rtype::CNAME, Class::IN, 60, &away),
        row("d.example.test", Rtype::CNAME, Class::IN, 60, &circle),
    ];
    assert_eq!(update(&more), Rcode::NOERROR);
    assert_eq!(asked(&authority, "c.example.test", Rtype::A), "NOERROR aa CNAME");
    assert!(asked(&authority, "d.example.test", Rtype::A).starts_with("NOERROR aa CNAME"));
}

#[test]
fn prerequisites_decide_before_anything_is_changed() {
    let (there, text) = ("there.example.test", Rtype::TXT);
    let exact = |owner: &str, value: &str| row(owner, text, Class::IN, 0, &txt(value));
    let cases: Vec<(&str, Vec<Row>, Rcode)> = vec![
        ("a name is in use", vec![row(there, Rtype::ANY, Class::ANY, 0, &[])], Rcode::NOERROR),
        (
            "no name is in use",
            vec![row("no.example.test", Rtype::ANY, Class::ANY, 0, &[])],
            Rcode::NXDOMAIN,
        ),
        ("records exist", vec![row(there, text, Class::ANY, 0, &[])], Rcode::NOERROR),
        ("none exist", vec![row(there, Rtype::A, Class::ANY, 0, &[])], Rcode::NXRRSET),
        (
            "a name is free",
            vec![row("no.example.test", Rtype::ANY, Class::NONE, 0, &[])],
            Rcode::NOERROR,
        ),
        ("it is not", vec![row(there, Rtype::ANY, Class::NONE, 0, &[])], Rcode::YXDOMAIN),
        ("no such records", vec![row(there, Rtype::A, Class::NONE, 0, &[])], Rcode::NOERROR),
        ("there are", vec![row(there, text, Class::NONE, 0, &[])], Rcode::YXRRSET),
        ("just these", vec![exact(there, "b"), exact(there, "a")], Rcode::NOERROR),
        ("fewer", vec![exact(there, "a")], Rcode::NXRRSET),
        ("others", vec![exact(there, "a"), exact(there, "c")], Rcode::NXRRSET),
        ("outside", vec![row("other.test", Rtype::ANY, Class::NONE, 0, &[])], Rcode::NOTZONE),
        ("a TTL", vec![row(there, text, Class::ANY, 60, &[])], Rcode::FORMERR),
        ("data for any", vec![row(there, text, Class::ANY, 0, &txt("a"))], Rcode::FORMERR),
        ("another class", vec![row(there, text, Class::CH, 0, &[])], Rcode::FORMERR),
        ("no data", vec![row(there, text, Class::IN, 0, &[])], Rcode::FORMERR),
    ];
    for (case, required, expected) in cases {
        let authority = authority();
        let first = [add(there, "a"), add(there, "b")];
        assert_eq!(updated(&authority, "example.test", &first, &[]), Rcode::NOERROR);
        let change = [add("new.example.test", "x")];
        assert_eq!(updated(&authority, "example.test", &change, &required), expected, "{case}");
        let made = asked(&authority, "new.example.test", text) == "NOERROR aa \"x\"";
        assert_eq!(made, expected == Rcode::NOERROR, "{case}");
    }
}

#[test]
fn an_update_that_cannot_be_made_says_why() {
    let text = Rtype::TXT;
    for (case, zone, change, expected) in [
        ("another zone", "other.test", add("a.other.test", "x"), Rcode::NOTAUTH),
        (
            "a name that begins no zone",
            "a.example.test",
            add("a.example.test", "x"),
            Rcode::NOTAUTH,
        ),
        ("outside", "example.test", add("a.other.test", "x"), Rcode::NOTZONE),
        (
            "any type",
            "example.test",
            row("a.example.test", Rtype::ANY, Class::IN, 1, &[1]),
            Rcode::FORMERR,
        ),
        (
            "a type that is a question",
            "example.test",
            remove_all("a.example.test", Rtype::AXFR),
            Rcode::FORMERR,
        ),
        (
            "removal with a TTL",
            "example.test",
            row("a.example.test", text, Class::ANY, 1, &[]),
            Rcode::FORMERR,
        ),
        (
            "removal without data",
            "example.test",
            row("a.example.test", text, Class::NONE, 0, &[]),
            Rcode::FORMERR,
        ),
        (
            "another class",
            "example.test",
            row("a.example.test", text, Class::CH, 0, &txt("x")),
            Rcode::FORMERR,
        ),
        (
            "broken data",
            "example.test",
            row("a.example.test", Rtype::A, Class::IN, 60, &[1]),
            Rcode::FORMERR,
        ),
    ] {
        assert_eq!(updated(&authority(), zone, &[change], &[]), expected, "{case}");
    }
    let mut section = update_of("example.test", &[], &[]).finish();
    let rtype = section.len() - 3;
    section[rtype] = 16;
    assert_eq!(essence(&sent(&authority(), &section, Transport::Datagram)), "FORMERR", "no SOA");
}

/// What an update comes to that is signed with this key at this time, and the signature's error.
fn signed_with(authority: &Authority, key: SharedKey, time: u64) -> (Rcode, Option<TsigRcode>) {
    let mut message = update_of("example.test", &[add("a.example.test", "x")], &[]);
    ClientTransaction::request(key, &mut message, Time48::from_u64(time)).expect("it fits");
    let answer = sent(authority, &message.finish(), Transport::Datagram);
    let signature = answer.get_last_additional::<Tsig<_, _>>();
    (answer.header().rcode(), signature.map(|it| it.data().error()))
}

#[test]
fn only_a_signature_that_holds_is_taken() {
    let (ok, refused) = ((Rcode::NOERROR, Some(TsigRcode::NOERROR)), Rcode::NOTAUTH);
    for (case, key, time, expected) in [
        ("the key", shared(), NOW, ok),
        ("its name in capitals", key("TRIAL", Algorithm::Sha256, SECRET), NOW, ok),
        ("just in time", shared(), NOW - 300, ok),
        (
            "another secret",
            key("trial", Algorithm::Sha256, OTHER),
            NOW,
            (refused, Some(TsigRcode::BADSIG)),
        ),
        (
            "another name",
            key("nobody", Algorithm::Sha256, SECRET),
            NOW,
            (refused, Some(TsigRcode::BADKEY)),
        ),
        (
            "another algorithm",
            key("trial", Algorithm::Sha512, SECRET),
            NOW,
            (refused, Some(TsigRcode::BADKEY)),
        ),
        ("too late", shared(), NOW - 301, (refused, Some(TsigRcode::BADTIME))),
        ("too early", shared(), NOW + 301, (refused, Some(TsigRcode::BADTIME))),
    ] {
        let authority = authority();
        assert_eq!(signed_with(&authority, key, time), expected, "{case}");
        let made = asked(&authority, "a.example.test", Rtype::TXT) == "NOERROR aa \"x\"";
        assert_eq!(made, expected == ok, "{case}");
    }
}

#[test]
fn without_a_signature_or_without_a_key_nothing_is_changed() {
    let unsigned = update_of("example.test", &[add("a.example.test", "x")], &[]).finish();
    let answer = sent(&authority(), &unsigned, Transport::Datagram);
    assert_eq!(answer.header().rcode(), Rcode::REFUSED);
    let zone = Zone::new("example.test", [10, 96, 0, 7].into()).expect("a zone");
    let keyless = Authority::new(vec![zone], None);
    assert_eq!(signed_with(&keyless, shared(), NOW), (Rcode::NOTAUTH, Some(TsigRcode::BADKEY)));
}

#[test]
fn a_message_that_was_changed_on_its_way_does_not_hold() {
    let mut message = update_of("example.test", &[add("a.example.test", "x")], &[]);
    let now = Time48::from_u64(NOW);
    ClientTransaction::request(shared(), &mut message, now).expect("it fits");
    let whole = message.finish();
    let text = whole.windows(2).position(|pair| pair == [1, b'x']).expect("the text");
    let mut other = whole.clone();
    other[text + 1] = b'y';
    let answer = sent(&authority(), &other, Transport::Datagram);
    assert_eq!(answer.header().rcode(), Rcode::NOTAUTH);
    assert_eq!(essence(&sent(&authority(), &whole, Transport::Datagram)), "NOERROR");
}
