//! Why a TLS handshake failed, told apart by the library's typed errors.

use std::io;

use gateproof_core::observation::TlsFailure;
use rustls::{Error, InvalidMessage};

use super::alert;

/// The cause of a failed handshake. A reset and an orderly close are one cause here: peers that
/// have no certificate for a name do either, depending on what they have not yet read.
pub(crate) fn of_handshake(error: &io::Error) -> TlsFailure {
    if let Some(library) = library_error(error) {
        return of_library(library);
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => TlsFailure::ClosedByPeer,
        io::ErrorKind::TimedOut => TlsFailure::TimedOut,
        _ => TlsFailure::Other(error.to_string()),
    }
}

/// The alert inside an error that surfaced after the handshake. In TLS 1.3 the client is done
/// before the server has looked at what the client sent, so a refusal arrives with the first
/// read.
pub(crate) fn late_alert(error: &io::Error) -> Option<TlsFailure> {
    match library_error(error)? {
        Error::AlertReceived(received) => Some(TlsFailure::Alert(alert::name(*received))),
        _ => None,
    }
}

/// The rustls error that an I/O error carries, if any.
fn library_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}

fn of_library(error: &Error) -> TlsFailure {
    match error {
        Error::AlertReceived(received) => TlsFailure::Alert(alert::name(*received)),
        // The header of the first record is already wrong: this is no TLS at all.
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge,
        ) => TlsFailure::NotTls,
        other => TlsFailure::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;

    use super::*;

    fn wrapped(error: Error) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    #[test]
    fn broken_handshake_message_is_not_mistaken_for_another_protocol() {
        let seen =
            of_handshake(&wrapped(Error::InvalidMessage(InvalidMessage::MissingKeyExchange)));
        assert!(matches!(seen, TlsFailure::Other(_)), "{seen}");
    }

    #[test]
    fn record_with_unknown_type_is_another_protocol() {
        let seen =
            of_handshake(&wrapped(Error::InvalidMessage(InvalidMessage::InvalidContentType)));
        assert_eq!(seen, TlsFailure::NotTls);
    }

    #[test]
    fn only_alerts_count_as_late_refusals() {
        let alert = wrapped(Error::AlertReceived(AlertDescription::CertificateRequired));
        assert_eq!(late_alert(&alert), Some(TlsFailure::Alert("certificate_required".to_owned())));
        assert_eq!(late_alert(&wrapped(Error::DecryptError)), None);
        assert_eq!(late_alert(&io::ErrorKind::ConnectionReset.into()), None);
    }
}
