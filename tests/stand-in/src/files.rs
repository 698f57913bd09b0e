//! `cat`, `cp`, `mkdir` and `tar`, as far as nodes are asked for them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::{Failure, Outcome};

/// `cat FILE…`.
pub(crate) fn cat(arguments: &[String]) -> Outcome {
    if arguments.is_empty() {
        return Err(Failure::new("stand-in: cat wants files"));
    }
    for path in arguments {
        let mut file = File::open(path)
            .map_err(|error| Failure::new(format!("cat: {path}: {}", in_words(&error))))?;
        io::copy(&mut file, &mut io::stdout())?;
    }
    io::stdout().flush()?;
    Ok(())
}

/// `cp /dev/stdin FILE`.
pub(crate) fn cp(arguments: &[String]) -> Outcome {
    let [from, to] = arguments else {
        return Err(Failure::new(format!("stand-in: cp wants two files, not {arguments:?}")));
    };
    if from != "/dev/stdin" {
        return Err(Failure::new(format!("stand-in: cp copies standard input only, not {from}")));
    }
    let failed = |error: &io::Error| {
        Failure::new(format!("cp: cannot create regular file '{to}': {}", in_words(error)))
    };
    // From the descriptor itself: a file that is a pipe cannot be opened by its path everywhere.
    let mut file = File::create(to).map_err(|error| failed(&error))?;
    io::copy(&mut io::stdin(), &mut file)?;
    Ok(())
}

/// `mkdir -p FOLDER…`.
pub(crate) fn mkdir(arguments: &[String]) -> Outcome {
    let [flag, folders @ ..] = arguments else {
        return Err(Failure::new("mkdir: missing operand"));
    };
    if flag != "-p" || folders.is_empty() {
        return Err(Failure::new(format!(
            "stand-in: mkdir wants -p and folders, not {arguments:?}"
        )));
    }
    for folder in folders {
        fs::create_dir_all(folder).map_err(|error| {
            Failure::new(format!("mkdir: cannot create directory '{folder}': {}", in_words(&error)))
        })?;
    }
    Ok(())
}

/// `tar --hard-dereference -C FOLDER -chf - .`: the tree of logs.
pub(crate) fn tar(arguments: &[String]) -> Outcome {
    let folder = arguments
        .iter()
        .position(|word| word == "-C")
        .and_then(|place| arguments.get(place + 1))
        .ok_or_else(|| Failure::new(format!("stand-in: tar wants -C, not {arguments:?}")))?;
    let mut archive = ::tar::Builder::new(io::stdout());
    archive.append_dir_all(".", Path::new(folder))?;
    archive.finish()?;
    Ok(())
}

fn in_words(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "No such file or directory",
        io::ErrorKind::PermissionDenied => "Permission denied",
        io::ErrorKind::StorageFull => "No space left on device",
        io::ErrorKind::IsADirectory => "Is a directory",
        _ => "Input/output error",
    }
}
