//! A zone: its records, and what there is at a name.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

use domain::base::iana::Rtype;
use domain::base::{Serial, ToName, Ttl};
use domain::rdata::{A, Aaaa, Ns, Soa, ZoneRecordData};

use crate::{Data, Name};

/// The first label of the server's own name, below the apex of each of its zones.
pub const SERVER_LABEL: &str = "gateproof-dns";

/// How long anybody may remember what was answered, in seconds. Zones come and go with trials.
const REMEMBERED: u32 = 1;

/// Records of one name and type.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RecordSet {
    /// How long they may be remembered, in seconds.
    pub(crate) ttl: u32,
    /// What they hold, each once.
    pub(crate) data: Vec<Data>,
}

/// A zone, for which the server is the authority.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    apex: Name,
    sets: BTreeMap<(Name, Rtype), RecordSet>,
}

/// Something is no zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// Its apex is no name in DNS.
    #[error("{0:?} is no name in DNS")]
    Name(String),
    /// The server's name below its apex would be too long.
    #[error("{SERVER_LABEL}.{0} is too long for a name in DNS")]
    TooLong(String),
}

impl Zone {
    /// A zone with this apex, whose name server is at this address: it has SOA, NS and address.
    ///
    /// # Errors
    /// When the apex is no name.
    pub fn new(apex: &str, server: IpAddr) -> Result<Self, ZoneError> {
        let origin = Name::from_str(apex).map_err(|_| ZoneError::Name(apex.to_owned()))?;
        let below = |label: &str| {
            Name::from_str(&format!("{label}.{}", origin.fmt_with_dot()))
                .map_err(|_| ZoneError::TooLong(apex.to_owned()))
        };
        let (server_name, person) = (below(SERVER_LABEL)?, below("hostmaster")?);
        let ttl = Ttl::from_secs(REMEMBERED);
        let soa = Soa::new(server_name.clone(), person, Serial::from(1), ttl, ttl, ttl, ttl);
        let address = match server {
            IpAddr::V4(address) => ZoneRecordData::A(A::new(address)),
            IpAddr::V6(address) => ZoneRecordData::Aaaa(Aaaa::new(address)),
        };
        let mut zone = Self { apex: origin.clone(), sets: BTreeMap::new() };
        zone.add(origin.clone(), REMEMBERED, ZoneRecordData::Soa(soa));
        zone.add(origin, REMEMBERED, ZoneRecordData::Ns(Ns::new(server_name.clone())));
        zone.add(server_name, REMEMBERED, address);
        Ok(zone)
    }

    /// The name it begins at.
    pub(crate) fn apex(&self) -> &Name {
        &self.apex
    }

    /// Whether a name is in it.
    pub(crate) fn holds(&self, name: &Name) -> bool {
        name.ends_with(&self.apex)
    }

    /// The records of a name and type.
    pub(crate) fn set(&self, name: &Name, rtype: Rtype) -> Option<&RecordSet> {
        self.sets.get(&(name.clone(), rtype))
    }

    /// Everything at a name.
    pub(crate) fn at<'z>(&'z self, name: &'z Name) -> impl Iterator<Item = (Rtype, &'z RecordSet)> {
        let sets = self.sets.iter().filter(move |((owner, _), _)| owner == name);
        sets.map(|((_, rtype), set)| (*rtype, set))
    }

    /// Whether a name is there: it has records, or one below it has (RFC 8020).
    pub(crate) fn knows(&self, name: &Name) -> bool {
        self.sets.keys().any(|(owner, _)| owner.ends_with(name))
    }

    /// The SOA record.
    pub(crate) fn soa(&self) -> (&RecordSet, &Soa<Name>) {
        let set = self.set(&self.apex, Rtype::SOA).expect("a zone has a SOA record");
        let Some(ZoneRecordData::Soa(soa)) = set.data.first() else {
            unreachable!("records of type SOA hold one")
        };
        (set, soa)
    }

    /// Adds a record; all of its name and type get its TTL. Whether anything changed.
    pub(crate) fn add(&mut self, name: Name, ttl: u32, data: Data) -> Changed {
        let key = (name, domain::base::RecordData::rtype(&data));
        let set = self.sets.entry(key).or_insert(RecordSet { ttl, data: Vec::new() });
        let known = set.data.contains(&data);
        if known && set.ttl == ttl {
            return Changed::No;
        }
        set.ttl = ttl;
        if !known {
            set.data.push(data);
        }
        Changed::Yes
    }

    /// Takes one record away.
    pub(crate) fn remove(&mut self, name: &Name, data: &Data) -> Changed {
        let key = (name.clone(), domain::base::RecordData::rtype(data));
        let Some(set) = self.sets.get_mut(&key) else { return Changed::No };
        let before = set.data.len();
        set.data.retain(|held| held != data);
        let after = set.data.len();
        if after == 0 {
            self.sets.remove(&key);
        }
        if after == before { Changed::No } else { Changed::Yes }
    }

    /// Takes all records of a name and type away.
    pub(crate) fn remove_set(&mut self, name: &Name, rtype: Rtype) -> Changed {
        let gone = self.sets.remove(&(name.clone(), rtype)).is_some();
        if gone { Changed::Yes } else { Changed::No }
    }

    /// Puts another SOA record in the place of the one that is there.
    pub(crate) fn renew(&mut self, soa: Soa<Name>, ttl: u32) {
        let set = RecordSet { ttl, data: vec![ZoneRecordData::Soa(soa)] };
        self.sets.insert((self.apex.clone(), Rtype::SOA), set);
    }

    /// Counts the serial number up, as after every change (RFC 2136, 3.6).
    pub(crate) fn count_up(&mut self) {
        let (set, soa) = self.soa();
        let ttl = set.ttl;
        let next = Soa::new(
            soa.mname().clone(),
            soa.rname().clone(),
            soa.serial().add(1),
            soa.refresh(),
            soa.retry(),
            soa.expire(),
            soa.minimum(),
        );
        self.renew(next, ttl);
    }
}

/// Whether something was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    /// It was.
    Yes,
    /// It was as it should be already.
    No,
}

/// A name as an owned value.
pub(crate) fn owned(name: &impl ToName) -> Name {
    name.to_vec()
}

#[cfg(test)]
mod tests {
    use super::{Zone, ZoneError};

    #[test]
    fn what_is_no_zone_is_named() {
        let of = |apex: &str| Zone::new(apex, [10, 0, 0, 1].into()).map(|_| ());
        assert_eq!(of("example.test"), Ok(()));
        assert_eq!(of("a..b"), Err(ZoneError::Name("a..b".to_owned())));
        let long = format!("{0}.{0}.{0}.{1}", "a".repeat(62), "b".repeat(60));
        assert_eq!(of(&long), Err(ZoneError::TooLong(long)));
    }
}
