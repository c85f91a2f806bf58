//! Runs a handler as if a stranger asked, to see whether it lets them in.
//!
//! Whoever asks has no session, and whatever they send as proof of who they are is worthless: any text that they choose,
//! which no check knows. Each way through the code
//! is walked on its own, from the start, so that what a variable holds is never a mixture: where a condition can't be
//! known, the first way takes one side, and a later one the other. A handler that no way leads through is guarded.

mod calls;
mod compare;
mod exec;
mod expr;
mod facts;
mod globals;
mod guarded;
mod objects;
mod value;
mod verified;

pub(crate) use self::compare::is_guessed;
pub(crate) use self::value::env_name;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;

use self::value::{Record, Reply, Seen, Taint};
use super::eval::{Eval, Host};
use super::program::Program;
use super::value::{Place, Value};

/// Ways through a handler that are walked, and what each and all of them may cost.
const MAX_PATHS: usize = 64;
const MAX_STEPS: usize = 8_000;
const MAX_ALL_STEPS: usize = 40_000;
const MAX_DEPTH: usize = 400;
const MAX_CALLS: usize = 40;

/// What is asked, and of what.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    /// Handlers in the order in which they run; each but the last passes on with `next()`.
    pub(crate) chain: Vec<Value>,
    pub(crate) style: Style,
    pub(crate) caller: Caller,
    /// The method, where it is known.
    pub(crate) method: Option<String>,
    /// Paths such as a request may ask for, all of the same route.
    pub(crate) paths: Vec<String>,
    pub(crate) place: Place,
}

/// How a handler answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `(request, context) => Response`.
    Returns,
    /// The same, but a handler that returns nothing passes the request on.
    Passes,
    /// `(req, res, next) => void`.
    Responds,
    /// `(req, res, next) => void`, asked as middleware: does it pass on somebody who has nothing to show?
    Guards,
    /// The same, for `(context, next) => void`.
    GuardsContext,
    /// The same, for `(context) => boolean`.
    Decides,
    /// The same, for `(token, context) => boolean`, or with a name and a password; a package has found them.
    Checks { credentials: usize },
}

impl Style {
    /// Whoever asks sends no credentials at all, and what counts is whether they get past.
    fn is_guard(self) -> bool {
        matches!(self, Self::Guards | Self::GuardsContext | Self::Decides | Self::Checks { .. })
    }
}

/// Who asks a guard. Handlers are asked by both at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Somebody who sends no credentials.
    Nobody,
    /// Somebody who makes them up.
    Forger,
}

/// Something that looks at who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) name: String,
    /// A package, or nothing for the project's own code.
    pub(crate) package: Option<String>,
    pub(crate) place: Place,
}

/// Something worth telling that was met on the way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Notice {
    /// Clerk's `auth.protect()`.
    Protect(Place),
    /// Clerk's `auth().protect()`.
    OldProtect(Place),
    /// Clerk's `auth()` without `await`, and something of the promise is used.
    NotAwaited(Place),
    /// Clerk's `auth()` or `currentUser()`, which needs its middleware.
    Clerk(Place),
    /// A helper gave a refusal, and nobody looked at it.
    Ignored(Place, String),
    /// A variable of the environment decides whether anybody is refused.
    Switch(Place),
    /// What strangers send, or don't send, equals a variable of the environment that isn't set.
    Unset(Place, String),
    /// Paths are told apart by `createRouteMatcher`.
    Matcher(Place),
}

/// What becomes of a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// Nothing is shown, for reasons that have nothing to do with who asks.
    Nothing,
    /// No way leads through.
    Refused,
    /// It can't be told.
    Unsure,
    /// They are let in.
    Served,
}

