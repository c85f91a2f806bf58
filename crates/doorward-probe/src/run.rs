//! Running a plan: the sockets, the clock and the order of things.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use doorward::diagnostic::{Diagnostic, Severity};
use doorward::policy::Access;
use doorward_emulator::{Emulator, Fault, Signer, TokenClass};
use tokio::task::JoinSet;

use crate::http::{Answer, Base, HttpError, Request, send};
use crate::judge::{Context, Judgement, judge};
use crate::plan::{Expectation, GOOD, OPEN, Phase, Plan, STRANGER, Shot, is_write, method_of};
use crate::report::{CaseReport, Report, RouteReport, Summary, Verdict};
use crate::shell::curl;

/// How to run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Requests in flight.
    pub concurrency: usize,
    /// How long an answer may take.
    pub timeout: Duration,
    /// How long everything may take.
    pub deadline: Duration,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { concurrency: 8, timeout: Duration::from_secs(10), deadline: Duration::from_secs(600) }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Shots done.
    pub done: usize,
    /// Shots in all.
    pub total: usize,
    /// The route and case that were just done.
    pub label: &'a str,
}

/// After so many attacks, a good identity is sent again: a server that has locked up refuses everything.
const CHECK_EVERY: usize = 50;

/// Sends what was planned and judges what comes back.
///
/// Nothing here fails: what could not be sent is untested, and says why.
pub async fn run(
    plan: &Plan,
    emulator: &Emulator,
    base: &Base,
    options: &RunOptions,
    progress: impl FnMut(Progress<'_>),
) -> Report {
    for persona in plan.shots.iter().filter_map(|shot| shot.persona.as_ref()) {
        if emulator.persona(&persona.name).is_none() {
            emulator.signer().enroll(persona.clone());
        }
    }
    let mut run = Run {
        plan,
        signer: Arc::clone(emulator.signer()),
        base: Arc::new(base.clone()),
        options,
        until: Instant::now() + options.deadline,
        outcomes: vec![None; plan.shots.len()],
        again: vec![None; plan.routes.len()],
        nowhere: None,
        requests: 0,
        done: 0,
        stopped: None,
        progress,
    };
    run.nowhere = run.ask_for_nothing().await;
    run.baselines().await;
    run.attacks().await;
    for (at, fault) in run.alone() {
        emulator.set_fault(fault);
        run.fire(&[at]).await;
        emulator.set_fault(Fault::None);
    }
    run.check_again().await;
    run.report()
}

/// What is known of a shot.
#[derive(Debug, Clone)]
enum Outcome {
    /// It was sent.
    Sent(Result<Answer, HttpError>),
    /// It was not, and why.
    Unsent(String),
}

struct Run<'a, P> {
    plan: &'a Plan,
    signer: Arc<Signer>,
    base: Arc<Base>,
    options: &'a RunOptions,
    until: Instant,
    outcomes: Vec<Option<Outcome>>,
    /// What the good identity of each route got after the attacks on it.
    again: Vec<Option<Outcome>>,
    nowhere: Option<Answer>,
    requests: usize,
    done: usize,
    /// Why nothing more is sent.
    stopped: Option<String>,
    progress: P,
}

