//! The program that holds the applications of the fixtures, and its answers.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Builds the program and asks it: a line is `fixture METHOD /path`, and may go on with `json` or `form` and a body.
pub(crate) fn ask(questions: &[String]) -> Vec<Answer> {
    let oracle = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/rust");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rust-oracle");
    let built = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--locked", "--offline"])
        .current_dir(&oracle)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "the servers to compare with can't be built; run `cargo xtask setup`\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let mut child = Command::new(target.join("debug/oracle"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let lines: String = questions.iter().map(|it| format!("{it}\n")).collect();
    // Questions and answers may be more than a pipe holds.
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Answer> = text
        .lines()
        .map(|line| {
            let (status, body) = line.split_once(' ').unwrap();
            Answer { status: status.parse().unwrap(), body: body.to_owned() }
        })
        .collect();
    assert_eq!(answers.len(), questions.len(), "{}", String::from_utf8_lossy(&output.stderr));
    answers
}
