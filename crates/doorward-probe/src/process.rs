//! The server under test: started with the emulator's environment, watched, and stopped with everything it started.

use std::collections::VecDeque;
use std::fmt;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};

use crate::http::{Base, HttpError, Request, send};

/// How to start a server.
#[derive(Debug, Clone)]
pub struct TargetConfig {
    /// The program and its arguments; [`split_command`](crate::split_command) makes them from a line.
    pub command: Vec<String>,
    /// Where it runs.
    pub directory: PathBuf,
    /// What it is told. Variables of Clerk's that this process has are not passed on.
    pub environment: Vec<(String, String)>,
    /// The port it will listen on, told as `PORT`. `None`: any free one.
    pub port: Option<u16>,
    /// A path that is answered once it is up.
    pub health: String,
    /// How long that may take.
    pub within: Duration,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Something else listens there, and would be tested in its place.
    #[error("port {0} is in use")]
    PortBusy(u16),
    /// The program can't be run.
    #[error("can't run `{program}`: {error}")]
    Spawn {
        /// The program.
        program: String,
        /// Why.
        error: std::io::Error,
    },
    /// It ended before it answered.
    #[error("the server ended ({status}) before it answered{}", tail(.output))]
    Died {
        /// How.
        status: ExitStatus,
        /// The last lines it wrote.
        output: Vec<String>,
    },
    /// It runs and does not answer.
    #[error("the server did not answer on `{health}` within {within:?}{}", tail(.output))]
    Silent {
        /// The path that was asked for.
        health: String,
        /// How long.
        within: Duration,
        /// The last lines it wrote.
        output: Vec<String>,
    },
    /// It answers something that is not HTTP.
    #[error("what listens on port {port} does not speak HTTP{}", tail(.output))]
    Garbage {
        /// The port.
        port: u16,
        /// The last lines it wrote.
        output: Vec<String>,
    },
}

fn tail(output: &[String]) -> String {
    if output.is_empty() { String::new() } else { format!("; its last words:\n{}", output.join("\n")) }
}

/// The last lines are kept, no more.
const LINES: usize = 40;
const LINE_LENGTH: usize = 400;

/// A server that finds its port taken ends within this time of starting to answer, or not at all.
const SETTLING: Duration = Duration::from_millis(200);

type Lines = Arc<Mutex<VecDeque<String>>>;

/// A running server. It and everything it started are killed when this is dropped.
pub struct TargetProcess {
    child: Child,
    /// Its process group, which outlives it where it has started something that stays behind.
    group: Option<u32>,
    base: Base,
    lines: Lines,
}