/// What was found out.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) fate: Fate,
    /// What refuses, or might.
    pub(crate) by: Option<Source>,
    pub(crate) notices: Vec<Notice>,
    /// The method was looked at.
    pub(crate) reads_method: bool,
    /// The path was looked at.
    pub(crate) reads_path: bool,
    /// Nothing but "this method is not allowed" was answered.
    pub(crate) not_allowed: bool,
    /// Some way leads through for sure.
    pub(crate) served: bool,
    /// Something refuses, and passes on all the same.
    pub(crate) leaks: bool,
    /// Some refusals are errors, which somebody else answers.
    pub(crate) fails: bool,
    /// What is left on the request where it is passed on, and was made up.
    pub(crate) left: BTreeMap<String, bool>,
}

/// How one way ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Served,
    /// Served, though it was refused on the way, or thanks to the environment.
    Doubtful,
    Refused,
    /// It was refused, and passed on all the same.
    Leaks,
    /// An error that has nothing to do with who asks.
    Failed,
    NotAllowed,
    /// Too much to follow.
    Lost,
}

#[derive(Debug, Clone, Copy)]
struct Choice {
    value: bool,
    both: bool,
    taint: Taint,
}

/// Why a way ends before its time.
enum Stop {
    Throw(Seen),
    Limit,
}

type Step<T = Seen> = Result<T, Stop>;

/// One way through.
struct Run<'a, 'p, H> {
    eval: &'a mut Eval<'p, H>,
    program: &'a Program,
    question: &'a Question,
    choices: Vec<Choice>,
    at: usize,
    decided: HashMap<u64, bool>,
    steps: usize,
    depth: usize,
    /// The names under which functions were entered.
    calls: Vec<(String, Place)>,
    module: usize,
    fresh: u64,
    consulted: Vec<Source>,
    doubts: Vec<Source>,
    /// Code that can't be read and was given a credential last.
    unread: Option<Source>,
    /// What JavaScript calls `undefined` where it isn't sent.
    undefined: HashSet<u64>,
    /// Texts that hold a variable of the environment.
    holds_env: HashMap<u64, String>,
    /// What code that can't be read gave: looked up with what was sent, and no more what was sent.
    looked_up: HashSet<u64>,
    /// Tokens that the project signed itself.
    signed: HashSet<u64>,
    /// The way goes on although code that can't be read may have refused what a forger made up.
    trusts: bool,
    /// The name of code that can't be read, as it is called, and its package.
    reading: (String, String),
    /// Such code, where it was taken to find nobody although nothing was there to look for.
    guessed: Option<Source>,
    /// What passport is to call, by where it was given.
    callbacks: Vec<(Place, Seen)>,
    notices: Vec<Notice>,
    replies: Vec<Reply>,
    /// What a promise that is being made was told.
    settled: Option<Seen>,
    /// The way ended with an error.
    failed: bool,
    /// A refusal was thrown.
    refused: bool,
    /// What is answered is answered where something that was thrown is handled.
    excused: bool,
    catching: usize,
    /// The statement that runs.
    statement: Place,
    status: Option<Seen>,
    /// What was set on the request.
    request: HashMap<String, Seen>,
    reads_method: bool,
    reads_path: bool,
}

