//! Judging: whether an answer is what was expected. Nothing here sends anything.

use doorward::diagnostic::Severity;

use crate::http::{Answer, HttpError};
use crate::plan::{Expectation, Shot};
use crate::report::Verdict;

/// What the judge knows besides the answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context<'a> {
    /// Whether the route hides from those who may not see it.
    pub(crate) hide: bool,
    /// Whether strangers may call the route as well, and are told apart from those who sign in.
    pub(crate) optional: bool,
    /// The route's own method.
    pub(crate) method: &'a str,
    /// What a good identity got on this route, if one was sent.
    pub(crate) good: Option<&'a Answer>,
    /// What a good identity got once the shot had been sent. A thing that is gone by then is gone for everybody.
    pub(crate) good_again: Option<&'a Answer>,
    /// What a stranger got on this route, if one was sent.
    pub(crate) stranger: Option<&'a Answer>,
    /// What a path got that nobody serves.
    pub(crate) nowhere: Option<&'a Answer>,
}

/// What came of one shot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) severity: Severity,
    pub(crate) expected: String,
    pub(crate) got: String,
    /// The door is closed, and something about how it closed could be better.
    pub(crate) quality: Vec<&'static str>,
    /// The refusal came, but not as one: a redirect or a crash.
    pub(crate) mangled: bool,
}

/// Judges one answer.
pub(crate) fn judge(shot: &Shot, answer: &Result<Answer, HttpError>, context: Context<'_>) -> Judgement {
    let (verdict, severity, why) = match answer {
        Ok(answer) => weigh(shot, answer, context),
        Err(error) => no_answer(shot, error),
    };
    let got = match (answer, why) {
        (Ok(answer), "") => describe(answer),
        (Ok(answer), why) => format!("{} ({why})", describe(answer)),
        (Err(error), "") => error.to_string(),
        (Err(error), why) => format!("{error} ({why})"),
    };
    let status = answer.as_ref().map_or(0, |answer| answer.status);
    let refusing = matches!(shot.expect, Expectation::Refuse | Expectation::Forbid);
    Judgement {
        verdict,
        severity,
        expected: match shot.expect {
            Expectation::Refuse if context.optional => "401, or what a stranger gets".into(),
            expect => expected(expect, context.hide),
        },
        got,
        quality: answer.as_ref().map_or_else(|_| Vec::new(), |answer| quality(shot, answer, verdict)),
        mangled: refusing && verdict == Verdict::Failed && matches!(status, 0 | 300..=399 | 500..=599),
    }
}

/// What should come back, in words.
fn expected(expect: Expectation, hide: bool) -> String {
    match expect {
        Expectation::Reach if hide => "the handler's answer, and not 401, 403, 404 or 5xx".into(),
        Expectation::Reach => "the handler's answer, and not 401, 403 or 5xx".into(),
        Expectation::Refuse => "401".into(),
        Expectation::Forbid if hide => "404".into(),
        Expectation::Forbid => "403".into(),
        Expectation::Closed => "no success".into(),
        Expectation::Status(status) => status.to_string(),
        Expectation::NoReflection => "no `Access-Control-Allow-Origin` for this origin".into(),
        Expectation::Preflight => "2xx with `Access-Control-Allow-Origin` for this origin".into(),
        Expectation::DeliveryAccepted => "2xx".into(),
        Expectation::DeliveryRefused => "400, 401 or 403".into(),
        Expectation::Unavailable => "503 or 401".into(),
    }
}

fn describe(answer: &Answer) -> String {
    match answer.header("location") {
        Some(location) if (300..400).contains(&answer.status) => {
            // Addresses of sign-in pages carry the original address, and sometimes a token in it.
            let bare: String = location.split(['?', '#']).next().unwrap_or_default().chars().take(120).collect();
            format!("{} to {}", answer.status, bare.escape_debug())
        }
        _ => answer.status.to_string(),
    }
}

