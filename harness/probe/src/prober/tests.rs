//! A prober elsewhere sees what this process sees, and one that misbehaves is an error and never
//! an observation.

mod contract;
mod misbehaviour;

use tokio::io::{duplex, split};

use super::{RemoteProber, serve};

/// A prober in this process, reached over a pipe as one elsewhere would be.
async fn remote() -> RemoteProber {
    let (ours, theirs) = duplex(4096);
    let (input, output) = split(theirs);
    tokio::spawn(async move { serve(input, output).await.unwrap() });
    let (answers, questions) = split(ours);
    RemoteProber::start("of the test", answers, questions).await.unwrap()
}
