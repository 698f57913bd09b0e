//! What a zone answers to a question.

use domain::base::iana::{Class, OptRcode, Rtype};
use domain::base::{Message, ToName};
use domain::rdata::ZoneRecordData;

use crate::Name;
use crate::reply::{Entry, Reply, Standing, is_question_type};
use crate::zone::{Zone, owned};

/// How many aliases are followed.
const ALIASES: usize = 8;

/// The answer to a query.
pub(crate) fn answer(zones: &[Zone], query: &Message<Vec<u8>>) -> Reply {
    let (Ok(question), 1) = (query.sole_question(), query.header_counts().qdcount()) else {
        return Reply::empty(OptRcode::FORMERR);
    };
    let (name, rtype) = (owned(question.qname()), question.qtype());
    if question.qclass() != Class::IN {
        return Reply::empty(OptRcode::REFUSED);
    }
    let Some(zone) = zone_of(zones, &name) else { return Reply::empty(OptRcode::REFUSED) };
    if is_question_type(rtype) && rtype != Rtype::ANY {
        // Among them transfers, which nobody needs here.
        return Reply::empty(OptRcode::REFUSED);
    }
    found(zone, name, rtype)
}

/// The zone that a name is in: the one that begins nearest to it.
pub(crate) fn zone_of<'z>(zones: &'z [Zone], name: &Name) -> Option<&'z Zone> {
    zones.iter().filter(|zone| zone.holds(name)).max_by_key(|zone| zone.apex().label_count())
}

fn found(zone: &Zone, mut name: Name, rtype: Rtype) -> Reply {
    let mut reply = Reply::empty(OptRcode::NOERROR);
    reply.standing = Standing::Authoritative;
    for _ in 0..ALIASES {
        let here: Vec<Entry> = if rtype == Rtype::ANY {
            zone.at(&name).flat_map(|(_, set)| Entry::of(&name, set)).collect()
        } else {
            zone.set(&name, rtype).map(|set| Entry::of(&name, set)).unwrap_or_default()
        };
        if !here.is_empty() {
            reply.answers.extend(here);
            return reply;
        }
        let alias = zone.set(&name, Rtype::CNAME);
        let Some((set, ZoneRecordData::Cname(target))) =
            alias.and_then(|set| Some((set, set.data.first()?)))
        else {
            break;
        };
        reply.answers.extend(Entry::of(&name, set));
        name = target.cname().to_vec();
        if !zone.holds(&name) {
            // Whoever asked goes on elsewhere.
            return reply;
        }
    }
    if !zone.knows(&name) {
        reply.rcode = OptRcode::NXDOMAIN;
    }
    // For how long there is nothing (RFC 2308, 5).
    let (set, soa) = zone.soa();
    let entries = Entry::of(zone.apex(), set);
    reply.authority = entries.into_iter().map(|it| it.at_most(soa.minimum().as_secs())).collect();
    reply
}