type Weighed = (Verdict, Severity, &'static str);

fn weigh(shot: &Shot, answer: &Answer, context: Context<'_>) -> Weighed {
    let worst = shot.severity;
    let proved = (Verdict::Proved, worst, "");
    let failed = |why| (Verdict::Failed, worst, why);
    // Not an open door, so never worse than an error.
    let mangled = |why| (Verdict::Failed, worst.min(Severity::Error), why);
    let untested = |why| (Verdict::Untested, worst, why);
    if context.optional && shot.expect == Expectation::Refuse {
        return weigh_optional(shot, answer, context);
    }
    // That strangers are sent away in the wrong manner is said once, of the stranger.
    let same_as_stranger = shot.case != crate::plan::STRANGER
        && context.stranger.is_some_and(|stranger| stranger.status == answer.status)
        && context.good.is_none_or(|good| good.status != answer.status);
    let same_as_good = context.good.is_some_and(|good| good.status == answer.status);
    let same_later = context.good_again.is_some_and(|good| good.status == answer.status);
    // The handler itself may say this, and to whom it did is not to be seen.
    let ambiguous = || {
        untested(match answer.status {
            404 if same_as_good || same_later => {
                "the good identity gets the same answer (404): give a value with --param"
            }
            404 => "404 may be the handler's answer; refuse with 401 or 403, or let the rule hide the route",
            _ if same_later => "the good identity gets the same answer",
            _ => "this may be the handler's answer; refuse with 401 or 403",
        })
    };
    match (shot.expect, answer.status) {
        (Expectation::Status(status), got) if status == got => proved,
        // A limiter refuses good and bad alike.
        (_, 429) => untested("the server limits requests; raise the limit for the test"),

        (Expectation::Reach, 401 | 403) => failed("someone who may come in was refused"),
        // What the good identity removed is gone for everybody, itself included.
        (Expectation::Reach, 404) if context.hide && same_later && context.good.is_some_and(Answer::is_success) => {
            proved
        }
        (Expectation::Reach, 404) if context.hide => {
            untested("nobody can tell a hidden resource from one that is not there; give a sample for its parameters")
        }
        (Expectation::Reach, 500..) => failed("the server failed before it could answer"),
        (Expectation::Reach, 300..=399) if leads_to_sign_in(answer) => failed("someone who may come in was sent away"),
        (Expectation::Reach, _) => proved,

        (Expectation::Refuse, 401) => proved,
        (Expectation::Refuse, 101 | 200..=299) => failed("it was let in"),
        (Expectation::Refuse | Expectation::Forbid, 300..=399 | 500..) if same_as_stranger => proved,
        (Expectation::Refuse, 300..=399) => mangled("a redirect in place of a refusal"),
        (Expectation::Refuse, 500..) => mangled("the server failed in place of refusing"),
        (Expectation::Refuse, 403) => proved,
        (Expectation::Refuse, _) if same_as_good => failed("the same answer as a good identity gets, so it was let in"),
        (Expectation::Refuse, _) if context.good.is_none() => {
            untested("this may be the handler's answer; allow writes to compare it with a good identity's")
        }
        (Expectation::Refuse, _) if same_later => ambiguous(),
        (Expectation::Refuse, 404) if context.hide => proved,
        (Expectation::Refuse, 400) if answer.header("www-authenticate").is_some() => proved,
        // No handler has seen a request like these.
        (Expectation::Refuse, 400) if is_malformed(shot) => proved,
        (Expectation::Refuse, 431) => proved,
        (Expectation::Refuse, _) => ambiguous(),

        (Expectation::Forbid, 404) if context.hide && (same_as_good || same_later) => ambiguous(),
        (Expectation::Forbid, 404) if context.hide => proved,
        (Expectation::Forbid, 403) if context.hide => {
            (Verdict::Failed, worst.min(Severity::Warning), "it tells that the resource exists")
        }
        (Expectation::Forbid, 401 | 403) => proved,
        (Expectation::Forbid, 101 | 200..=299) => failed("it was let in"),
        (Expectation::Forbid, 300..=399) => mangled("a redirect in place of a refusal"),
        (Expectation::Forbid, 500..) => mangled("the server failed in place of refusing"),
        (Expectation::Forbid, _) if same_as_good => failed("the same answer as a good identity gets, so it was let in"),
        (Expectation::Forbid, _) if context.good.is_none() => {
            untested("this may be the handler's answer; allow writes to compare it with a good identity's")
        }
        (Expectation::Forbid, 404) => ambiguous(),
        (Expectation::Forbid, _) => mangled("neither let in nor refused"),

        (Expectation::Closed, 101 | 200..=299) => {
            let nowhere = context.nowhere.is_some_and(|nowhere| nowhere.is_success() && nowhere.body == answer.body);
            let differs = context.good.is_some_and(|good| good.body != answer.body);
            match shot.respelled {
                true if nowhere => proved,
                true if shot.ambiguous && differs => {
                    (Verdict::Untested, Severity::Warning, "an open route has this path as well, and may have answered")
                }
                _ => failed("it was let in"),
            }
        }
        (Expectation::Closed, 500 | 502..) => (Verdict::Failed, worst.min(Severity::Warning), "the server failed"),
        (Expectation::Closed, 401 | 403) => proved,
        // A method or a path that nobody has is refused by that; this request has those of the route.
        (Expectation::Closed, 404)
            if !shot.respelled
                && (shot.method == context.method || shot.method == "HEAD")
                && (same_as_good || same_later) =>
        {
            ambiguous()
        }
        // Another spelling that gets what the good identity gets, and not what a path gets that nobody has.
        (Expectation::Closed, 404)
            if shot.respelled
                && context.good.is_some_and(|good| good.status == 404 && good.body == answer.body)
                && context.nowhere.is_some_and(|nowhere| nowhere.status == 404 && nowhere.body != answer.body) =>
        {
            ambiguous()
        }
        (Expectation::Closed, _) => proved,

        (Expectation::Status(_), _) => failed(""),

        (Expectation::NoReflection, _) => {
            let allowed = answer.header("access-control-allow-origin");
            let credentials = answer.header("access-control-allow-credentials") == Some("true");
            match allowed {
                Some(origin) if Some(origin) == origin_of(shot) => failed("the origin was allowed"),
                Some("*") if credentials => failed("every origin was allowed, with credentials"),
                _ => proved,
            }
        }
        (Expectation::Preflight, 200..=299) => {
            let allowed = answer.header("access-control-allow-origin");
            if allowed.is_some() && (allowed == origin_of(shot) || allowed == Some("*")) {
                proved
            } else {
                failed("the origin was not allowed")
            }
        }
        (Expectation::Preflight, _) => failed("browsers give up here"),

        (Expectation::DeliveryAccepted, 200..=299) => proved,
        (Expectation::DeliveryAccepted, 400 | 422)
            if shot.body.as_deref().is_some_and(|body| body.contains("doorward.probe")) =>
        {
            untested("this may be about the type of the event; allow writes to send one that Clerk sends")
        }
        (Expectation::DeliveryAccepted, _) => failed("a signed delivery was refused"),
        (Expectation::DeliveryRefused, 401 | 403) => proved,
        (Expectation::DeliveryRefused, 400) if !same_later => proved,
        (Expectation::DeliveryRefused, 200..=299) => failed("it was accepted"),
        (Expectation::DeliveryRefused, 500..) => mangled("the server failed in place of refusing"),
        (Expectation::DeliveryRefused, _) if same_as_good => failed("the same answer as a signed delivery gets"),
        // What was created by the signed one may be there already, and the handler may say so.
        (Expectation::DeliveryRefused, _)
            if !same_later
                && [context.good, context.good_again].into_iter().all(|good| good.is_some_and(Answer::is_success)) =>
        {
            proved
        }
        (Expectation::DeliveryRefused, _) => untested("this may be the handler's answer; refuse with 400, 401 or 403"),

        (Expectation::Unavailable, 200..=299) => failed("it was let in"),
        (Expectation::Unavailable, 300..=399) if same_as_stranger => proved,
        (Expectation::Unavailable, 300..=399 | 500 | 502 | 504..) => {
            (Verdict::Failed, Severity::Warning, "refused, but not in a way that callers understand")
        }
        (Expectation::Unavailable, 401 | 403 | 503) => proved,
        (Expectation::Unavailable, 404) if context.hide && context.good.is_some() && !same_as_good && !same_later => {
            proved
        }
        (Expectation::Unavailable, _) => ambiguous(),
    }
}

/// Where strangers are welcome, whoever is not believed must be treated as one.
fn weigh_optional(shot: &Shot, answer: &Answer, context: Context<'_>) -> Weighed {
    let alike = |other: &Answer| other.status == answer.status && other.body == answer.body;
    let untested = |why| (Verdict::Untested, shot.severity, why);
    if answer.status == 429 {
        return untested("the server limits requests; raise the limit for the test");
    }
    if matches!(answer.status, 401 | 403) {
        return (Verdict::Proved, shot.severity, "");
    }
    let Some(stranger) = context.stranger else { return untested("there is no stranger's answer to compare") };
    if alike(stranger) {
        return (Verdict::Proved, shot.severity, "");
    }
    if context.good.is_some_and(alike) || context.good_again.is_some_and(alike) {
        return (Verdict::Failed, shot.severity, "the same answer as a good identity gets, and strangers get another");
    }
    if answer.status >= 500 {
        return (Verdict::Failed, shot.severity.min(Severity::Warning), "the server failed in place of refusing");
    }
    untested("neither what a stranger gets nor what a good identity gets")
}

/// Whether the request is one that a server may turn away before anybody asks who sent it.
fn is_malformed(shot: &Shot) -> bool {
    let is_authorization =
        |line: &&String| line.get(..14).is_some_and(|name| name.eq_ignore_ascii_case("authorization:"));
    shot.headers.iter().filter(is_authorization).count() > 1
        || shot.headers.iter().any(|line| line.contains(|c: char| c.is_control()))
}

fn no_answer(shot: &Shot, error: &HttpError) -> Weighed {
    let mangled = shot.severity.min(Severity::Error);
    match (shot.expect, error) {
        (_, HttpError::Connect(_)) => (Verdict::Untested, shot.severity, ""),
        // Refusing to speak is a refusal, where the request is one that no client sends.
        (Expectation::Closed, HttpError::Closed) => (Verdict::Proved, shot.severity, ""),
        (Expectation::Closed | Expectation::Unavailable, _) => {
            (Verdict::Failed, Severity::Warning, "callers wait for nothing")
        }
        (_, HttpError::Timeout(_)) => (Verdict::Failed, mangled, "callers wait for nothing"),
        (_, HttpError::Closed | HttpError::Garbage) => (Verdict::Failed, mangled, ""),
    }
}

/// What could be better about a refusal.
fn quality(shot: &Shot, answer: &Answer, verdict: Verdict) -> Vec<&'static str> {
    let mut notes = Vec::new();
    if verdict != Verdict::Proved {
        return notes;
    }
    match (shot.expect, answer.status) {
        (Expectation::Refuse, 401) if shot.case == crate::plan::STRANGER => {
            let challenge = answer.header("www-authenticate").unwrap_or_default();
            if !challenge.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer")) {
                notes.push("401 without `WWW-Authenticate: Bearer`");
            }
            if !answer.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().contains("json")) {
                notes.push("401 with a body that is not JSON");
            }
        }
        (Expectation::Refuse, 401) => {}
        (Expectation::Refuse, _) if shot.case == crate::plan::STRANGER => {
            notes.push("strangers are refused with another status than 401");
        }
        (Expectation::Forbid, 401) => notes.push("callers with the wrong rights are told to sign in (401)"),
        _ => {}
    }
    notes
}

