//! Dynamic updates (RFC 2136): prerequisites, then all changes or none.

use domain::base::iana::{Class, Rcode, Rtype};
use domain::base::message::RecordSection;
use domain::base::name::FlattenInto;
use domain::base::{Message, RecordData, ToName};
use domain::rdata::ZoneRecordData;

use crate::reply::is_question_type;
use crate::zone::{Changed, Zone, owned};
use crate::{Data, Name};

/// A record of an update, as it was sent.
struct Row {
    name: Name,
    rtype: Rtype,
    class: Class,
    ttl: u32,
    data: Option<Data>,
}

/// The zone that an update is for.
pub(crate) fn zone_index(zones: &[Zone], message: &Message<Vec<u8>>) -> Result<usize, Rcode> {
    let mut section = message.zone();
    let (Some(Ok(zone)), None) = (section.next(), section.next()) else {
        return Err(Rcode::FORMERR);
    };
    if zone.qtype() != Rtype::SOA {
        return Err(Rcode::FORMERR);
    }
    let name = owned(zone.qname());
    let ours = zones.iter().position(|it| *it.apex() == name);
    ours.filter(|_| zone.qclass() == Class::IN).ok_or(Rcode::NOTAUTH)
}

/// The zone after an update; `None` where it changes nothing.
pub(crate) fn apply(zone: &Zone, message: &Message<Vec<u8>>) -> Result<Option<Zone>, Rcode> {
    let malformed = |_| Rcode::FORMERR;
    let prerequisites = rows(message.prerequisite().map_err(malformed)?)?;
    let changes = rows(message.update().map_err(malformed)?)?;
    require(zone, &prerequisites)?;
    for change in &changes {
        admissible(zone, change)?;
    }
    Ok(changed(zone, changes))
}

fn rows(section: RecordSection<'_, Vec<u8>>) -> Result<Vec<Row>, Rcode> {
    let mut rows = Vec::new();
    for record in section {
        let record = record.map_err(|_| Rcode::FORMERR)?;
        let (rtype, class, ttl) = (record.rtype(), record.class(), record.ttl().as_secs());
        let name = owned(&record.owner());
        let data = if record.rdlen() == 0 {
            None
        } else {
            let record = record.into_record::<ZoneRecordData<_, _>>().ok().flatten();
            Some(record.ok_or(Rcode::FORMERR)?.into_data().flatten_into())
        };
        rows.push(Row { name, rtype, class, ttl, data });
    }
    Ok(rows)
}

/// What must hold before (3.2).
fn require(zone: &Zone, rows: &[Row]) -> Result<(), Rcode> {
    let mut exact: Vec<(&Name, Rtype, Vec<&Data>)> = Vec::new();
    for row in rows {
        if row.ttl != 0 {
            return Err(Rcode::FORMERR);
        }
        if !zone.holds(&row.name) {
            return Err(Rcode::NOTZONE);
        }
        let in_use = zone.at(&row.name).next().is_some();
        let is_there = zone.set(&row.name, row.rtype).is_some();
        match (row.class, row.rtype, &row.data) {
            (Class::ANY, Rtype::ANY, None) if !in_use => return Err(Rcode::NXDOMAIN),
            (Class::ANY, rtype, None) if rtype != Rtype::ANY && !is_there => {
                return Err(Rcode::NXRRSET);
            }
            (Class::NONE, Rtype::ANY, None) if in_use => return Err(Rcode::YXDOMAIN),
            (Class::NONE, rtype, None) if rtype != Rtype::ANY && is_there => {
                return Err(Rcode::YXRRSET);
            }
            (Class::ANY | Class::NONE, _, None) => {}
            (Class::IN, rtype, Some(data)) if !is_question_type(rtype) => {
                let known =
                    exact.iter_mut().find(|(name, it, _)| (*name, *it) == (&row.name, rtype));
                match known {
                    Some((_, _, wanted)) => wanted.push(data),
                    None => exact.push((&row.name, rtype, vec![data])),
                }
            }
            _ => return Err(Rcode::FORMERR),
        }
    }
    for (name, rtype, wanted) in exact {
        let found = zone.set(name, rtype).map_or(&[][..], |set| &set.data);
        let same = found.iter().all(|it| wanted.contains(&it))
            && wanted.iter().all(|it| found.contains(it));
        if !same {
            return Err(Rcode::NXRRSET);
        }
    }
    Ok(())
}

/// Whether a change can be made at all; looked at for all before any is made (3.4.1).
fn admissible(zone: &Zone, row: &Row) -> Result<(), Rcode> {
    if !zone.holds(&row.name) {
        return Err(Rcode::NOTZONE);
    }
    let is_question = is_question_type(row.rtype);
    let fits = match (row.class, &row.data) {
        (Class::IN, Some(_)) => !is_question,
        (Class::ANY, None) => row.ttl == 0 && (!is_question || row.rtype == Rtype::ANY),
        (Class::NONE, Some(_)) => row.ttl == 0 && !is_question,
        _ => false,
    };
    if fits { Ok(()) } else { Err(Rcode::FORMERR) }
}

/// The zone with all changes (3.4.2). Its SOA record and last name server stay, whatever is asked.
fn changed(zone: &Zone, rows: Vec<Row>) -> Option<Zone> {
    let mut after = zone.clone();
    let mut any = false;
    for row in rows {
        let made = match (row.class, row.data) {
            (Class::IN, Some(data)) => add(&mut after, row.name, row.ttl, data),
            (Class::NONE, Some(data)) => {
                let at_apex = row.name == *after.apex();
                let last = at_apex
                    && after.set(&row.name, Rtype::NS).is_some_and(|set| set.data.len() == 1);
                match data.rtype() {
                    Rtype::SOA => Changed::No,
                    Rtype::NS if last => Changed::No,
                    _ => after.remove(&row.name, &data),
                }
            }
            (_, _) => remove_all(&mut after, &row.name, row.rtype),
        };
        any |= made == Changed::Yes;
    }
    if !any {
        return None;
    }
    if after.soa().1.serial() == zone.soa().1.serial() {
        after.count_up();
    }
    Some(after)
}

fn add(zone: &mut Zone, name: Name, ttl: u32, data: Data) -> Changed {
    match data {
        ZoneRecordData::Soa(soa) => {
            if name != *zone.apex() || soa.serial() <= zone.soa().1.serial() {
                return Changed::No;
            }
            zone.renew(soa, ttl);
            Changed::Yes
        }
        // An alias has no records beside it, and stands alone.
        ZoneRecordData::Cname(_) => {
            if zone.at(&name).any(|(rtype, _)| rtype != Rtype::CNAME) {
                return Changed::No;
            }
            zone.remove_set(&name, Rtype::CNAME);
            zone.add(name, ttl, data)
        }
        data => {
            if zone.set(&name, Rtype::CNAME).is_some() {
                return Changed::No;
            }
            zone.add(name, ttl, data)
        }
    }
}

fn remove_all(zone: &mut Zone, name: &Name, rtype: Rtype) -> Changed {
    let kept = |rtype: Rtype| name.name_eq(zone.apex()) && matches!(rtype, Rtype::SOA | Rtype::NS);
    let types: Vec<Rtype> = if rtype == Rtype::ANY {
        zone.at(name).map(|(rtype, _)| rtype).filter(|rtype| !kept(*rtype)).collect()
    } else {
        Some(rtype).filter(|rtype| !kept(*rtype)).into_iter().collect()
    };
    let mut changed = Changed::No;
    for rtype in types {
        if zone.remove_set(name, rtype) == Changed::Yes {
            changed = Changed::Yes;
        }
    }
    changed
}