impl<P: FnMut(Progress<'_>)> Run<'_, P> {
    /// Some servers answer every path with the same page.
    async fn ask_for_nothing(&mut self) -> Option<Answer> {
        let request = Request {
            method: "GET".into(),
            target: "/doorward-nothing-is-here".into(),
            headers: vec!["Accept: application/json".into()],
            body: None,
        };
        self.requests += 1;
        send(&self.base, &request, self.options.timeout).await.ok()
    }

    /// Who is let in and who is not. What changes things waits until the route was attacked: a thing that the good
    /// identity has removed is missing for attackers too, and that would look like a refusal.
    async fn baselines(&mut self) {
        let first: Vec<usize> = self.places(|shot| shot.phase == Phase::Baseline && !self.is_late(shot));
        self.fire(&first).await;
    }

    /// Attacks route by route: those that change nothing, then those that do, and what removes things last.
    async fn attacks(&mut self) {
        let mut order: Vec<usize> = (0..self.plan.routes.len()).collect();
        order.sort_by_key(|route| {
            let Some(route) = self.plan.routes.get(*route) else { return (0, 0) };
            match method_of(&route.target) {
                // What is inside goes before what it is in.
                "DELETE" => (2, usize::MAX - route.target.route.path.segments().len()),
                method => (u8::from(is_write(method)), 0),
            }
        });
        for route in order {
            let attacks = self.places(|shot| shot.route == route && shot.phase == Phase::Attack && !self.is_late(shot));
            self.volley(route, &attacks).await;
            let late = self.places(|shot| shot.route == route && self.is_late(shot));
            let (good, rest): (Vec<usize>, Vec<usize>) =
                late.into_iter().partition(|at| self.plan.shots.get(*at).is_some_and(|shot| shot.case == GOOD));
            self.fire(&good).await;
            self.volley(route, &rest).await;
            if !good.is_empty() || self.again.get(route).is_some_and(Option::is_none) {
                self.good_again(route).await;
            }
        }
    }

    /// Sends attacks on one route, and sees after each part whether a good identity still comes in.
    async fn volley(&mut self, route: usize, attacks: &[usize]) {
        if let Some(reason) = self.gate(route) {
            for at in attacks {
                self.settle(*at, Outcome::Unsent(reason.clone()));
            }
            return;
        }
        for batch in attacks.chunks(CHECK_EVERY) {
            self.fire(batch).await;
            if !self.good_again(route).await {
                self.check_again().await;
            }
        }
    }

    /// Whether a shot may well be let in and change things, and so waits for the attacks: those of good identities, and
    /// those that even Clerk's own SDKs let pass.
    fn is_late(&self, shot: &Shot) -> bool {
        let writes = self.plan.routes.get(shot.route).is_some_and(|route| is_write(method_of(&route.target)));
        let lets_in = match shot.expect {
            Expectation::Reach | Expectation::NoReflection => true,
            Expectation::Status(status) => status < 400,
            _ => false,
        };
        writes
            && (lets_in || shot.severity < Severity::Error)
            && shot.start.is_some()
            && !matches!(shot.phase, Phase::Alone(_))
    }

    /// Sends the good identity of a route again, if it came in before. Returns whether it still does.
    async fn good_again(&mut self, route: usize) -> bool {
        let Some(at) = self.good_of(route) else { return false };
        let held = self.judgement(at).is_some_and(|judged| judged.verdict == Verdict::Proved);
        let Some(shot) = self.plan.shots.get(at).filter(|_| held && self.stopped.is_none()) else { return false };
        self.requests += 1;
        let (signer, base) = (Arc::clone(&self.signer), Arc::clone(&self.base));
        // The number makes a delivery another one.
        let serial = self.plan.shots.len() + self.requests;
        let outcome = match fire(signer, base, shot.clone(), self.options.timeout, serial).await {
            Ok(answer) => Outcome::Sent(answer),
            Err(why) => Outcome::Unsent(why),
        };
        // Once refused, it stays refused: a limit may be over by the next time.
        let kept = self.refused_after(route).is_some();
        if let Some(slot) = self.again.get_mut(route).filter(|slot| slot.is_none() || !kept) {
            *slot = Some(outcome);
        }
        self.refused_after(route).is_none()
    }

    /// The shot whose answers say what a good identity gets on this route.
    fn good_of(&self, route: usize) -> Option<usize> {
        let case = match self.plan.routes.get(route)?.target.access {
            Access::Public => return None,
            Access::Webhook => "good-delivery",
            _ => GOOD,
        };
        self.plan.shots.iter().position(|shot| shot.route == route && shot.case == case)
    }

    /// Why the refusals on this route may have been meant for everybody, good identities too.
    fn refused_after(&self, route: usize) -> Option<String> {
        let at = self.good_of(route)?;
        let before = match self.outcomes.get(at)? {
            Some(Outcome::Sent(Ok(answer))) if self.judgement(at)?.verdict == Verdict::Proved => answer,
            _ => return None,
        };
        let after = match self.again.get(route)? {
            Some(Outcome::Sent(after)) => after,
            Some(Outcome::Unsent(why)) => {
                return Some(format!("the good identity was not sent after the attacks: {why}"));
            }
            None => {
                let why = self.stopped.clone().unwrap_or_else(|| "nothing was sent".into());
                return Some(format!("the good identity was not sent after the attacks: {why}"));
            }
        };
        let planned = self.plan.routes.get(route)?;
        let shot = self.plan.shots.get(at)?;
        // What is gone after a write is gone because the write came in.
        let writes = is_write(method_of(&planned.target));
        let context = Context { hide: planned.target.hide && !writes, ..Context::default() };
        let judged = judge(shot, after, context);
        if judged.verdict != Verdict::Proved {
            return Some(format!("the good identity was refused after the attacks ({})", judged.got));
        }
        let after = after.as_ref().map_or(0, |answer| answer.status);
        let other = !writes && after / 100 != before.status / 100;
        other.then(|| format!("the good identity got {} before the attacks and {after} after them", before.status))
    }

    /// The shots to send one at a time, those of gated routes settled.
    fn alone(&mut self) -> Vec<(usize, Fault)> {
        let mut left = Vec::new();
        for at in self.places(|shot| matches!(shot.phase, Phase::Alone(_))) {
            let Some(shot) = self.plan.shots.get(at) else { continue };
            match (self.gate(shot.route), shot.phase) {
                (Some(reason), _) => self.settle(at, Outcome::Unsent(reason)),
                (None, Phase::Alone(fault)) => left.push((at, fault)),
                (None, _) => {}
            }
        }
        left
    }

    fn places(&self, wanted: impl Fn(&Shot) -> bool) -> Vec<usize> {
        self.plan.shots.iter().enumerate().filter(|(_, shot)| wanted(shot)).map(|(at, _)| at).collect()
    }

    /// Why attacks on this route would prove nothing.
    fn gate(&self, route: usize) -> Option<String> {
        let verdict = |case: &str| self.judged(route, case).map(|judged| judged.verdict);
        if let Some(reason) = self.unserved(route) {
            return Some(reason);
        }
        if verdict(STRANGER) == Some(Verdict::Failed) || verdict("delivery-unsigned") == Some(Verdict::Failed) {
            let mangled = self.judged(route, STRANGER).is_some_and(|judged| judged.mangled);
            if !mangled {
                return Some("strangers are let in, so there is nothing to forge".into());
            }
        }
        if verdict(GOOD) == Some(Verdict::Failed) || verdict("good-delivery") == Some(Verdict::Failed) {
            return Some("a good identity is refused as well, so refusals prove nothing".into());
        }
        None
    }

    /// Whether the server seems not to have this route at all.
    fn unserved(&self, route: usize) -> Option<String> {
        let status = |case: &str| self.sent(route, case).map(|answer| answer.status);
        let pairs = [(GOOD, STRANGER), ("good-delivery", "delivery-unsigned"), (OPEN, OPEN)];
        let alike = pairs.into_iter().find_map(|(good, bad)| {
            let status = status(good)
                .filter(|code| matches!(code, 404 | 405) && Some(*code) == self::status(self.sent(route, bad)))?;
            Some(status)
        })?;
        let hide = self.plan.routes.get(route).is_some_and(|route| route.target.hide);
        // An open route may well answer 404 to a made-up id, as may a hidden one.
        let has_params = self.plan.routes.get(route).is_some_and(|route| !route.target.route.params.is_empty());
        let open = self.plan.routes.get(route).is_some_and(|route| route.target.access.admits_strangers());
        if open && has_params && alike == 404 && !hide {
            return None;
        }
        Some(format!("the server answers {alike} with and without a good identity; does it serve this route?"))
    }

    fn sent(&self, route: usize, case: &str) -> Option<&Answer> {
        let at = self.plan.shots.iter().position(|shot| shot.route == route && shot.case == case)?;
        match self.outcomes.get(at)? {
            Some(Outcome::Sent(Ok(answer))) => Some(answer),
            _ => None,
        }
    }

    fn judged(&self, route: usize, case: &str) -> Option<Judgement> {
        let at = self.plan.shots.iter().position(|shot| shot.route == route && shot.case == case)?;
        self.judgement(at)
    }

    /// The judgement on a shot that was sent.
    fn judgement(&self, at: usize) -> Option<Judgement> {
        let shot = self.plan.shots.get(at)?;
        let Some(Outcome::Sent(answer)) = self.outcomes.get(at)? else { return None };
        let route = self.plan.routes.get(shot.route)?;
        let good = if route.target.access == Access::Webhook { "good-delivery" } else { GOOD };
        let optional = route.target.access == Access::Optional;
        // Where the good identity waited for the attacks, its own answer is the one that came after them.
        let waited = is_write(method_of(&route.target)) && !self.is_late(shot);
        let again = match self.again.get(shot.route) {
            Some(Some(Outcome::Sent(Ok(answer)))) if !(waited && route.target.hide) => Some(answer),
            _ => None,
        };
        let context = Context {
            hide: route.target.hide,
            optional,
            method: method_of(&route.target),
            good: self.sent(shot.route, good),
            good_again: again,
            stranger: self.sent(shot.route, if optional { OPEN } else { STRANGER }),
            nowhere: self.nowhere.as_ref(),
        };
        Some(judge(shot, answer, context))
    }

    /// Sends a good identity again, wherever one was let in before.
    async fn check_again(&mut self) {
        if self.stopped.is_some() {
            return;
        }
        let mut proved = self.places(|shot| shot.case == GOOD && shot.skip.is_none()).into_iter();
        let Some(at) = proved.find(|at| self.judgement(*at).is_some_and(|judged| judged.verdict == Verdict::Proved))
        else {
            return;
        };
        let Some(shot) = self.plan.shots.get(at) else { return };
        self.requests += 1;
        let answer =
            fire(Arc::clone(&self.signer), Arc::clone(&self.base), shot.clone(), self.options.timeout, 0).await;
        let hide = self.plan.routes.get(shot.route).is_some_and(|route| route.target.hide);
        let judged = answer.map(|answer| judge(shot, &answer, Context { hide, ..Context::default() }));
        match judged {
            Ok(judged) if judged.verdict == Verdict::Proved => {}
            Ok(judged) => self.stopped = Some(format!("a good identity is no longer let in ({})", judged.got)),
            Err(why) => self.stopped = Some(why),
        }
    }

    /// Sends shots side by side.
    async fn fire(&mut self, places: &[usize]) {
        let mut waiting = places.iter().copied();
        let mut flying: JoinSet<(usize, Fired)> = JoinSet::new();
        loop {
            while flying.len() < self.options.concurrency.max(1) {
                let Some(at) = waiting.next() else { break };
                let Some(shot) = self.plan.shots.get(at) else { continue };
                if Instant::now() >= self.until && self.stopped.is_none() {
                    self.stopped = Some("the time for the whole run was over".into());
                }
                if let Some(reason) = shot.skip.clone().or_else(|| self.stopped.clone()) {
                    self.settle(at, Outcome::Unsent(reason));
                    continue;
                }
                self.requests += 1;
                let (signer, base) = (Arc::clone(&self.signer), Arc::clone(&self.base));
                let (shot, timeout) = (shot.clone(), self.options.timeout);
                flying.spawn(async move { (at, fire(signer, base, shot, timeout, at).await) });
            }
            match flying.join_next().await {
                None => return,
                Some(Ok((at, Ok(answer)))) => self.settle(at, Outcome::Sent(answer)),
                Some(Ok((at, Err(why)))) => self.settle(at, Outcome::Unsent(why)),
                // A panic in a task: its shot stays without an outcome and is reported as untested.
                Some(Err(_)) => {}
            }
        }
    }

    fn settle(&mut self, at: usize, outcome: Outcome) {
        if let Some(slot) = self.outcomes.get_mut(at) {
            *slot = Some(outcome);
        }
        self.done += 1;
        let Some(shot) = self.plan.shots.get(at) else { return };
        let label = match self.plan.routes.get(shot.route) {
            Some(route) => format!("{} {}", route.target.route.id, shot.case),
            None => shot.case.clone(),
        };
        (self.progress)(Progress { done: self.done, total: self.plan.shots.len(), label: &label });
    }

    fn report(&self) -> Report {
        let mut findings = self.plan.findings.clone();
        let mut quality: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        let mut routes = Vec::new();
        for (place, planned) in self.plan.routes.iter().enumerate() {
            let target = &planned.target;
            let unserved = self.unserved(place);
            let refused = self.refused_after(place);
            let mut cases = Vec::new();
            let mut failures: BTreeMap<&'static str, Vec<&Shot>> = BTreeMap::new();
            for (at, shot) in self.plan.shots.iter().enumerate().filter(|(_, shot)| shot.route == place) {
                let judged = self.judgement(at);
                let case = self.case_report(shot, self.outcomes.get(at), judged.as_ref(), unserved.as_deref());
                if let Some(judged) = judged {
                    for note in &judged.quality {
                        quality.entry(note).or_default().push(target.route.id.to_string());
                    }
                    if case.verdict == Verdict::Failed && judged.severity > Severity::Info {
                        failures.entry(code(shot, &judged)).or_default().push(shot);
                    }
                }
                cases.push(case);
            }
            let (verdict, reason) =
                verdict(planned.untested.as_deref().or(unserved.as_deref()).or(refused.as_deref()), &cases);
            findings.extend(failures.into_iter().map(|(code, shots)| finding(code, &shots, &cases, planned)));
            if verdict == Verdict::Untested {
                let message = format!("`{}` is untested: {reason}", target.route.id);
                findings.push(Diagnostic::new("DW5011", message).at(target.route.location()));
            }
            routes.push(RouteReport {
                id: target.route.id.clone(),
                verdict,
                reason,
                file: target.route.file.clone(),
                line: target.route.line,
                access: target.access.to_string(),
                cases,
            });
        }
        for (note, on) in quality {
            let more = if on.len() > 1 { format!(" and {} more", on.len() - 1) } else { String::new() };
            let first = on.first().cloned().unwrap_or_default();
            findings.push(Diagnostic::new("DW5007", format!("{note} on `{first}`{more}")).seen(on.join(", ")));
        }
        if let Some(reason) = &self.stopped {
            findings.push(Diagnostic::new("DW5014", format!("the run stopped early: {reason}")));
        }
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        let count = |verdict| routes.iter().filter(|route| route.verdict == verdict).count();
        let summary = Summary {
            proved: count(Verdict::Proved),
            failed: count(Verdict::Failed),
            untested: count(Verdict::Untested),
            cases: routes.iter().map(|route| route.cases.len()).sum(),
            requests: self.requests,
        };
        Report { routes, summary, findings }
    }

    fn case_report(
        &self,
        shot: &Shot,
        outcome: Option<&Option<Outcome>>,
        judged: Option<&Judgement>,
        unserved: Option<&str>,
    ) -> CaseReport {
        let mut report = CaseReport {
            id: shot.case.clone(),
            title: shot.title.clone(),
            persona: shot.persona.as_ref().map(|persona| persona.name.clone()),
            verdict: Verdict::Untested,
            severity: shot.severity,
            expected: String::new(),
            got: "not sent".into(),
            curl: curl(&self.base, shot),
            explain: shot.explain.clone(),
            fix: shot.fix.clone(),
        };
        match (judged, outcome) {
            (Some(judged), _) => {
                report.verdict = judged.verdict;
                report.severity = judged.severity;
                report.expected = judged.expected.clone();
                report.got = judged.got.clone();
            }
            (None, Some(Some(Outcome::Unsent(reason)))) => report.got = format!("not sent: {reason}"),
            (None, _) => {}
        }
        // Whether a route that is not there is open or closed is nobody's guess.
        if unserved.is_some() {
            report.verdict = Verdict::Untested;
        }
        report
    }
}

fn status(answer: Option<&Answer>) -> Option<u16> {
    answer.map(|answer| answer.status)
}

/// What the cases of a route come to.
fn verdict(untested: Option<&str>, cases: &[CaseReport]) -> (Verdict, String) {
    let serious = |case: &&CaseReport| case.severity >= Severity::Error;
    let failed: Vec<&CaseReport> =
        cases.iter().filter(serious).filter(|case| case.verdict == Verdict::Failed).collect();
    if let Some(first) = failed.iter().rev().max_by_key(|case| case.severity) {
        let more = if failed.len() > 1 { format!(", and {} more", failed.len() - 1) } else { String::new() };
        return (Verdict::Failed, format!("{}: expected {}, got {}{more}", first.id, first.expected, first.got));
    }
    if let Some(reason) = untested {
        return (Verdict::Untested, reason.to_owned());
    }
    if let Some(case) = cases.iter().filter(serious).find(|case| case.verdict == Verdict::Untested) {
        return (Verdict::Untested, format!("{}: {}", case.id, case.got));
    }
    if !cases.iter().any(|case| case.verdict == Verdict::Proved) {
        return (Verdict::Untested, "nothing was sent".into());
    }
    let held = cases.iter().filter(|case| case.verdict == Verdict::Proved).count();
    let weak = cases.iter().filter(|case| case.verdict == Verdict::Failed).count();
    let but = if weak > 0 { format!("; {weak} could be stricter") } else { String::new() };
    let cases = if held == 1 { "case" } else { "cases" };
    (Verdict::Proved, format!("{held} {cases} held{but}"))
}

/// The kind of finding a failed shot is.
fn code(shot: &Shot, judged: &Judgement) -> &'static str {
    match shot.expect {
        _ if judged.severity <= Severity::Warning && shot.expect != Expectation::Forbid => "DW5008",
        _ if judged.mangled => "DW5006",
        Expectation::Refuse | Expectation::Closed if shot.start.is_none() => "DW5001",
        Expectation::Refuse | Expectation::Closed => "DW5002",
        Expectation::Forbid => "DW5003",
        Expectation::DeliveryRefused => "DW5004",
        Expectation::Reach if shot.start.is_none() => "DW5010",
        Expectation::Reach | Expectation::DeliveryAccepted => "DW5005",
        Expectation::NoReflection | Expectation::Preflight => "DW5009",
        Expectation::Status(_) => "DW5012",
        Expectation::Unavailable => "DW5013",
    }
}

