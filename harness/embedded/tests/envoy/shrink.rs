//! The smallest case that still differs: parts are taken away as long as a difference stays.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::trial::{Case, Verdict, run};

/// How long parts are taken away; each round takes one Envoy.
const LIMIT: Duration = Duration::from_secs(15);

/// Shrinks a case with one request that is answered differently.
pub(crate) async fn shrink(envoy: &PathBuf, case: Case) -> Case {
    let mut smallest = case;
    let began = Instant::now();
    while began.elapsed() < LIMIT {
        let smaller = candidates(&smallest);
        let verdicts = run(envoy, &smaller).await;
        let found = smaller.into_iter().zip(verdicts).find(|(_, verdict)| {
            matches!(verdict, Verdict::Compared(differences) if !differences.is_empty())
        });
        match found {
            Some((candidate, _)) => smallest = candidate,
            None => break,
        }
    }
    smallest
}

/// Everything that is the case but for one part.
fn candidates(case: &Case) -> Vec<Case> {
    let mut smaller = Vec::new();
    for (index, object) in case.setup.objects.iter().enumerate() {
        let kind = object["kind"].as_str().unwrap_or_default();
        if !kind.ends_with("Route") && kind != "Gateway" {
            continue;
        }
        if kind != "Gateway" {
            let mut without = case.clone();
            without.setup.objects.remove(index);
            smaller.push(without);
        }
        for path in parts(&object["spec"], "/spec") {
            let mut without = case.clone();
            remove(&mut without.setup.objects[index], &path);
            smaller.push(without);
        }
    }
    let request = &case.requests[0];
    for index in 0..request.fields.len() {
        let mut without = case.clone();
        without.requests[0].fields.remove(index);
        smaller.push(without);
    }
    smaller
}

/// Pointers to everything that can be taken away, the largest parts first.
fn parts(value: &Value, at: &str) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Array(items) => {
            items.iter().enumerate().map(|(i, item)| (format!("{at}/{i}"), item)).collect()
        }
        Value::Object(fields) => {
            fields.iter().map(|(name, field)| (format!("{at}/{name}"), field)).collect()
        }
        _ => Vec::new(),
    };
    let mut found: Vec<String> = children.iter().map(|(path, _)| path.clone()).collect();
    for (path, child) in children {
        found.extend(parts(child, &path));
    }
    found
}

fn remove(object: &mut Value, path: &str) {
    let Some((parent, key)) = path.rsplit_once('/') else { return };
    match object.pointer_mut(parent) {
        Some(Value::Array(items)) => {
            if let Ok(index) = key.parse::<usize>() {
                items.remove(index);
            }
        }
        Some(Value::Object(fields)) => {
            fields.remove(key);
        }
        _ => {}
    }
}