/// Asks the question.
pub(crate) fn ask<H: Host>(eval: &mut Eval<'_, H>, program: &Program, question: &Question) -> Answer {
    let mut answer = Answer {
        fate: Fate::Nothing,
        by: None,
        notices: Vec::new(),
        reads_method: false,
        reads_path: false,
        not_allowed: false,
        served: false,
        leaks: false,
        fails: false,
        left: BTreeMap::new(),
    };
    let mut choices: Vec<Choice> = Vec::new();
    let (mut paths, mut steps) = (0, 0);
    let (mut served, mut doubtful, mut refused, mut hesitates, mut lost) = (false, false, false, false, false);
    let mut doubt: Option<Source> = None;
    let mut switched = false;
    let (mut only_not_allowed, mut others) = (false, false);
    loop {
        let mut run = Run::new(eval, program, question, choices);
        let end = run.walk();
        answer.fails |= run.failed;
        if matches!(end, End::Served | End::Doubtful) && !run.trusts && run.is_forged() {
            answer.left.extend(run.left());
        }
        paths += 1;
        steps += run.steps;
        answer.reads_method |= run.reads_method;
        answer.reads_path |= run.reads_path;
        for notice in std::mem::take(&mut run.notices) {
            if !answer.notices.contains(&notice) && answer.notices.len() < 50 {
                answer.notices.push(notice);
            }
        }
        let made = run.choices.get(..run.at).unwrap_or_default();
        // Data of the project may make the difference; what a stranger chooses does not keep them out.
        let by_data = made.iter().any(|it| it.taint == Taint::Plain);
        match end {
            End::Served | End::Doubtful if run.trusts => refused = true,
            End::Served if run.doubts.is_empty() => served = true,
            End::Served | End::Doubtful => {
                doubtful = true;
                switched |= run.doubts.is_empty() && !run.refused;
                doubt = doubt.or_else(|| run.doubts.last().cloned());
            }
            End::Refused if run.guessed.is_some() => {
                refused = true;
                doubtful = true;
                doubt = doubt.or_else(|| run.guessed.clone());
            }
            End::Refused => {
                refused = true;
                hesitates |= by_data;
                if answer.by.is_none() {
                    answer.by = run.reason();
                }
            }
            End::Lost => lost = true,
            End::Leaks => {
                doubtful = true;
                answer.leaks = true;
            }
            End::NotAllowed => only_not_allowed = true,
            End::Failed => {}
        }
        others |= end != End::NotAllowed;
        choices = run.choices;
        choices.truncate(run.at);
        while choices.last().is_some_and(|it| it.both) {
            choices.pop();
        }
        let Some(last) = choices.last_mut() else { break };
        last.both = true;
        last.value = !last.value;
        if paths >= MAX_PATHS || steps >= MAX_ALL_STEPS {
            lost = true;
            break;
        }
        if served && (hesitates || paths >= 12) {
            break;
        }
    }
    // What the environment decides makes no difference where nobody is refused.
    served |= question.style.is_guard() && switched && !refused && doubt.is_none() && !lost;
    answer.not_allowed = only_not_allowed && !others;
    answer.served = served;
    answer.fate = match (served, doubtful || lost, refused) {
        (true, _, true) if hesitates => Fate::Unsure,
        (true, ..) => Fate::Served,
        (false, true, _) => Fate::Unsure,
        (false, false, true) => Fate::Refused,
        (false, false, false) => Fate::Nothing,
    };
    if switched && refused && !answer.notices.iter().any(|it| matches!(it, Notice::Unset(..))) {
        answer.notices.push(Notice::Switch(question.place));
    }
    if answer.fate == Fate::Unsure {
        answer.by = doubt.or(answer.by);
    }
    answer
}

impl<'a, 'p, H: Host> Run<'a, 'p, H> {
    fn new(eval: &'a mut Eval<'p, H>, program: &'a Program, question: &'a Question, choices: Vec<Choice>) -> Self {
        Self {
            eval,
            program,
            question,
            choices,
            at: 0,
            decided: HashMap::new(),
            steps: 0,
            depth: 0,
            calls: Vec::new(),
            module: question.place.module,
            fresh: 0,
            consulted: Vec::new(),
            doubts: Vec::new(),
            unread: None,
            undefined: HashSet::new(),
            holds_env: HashMap::new(),
            looked_up: HashSet::new(),
            signed: HashSet::new(),
            trusts: false,
            reading: Default::default(),
            guessed: None,
            callbacks: Vec::new(),
            notices: Vec::new(),
            replies: Vec::new(),
            settled: None,
            failed: false,
            refused: false,
            excused: false,
            catching: 0,
            statement: question.place,
            status: None,
            request: HashMap::new(),
            reads_method: false,
            reads_path: false,
        }
    }

