//! Proof that doors are locked: attack cases, the requests they make, and the judge of the answers.
//!
//! ```text
//! cases (data) ─┐
//! policy ───────┼─ plan ──▶ Plan ── run ──▶ Report: proved / failed / untested, per route, with evidence
//! routes ───────┘                    ▲
//!                                emulator signs
//! ```
//!
//! Each route is first asked with a good token, which must be let in, and without one, which must be refused. Only
//! then do attacks mean anything: a server that refuses everybody passes every attack. What could not be shown is
//! `untested`, and untested is not proved.
//!
//! [`plan`] and the judge are functions of their arguments. [`run`] has the sockets, and [`TargetProcess`] the
//! process that listens at the other end.

mod case;
mod http;
mod judge;
mod plan;
mod process;
mod report;
mod run;
mod shell;
mod target;

pub use case::{Case, CaseError, CaseFault, Delivery, Expect, Need, PathShape, Shape, Who, cases, load};
pub use http::{Base, BaseError};
pub use plan::{Expectation, Phase, Plan, PlanOptions, PlannedRoute, Shot, plan};
pub use process::{TargetConfig, TargetError, TargetProcess};
pub use report::{CaseReport, Report, RouteReport, Summary, Verdict};
pub use run::{Progress, RunOptions, run};
pub use shell::split_command;
pub use target::Target;
