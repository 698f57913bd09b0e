//! Broken files of every kind: exit code 2, told where, never a panic and never left out.

use super::support::{PASSES, Place, scenario};

#[test]
fn broken_files_are_2_and_say_where() {
    let good = scenario("good", PASSES);
    let tab = good.replacen("  topology", "\t topology", 1);
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "this file is empty"),
        ("comments", b"# nothing\n".to_vec(), "this file is empty"),
        ("text", b"hello\n".to_vec(), "expected a mapping"),
        ("tab", tab.into_bytes(), ".yaml:6:"),
        ("two", format!("{good}---\n{good}").into_bytes(), "a second document"),
        ("latin", b"a: 1\nb: \xe9\n".to_vec(), "a wrong byte in line 2"),
        ("zero", b"a: \0\n".to_vec(), ".yaml:1:4"),
        ("number", good.replace("port: 8080", "port: .nan").into_bytes(), "`.nan`"),
        ("deep", format!("x: {}\n", "[".repeat(9000)).into_bytes(), "not valid YAML"),
    ];
    for (name, text, told) in cases {
        let place = Place::new();
        std::fs::write(place.path().join("broken.yaml"), text).expect("a file");
        let run = place.run(&["validate", "broken.yaml"]);
        assert_eq!(run.code, Some(2), "{name}: {run:?}");
        assert!(run.err.contains(told), "{name}: {}", run.err);
        let widest = run.err.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(82), "{name} is readable at a terminal's width: {}", run.err);
    }
}

#[test]
fn what_only_looks_broken_is_accepted() {
    let good = scenario("good", PASSES);
    let place = Place::new();
    for (name, text) in [
        ("windows.yaml", good.replace('\n', "\r\n").replace("good", "windows")),
        ("mark.yaml", format!("\u{feff}{}", good.replace("good", "mark"))),
        ("marks.yml", format!("---\n{}...\n", good.replace("good", "marks"))),
        ("long.yaml", format!("{}# {}\n", good.replace("good", "long"), "x".repeat(1 << 20))),
    ] {
        place.write(&format!("scenarios/{name}"), &text);
    }
    let run = place.run(&["validate", "scenarios"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.out.starts_with("4 scenarios"), "{}", run.out);
}

#[cfg(unix)]
#[test]
fn a_file_in_a_folder_that_cannot_be_read_is_told_and_not_left_out() {
    let place = Place::new();
    let path = place.write("scenarios/ok.yaml", &scenario("ok", PASSES));
    let folder = path.parent().expect("a folder");
    std::os::unix::fs::symlink("gone.yaml", folder.join("dangling.yaml")).expect("a link");
    std::fs::create_dir(folder.join("folder.yaml")).expect("a folder");
    let run = place.run(&["run", "scenarios"]);
    assert_eq!(run.code, Some(2), "{run:?}");
    for name in ["dangling.yaml", "folder.yaml"] {
        assert!(run.err.contains(name), "{name} is told: {}", run.err);
    }
    assert!(run.out.is_empty(), "nothing ran: {}", run.out);
}

#[test]
fn versions_newer_than_known_are_right_and_told() {
    let place = Place::new();
    let newer = scenario("newer", PASSES);
    let known = newer.lines().find(|line| line.contains("cilium:")).expect("a version");
    let stack = known.split("cilium:").next().expect("indentation");
    place.write("ok.yaml", &newer.replacen(known, &format!("{stack}cilium: \"1.22.0\""), 1));
    let run = place.run(&["validate", "ok.yaml"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.err.starts_with("warning: ok.yaml: Cilium 1.22.0 with"), "{}", run.err);
    place.write("ok.yaml", &newer);
    assert_eq!(place.run(&["validate", "ok.yaml"]).err, "", "what is known is not told");
}
