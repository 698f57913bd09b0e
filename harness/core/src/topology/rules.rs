//! kind's own rules for a cluster file as a whole, as kubernetes-sigs/kind v0.33.0 checks them
//! (`pkg/internal/apis/config/validate.go`). Those of its parts stand where the parts are read.

use super::file::{ClusterFile, RoleFile};
use crate::source::problem::Problem;
use crate::source::tree::Place;

/// Checks a cluster file.
pub(super) fn check(file: &ClusterFile, place: Place<'_>, problems: &mut Vec<Problem>) {
    check_name(place, problems);
    check_roles(file, place, problems);
}

fn check_name(place: Place<'_>, problems: &mut Vec<Problem>) {
    let at = place.get("name");
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '.' || c == '-';
    if let Some(name) = at.as_text()
        && !name.chars().all(fine)
    {
        problems.push(
            Problem::at(&at, "kind refuses this name")
                .found(format!("`{name}`"))
                .expected("small letters, digits, `.` and `-`"),
        );
    }
}

fn check_roles(file: &ClusterFile, place: Place<'_>, problems: &mut Vec<Problem>) {
    let has = file.nodes.iter().any(|node| node.role == RoleFile::ControlPlane);
    if !file.nodes.is_empty() && !has {
        problems.push(
            Problem::at(&place.key("nodes"), "no node runs the control plane")
                .expected("at least one node with `role: control-plane`"),
        );
    }
}