impl TargetProcess {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// [`TargetError`].
    pub async fn start(config: TargetConfig) -> Result<Self, TargetError> {
        // Listening for a moment tells whether the port is free.
        let busy = TargetError::PortBusy(config.port.unwrap_or_default());
        let Ok(listener) = TcpListener::bind(("127.0.0.1", config.port.unwrap_or(0))) else { return Err(busy) };
        let Ok(address) = listener.local_addr() else { return Err(busy) };
        drop(listener);

        let program = config.command.first().cloned().unwrap_or_default();
        let mut command = Command::new(&program);
        command.args(config.command.iter().skip(1)).current_dir(&config.directory).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // The keys of a real instance have no business in a test.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().contains("CLERK_") {
                command.env_remove(name);
            }
        }
        command.envs(config.environment.iter().cloned()).env("PORT", address.port().to_string());
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| TargetError::Spawn { program, error })?;

        let lines = Lines::default();
        let secrets = Arc::new(secrets(&config.environment));
        if let Some(stdout) = child.stdout.take() {
            keep(stdout, Arc::clone(&lines), Arc::clone(&secrets));
        }
        if let Some(stderr) = child.stderr.take() {
            keep(stderr, Arc::clone(&lines), secrets);
        }
        let mut target = Self { group: child.id(), child, base: Base::local(address.port()), lines };
        target.wait(&config.health, config.within, address.port()).await?;
        Ok(target)
    }

    async fn wait(&mut self, health: &str, within: Duration, port: u16) -> Result<(), TargetError> {
        let request = Request {
            method: "GET".into(),
            target: if health.starts_with('/') { health.to_owned() } else { format!("/{health}") },
            headers: vec!["Accept: application/json".into()],
            body: None,
        };
        let until = Instant::now() + within;
        loop {
            let answer = send(&self.base, &request, Duration::from_secs(5)).await;
            // Where the server has ended, whatever answers is another one that took the port.
            if answer.is_ok() {
                tokio::time::sleep(SETTLING).await;
            }
            if let Ok(Some(status)) = self.child.try_wait() {
                // What it wrote last may still be in the pipe.
                tokio::time::sleep(Duration::from_millis(100)).await;
                return Err(TargetError::Died { status, output: self.output() });
            }
            if answer.is_ok() {
                return Ok(());
            }
            if Instant::now() >= until {
                let output = self.output();
                return Err(match answer {
                    Err(HttpError::Garbage) => TargetError::Garbage { port, output },
                    _ => TargetError::Silent { health: request.target, within, output },
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// The last lines it wrote, without keys and tokens.
    #[must_use]
    pub fn output(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end, and kills it if it has not after two seconds.
    pub async fn stop(mut self) {
        self.signal(Last::Request);
        // An error means that there is nothing left to wait for.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.child.wait()).await;
    }

    #[cfg(unix)]
    fn signal(&self, last: Last) {
        use rustix::process::{Pid, Signal, kill_process_group};
        let group = self.group.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            let signal = if matches!(last, Last::Request) { Signal::TERM } else { Signal::KILL };
            // It may have ended by itself.
            let _ = kill_process_group(group, signal);
        }
    }

    #[cfg(not(unix))]
    fn signal(&mut self, _: Last) {
        // It may have ended by itself.
        let _ = self.child.start_kill();
    }
}

/// How a process is told to end.
#[derive(Clone, Copy)]
enum Last {
    Request,
    Order,
}

impl Drop for TargetProcess {
    fn drop(&mut self) {
        self.signal(Last::Order);
    }
}

impl fmt::Debug for TargetProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetProcess").field("base", &self.base).finish_non_exhaustive()
    }
}

/// Reads lines until the end, and keeps the last ones.
fn keep(from: impl AsyncRead + Unpin + Send + 'static, lines: Lines, secrets: Arc<Vec<String>>) {
    tokio::spawn(async move {
        let mut reader = BufReader::new(from);
        let mut bytes = Vec::new();
        while let Ok(1..) = reader.read_until(b'\n', &mut bytes).await {
            let text = String::from_utf8_lossy(&bytes);
            let line: String = redact(text.trim_end(), &secrets).chars().take(LINE_LENGTH).collect();
            let line: String = line.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect();
            let mut kept = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() == LINES {
                kept.pop_front();
            }
            kept.push_back(line);
            bytes.clear();
        }
    });
}

/// The values that must not be repeated: every line of every variable that holds a key.
fn secrets(environment: &[(String, String)]) -> Vec<String> {
    let secret = |name: &str| ["KEY", "SECRET", "TOKEN"].iter().any(|part| name.contains(part));
    let values = environment.iter().filter(|(name, _)| secret(name) && !name.contains("PUBLISHABLE"));
    let lines = values.flat_map(|(_, value)| value.lines()).map(str::to_owned);
    lines.filter(|line| line.len() >= 12).collect()
}

/// Takes out the values given, and whatever else looks like a key or a token.
fn redact(line: &str, secrets: &[String]) -> String {
    let mut clean = line.to_owned();
    for secret in secrets {
        clean = clean.replace(secret.as_str(), "[redacted]");
    }
    for prefix in ["sk_test_", "sk_live_", "whsec_", "eyJ"] {
        let mut done = String::new();
        let mut rest = clean.as_str();
        while let Some((before, after)) = rest.split_once(prefix) {
            done.push_str(before);
            done.push_str("[redacted]");
            rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_.+/=".contains(c));
        }
        done.push_str(rest);
        clean = done;
    }
    clean
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    fn config(script: &str) -> TargetConfig {
        TargetConfig {
            command: vec!["sh".into(), "-c".into(), script.into()],
            directory: std::env::temp_dir(),
            environment: vec![("CLERK_SECRET_KEY".into(), "a-value-nobody-may-see".into())],
            port: None,
            health: "/health".into(),
            within: Duration::from_millis(700),
        }
    }

    /// Not a test: what the tests below start. It answers on `PORT` until it is killed.
    #[test]
    #[ignore = "a server for other tests"]
    fn serve() {
        let port: u16 = std::env::var("PORT").unwrap().parse().unwrap();
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let answer = std::env::var("ANSWER").unwrap();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer.as_bytes());
        }
    }

    /// Started by a shell, as `npm start` would.
    #[expect(clippy::unwrap_used, reason = "a test that can't find itself can't run")]
    fn serving(answer: &str) -> TargetConfig {
        let this = std::env::current_exe().unwrap();
        TargetConfig {
            environment: vec![("ANSWER".into(), answer.into()), ("THIS".into(), this.to_string_lossy().into_owned())],
            within: Duration::from_secs(5),
            ..config("\"$THIS\" --ignored --exact process::tests::serve & wait")
        }
    }

    const TEAPOT: &str = "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n";

    #[tokio::test]
    async fn one_that_answers_is_up_and_all_of_it_ends_with_us() {
        let mut target = TargetProcess::start(serving(TEAPOT)).await.unwrap();
        let address = target.base().authority();
        assert_eq!(target.ended(), None);
        assert!(std::net::TcpStream::connect(&address).is_ok());
        drop(target);
        // The shell's child is gone as well, and not only the shell.
        is_gone(&address).await;
    }

    #[tokio::test]
    async fn one_that_is_asked_to_end_ends() {
        let target = TargetProcess::start(serving(TEAPOT)).await.unwrap();
        let address = target.base().authority();
        target.stop().await;
        is_gone(&address).await;
    }

    #[tokio::test]
    async fn another_server_on_the_port_is_not_taken_for_the_one_that_ended() {
        // What is started ends at once, and what it leaves behind answers in its place.
        let mut config = serving(TEAPOT);
        config.command = ["sh", "-c", "\"$THIS\" --ignored --exact process::tests::serve & sleep 0.1; exit 3"]
            .map(str::to_owned)
            .into();
        let started = TargetProcess::start(config).await;
        assert!(matches!(started, Err(TargetError::Died { .. })), "{started:?}");
    }

    async fn is_gone(address: &str) {
        for _ in 0..100 {
            if std::net::TcpStream::connect(address).is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(std::net::TcpStream::connect(address).is_err(), "something still listens on {address}");
    }

    #[tokio::test]
    async fn one_that_speaks_something_else_is_told_apart() {
        let config = TargetConfig { within: Duration::from_millis(1500), ..serving("SSH-2.0-nonsense\r\n") };
        let error = TargetProcess::start(config).await.unwrap_err();
        assert!(matches!(error, TargetError::Garbage { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_program_that_does_not_exist_is_told_apart() {
        let config = TargetConfig { command: vec!["doorward-no-such-program".into()], ..config("") };
        assert!(matches!(TargetProcess::start(config).await, Err(TargetError::Spawn { .. })));
    }

    #[tokio::test]
    async fn one_that_ends_leaves_its_last_words_without_secrets() {
        let error = TargetProcess::start(config("echo \"key $CLERK_SECRET_KEY\"; exit 3")).await.unwrap_err();
        let TargetError::Died { output, .. } = &error else { panic!("{error:?}") };
        assert_eq!(output, &["key [redacted]"]);
        assert!(error.to_string().contains("its last words"), "{error}");
    }

    #[tokio::test]
    async fn one_that_says_nothing_is_silent() {
        let error = TargetProcess::start(config("sleep 30")).await.unwrap_err();
        assert!(matches!(error, TargetError::Silent { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_port_in_use_is_refused() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = TargetProcess::start(TargetConfig { port: Some(port), ..config("sleep 30") }).await.unwrap_err();
        assert!(matches!(error, TargetError::PortBusy(busy) if busy == port), "{error:?}");
    }

    #[test]
    fn keys_and_tokens_are_taken_out_of_lines() {
        let check = |line: &str, expected: &str| assert_eq!(redact(line, &["abcdefghijkl".into()]), expected);
        check("plain words", "plain words");
        check("got abcdefghijkl here", "got [redacted] here");
        check(concat!("a sk_", "test_1234 b"), "a [redacted] b");
        check(concat!("Bearer ey", "Jx.y.z, next"), "Bearer [redacted], next");
    }
}
