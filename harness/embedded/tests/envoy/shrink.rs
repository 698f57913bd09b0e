//! The smallest case that still differs: parts are taken away as long as a difference stays.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::trial::{Case, Verdict, run};

/// How long parts are taken away.
const LIMIT: Duration = Duration::from_mins(1);
/// How many smaller cases share an Envoy. Where chance decides, each that stays different takes as
/// many requests as there are tries, so that they would take all the time if they were run at once.
const TOGETHER: usize = 12;

/// Shrinks a case with one request that is answered differently.
pub(crate) async fn shrink(envoy: &PathBuf, case: Case) -> Case {
    let mut smallest = case;
    let deadline = Instant::now() + LIMIT;
    while let Ok(Some(smaller)) = tokio::time::timeout_at(deadline, smaller(envoy, &smallest)).await
    {
        smallest = smaller;
    }
    smallest
}

/// A case without one of the parts that still differs, if there is one.
async fn smaller(envoy: &PathBuf, case: &Case) -> Option<Case> {
    for some in candidates(case).chunks(TOGETHER) {
        let verdicts = run(envoy, some).await;
        let found = some.iter().zip(verdicts).find(|(_, verdict)| {
            matches!(verdict, Verdict::Compared(differences) if !differences.is_empty())
        });
        if let Some((smaller, _)) = found {
            return Some(smaller.clone());
        }
    }
    None
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
