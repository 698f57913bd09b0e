//! What a request becomes: whose it is, what it asks, and what is answered.

use std::sync::{Mutex, PoisonError};

use domain::base::iana::{Class, Opcode, OptRcode, Rcode, TsigRcode};
use domain::base::message_builder::{MessageBuilder, PushError};
use domain::base::{Message, Ttl};
use domain::rdata::tsig::{Time48, Tsig};
use domain::tsig::ServerTransaction;

use crate::key::{Keys, SharedKey};
use crate::reply::{Edns, Envelope, Reply};
use crate::zone::Zone;
use crate::{lookup, update};

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// By UDP.
    Datagram,
    /// By TCP.
    Stream,
}

/// An answer, and what there is to tell of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responded {
    /// The message to send back.
    pub message: Vec<u8>,
    /// What a log says of it; queries are not told.
    pub told: Option<String>,
}

/// The authority for some zones.
#[derive(Debug)]
pub struct Authority {
    zones: Mutex<Vec<Zone>>,
    keys: Keys,
}

impl Authority {
    /// An authority that takes updates that are signed with this key, and without one none at all.
    pub fn new(zones: Vec<Zone>, key: Option<SharedKey>) -> Self {
        Self { zones: Mutex::new(zones), keys: Keys(key) }
    }

    /// The answer to a request; none to what is no request.
    pub fn respond(&self, request: &[u8], transport: Transport, now: Time48) -> Option<Responded> {
        let mut request = Message::from_octets(request.to_vec()).ok()?;
        if request.header().qr() {
            return None;
        }
        let edns = Edns::of(&request);
        let as_sent = request.clone();
        let signed = match ServerTransaction::request(&self.keys, &mut request, now) {
            Ok(signed) => signed,
            Err(refusal) => {
                let kind = refusal.error();
                let message = if kind == TsigRcode::FORMERR && ends_in_signature(&as_sent) {
                    bad_signature(&as_sent)
                } else {
                    let built = refusal.build_message(&as_sent, MessageBuilder::new_vec());
                    built.map(domain::base::message_builder::AdditionalBuilder::finish)
                };
                let rcode = message.as_deref().ok().and_then(signature_error).unwrap_or(kind);
                let told = format!("a signature is refused: {rcode}");
                return Some(Responded { message: message.ok()?, told: Some(told) });
            }
        };
        let by = signed.as_ref().map(|signed| signed.wrapped_key().name());
        let (reply, told) = self.reply(&request, edns, by.as_deref());
        let envelope = Envelope { request: &request, edns, transport, signed, now };
        Some(Responded { message: envelope.seal(&reply), told })
    }

    fn reply(
        &self,
        request: &Message<Vec<u8>>,
        edns: Edns,
        by: Option<&str>,
    ) -> (Reply, Option<String>) {
        match edns {
            Edns::Broken => return (Reply::empty(OptRcode::FORMERR), None),
            Edns::Present { version, .. } if version != 0 => {
                return (Reply::empty(OptRcode::BADVERS), None);
            }
            _ => {}
        }
        match request.header().opcode() {
            Opcode::QUERY => {
                let zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
                (lookup::answer(&zones, request), None)
            }
            Opcode::UPDATE => {
                let rcode = self.update(request, by);
                let zone = request.zone().next().and_then(Result::ok);
                let zone = zone.map(|it| it.qname().to_string()).unwrap_or_default();
                let told = format!("update of {zone} by {}: {rcode}", by.unwrap_or("nobody"));
                (Reply::empty(rcode.into()), Some(told))
            }
            _ => (Reply::empty(OptRcode::NOTIMP), None),
        }
    }

    fn update(&self, request: &Message<Vec<u8>>, by: Option<&str>) -> Rcode {
        let mut zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
        let index = match update::zone_index(&zones, request) {
            Ok(index) => index,
            Err(rcode) => return rcode,
        };
        if by.is_none() {
            return Rcode::REFUSED;
        }
        match update::apply(&zones[index], request) {
            Ok(after) => {
                if let Some(after) = after {
                    zones[index] = after;
                }
                Rcode::NOERROR
            }
            Err(rcode) => rcode,
        }
    }
}

/// Whether the last record of a message, and no other, is a signature.
fn ends_in_signature(message: &Message<Vec<u8>>) -> bool {
    let Ok(section) = message.additional() else { return false };
    let mut records = section.limit_to::<Tsig<_, _>>();
    let one = matches!((records.next(), records.next()), (Some(Ok(_)), None));
    one && message.get_last_additional::<Tsig<_, _>>().is_some()
}

/// The answer to a signature that is not that of the key (RFC 8945, 5.2.2 and 5.3.2). The library
/// reports FORMERR there (domain 0.12.3 `tsig/mod.rs`, `server_request`).
fn bad_signature(request: &Message<Vec<u8>>) -> Result<Vec<u8>, PushError> {
    let answer = MessageBuilder::new_vec().start_answer(request, Rcode::NOTAUTH)?;
    let mut answer = answer.additional();
    if let Some(sent) = request.get_last_additional::<Tsig<_, _>>() {
        let (time, fudge) = (sent.data().time_signed(), sent.data().fudge());
        let (id, error) = (request.header().id(), TsigRcode::BADSIG);
        let data = Tsig::new(sent.data().algorithm(), time, fudge, &[][..], id, error, &[][..])
            .expect("a signature without octets is not too long");
        answer.push((sent.owner(), Class::ANY, Ttl::ZERO, data))?;
    }
    Ok(answer.finish())
}

/// The error that a signature carries.
fn signature_error(message: &[u8]) -> Option<TsigRcode> {
    let message = Message::from_octets(message).ok()?;
    Some(message.get_last_additional::<Tsig<_, _>>()?.data().error())
}

#[cfg(test)]
mod tests;