fn leads_to_sign_in(answer: &Answer) -> bool {
    let location = answer.header("location").unwrap_or_default().to_ascii_lowercase();
    ["sign-in", "signin", "login", "/v1/client/handshake"].iter().any(|part| location.contains(part))
}

fn origin_of(shot: &Shot) -> Option<&str> {
    shot.headers.iter().find_map(|line| line.strip_prefix("Origin: "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Phase;

    fn shot(expect: Expectation) -> Shot {
        Shot {
            route: 0,
            case: "no-token".into(),
            title: String::new(),
            severity: Severity::Critical,
            explain: String::new(),
            fix: String::new(),
            persona: None,
            start: None,
            forge: Vec::new(),
            method: "GET".into(),
            target: "/".into(),
            headers: vec!["Origin: https://evil.example".into()],
            body: None,
            delivery: None,
            phase: Phase::Attack,
            expect,
            respelled: false,
            ambiguous: false,
            skip: None,
        }
    }

    fn answer(status: u16) -> Answer {
        Answer { status, ..Answer::default() }
    }

    fn verdict(expect: Expectation, status: u16, good: Option<u16>, hide: bool) -> Verdict {
        let good = good.map(answer);
        let context = Context { hide, good: good.as_ref(), ..Context::default() };
        judge(&shot(expect), &Ok(answer(status)), context).verdict
    }

    #[test]
    fn a_refusal_is_a_401_or_at_least_no_entry() {
        use Verdict::{Failed, Proved, Untested};
        for (status, good, expected) in [
            (401, Some(200), Proved),
            (403, Some(200), Proved),
            // A handler that looks for what another identity owns says this as well.
            (404, Some(200), Untested),
            (400, Some(200), Untested),
            (200, Some(200), Failed),
            (204, None, Failed),
            (302, Some(200), Failed),
            (500, Some(200), Failed),
            // The handler says "no such thing", so the guard let it through.
            (404, Some(404), Failed),
            (400, Some(400), Failed),
            (400, None, Untested),
            (429, Some(200), Untested),
        ] {
            assert_eq!(verdict(Expectation::Refuse, status, good, false), expected, "{status} {good:?}");
        }
    }

    #[test]
    fn the_wrong_rights_get_403_or_404_where_the_rule_hides() {
        use Verdict::{Failed, Proved, Untested};
        for (status, good, hide, expected) in [
            (403, Some(200), false, Proved),
            (200, Some(200), false, Failed),
            (404, Some(200), false, Untested),
            (404, Some(404), false, Failed),
            (404, Some(200), true, Proved),
            (403, Some(200), true, Failed),
            (404, Some(404), true, Untested),
            (400, None, false, Untested),
            (400, Some(200), false, Failed),
        ] {
            assert_eq!(verdict(Expectation::Forbid, status, good, hide), expected, "{status} {good:?} {hide}");
        }
    }

    #[test]
    fn what_the_good_identity_gets_once_the_thing_is_gone_is_no_refusal() {
        let (deleted, gone) = (answer(204), answer(404));
        for expect in [Expectation::Refuse, Expectation::Forbid, Expectation::Closed, Expectation::Unavailable] {
            for hide in [false, true] {
                let context = Context {
                    hide,
                    method: "GET",
                    good: Some(&deleted),
                    good_again: Some(&gone),
                    ..Context::default()
                };
                let judged = judge(&shot(expect), &Ok(answer(404)), context);
                assert_eq!(judged.verdict, Verdict::Untested, "{expect:?} {hide}");
                assert!(judged.got.contains("--param"), "{}", judged.got);
                assert_eq!(judge(&shot(expect), &Ok(answer(401)), context).verdict, Verdict::Proved, "{expect:?}");
            }
        }
        let again = answer(200);
        let context = Context { hide: true, good: Some(&again), good_again: Some(&again), ..Context::default() };
        for expect in [Expectation::Refuse, Expectation::Forbid] {
            assert_eq!(judge(&shot(expect), &Ok(answer(404)), context).verdict, Verdict::Proved, "{expect:?}");
        }
    }

    #[test]
    fn a_handler_that_knows_the_event_already_has_not_refused_it() {
        let (accepted, known) = (answer(204), answer(409));
        let check = |status: u16, again: &Answer| {
            let context = Context { good: Some(&accepted), good_again: Some(again), ..Context::default() };
            judge(&shot(Expectation::DeliveryRefused), &Ok(answer(status)), context).verdict
        };
        assert_eq!(check(409, &known), Verdict::Untested);
        assert_eq!(check(404, &known), Verdict::Untested);
        assert_eq!(check(400, &answer(400)), Verdict::Untested);
        assert_eq!(check(401, &known), Verdict::Proved);
        assert_eq!(check(422, &accepted), Verdict::Proved);
        assert_eq!(check(200, &accepted), Verdict::Failed);
    }

    #[test]
    fn another_spelling_that_gets_the_handlers_404_is_no_refusal() {
        let says = |text: &str| Answer { body: text.into(), ..answer(404) };
        let (good, nowhere) = (says("no such order"), says("no such route"));
        let context = Context { good: Some(&good), nowhere: Some(&nowhere), ..Context::default() };
        let respelled = Shot { respelled: true, ..shot(Expectation::Closed) };
        assert_eq!(judge(&respelled, &Ok(good.clone()), context).verdict, Verdict::Untested);
        assert_eq!(judge(&respelled, &Ok(nowhere.clone()), context).verdict, Verdict::Proved);
        let context = Context { nowhere: Some(&good), ..context };
        assert_eq!(judge(&respelled, &Ok(good.clone()), context).verdict, Verdict::Proved);
    }

    #[test]
    fn a_malformed_request_may_be_turned_away_by_the_server() {
        let good = answer(200);
        let context = Context { good: Some(&good), ..Context::default() };
        let header = "Authorization: Bearer a.b.c".to_owned();
        let twice = Shot { headers: vec![header.clone(), header], ..shot(Expectation::Refuse) };
        assert_eq!(judge(&twice, &Ok(answer(400)), context).verdict, Verdict::Proved);
        assert_eq!(judge(&shot(Expectation::Refuse), &Ok(answer(431)), context).verdict, Verdict::Proved);
        let challenged = Answer { headers: vec![("www-authenticate".into(), "Bearer".into())], ..answer(400) };
        assert_eq!(judge(&shot(Expectation::Refuse), &Ok(challenged), context).verdict, Verdict::Proved);
    }

    #[test]
    fn where_strangers_are_welcome_a_forged_token_makes_a_stranger() {
        let says = |text: &str| Answer { body: text.into(), ..answer(200) };
        let (good, stranger) = (says("hello user_1"), says("hello"));
        let context = Context { optional: true, good: Some(&good), stranger: Some(&stranger), ..Context::default() };
        let check = |answer: Answer| {
            let judged = judge(&shot(Expectation::Refuse), &Ok(answer), context);
            (judged.verdict, judged.severity)
        };
        assert_eq!(check(says("hello")), (Verdict::Proved, Severity::Critical));
        assert_eq!(check(answer(401)), (Verdict::Proved, Severity::Critical));
        assert_eq!(check(says("hello user_1")), (Verdict::Failed, Severity::Critical));
        assert_eq!(check(says("hello user_2")), (Verdict::Untested, Severity::Critical));
        assert_eq!(check(answer(404)), (Verdict::Untested, Severity::Critical));
        assert_eq!(check(answer(500)), (Verdict::Failed, Severity::Warning));
    }

    #[test]
    fn who_may_come_in_must_come_in() {
        use Verdict::{Failed, Proved, Untested};
        for (status, hide, expected) in [
            (200, false, Proved),
            (404, false, Proved),
            (422, false, Proved),
            (401, false, Failed),
            (403, false, Failed),
            (500, false, Failed),
            (503, false, Failed),
            (404, true, Untested),
            (429, false, Untested),
        ] {
            assert_eq!(verdict(Expectation::Reach, status, None, hide), expected, "{status} {hide}");
        }
    }

    #[test]
    fn a_server_that_redirects_strangers_is_told_so_once() {
        let (good, redirect) = (answer(200), answer(302));
        let context = Context { good: Some(&good), stranger: Some(&redirect), ..Context::default() };
        let forged = Shot { case: "alg-none".into(), ..shot(Expectation::Refuse) };
        assert_eq!(judge(&forged, &Ok(answer(302)), context).verdict, Verdict::Proved);
        assert_eq!(judge(&forged, &Ok(answer(307)), context).verdict, Verdict::Failed);
        assert_eq!(judge(&shot(Expectation::Refuse), &Ok(answer(302)), context).verdict, Verdict::Failed);
        let context = Context { good: Some(&redirect), ..context };
        assert_eq!(judge(&forged, &Ok(answer(302)), context).verdict, Verdict::Failed);
    }

    #[test]
    fn an_origin_is_not_reflected() {
        let allowing = |origin: &str, credentials: &str| Answer {
            status: 200,
            headers: vec![
                ("access-control-allow-origin".into(), origin.into()),
                ("access-control-allow-credentials".into(), credentials.into()),
            ],
            body: Vec::new(),
        };
        let check = |answer: Answer| judge(&shot(Expectation::NoReflection), &Ok(answer), Context::default()).verdict;
        assert_eq!(check(allowing("https://evil.example", "false")), Verdict::Failed);
        assert_eq!(check(allowing("*", "true")), Verdict::Failed);
        assert_eq!(check(allowing("https://app.example.com", "true")), Verdict::Proved);
        assert_eq!(check(answer(200)), Verdict::Proved);
    }

    #[test]
    fn a_page_for_every_path_is_no_open_door() {
        let page = Answer { status: 200, body: b"<html>".to_vec(), ..Answer::default() };
        let respelled = Shot { respelled: true, ..shot(Expectation::Closed) };
        let context = Context { nowhere: Some(&page), ..Context::default() };
        assert_eq!(judge(&respelled, &Ok(page.clone()), context).verdict, Verdict::Proved);
        let data = Answer { status: 200, body: b"{}".to_vec(), ..Answer::default() };
        assert_eq!(judge(&respelled, &Ok(data), context).verdict, Verdict::Failed);
    }

    #[test]
    fn a_spelling_that_an_open_route_has_is_judged_by_what_it_answers() {
        let (good, other) =
            (Answer { body: b"admin".to_vec(), ..answer(200) }, Answer { body: b"page".to_vec(), ..answer(200) });
        let shot = Shot { respelled: true, ambiguous: true, ..shot(Expectation::Closed) };
        let context = Context { good: Some(&good), ..Context::default() };
        let untested = judge(&shot, &Ok(other), context);
        assert_eq!((untested.verdict, untested.severity), (Verdict::Untested, Severity::Warning));
        assert_eq!(judge(&shot, &Ok(good.clone()), context).verdict, Verdict::Failed);
    }

    #[test]
    fn silence_is_never_a_proof() {
        let timeout = Err(HttpError::Timeout(std::time::Duration::from_secs(1)));
        assert_eq!(judge(&shot(Expectation::Refuse), &timeout, Context::default()).verdict, Verdict::Failed);
        let gone = Err(HttpError::Connect("refused".into()));
        for expect in [Expectation::Refuse, Expectation::Closed, Expectation::Reach, Expectation::Forbid] {
            assert_eq!(judge(&shot(expect), &gone, Context::default()).verdict, Verdict::Untested);
        }
    }

    #[test]
    fn a_plain_401_is_proved_and_could_be_better() {
        let judged = judge(&shot(Expectation::Refuse), &Ok(answer(401)), Context::default());
        assert_eq!(judged.verdict, Verdict::Proved);
        assert_eq!(judged.quality.len(), 2);
    }
}
