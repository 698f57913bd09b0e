//! Console, JSON lines, JUnit, JSON and Markdown reports, all folds of the event log.
