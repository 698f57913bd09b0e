use std::io::Read;
use std::path::Path;

use super::archive::{Archive, Entry, Settings};
use super::executable::{Executable, Linkage, NotUsable, Part};
use super::*;

fn settings() -> Settings {
    let (os, architecture) = ("linux".to_owned(), "amd64".to_owned());
    Settings {
        platform: Platform { os, architecture, variant: String::new() },
        entrypoint: "/gateproof".to_owned(),
        env: Vec::new(),
        repository: REPOSITORY.to_owned(),
        version: "0.1.0".to_owned(),
    }
}

fn entry(path: &str, content: &str) -> Entry {
    Entry::program(path, content.as_bytes().to_vec())
}

/// Path and octets of everything in a tar archive, in its order.
fn unpacked(octets: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(octets);
    let entries = archive.entries().unwrap();
    entries
        .map(|entry| {
            let mut entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.mtime().unwrap(), header.uid().unwrap()), (0, 0));
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (path, content)
        })
        .collect()
}

#[test]
fn the_same_content_makes_the_same_image_whatever_the_order() {
    let one = Archive::of(vec![entry("a/b/c", "1"), entry("/d", "2")], &settings());
    let other = Archive::of(vec![entry("d", "2"), entry("/a/b/c", "1")], &settings());
    assert_eq!(one, other);
    let changed = Archive::of(vec![entry("a/b/c", "1"), entry("/d", "3")], &settings());
    assert_ne!(one.id, changed.id);
    assert_ne!(one.reference, changed.reference);
}

#[test]
fn an_archive_says_what_is_in_it_and_its_id_is_the_digest_of_its_configuration() {
    let image = Archive::of(vec![entry("lib/x/y", "1"), entry("gateproof", "2")], &settings());
    let files = unpacked(&image.octets);
    let manifest: serde_json::Value = serde_json::from_slice(&files[2].1).unwrap();
    assert_eq!(files[2].0, "manifest.json");
    assert_eq!(manifest[0]["Config"], files[0].0.as_str());
    assert_eq!(manifest[0]["Layers"][0], files[1].0.as_str());
    assert_eq!(manifest[0]["RepoTags"][0], image.reference.as_str());
    assert_eq!(image.id, format!("sha256:{}", files[0].0.strip_suffix(".json").unwrap()));
    let digest = image.id.strip_prefix("sha256:").unwrap();
    assert_eq!(image.reference, format!("gateproof.local/gateproof:0.1.0-{}", &digest[..12]));
    let layer: Vec<String> = unpacked(&files[1].1).into_iter().map(|(path, _)| path).collect();
    assert_eq!(layer, ["gateproof", "lib/", "lib/x/", "lib/x/y"]);
    let configuration: serde_json::Value = serde_json::from_slice(&files[0].1).unwrap();
    let diff = configuration["rootfs"]["diff_ids"][0].as_str().unwrap();
    assert_eq!(format!("{}/layer.tar", diff.strip_prefix("sha256:").unwrap()), files[1].0);
}

/// A 64-bit ELF file with these program headers (type, offset, size) and content after them.
fn elf(machine: u16, headers: &[(u32, u64, u64)], content: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(0x12, 0);
    file.extend(machine.to_le_bytes());
    file.resize(0x20, 0);
    file.extend(0x40_u64.to_le_bytes());
    file.extend(0x9999_u64.to_le_bytes());
    file.resize(0x36, 0);
    file.extend(0x38_u16.to_le_bytes());
    file.extend(u16::try_from(headers.len()).unwrap().to_le_bytes());
    file.extend([7; 6]);
    for (kind, offset, size) in headers {
        let start = file.len();
        file.extend(kind.to_le_bytes());
        file.resize(start + 0x08, 0);
        file.extend(offset.to_le_bytes());
        file.resize(start + 0x20, 0);
        file.extend(size.to_le_bytes());
        file.resize(start + 0x38, 0);
    }
    file.extend(content);
    file
}