    fn walk(&mut self) -> End {
        let result = self.link(0);
        self.failed = matches!(&result, Err(Stop::Throw(_)) | Ok(Seen::Rejected(_)));
        let looked = !self.consulted.is_empty();
        let env = self.choices.get(..self.at).unwrap_or_default().iter().any(|it| it.taint == Taint::Env);
        if self.question.style.is_guard() {
            // A guard that passes a request on in its `catch` has passed it on.
            return self.end_of_guard(result, if env { End::Doubtful } else { End::Served });
        }
        let served = if (self.refused && self.excused) || env { End::Doubtful } else { End::Served };
        if self.question.style == Style::Responds && !matches!(result, Err(Stop::Limit)) {
            let ends: Vec<End> = self.replies.clone().into_iter().map(|it| self.end_of(it, served)).collect();
            let worst = [End::Served, End::Doubtful, End::Refused, End::Failed, End::NotAllowed];
            if let Some(end) = worst.into_iter().find(|it| ends.contains(it)) {
                return end;
            }
        }
        let value = match result {
            Err(Stop::Limit) => return End::Lost,
            Err(Stop::Throw(thrown)) => {
                return match self.status_of(&thrown) {
                    Some(405.0) => End::NotAllowed,
                    Some(401.0 | 403.0) => End::Refused,
                    _ if self.is_refusal(&thrown) => End::Refused,
                    _ if looked => End::Refused,
                    _ => End::Failed,
                };
            }
            Ok(value) => value,
        };
        if self.question.style == Style::Responds {
            // Frameworks that let handlers return their answer are read by what is returned.
            return match value {
                Seen::Nothing | Seen::Response => End::NotAllowed,
                Seen::Reply(reply) => self.end_of(reply, served),
                _ if self.refused && self.excused => End::Refused,
                _ if self.replies.is_empty() && matches!(value, Seen::Unknown(..) | Seen::Outside(_)) => served,
                _ => End::NotAllowed,
            };
        }
        match value {
            Seen::Reply(reply) => self.end_of(reply, served),
            Seen::Nothing if self.question.style == Style::Passes => served,
            Seen::Nothing => End::Failed,
            _ if self.refused && self.excused => End::Refused,
            _ => served,
        }
    }

    fn end_of(&self, reply: Reply, served: End) -> End {
        let excused = self.refused && self.excused;
        let looked = !self.consulted.is_empty() || self.refused;
        match reply {
            Reply::Pass => served,
            Reply::Redirect if looked => End::Refused,
            Reply::Redirect | Reply::Some if !excused => served,
            Reply::Some | Reply::Redirect => End::Refused,
            Reply::Status(status) => {
                let is = |it: f64| (status - it).abs() < 0.5;
                match status {
                    _ if is(401.0) || is(403.0) => End::Refused,
                    _ if is(405.0) || is(501.0) => End::NotAllowed,
                    _ if is(404.0) && looked => End::Refused,
                    status if status >= 400.0 && self.refused => End::Refused,
                    status if status >= 400.0 => End::Failed,
                    status if status >= 300.0 && looked => End::Refused,
                    _ => served,
                }
            }
        }
    }

    /// What refused on this way.
    fn reason(&self) -> Option<Source> {
        self.consulted.last().cloned().or_else(|| self.doubts.last().cloned())
    }

