//! Which shared libraries a program loads, and where they are: its own interpreter says so.
//!
//! `ld.so --list PROGRAM` resolves everything as it would for a start, runs nothing of the
//! program, and prints one library a line (`ldd` is a script around it; glibc's
//! `elf/rtld.c`, and musl's interpreter takes the same option).

use std::path::{Path, PathBuf};
use std::process::Command;

/// A shared library.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Library {
    /// The name by which it is looked for, such as `libc.so.6`.
    pub name: String,
    /// Where it was found.
    pub path: PathBuf,
}

/// Libraries that cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum LibrariesError {
    /// The interpreter cannot be started.
    #[error("its interpreter {} cannot be started ({source})", interpreter.display())]
    NotStarted {
        /// The interpreter.
        interpreter: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The interpreter refused.
    #[error("its interpreter {} says: {said}", interpreter.display())]
    Refused {
        /// The interpreter.
        interpreter: PathBuf,
        /// Its words.
        said: String,
    },
    /// Libraries are missing on this machine.
    #[error("missing are {}", names.join(", "))]
    Missing {
        /// Their names.
        names: Vec<String>,
    },
}

/// The libraries of a program, sorted by name.
///
/// # Errors
/// When the interpreter cannot tell, or one is missing.
pub fn of(interpreter: &Path, program: &Path) -> Result<Vec<Library>, LibrariesError> {
    let output =
        Command::new(interpreter).arg("--list").arg(program).output().map_err(|source| {
            LibrariesError::NotStarted { interpreter: interpreter.to_owned(), source }
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(LibrariesError::Refused { interpreter: interpreter.to_owned(), said });
    }
    read(&String::from_utf8_lossy(&output.stdout))
}

/// Reads `NAME => PATH (ADDRESS)` lines; others name what the kernel brings, or the interpreter.
fn read(listed: &str) -> Result<Vec<Library>, LibrariesError> {
    let mut libraries = Vec::new();
    let mut names = Vec::new();
    for line in listed.lines() {
        let Some((name, found)) = line.split_once("=>") else { continue };
        let name = name.trim().to_owned();
        let path = found.rsplit_once(" (").map_or(found, |(path, _)| path).trim();
        if path.starts_with('/') {
            libraries.push(Library { name, path: PathBuf::from(path) });
        } else {
            names.push(name);
        }
    }
    if !names.is_empty() {
        return Err(LibrariesError::Missing { names });
    }
    libraries.sort();
    Ok(libraries)
}

#[cfg(test)]
mod tests {
    use super::{LibrariesError, Library, read};

    #[test]
    fn lines_with_a_path_are_libraries_and_missing_ones_are_named() {
        let listed = "\tlinux-vdso.so.1 (0x00007fff)\n\
                      \tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f88)\n\
                      \tlibc.so.6 => /opt/my libs (1)/libc.so.6 (0x00007f89)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x00007f90)\n";
        let library = |name: &str, path: &str| Library { name: name.to_owned(), path: path.into() };
        assert_eq!(
            read(listed).unwrap(),
            [
                library("libc.so.6", "/opt/my libs (1)/libc.so.6"),
                library("libm.so.6", "/lib/x86_64-linux-gnu/libm.so.6")
            ]
        );
        let error = read("\tlibx.so => not found\n\tliby.so => not found\n").unwrap_err();
        let LibrariesError::Missing { names } = error else { panic!("{error}") };
        assert_eq!(names, ["libx.so", "liby.so"]);
    }
}
