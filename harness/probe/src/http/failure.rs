//! Why an open stream brought no complete response, told apart by typed errors.

use std::error::Error;
use std::io;

use gateproof_core::observation::{HttpOutcome, NoResponse};

use crate::tls;

/// The outcome that an error of the HTTP library amounts to.
pub(super) fn outcome_of(error: &hyper::Error) -> HttpOutcome {
    if let Some(cause) = find::<io::Error>(error) {
        return of_io(cause);
    }
    if let Some(cause) = find::<h2::Error>(error) {
        return of_http2(cause);
    }
    HttpOutcome::NoResponse(
        if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
            NoResponse::Closed
        } else if error.is_user() {
            NoResponse::Other(in_words(error))
        } else {
            // What remains are violations of the protocol: a head that does not parse, one that is
            // too large, bytes before any request was made.
            NoResponse::NotHttp(in_words(error))
        },
    )
}

fn of_io(error: &io::Error) -> HttpOutcome {
    if let Some(refusal) = tls::failure::late_alert(error) {
        return HttpOutcome::TlsFailed(refusal);
    }
    HttpOutcome::NoResponse(match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => NoResponse::Reset,
        // Broken pipe is what the kernel says of writing to a closed connection, and what the
        // HTTP/2 library says when the connection ended under an open stream.
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::NotConnected => {
            NoResponse::Closed
        }
        io::ErrorKind::TimedOut => NoResponse::TimedOut,
        _ => NoResponse::Other(error.to_string()),
    })
}

fn of_http2(error: &h2::Error) -> HttpOutcome {
    if let Some(cause) = error.get_io() {
        return of_io(cause);
    }
    HttpOutcome::NoResponse(if error.is_library() {
        NoResponse::NotHttp(format!("not HTTP/2: {error}"))
    } else if error.is_reset() {
        NoResponse::Reset
    } else {
        NoResponse::Other(format!("HTTP/2 connection ended by the peer: {error}"))
    })
}

/// The first error of this type among the causes.
fn find<E: Error + 'static>(error: &hyper::Error) -> Option<&E> {
    let mut cause = error.source();
    while let Some(current) = cause {
        if let Some(found) = current.downcast_ref::<E>() {
            return Some(found);
        }
        cause = current.source();
    }
    None
}

/// An error with its causes on one line.
fn in_words(error: &hyper::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        words.push_str(": ");
        words.push_str(&current.to_string());
        cause = current.source();
    }
    words
}
