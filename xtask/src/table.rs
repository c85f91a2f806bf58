//! Durations and the summary that ends a run.

use std::time::Duration;

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It did what it should, in this time.
    Passed(Duration),
    /// It did not.
    Failed(Duration),
    /// It was left out on purpose, for this reason.
    Skipped(&'static str),
    /// An earlier step failed.
    NotRun,
}

/// One line per step: outcome, time, name.
pub(crate) fn render(rows: &[(String, Outcome)]) -> String {
    let mut text = String::new();
    for (name, outcome) in rows {
        let (word, time, note) = match outcome {
            Outcome::Passed(it) => ("ok", seconds(*it), ""),
            Outcome::Failed(it) => ("FAILED", seconds(*it), ""),
            Outcome::Skipped(reason) => ("skipped", String::new(), *reason),
            Outcome::NotRun => ("not run", String::new(), ""),
        };
        let row = format!("  {word:<8} {time:>8}  {name}");
        text.push_str(&row);
        if !note.is_empty() {
            text.push_str(&format!(": {note}"));
        }
        text.push('\n');
    }
    text
}

/// A duration for people: `0.4 s`, `2:05 min`.
pub(crate) fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole < 60 { format!("{:.1} s", time.as_secs_f64()) } else { format!("{}:{:02} min", whole / 60, whole % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_reads_as_one_line() {
        let rows = [
            ("format".to_owned(), Outcome::Passed(Duration::from_millis(420))),
            ("test".to_owned(), Outcome::Failed(Duration::from_secs(125))),
            ("advisories".to_owned(), Outcome::Skipped("needs the network")),
            ("docs".to_owned(), Outcome::NotRun),
        ];
        let expected = [
            "  ok          0.4 s  format\n",
            "  FAILED   2:05 min  test\n",
            "  skipped            advisories: needs the network\n",
            "  not run            docs\n",
        ];
        assert_eq!(render(&rows), expected.concat());
    }
}
