//! Fills a [`Dossier`](gateproof_core::dossier::Dossier) about a cluster: from the live API, with
//! reads alone, or from a folder of what was dumped from one.
