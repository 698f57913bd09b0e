//! What runs in the suite's containers: one static program under many names.

use std::io::{Read, Write};
use std::time::Duration;

fn main() {
    let mut args = std::env::args();
    let called = args.next().expect("a name");
    let mut name = called.rsplit('/').next().expect("a name").to_owned();
    if name == "program" {
        name = args.next().expect("what to do");
    }
    let args: Vec<String> = args.collect();
    let out = &mut std::io::stdout();
    match name.as_str() {
        "cat" => match args.first().map(std::fs::read) {
            None => drop(std::io::copy(&mut std::io::stdin(), out).expect("standard input")),
            Some(Ok(content)) => out.write_all(&content).expect("standard output"),
            Some(Err(error)) => fail(&format!("cat: {}: {error}", args[0]), 1),
        },
        "cp" => {
            let mut content = Vec::new();
            let mut from = std::fs::File::open(&args[0]).expect("a source");
            from.read_to_end(&mut content).expect("readable");
            if let Err(error) = std::fs::write(&args[1], content) {
                fail(&format!("cp: {}: {error}", args[1]), 1);
            }
        }
        "mkdir" => match std::fs::create_dir_all(&args[1]) {
            Ok(()) => {}
            Err(error) => fail(&format!("mkdir: {}: {error}", args[1]), 1),
        },
        // Writes to both streams and ends with a code.
        "both" => {
            println!("to standard output");
            eprintln!("to standard error");
            std::process::exit(args[0].parse().expect("a code"));
        }
        "count" => {
            let mut content = Vec::new();
            std::io::stdin().read_to_end(&mut content).expect("standard input");
            println!("{}", content.len());
        }
        "environment" => println!("{}", std::env::var(&args[0]).unwrap_or_default()),
        // Says something and does not end.
        "hang" => {
            println!("about to hang");
            wait();
        }
        // A node's first words on a terminal, with what terminals want; then it stays.
        "boot" => {
            print!("\u{1b}[1mdetected\u{1b}[0m something\r\n");
            print!("[\u{1b}[0;32m  OK  \u{1b}[0m] Reached target \u{1b}[0;1;39mMulti-User System\u{1b}[0m.\r\n");
            out.flush().expect("standard output");
            wait();
        }
        // Ends with a code, after a line without an end.
        "end" => {
            println!("one line");
            eprintln!("another line");
            print!("no line break");
            out.flush().expect("standard output");
            std::process::exit(args[0].parse().expect("a code"));
        }
        other => fail(&format!("no such program: {other}"), 2),
    }
}

fn wait() {
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

fn fail(words: &str, code: i32) {
    eprintln!("{words}");
    std::process::exit(code);
}
