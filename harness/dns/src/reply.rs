//! What is answered, and how it becomes a message.

use domain::base::iana::{Class, OptRcode, Rtype};
use domain::base::message_builder::{AdditionalBuilder, MessageBuilder, PushError};
use domain::base::opt::Opt;
use domain::base::{Message, Ttl};
use domain::rdata::tsig::Time48;
use domain::tsig::ServerTransaction;

use crate::authority::Transport;
use crate::key::SharedKey;
use crate::zone::RecordSet;
use crate::{Data, Name};

/// The largest datagram that is sent: what passes every network (DNS flag day 2020).
const LARGEST_DATAGRAM: u16 = 1232;

/// The largest datagram for clients that say nothing about it (RFC 1035, 4.2.1).
const CLASSIC_DATAGRAM: u16 = 512;

/// A record of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    owner: Name,
    ttl: u32,
    data: Data,
}

impl Entry {
    /// The entries of a set of records.
    pub(crate) fn of(owner: &Name, set: &RecordSet) -> Vec<Self> {
        let entry = |data: &Data| Self { owner: owner.clone(), ttl: set.ttl, data: data.clone() };
        set.data.iter().map(entry).collect()
    }

    /// The entry for this long at most.
    pub(crate) fn at_most(mut self, ttl: u32) -> Self {
        self.ttl = self.ttl.min(ttl);
        self
    }
}

/// Whether the answer is that of the zone's authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Standing {
    /// It is.
    Authoritative,
    /// It is about no zone of this server, or no answer to a question.
    #[default]
    None,
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) rcode: OptRcode,
    pub(crate) standing: Standing,
    pub(crate) answers: Vec<Entry>,
    pub(crate) authority: Vec<Entry>,
}

impl Reply {
    /// An answer without records.
    pub(crate) fn empty(rcode: OptRcode) -> Self {
        Self { rcode, standing: Standing::None, answers: Vec::new(), authority: Vec::new() }
    }
}

/// What the client says of itself (EDNS, RFC 6891).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edns {
    /// Nothing.
    Absent,
    /// How large a datagram may be, and the version.
    Present {
        /// The largest datagram that it takes.
        size: u16,
        /// The version that it speaks.
        version: u8,
    },
    /// More than one record of it, or one in the wrong place.
    Broken,
}

impl Edns {
    /// What a request says.
    pub(crate) fn of(request: &Message<Vec<u8>>) -> Self {
        let Ok(section) = request.additional() else { return Self::Broken };
        let mut found = Self::Absent;
        for record in section.limit_to::<Opt<_>>() {
            let Ok(record) = record else { return Self::Broken };
            if found != Self::Absent {
                return Self::Broken;
            }
            let version = request.opt().map_or(0, |opt| opt.version());
            found = Self::Present { size: record.class().to_int(), version };
        }
        found
    }

    fn largest(self, transport: Transport) -> usize {
        let size = match (transport, self) {
            (Transport::Stream, _) => u16::MAX,
            (Transport::Datagram, Self::Present { size, .. }) => {
                size.clamp(CLASSIC_DATAGRAM, LARGEST_DATAGRAM)
            }
            (Transport::Datagram, _) => CLASSIC_DATAGRAM,
        };
        size.into()
    }
}

/// How a reply is sent.
pub(crate) struct Envelope<'a> {
    pub(crate) request: &'a Message<Vec<u8>>,
    pub(crate) edns: Edns,
    pub(crate) transport: Transport,
    /// By whom the request was signed; its answer is then signed too.
    pub(crate) signed: Option<ServerTransaction<SharedKey>>,
    pub(crate) now: Time48,
}

impl Envelope<'_> {
    /// The message of a reply: cut, and marked so, where it is too large for a datagram.
    pub(crate) fn seal(self, reply: &Reply) -> Vec<u8> {
        let whole = self.message(reply, Cut::No);
        match whole {
            Ok(message) if message.len() <= self.edns.largest(self.transport) => message,
            _ => self.message(reply, Cut::Yes).expect("a question alone fits into a message"),
        }
    }

    fn message(&self, reply: &Reply, cut: Cut) -> Result<Vec<u8>, PushError> {
        let mut builder = MessageBuilder::new_vec();
        builder.header_mut().set_aa(reply.standing == Standing::Authoritative);
        builder.header_mut().set_tc(cut == Cut::Yes);
        let mut answers = builder.start_answer(self.request, reply.rcode.rcode())?;
        if cut == Cut::No {
            for entry in &reply.answers {
                answers.push((&entry.owner, Class::IN, Ttl::from_secs(entry.ttl), &entry.data))?;
            }
        }
        let mut authority = answers.authority();
        if cut == Cut::No {
            for entry in &reply.authority {
                authority.push((
                    &entry.owner,
                    Class::IN,
                    Ttl::from_secs(entry.ttl),
                    &entry.data,
                ))?;
            }
        }
        let mut additional = authority.additional();
        if self.edns != Edns::Absent {
            additional.opt(|opt| {
                opt.set_udp_payload_size(LARGEST_DATAGRAM);
                opt.set_rcode(reply.rcode);
                Ok(())
            })?;
        }
        self.sign(&mut additional)?;
        Ok(additional.finish())
    }

    fn sign(&self, message: &mut AdditionalBuilder<Vec<u8>>) -> Result<(), PushError> {
        self.signed.clone().map_or(Ok(()), |signed| signed.answer(message, self.now))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Yes,
    No,
}

/// Types that are questions and no records (RFC 6895, 3.1): `OPT` and 128 to 255.
pub(crate) fn is_question_type(rtype: Rtype) -> bool {
    rtype == Rtype::OPT || (128..256).contains(&rtype.to_int())
}
