//! One Gateway: its conditions, its listeners, the routes that are not right, then the grid and
//! where requests go.

use gateproof_model::predict::overview::{
    Condition, GatewayOverview, ListenerOverview, RouteOverview,
};

use super::{grid, item, paragraph, routing};
use crate::layout::wrap::hang;
use crate::layout::{Page, Table, Text, Tone};

/// Everything about a Gateway.
pub(super) fn lines(gateway: &GatewayOverview, page: Page) -> Vec<String> {
    let mut lines = vec![page.colour.paint(Tone::Heading, &format!("Gateway {}", gateway.name))];
    lines.extend(paragraph(&summary(gateway), page));
    for condition in &gateway.conditions {
        lines.extend(condition_lines(condition, page));
    }
    lines.extend(listeners(gateway, page));
    lines.extend(routes(gateway, page));
    lines.extend(grid::lines(gateway, page));
    for entry in &gateway.routing {
        lines.push(String::new());
        lines.extend(routing::lines(entry, page));
    }
    lines
}

/// Class, Service and addresses in a sentence.
fn summary(gateway: &GatewayOverview) -> String {
    let service = match &gateway.service {
        None => "no Service is made for it".to_owned(),
        Some(service) => {
            let policy = match &service.traffic_policy {
                Some(policy) if policy != "Cluster" => format!(", externalTrafficPolicy {policy}"),
                _ => String::new(),
            };
            format!("Service {} of type {}{policy}", service.name, service.kind)
        }
    };
    let addresses = match gateway.addresses.as_slice() {
        [] => "no address".to_owned(),
        [one] => format!("address {one}"),
        several => format!("addresses {}", several.join(", ")),
    };
    format!("class {}; {service}; {addresses}", gateway.class)
}

fn condition_lines(condition: &Condition, page: Page) -> Vec<String> {
    let tone = if condition.status == "True" { Tone::Good } else { Tone::Bad };
    let text = format!("{}, {}", condition.reason, condition.message.trim_end_matches('.'));
    let label = format!("  {} {}: ", condition.kind, condition.status);
    let lines = hang(&label, &text, page.width);
    lines.into_iter().map(|line| page.colour.paint(tone, &line)).collect()
}

fn listeners(gateway: &GatewayOverview, page: Page) -> Vec<String> {
    if gateway.listeners.is_empty() {
        return Vec::new();
    }
    let head = ["listener", "port", "protocol", "hostname", "routes", "problems"];
    let table = Table {
        head: head.map(str::to_owned).to_vec(),
        rows: gateway.listeners.iter().map(listener_row).collect(),
    };
    std::iter::once(String::new()).chain(table.lay_out(2, page)).collect()
}

fn listener_row(listener: &ListenerOverview) -> Vec<Text> {
    let problems: Vec<String> = listener
        .problems
        .iter()
        .map(|problem| {
            let message = problem.message.trim_end_matches('.');
            format!("{} {}: {}, {message}", problem.kind, problem.status, problem.reason)
        })
        .collect();
    let tone = if problems.is_empty() { Tone::Quiet } else { Tone::Bad };
    let problems = if problems.is_empty() { "-".to_owned() } else { problems.join("; ") };
    vec![
        Text::plain(&listener.name),
        Text::plain(listener.port.to_string()),
        Text::plain(&listener.protocol),
        Text::plain(listener.hostname.as_deref().unwrap_or("any")),
        Text::plain(listener.attached.map_or("-".to_owned(), |count| count.to_string())),
        Text::new(tone, problems),
    ]
}

/// Routes with problems, each with the cause.
fn routes(gateway: &GatewayOverview, page: Page) -> Vec<String> {
    let wrong: Vec<&RouteOverview> =
        gateway.routes.iter().filter(|route| route.problems().next().is_some()).collect();
    if wrong.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), page.colour.paint(Tone::Heading, "  routes with problems")];
    for route in wrong {
        let section =
            route.section.as_ref().map_or(String::new(), |name| format!(" (to listener {name})"));
        let problems: Vec<String> = route
            .problems()
            .map(|problem| {
                let what = match (problem.kind.as_str(), problem.status.as_str()) {
                    ("Accepted", "False") => "does not attach".to_owned(),
                    (kind, status) => format!("{kind} {status}"),
                };
                format!("{what}: {}, {}", problem.reason, problem.message.trim_end_matches('.'))
            })
            .collect();
        let text = format!("{}{section}: {}", route.name, problems.join("; "));
        lines.extend(item(&text, page).into_iter().map(|line| page.colour.paint(Tone::Bad, &line)));
    }
    lines
}
