//! Discovery: reads scenario files, the manifests they name, and topologies.
//!
//! The only reader of input files. What cannot be read becomes part of the [`SourceTree`] with its
//! reason, so that loading tells of it together with every other problem.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use gateproof_core::scenario::catalog;
use gateproof_core::source::{Role, SourceTree};

/// Topologies that are always there; a file of the same name in a `clusters` folder comes first.
const BUILT_IN: &[(&str, &str)] = &[
    ("five-workers", include_str!("../../../clusters/five-workers.yaml")),
    ("single-node", include_str!("../../../clusters/single-node.yaml")),
    ("three-nodes", include_str!("../../../clusters/three-nodes.yaml")),
];

/// A path that was asked for cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// It cannot be read.
    #[error("failed to read {}: {source}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is a folder without a single YAML file.
    #[error("{} has no .yaml or .yml files", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// Reads everything that the given paths lead to.
///
/// A path is a scenario file, a topology, or a folder whose files are looked at (folders inside it
/// hold manifests and are not). Topologies come from `clusters`, else from the `clusters` folders
/// beside and inside the given folders, else from those built in.
///
/// # Errors
///
/// Every path that cannot be used, together.
pub fn discover(
    paths: &[PathBuf],
    clusters: Option<&Path>,
) -> Result<SourceTree, Vec<DiscoverError>> {
    let mut tree = SourceTree::new();
    let mut errors = Vec::new();
    let mut homes = Vec::new();
    for path in paths {
        match files_of(path) {
            Ok(files) => {
                for file in files {
                    if let Some(home) = file.parent() {
                        homes.push(home.to_owned());
                    }
                    read(&mut tree, &file, role_of(&file));
                }
            }
            Err(error) => errors.push(error),
        }
    }
    match clusters {
        Some(folder) => match files_of(folder) {
            Ok(files) => files.iter().for_each(|file| read(&mut tree, file, Role::Topology)),
            Err(error) => errors.push(error),
        },
        None => read_topologies_beside(&mut tree, &homes),
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    add_built_in(&mut tree);
    for wanted in catalog::wanted(&tree) {
        read(&mut tree, Path::new(&wanted), Role::Manifest);
    }
    Ok(tree)
}

/// The YAML files that a path stands for, sorted.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, DiscoverError> {
    let unreadable = |source| DiscoverError::Unreadable { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        if file.is_file() && is_yaml(&file) {
            files.push(file);
        }
    }
    if files.is_empty() {
        return Err(DiscoverError::Empty { path: path.to_owned() });
    }
    files.sort();
    Ok(files)
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// A file that says it is kind's is a topology; anything else has to be a scenario.
fn role_of(path: &Path) -> Role {
    let text = fs::read_to_string(path).unwrap_or_default();
    let is_kind = |line: &str| line.starts_with("apiVersion:") && line.contains("kind.x-k8s.io");
    if text.lines().any(is_kind) { Role::Topology } else { Role::Scenario }
}

fn read_topologies_beside(tree: &mut SourceTree, homes: &[PathBuf]) {
    let mut folders: Vec<PathBuf> = homes
        .iter()
        .flat_map(|home| [home.join("clusters"), home.join("..").join("clusters")])
        .chain([PathBuf::from("clusters")])
        .map(|folder| normal(&folder))
        .filter(|folder| folder.is_dir())
        .collect();
    folders.sort();
    folders.dedup();
    for folder in folders {
        for file in files_of(&folder).unwrap_or_default() {
            if tree.get(&shown(&file)).is_none() {
                read(tree, &file, Role::Topology);
            }
        }
    }
}

fn add_built_in(tree: &mut SourceTree) {
    for (name, text) in BUILT_IN {
        let taken = tree.iter().any(|(path, file)| {
            file.role == Role::Topology
                && Path::new(path).file_stem().is_some_and(|stem| stem == *name)
        });
        if !taken {
            tree.insert(Role::Topology, format!("<built in>/{name}.yaml"), *text);
        }
    }
}

fn read(tree: &mut SourceTree, path: &Path, role: Role) {
    match fs::read_to_string(path) {
        Ok(text) => tree.insert(role, shown(path), text),
        Err(error) => tree.insert_unreadable(role, shown(path), error.to_string()),
    }
}

/// A path as messages show it: with `/`, without `.` and needless `..`.
fn shown(path: &Path) -> String {
    normal(path).to_string_lossy().replace('\\', "/")
}

/// Resolves `.` and `..` by text alone, so that `scenarios/../clusters` reads `clusters`.
fn normal(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(result.components().next_back(), Some(Component::Normal(_))) =>
            {
                result.pop();
            }
            other => result.push(other),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{DiscoverError, discover, normal};

    #[test]
    fn paths_are_shown_without_detours() {
        assert_eq!(
            normal(Path::new("./scenarios/../clusters/x.yaml")),
            Path::new("clusters/x.yaml")
        );
        assert_eq!(normal(Path::new("../a/./b")), Path::new("../a/b"));
        assert_eq!(normal(Path::new("../../a")), Path::new("../../a"));
    }

    #[test]
    fn every_path_that_cannot_be_used_is_told() {
        let empty = tempfile::tempdir().expect("a scratch folder");
        let paths = [empty.path().to_owned(), empty.path().join("missing.yaml")];
        let errors = discover(&paths, None).expect_err("neither can be used");
        assert!(matches!(errors[0], DiscoverError::Empty { .. }));
        assert!(matches!(errors[1], DiscoverError::Unreadable { .. }));
    }

    #[test]
    fn topologies_are_found_beside_the_scenarios_and_built_in_ones_fill_up() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, text).expect("a writable folder");
        };
        write("scenarios/a.yaml", "apiVersion: gateproof.dev/v1alpha1\nkind: Scenario\n");
        write("clusters/single-node.yaml", "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n");
        let tree = discover(&[dir.path().join("scenarios")], None).expect("readable");
        let paths: Vec<&str> = tree.iter().map(|(path, _)| path).collect();
        assert!(paths.iter().any(|path| path.ends_with("clusters/single-node.yaml")), "{paths:?}");
        assert!(!paths.contains(&"<built in>/single-node.yaml"), "{paths:?}");
        assert!(paths.contains(&"<built in>/five-workers.yaml"), "{paths:?}");
    }
}
