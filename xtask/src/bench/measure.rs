//! Running programs against each other.

use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// A program to measure, with a name for people.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) line: Vec<String>,
    pub(crate) env: Vec<(&'static str, String)>,
}

/// What its runs were like.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    /// The median, in seconds.
    pub(crate) seconds: f64,
    /// The most that any run held, in MiB.
    pub(crate) memory: f64,
}

/// Runs `programs` in turn, `runs` times, so that what disturbs the machine disturbs all of them.
pub(crate) fn interleaved(programs: &[Program], dir: &Path, runs: usize) -> Result<Vec<Figures>> {
    let mut times = vec![Vec::new(); programs.len()];
    let mut memory = vec![0.0_f64; programs.len()];
    for round in 0..=runs {
        for ((program, times), memory) in programs.iter().zip(&mut times).zip(&mut memory) {
            let ended = within(program, dir, PATIENCE)?;
            ended.well(program)?;
            // The first round fills the caches.
            if round > 0 {
                times.push(ended.time.as_secs_f64());
            }
            *memory = memory.max(ended.peak);
        }
    }
    Ok(times.into_iter().zip(memory).map(|(times, memory)| Figures { seconds: median(times), memory }).collect())
}

/// Longer than any of these programs may take.
const PATIENCE: Duration = Duration::from_secs(1_800);

/// How a program ended: after which time, with how many MiB at most.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) time: Duration,
    pub(crate) peak: f64,
    pub(crate) status: ExitStatus,
}

/// Runs a program once, and no longer than `patience`. Returns the time, and the most memory it held in MiB.
pub(crate) fn within(program: &Program, dir: &Path, patience: Duration) -> Result<Ended> {
    let (command, args) = program.line.split_first().context("a program without a name")?;
    let start = Instant::now();
    let mut child = Command::new(command)
        .args(args)
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("could not start {command}"))?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    let mut wait = Duration::from_micros(200);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if start.elapsed() > patience {
            child.kill()?;
            child.wait()?;
            anyhow::bail!("{} took longer than {patience:?}", program.name);
        }
        peak = peak.max(peak_of(&status));
        std::thread::sleep(wait);
        wait = (wait * 2).min(Duration::from_millis(2));
    };
    let time = start.elapsed();
    Ok(Ended { time, peak, status })
}

impl Ended {
    /// Refuses a program that crashed, or did not do its work.
    pub(crate) fn well(&self, program: &Program) -> Result<()> {
        // Findings end many of these programs with 1, or a number of their own; only a crash has no code.
        let well = self.status.code().is_some_and(|code| code != 2 && code < 101 || code >= 200);
        anyhow::ensure!(well, "{} failed ({})", program.name, self.status);
        Ok(())
    }
}

/// The high-water mark of a process in MiB; zero where the system does not tell.
fn peak_of(status: &str) -> f64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    line.and_then(|it| it.trim().trim_end_matches(" kB").trim().parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or_default()
}
