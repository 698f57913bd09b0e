//! One dispatcher puts the events of all tasks into one order.
//!
//! Tasks hold an [`Emitter`]; the dispatcher numbers what arrives and hands it to the sink. It is
//! the only place where a [`Record`] is made.

use std::time::Instant;

use gateproof_core::event::{Event, Record};
use tokio::sync::mpsc;

/// Hands events to the dispatcher. Cheap to clone; never blocks.
#[derive(Debug, Clone)]
pub struct Emitter {
    events: mpsc::UnboundedSender<(Instant, Event)>,
}

impl Emitter {
    /// Reports what happened, now.
    pub fn emit(&self, event: Event) {
        // The dispatcher outlives every emitter, except when the run itself is dropped; then
        // nobody is left to read the event.
        drop(self.events.send((Instant::now(), event)));
    }
}

/// Receives the events of a run.
#[derive(Debug)]
pub struct Dispatcher {
    events: mpsc::UnboundedReceiver<(Instant, Event)>,
    started: Instant,
    sequence: u64,
}

/// Makes a dispatcher and its first emitter.
pub fn channel() -> (Emitter, Dispatcher) {
    let (sender, events) = mpsc::unbounded_channel();
    (Emitter { events: sender }, Dispatcher { events, started: Instant::now(), sequence: 0 })
}

impl Dispatcher {
    /// Passes every event on, in one order, until the last emitter is gone.
    pub async fn run(mut self, mut sink: impl FnMut(&Record)) {
        while let Some((at, event)) = self.events.recv().await {
            let record = Record {
                sequence: self.sequence,
                at: at.saturating_duration_since(self.started),
                event,
            };
            self.sequence += 1;
            sink(&record);
        }
    }
}

#[cfg(test)]
mod tests {
    use gateproof_core::event::Event;
    use gateproof_core::name::ClusterName;

    use super::channel;

    #[tokio::test]
    async fn events_of_many_tasks_are_numbered_without_gaps() {
        let (emitter, dispatcher) = channel();
        let mut tasks = Vec::new();
        for task in 0..8 {
            let emitter = emitter.clone();
            tasks.push(tokio::spawn(async move {
                for _ in 0..50 {
                    emitter.emit(Event::ClusterRemoved {
                        cluster: ClusterName::new(format!("c{task}")),
                        problem: None,
                    });
                    tokio::task::yield_now().await;
                }
            }));
        }
        drop(emitter);
        let mut sequences = Vec::new();
        dispatcher.run(|record| sequences.push(record.sequence)).await;
        assert_eq!(sequences, (0..400).collect::<Vec<u64>>());
        for task in tasks {
            task.await.expect("an emitting task does not panic");
        }
    }
}
