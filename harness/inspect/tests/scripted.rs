//! Reads of an API that answers as a test prescribes: what is asked for, how often, and what becomes
//! of answers that a healthy cluster does not give.

#[path = "scripted/api.rs"]
mod api;
#[path = "scripted/newer.rs"]
mod newer;
#[path = "scripted/pages.rs"]
mod pages;
#[path = "scripted/rights.rs"]
mod rights;