/// One finding for all failures of a kind on a route: the worst is named, the rest are counted.
fn finding(code: &str, shots: &[&Shot], cases: &[CaseReport], planned: &crate::plan::PlannedRoute) -> Diagnostic {
    let of = |shot: &&Shot| {
        let persona = shot.persona.as_ref().map(|persona| persona.name.as_str());
        cases
            .iter()
            .find(|case| case.id == shot.case && case.persona.as_deref() == persona && case.verdict == Verdict::Failed)
    };
    let failed: Vec<&CaseReport> = shots.iter().filter_map(of).collect();
    let route = &planned.target.route;
    let Some(worst) = failed.iter().rev().max_by_key(|case| case.severity) else {
        return Diagnostic::new(code, format!("`{}` failed", route.id)).at(route.location());
    };
    let more = if failed.len() > 1 { format!(" (and {} more like it)", failed.len() - 1) } else { String::new() };
    let persona = worst.persona.as_ref().map_or_else(String::new, |name| format!(" as `{name}`"));
    let message =
        format!("`{}` failed {}{persona}: expected {}, got {}{more}", route.id, worst.id, worst.expected, worst.got);
    let mut finding = Diagnostic::new(code, message)
        .at(route.location())
        .seen(worst.curl.clone())
        .help(format!("{} {}", worst.explain, worst.fix));
    finding.severity = worst.severity;
    finding
}