#[test]
fn an_executable_is_static_unless_it_names_an_interpreter() {
    let content = b"/lib/ld.so\0debug information";
    let start = 0x40 + 2 * 0x38;
    let dynamic = elf(62, &[(1, 0, start + 11), (3, start, 11)], content);
    let parsed = Executable::parse(&dynamic).unwrap();
    assert_eq!(parsed.linkage, Linkage::Dynamic { interpreter: "/lib/ld.so".to_owned() });
    assert_eq!(parsed.platform.to_string(), "linux/amd64");
    let kept = parsed.without_sections(&dynamic);
    assert_eq!(kept.len() as u64, start + 11, "what is not loaded is gone");
    assert_eq!(Executable::parse(&kept).unwrap().linkage, parsed.linkage);
    let note = elf(183, &[(1, 0, start + 5), (4, start, 5)], b"other");
    let parsed = Executable::parse(&note).unwrap();
    assert_eq!((parsed.linkage, parsed.platform.architecture.as_str()), (Linkage::Static, "arm64"));
}

#[test]
fn what_cannot_run_in_a_container_says_why() {
    let mut other_class = elf(62, &[], b"");
    other_class[4] = 1;
    let mut cut = elf(62, &[(1, 0, 8)], b"");
    cut.truncate(0x50);
    let cases = [
        (b"\xcf\xfa\xed\xfe mach-o".to_vec(), NotUsable::NotElf),
        (other_class, NotUsable::OtherClass),
        (elf(8, &[], b""), NotUsable::OtherMachine(8)),
        (b"\x7fELF\x02\x01".to_vec(), NotUsable::Truncated(Part::Header)),
        (cut, NotUsable::Truncated(Part::ProgramHeader)),
        (elf(62, &[(1, 0, 4096)], b""), NotUsable::Truncated(Part::Segment)),
        (elf(62, &[(1, u64::MAX, 2)], b""), NotUsable::Truncated(Part::Segment)),
    ];
    for (file, expected) in cases {
        assert_eq!(Executable::parse(&file), Err(expected));
    }
}

#[test]
fn a_program_that_cannot_be_packed_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("gateproof");
    std::fs::write(&script, "#!/bin/sh\n").unwrap();
    let error = pack(&script, "0.1.0").unwrap_err().to_string();
    assert!(error.contains("no ELF file") && error.contains("GATEPROOF_IMAGE"), "{error}");
    let broken = folder.path().join("broken");
    let start = 0x40 + 2 * 0x38;
    let interpreter = b"/nowhere/ld.so\0";
    let size = interpreter.len() as u64;
    let file = elf(62, &[(1, 0, start + size), (3, start, size)], interpreter);
    std::fs::write(&broken, file).unwrap();
    let error = pack(&broken, "0.1.0").unwrap_err().to_string();
    assert!(error.contains("/nowhere/ld.so") && error.contains("+crt-static"), "{error}");
    let missing = pack(Path::new("/nowhere/gateproof"), "0.1.0").unwrap_err().to_string();
    assert_eq!(missing, "read /nowhere/gateproof");
    let ours = settings().platform;
    assert!(must_run_on(&ours, "amd64").is_ok());
    let error = must_run_on(&ours, "arm64").unwrap_err().to_string();
    assert!(error.contains("linux/amd64") && error.contains("linux/arm64"), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn this_very_program_can_be_packed() {
    let image = pack(&std::env::current_exe().unwrap(), "0.1.0").unwrap();
    let files = unpacked(&image.octets);
    let layer = unpacked(&files[1].1);
    let names: Vec<&str> = layer.iter().map(|(path, _)| path.as_str()).collect();
    assert!(names.contains(&"gateproof"), "{names:?}");
    let program = layer.iter().find(|(path, _)| path == "gateproof").unwrap();
    let dynamic = !matches!(Executable::parse(&program.1).unwrap().linkage, Linkage::Static);
    assert_eq!(names.iter().any(|name| name.starts_with("lib/gateproof/libc")), dynamic);
}
