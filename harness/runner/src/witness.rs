//! What a provider tells of its actions, as events of the run.

use gateproof_core::event::Event;
use gateproof_core::name::ClusterName;
use gateproof_kubernetes::{Action, News, Witness};

use crate::dispatcher::Emitter;

/// Emits the actions of one cluster.
pub(crate) struct ActionWitness {
    pub(crate) cluster: ClusterName,
    pub(crate) emitter: Emitter,
}

impl Witness for ActionWitness {
    fn tell(&self, action: &Action, news: News) {
        let (cluster, node) = (self.cluster.clone(), action.node.clone());
        let action = action.name.clone();
        self.emitter.emit(match news {
            News::Started => Event::ActionStarted { cluster, action, node },
            News::Awaiting(missing) => Event::ActionAwaiting { cluster, action, node, missing },
            News::Warned(warning) => Event::ActionWarned { cluster, action, node, warning },
            News::Finished { took, problem } => {
                Event::ActionFinished { cluster, action, node, problem, took }
            }
        });
    }
}
