//! Discovery: reads scenario files, the manifests they name, and topologies.
//!
//! The only reader of input files. What cannot be read becomes part of the [`SourceTree`] with its
//! reason, so that loading tells of it together with every other problem.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use gateproof_core::scenario::catalog;
use gateproof_core::setup::GivenFile;
use gateproof_core::source::nearest::nearest;
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

/// A topology was named that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no topology `{named}`{}; there are: {}; a file is named by its path, such as \
     `./{named}.yaml`",
    nearest.as_deref().map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default(),
    names.join(", ")
)]
pub struct NoSuchTopology {
    /// What was named.
    pub named: String,
    /// The nearest name that exists.
    pub nearest: Option<String>,
    /// The names there are, sorted.
    pub names: Vec<String>,
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
    let mut seen = BTreeSet::new();
    for path in paths {
        match files_of(path) {
            Ok(files) => {
                for file in files {
                    if !seen.insert(file.canonicalize().unwrap_or_else(|_| file.clone())) {
                        continue;
                    }
                    if let Some(home) = file.parent() {
                        homes.push(home.to_owned());
                    }
                    read_any(&mut tree, &file);
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

/// Reads a file that was named on the command line; one that cannot be read says why.
pub fn given(path: &Path) -> GivenFile {
    GivenFile { path: shown(path), content: text_of(path) }
}

/// The file of a topology that was named on the command line: a path, or the name of one in the
/// folder `clusters` or of one that is built in.
///
/// # Errors
///
/// When it is neither, with the names there are.
pub fn topology(named: &str) -> Result<GivenFile, NoSuchTopology> {
    let path = Path::new(named);
    if is_yaml(path) || path.components().count() > 1 {
        return Ok(given(path));
    }
    let mut tree = SourceTree::new();
    read_topologies_beside(&mut tree, &[]);
    add_built_in(&mut tree);
    let stem = |path: &str| {
        let stem = Path::new(path).file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    };
    let found = tree.iter().find(|(path, _)| stem(path) == named);
    if let Some((path, file)) = found {
        return Ok(GivenFile { path: path.to_owned(), content: file.content.clone() });
    }
    let known: BTreeSet<String> = tree.iter().map(|(path, _)| stem(path)).collect();
    Err(NoSuchTopology {
        named: named.to_owned(),
        nearest: nearest(named, known.iter().map(String::as_str)).map(str::to_owned),
        names: known.into_iter().collect(),
    })
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
        // What looks like a file and cannot be read as one is told, or it would be missing from
        // the run without a word.
        if is_yaml(&file) {
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
fn role_of(text: &str) -> Role {
    let is_kind = |line: &str| {
        line.starts_with("kind: Cluster")
            || (line.starts_with("apiVersion:") && line.contains("kind.x-k8s.io"))
    };
    if text.lines().any(is_kind) { Role::Topology } else { Role::Scenario }
}

/// Reads a file that says itself what it is; once, because a pipe can be read once only.
fn read_any(tree: &mut SourceTree, path: &Path) {
    match text_of(path) {
        Ok(text) => tree.insert(role_of(&text), shown(path), text),
        Err(reason) => tree.insert_unreadable(Role::Scenario, shown(path), reason),
    }
}

/// The text of a file, or why there is none.
fn text_of(path: &Path) -> Result<String, String> {
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| {
        let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = sound.split(|byte| *byte == b'\n').count();
        format!("it is not UTF-8 text: a wrong byte in line {line}")
    })
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
    let mut seen = BTreeSet::new();
    folders.retain(|folder| seen.insert(folder.canonicalize().unwrap_or_else(|_| folder.clone())));
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
    match text_of(path) {
        Ok(text) => tree.insert(role, shown(path), text),
        Err(reason) => tree.insert_unreadable(role, shown(path), reason),
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

    use super::{DiscoverError, discover, normal, topology};

    #[test]
    fn a_topology_is_found_by_name_or_path_and_others_are_told_the_names() {
        let built_in = topology("three-nodes").expect("built in");
        assert!(built_in.content.expect("readable").contains("role: worker"));
        assert!(topology("./missing.yaml").expect("a path").content.is_err());
        let message = topology("three-node").expect_err("no such name").to_string();
        assert!(message.contains("did you mean `three-nodes`?"), "{message}");
        assert!(message.contains("single-node"), "{message}");
    }

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

    #[cfg(unix)]
    #[test]
    fn what_looks_like_a_scenario_and_cannot_be_read_is_not_left_out() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("folder.yaml")).expect("a folder");
        std::os::unix::fs::symlink(at("gone"), at("dangling.yaml")).expect("a link");
        std::os::unix::fs::symlink(at("loop.yaml"), at("loop.yaml")).expect("a link");
        std::fs::write(at("binary.yaml"), b"a: 1\nb: \xff\n").expect("a file");
        let tree = discover(&[dir.path().to_owned()], None).expect("a readable folder");
        for name in ["folder.yaml", "dangling.yaml", "loop.yaml", "binary.yaml"] {
            let path = at(name).display().to_string();
            let file = tree.get(&path).unwrap_or_else(|| panic!("{name} is told"));
            assert!(file.content.is_err(), "{name}: {file:?}");
        }
        let binary = tree.get(&at("binary.yaml").display().to_string()).expect("told");
        assert_eq!(
            binary.content.as_ref().expect_err("no text"),
            "it is not UTF-8 text: a wrong byte in line 2"
        );
    }

    #[test]
    fn a_file_that_is_named_twice_is_read_once() {
        let dir = tempfile::tempdir().expect("a scratch folder");
        let file = dir.path().join("a.yaml");
        std::fs::write(&file, "kind: Scenario\n").expect("a file");
        let tree = discover(&[dir.path().to_owned(), dir.path().join("./a.yaml"), file], None);
        let tree = tree.expect("readable");
        assert_eq!(tree.iter().filter(|(path, _)| path.ends_with("/a.yaml")).count(), 1);
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