    /// Runs handler `at` of the chain.
    fn link(&mut self, at: usize) -> Step {
        let Some(value) = self.question.chain.get(at).cloned() else {
            if self.question.style.is_guard() {
                if self.replies.len() < 20 {
                    self.replies.push(Reply::Pass);
                }
                return Ok(Seen::Nothing);
            }
            return Ok(if self.question.style == Style::Passes { Seen::Reply(Reply::Pass) } else { Seen::Nothing });
        };
        let handler = Seen::of(&value, &("handler", at));
        let second = match self.question.style {
            Style::Responds | Style::Guards => Seen::Response,
            _ => {
                let params = Seen::Promise(Rc::new(Seen::Unknown(self.fresh(), Taint::Input)));
                Seen::Record(Rc::new(Record {
                    open: Some(Taint::Input),
                    props: std::cell::RefCell::new([(std::sync::Arc::from("params"), params)].into()),
                    ..Record::default()
                }))
            }
        };
        let place = self.question.place;
        let args = match self.question.style {
            Style::GuardsContext | Style::Decides => vec![Seen::Context, Seen::Next(at + 1)],
            Style::Checks { credentials } => {
                let sent = (0..credentials).map(|it| Seen::Unknown(value::derived(&("sent", it)), Taint::Credential));
                sent.chain([Seen::Context]).collect()
            }
            _ => vec![Seen::Request, second, Seen::Next(at + 1)],
        };
        if matches!(self.question.style, Style::Decides | Style::Checks { .. }) {
            let decision = self.call(&handler, None, args, "", place)?;
            let decision = match decision {
                Seen::Promise(inner) => (*inner).clone(),
                Seen::Rejected(_) => Seen::Nothing,
                other => other,
            };
            return if self.truth(&decision) { self.link(at + 1) } else { Ok(Seen::Nothing) };
        }
        if matches!(handler, Seen::Unknown(..)) {
            self.doubt(format!("handler {}", at + 1), place);
            return Ok(Seen::Reply(Reply::Some));
        }
        self.call(&handler, None, args, "", place)
    }

    /// Whether a guard is asked by somebody who makes credentials up.
    fn is_forged(&self) -> bool {
        self.question.style.is_guard() && self.question.caller == Caller::Forger
    }

    fn fresh(&mut self) -> u64 {
        self.fresh += 1;
        value::derived(&("fresh", self.fresh))
    }

    fn unknown(&mut self, taint: Taint) -> Seen {
        Seen::Unknown(self.fresh(), taint)
    }

    /// Decides something that can't be known: once per unknown, and later the other way round.
    fn choose(&mut self, id: u64, taint: Taint) -> bool {
        if let Some(known) = self.decided.get(&id) {
            return *known;
        }
        let value = match self.choices.get(self.at) {
            Some(choice) => choice.value,
            None => {
                self.choices.push(Choice { value: true, both: false, taint });
                true
            }
        };
        self.at += 1;
        self.decided.insert(id, value);
        value
    }

    /// Remembers that something looked at who asks.
    fn consult(&mut self, name: String, package: Option<&str>, place: Place) {
        // What the project calls it says more than what it calls.
        let named = self.calls.iter().find(|(name, _)| !name.is_empty());
        let source = match named {
            Some((name, place)) => Source { name: name.clone(), package: package.map(str::to_owned), place: *place },
            None => Source { name, package: package.map(str::to_owned), place },
        };
        if self.consulted.len() < 50 {
            self.consulted.push(source);
        }
    }

    /// Code that can't be read is taken to find nobody. What it makes of a credential that is not there is its own
    /// business: some look for nothing, and find somebody.
    fn guess(&mut self) {
        let made = self.choices.get(..self.at).unwrap_or_default();
        let is_there = made.iter().any(|it| it.taint == Taint::Credential && it.value);
        if !is_there && !self.question.style.is_guard() && self.guessed.is_none() {
            let place = self.statement;
            let unnamed = || Source { name: "the handler".to_owned(), package: None, place };
            self.guessed = Some(self.unread.clone().or_else(|| self.reason()).unwrap_or_else(unnamed));
        }
    }

    fn doubt(&mut self, name: String, place: Place) {
        if self.doubts.len() < 50 {
            self.doubts.push(Source { name, package: None, place });
        }
    }

    fn notice(&mut self, notice: Notice) {
        if !self.notices.contains(&notice) && self.notices.len() < 50 {
            self.notices.push(notice);
        }
    }

    fn spend(&mut self) -> Step<()> {
        self.steps += 1;
        if self.steps > MAX_STEPS || self.depth > MAX_DEPTH { Err(Stop::Limit) } else { Ok(()) }
    }
}