/// What came back, or `Err` with why there was nothing to send.
type Fired = Result<Result<Answer, HttpError>, String>;

/// Makes the tokens and signatures of a shot, and sends it.
async fn fire(signer: Arc<Signer>, base: Arc<Base>, shot: Shot, within: Duration, serial: usize) -> Fired {
    let request = request(&signer, &shot, unix_now(), serial)?;
    let answer = send(&base, &request, within).await;
    if matches!(answer, Err(HttpError::Connect(_))) {
        // A server under load may turn a connection away for a moment.
        tokio::time::sleep(Duration::from_millis(100)).await;
        return Ok(send(&base, &request, within).await);
    }
    Ok(answer)
}

fn request(signer: &Signer, shot: &Shot, now: i64, serial: usize) -> Result<Request, String> {
    let mut values: Vec<(&str, String)> = Vec::new();
    let uses = |name: &str| shot.target.contains(name) || shot.headers.iter().any(|line| line.contains(name));
    if let (Some(persona), Some(class)) = (&shot.persona, shot.start) {
        if uses("{token}") {
            let token = signer.forge(persona, class, &shot.forge, now).map_err(|error| error.to_string())?;
            values.push(("{token}", token));
        }
        if uses("{good}") {
            let token = signer.mint(persona, TokenClass::Session, now).map_err(|error| error.to_string())?;
            values.push(("{good}", token));
        }
    }
    let mut body = shot.body.clone().map(String::into_bytes);
    if let Some(delivery) = &shot.delivery {
        let secret = if delivery.foreign_secret { signer.foreign_webhook() } else { signer.webhook() };
        let id = format!("msg_{now}{serial}");
        let signed = secret.sign(body.as_deref().unwrap_or_default(), &id, now.saturating_sub(delivery.age));
        values.push(("{svix-id}", if delivery.altered_id { format!("{id}x") } else { id }));
        values.push(("{svix-timestamp}", signed.timestamp.to_string()));
        values.push(("{svix-signature}", signed.signature));
        if delivery.altered_body {
            let text = shot.body.clone().unwrap_or_default();
            let altered = text.replace("doorward", "mallory");
            body = Some(if altered == text { format!("{text} ") } else { altered }.into_bytes());
        }
    }
    let fill = |text: &str| values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
    let headers: Vec<String> = shot.headers.iter().map(|line| fill(line)).collect();
    let target = fill(&shot.target);
    if [&target].into_iter().chain(&headers).any(|text| text.contains("{token}") || text.contains("{svix-")) {
        return Err("the case asks for a token and starts from none".into());
    }
    Ok(Request { method: shot.method.clone(), target, headers, body })
}

fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
