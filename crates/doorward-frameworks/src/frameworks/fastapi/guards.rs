//! What a dependency does to strangers.

use std::rc::Rc;

use doorward::inventory::GuardState;

use super::discover::Reader;
use super::host::Kind;
use super::parameters::Parameter;
use super::probe::{self, Probe, Seen};
use crate::py::eval::{Outcome, Site};
use crate::py::guards::{assumed, written};
use crate::py::value::{Arg, Args, External, Place, Value};

/// Sub-dependencies go no deeper in any program people write.
const MAX_DEPTH: usize = 24;

/// The two callers every guard is tried with.
const CALLERS: [Probe; 2] = [Probe::Stranger("GET"), Probe::Forger];

/// A dependency, where it is declared.
#[derive(Debug, Clone)]
pub(crate) struct Dependency<'p> {
    pub(crate) callable: Value<'p>,
    pub(crate) place: Place,
}

/// What is known about one dependency.
#[derive(Debug, Clone)]
pub(crate) struct Judged<'p> {
    pub(crate) state: GuardState,
    /// A package, or a file.
    pub(crate) origin: String,
    /// It looks whether credentials are there, and at nothing else.
    pub(crate) presence: bool,
    /// It reads claims that nobody verified, so what it says of them, whoever asks decides.
    unverified: bool,
    /// What it gives for each of the callers.
    returned: [Value<'p>; 2],
    /// For which of the callers it raises for sure.
    refuses: [bool; 2],
}

impl<'p> Judged<'p> {
    fn new(state: GuardState, origin: &str) -> Self {
        Self {
            state,
            origin: origin.to_owned(),
            presence: false,
            unverified: false,
            returned: [Value::Unknown, Value::Unknown],
            refuses: [state == GuardState::Guarded; 2],
        }
    }
}

/// Security schemes of FastAPI: they look whether credentials are there.
pub(crate) static SCHEMES: &[&str] = &[
    "HTTPBearer",
    "HTTPBasic",
    "HTTPDigest",
    "OAuth2",
    "OAuth2PasswordBearer",
    "OAuth2AuthorizationCodeBearer",
    "OpenIdConnect",
    "APIKeyHeader",
    "APIKeyQuery",
    "APIKeyCookie",
];

/// Something of a package that refuses strangers.
struct Refuser {
    package: &'static str,
    /// The last part of its name.
    name: &'static str,
    /// The argument, and its value, with which it lets them pass.
    lenient: Option<(&'static str, bool)>,
}

const fn refuser(package: &'static str, name: &'static str, lenient: Option<(&'static str, bool)>) -> Refuser {
    Refuser { package, name, lenient }
}

static REFUSERS: &[Refuser] = &[
    refuser("fastapi_clerk_auth", "ClerkHTTPBearer", Some(("auto_error", false))),
    refuser("fastapi_users", "current_user", Some(("optional", true))),
    refuser("fastapi_login", "LoginManager", None),
    refuser("fastapi_azure_auth", "SingleTenantAzureAuthorizationCodeBearer", Some(("auto_error", false))),
    refuser("fastapi_azure_auth", "MultiTenantAzureAuthorizationCodeBearer", Some(("auto_error", false))),
    refuser("fastapi_keycloak", "get_current_user", None),
    refuser("authx", "access_token_required", None),
    refuser("authx", "token_required", None),
];

/// Whether a name makes people think of access control.
pub(crate) fn sounds_like_auth(name: &str) -> bool {
    crate::js::guards::sounds_like_auth(name) || {
        let lower = name.to_ascii_lowercase();
        ["current_user", "credential", "bearer", "authenticat", "authoriz"].iter().any(|it| lower.contains(it))
    }
}

fn sounds_optional(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    ["optional", "maybe", "or_none", "or_anonymous", "if_present"].iter().any(|it| lower.contains(it))
}
impl<'p> Reader<'p> {
    /// What `callable` does to strangers.
    pub(crate) fn judge(&mut self, callable: &Value<'p>, depth: usize) -> Judged<'p> {
        let given: Vec<Value<'p>> =
            self.eval.host.overrides.iter().filter(|(it, _)| it.same(callable)).map(|(_, it)| it.clone()).collect();
        if let (Some(other), true) = (given.last(), depth < MAX_DEPTH) {
            // Which application it is overridden for is another question: what both do is certain.
            let (own, other) = (self.judge_known(callable, depth), self.judge_known(other, depth + 1));
            let state = if own.state == other.state { own.state } else { GuardState::Unsure };
            return Judged::new(state, &own.origin);
        }
        self.judge_known(callable, depth)
    }

    fn judge_known(&mut self, callable: &Value<'p>, depth: usize) -> Judged<'p> {
        let Some(key) = identity(callable) else { return self.judge_new(callable, depth) };
        if let Some(known) = self.judged.get(&key) {
            return known.clone();
        }
        // Dependencies in a circle guard nothing.
        self.judged.insert(key, Judged::new(GuardState::Open, ""));
        let judged = self.judge_new(callable, depth);
        self.judged.insert(key, judged.clone());
        judged
    }

    fn judge_new(&mut self, callable: &Value<'p>, depth: usize) -> Judged<'p> {
        if depth > MAX_DEPTH {
            return Judged::new(GuardState::Unsure, "");
        }
        match callable {
            Value::External(external) => self.judge_external(external),
            Value::Function(it) => {
                let (module, name) = (it.module, it.name());
                self.judge_callable(callable, module, name, depth)
            }
            Value::Bound(it) => {
                let (module, name) = (it.1.module, it.1.name());
                self.judge_callable(callable, module, name, depth)
            }
            Value::Instance(it) => {
                if let Value::Bound(_) = self.eval.attribute(callable, "__call__") {
                    return self.judge_callable(callable, it.class.module, it.class.name(), depth);
                }
                let base = it.base.borrow().clone();
                match base {
                    Some(Value::External(external)) => self.judge_external(&external),
                    _ => Judged::new(GuardState::Open, &self.file(it.class.module)),
                }
            }
            Value::Class(it) => self.judge_callable(callable, it.module, it.name(), depth),
            Value::Partial(it) => match &it.0 {
                Value::Function(function) => {
                    let (module, name) = (function.module, function.name());
                    self.judge_callable(callable, module, name, depth)
                }
                other => self.judge(&other.clone(), depth + 1),
            },
            Value::Item(item) => self.judge(&item.0.clone(), depth + 1),
            Value::OneOf(values) => {
                let all: Vec<Judged<'p>> = values.iter().map(|it| self.judge(it, depth + 1)).collect();
                let first = all.first().map_or(GuardState::Unsure, |it| it.state);
                let state = if all.iter().all(|it| it.state == first) { first } else { GuardState::Unsure };
                let origin = all.into_iter().find(|it| !it.origin.is_empty()).map(|it| it.origin).unwrap_or_default();
                Judged::new(state, &origin)
            }
            Value::None => Judged::new(GuardState::Open, ""),
            _ => Judged::new(GuardState::Unsure, "unknown"),
        }
    }

    fn judge_external(&mut self, external: &Rc<External<'p>>) -> Judged<'p> {
        let package = external.package().unwrap_or_default().to_owned();
        let args = external.called().map(|(_, args, _)| Rc::clone(args)).unwrap_or_default();
        let last = external.last();
        if SCHEMES.contains(&last) && external.called().is_some() {
            let mut judged = Judged::new(GuardState::Unsure, &package);
            let site =
                Site { module: 0, call: Default::default(), statement: Default::default(), branch: Rc::from([]) };
            judged.returned[1] = probe::given(&mut self.eval.host, last, &site);
            match args.named("auto_error") {
                None | Some(Value::Bool(true)) if !args.open => {
                    judged.presence = true;
                    judged.refuses = [true, false];
                }
                Some(Value::Bool(false)) => {
                    judged.state = GuardState::Open;
                    judged.returned[0] = Value::None;
                }
                _ => judged.returned[0] = Value::OneOf(Rc::new(vec![Value::None, Value::Unknown])),
            }
            return judged;
        }
        if let Some(refuser) = REFUSERS.iter().find(|it| it.package == package && it.name == last) {
            let state = match refuser.lenient.map(|(name, value)| (args.named(name), value)) {
                Some((Some(Value::Bool(is)), value)) if *is == value => GuardState::Open,
                Some((Some(Value::Bool(_)), _)) | Some((None, _)) | None => GuardState::Guarded,
                Some(_) => GuardState::Unsure,
            };
            let mut judged = Judged::new(state, &package);
            if state == GuardState::Open {
                judged.returned[0] = Value::None;
            }
            return judged;
        }
        // A form that holds a name and a password asks for nothing else.
        let is_form = last.ends_with("RequestForm") || last.ends_with("RequestFormStrict");
        let state = if !package.is_empty() && !is_form && sounds_like_auth(&external.name()) && !sounds_optional(last) {
            GuardState::Unsure
        } else {
            GuardState::Open
        };
        Judged::new(state, &package)
    }

    fn judge_callable(&mut self, callable: &Value<'p>, module: usize, name: &str, depth: usize) -> Judged<'p> {
        let mut judged = Judged::new(GuardState::Open, &self.file(module));
        let mut given = [Args::default(), Args::default()];
        let mut doubtful = false;
        for parameter in self.parameters(callable) {
            if let Some(inner) = parameter.depends() {
                let inner = self.judge(&inner, depth + 1);
                if inner.state == GuardState::Guarded {
                    judged.state = GuardState::Guarded;
                }
                judged.presence |= inner.presence;
                judged.unverified |= inner.unverified;
                doubtful |= inner.state == GuardState::Unsure && !inner.presence;
                for (at, args) in given.iter_mut().enumerate() {
                    if let (Some(refuses), Some(all)) = (inner.refuses.get(at), judged.refuses.get_mut(at)) {
                        *all |= refuses;
                    }
                    let value = inner.returned.get(at).cloned().unwrap_or(Value::Unknown);
                    args.keywords.push((Rc::from(parameter.name), Arg { value, place: parameter.place }));
                }
                continue;
            }
            for ((probe, args), refuses) in CALLERS.iter().zip(&mut given).zip(&mut judged.refuses) {
                let value = self.given(&parameter, *probe, refuses);
                args.keywords.push((Rc::from(parameter.name), Arg { value, place: parameter.place }));
            }
        }
        if judged.state == GuardState::Guarded {
            judged.refuses = [true, true];
            return judged;
        }
        let outcomes: Vec<Outcome<'p>> =
            CALLERS.iter().zip(&given).map(|(probe, args)| self.ask(callable, args, *probe)).collect();
        let [stranger, forger] = outcomes.as_slice() else { return judged };
        judged.refuses = [judged.refuses[0] || stranger.refuses, judged.refuses[1] || forger.refuses];
        judged.returned = [stranger.returned.clone(), forger.returned.clone()];
        // The forger asked last.
        judged.unverified |= self.eval.host.unverified;
        let denies = |it: &Outcome<'p>| it.refuses || (!judged.unverified && self.denies(it));
        let says = |it: &Outcome<'p>| it.raised.iter().any(|it| self.says_no(&it.value));
        judged.state = match (judged.refuses[0], denies(forger)) {
            (true, true) => GuardState::Guarded,
            (true, false) => GuardState::Unsure,
            _ if !(stranger.complete && forger.complete) && sounds_like_auth(name) => GuardState::Unsure,
            // What strangers get past, they get past.
            (false, _) if says(stranger) => GuardState::Unsure,
            (false, _) if sounds_like_auth(name) && !sounds_optional(name) && !known(&stranger.returned) => {
                GuardState::Unsure
            }
            _ if doubtful => GuardState::Unsure,
            _ => GuardState::Open,
        };
        judged.presence = judged.state == GuardState::Unsure && judged.refuses[0];
        judged
    }

    /// What a caller's request holds for a parameter. `refuses`: a request without it is answered with 422.
    fn given(&mut self, parameter: &Parameter<'p>, probe: Probe, refuses: &mut bool) -> Value<'p> {
        if let Value::External(kind) = &parameter.kind
            && matches!(kind.last(), "Request" | "HTTPConnection" | "WebSocket")
        {
            return self.seen(Seen::Request);
        }
        let Some((kind, args)) = parameter.marker(&["Header", "Cookie", "Query"]) else { return Value::Unknown };
        let alias = args.named("alias").and_then(Value::as_str).unwrap_or(parameter.name);
        if !(kind == "Cookie" || probe::is_credential(alias)) {
            return written();
        }
        if probe == Probe::Forger {
            return probe::credential(probe, alias);
        }
        let own = args.get(0, "default").cloned().filter(|it| !matches!(it, Value::Ellipsis));
        let outer = parameter.default.clone().filter(|it| !matches!(it, Value::External(_) | Value::Ellipsis));
        match own.or(outer) {
            Some(Value::Unknown | Value::External(_)) => assumed(),
            Some(default) => default,
            None => {
                *refuses = true;
                Value::Unknown
            }
        }
    }

    /// What a dependency gives to a caller.
    pub(crate) fn given_by(&mut self, callable: &Value<'p>, probe: Probe) -> Value<'p> {
        let judged = self.judge(callable, 0);
        let at = usize::from(probe == Probe::Forger);
        judged.returned.get(at).cloned().unwrap_or(Value::Unknown)
    }

    /// Runs `callable` for a caller.
    pub(crate) fn ask(&mut self, callable: &Value<'p>, args: &Args<'p>, probe: Probe) -> Outcome<'p> {
        self.eval.host.probe = Some(probe);
        self.eval.host.unverified = false;
        let made = self.eval.host.made.len();
        let outcome = self.eval.what_if(callable, args);
        self.eval.host.probe = None;
        // What was made for the question is of no use afterwards, unless the answer holds it.
        let holds_none = matches!(
            outcome.returned,
            Value::Unknown | Value::None | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Str(_)
        );
        if holds_none {
            self.eval.host.made.truncate(made);
        }
        outcome
    }

    /// A part of the request of whoever asks next.
    pub(crate) fn seen(&mut self, seen: Seen) -> Value<'p> {
        let site = Site { module: 0, call: Default::default(), statement: Default::default(), branch: Rc::from([]) };
        self.eval.host.make(Kind::Probe(seen), Rc::default(), &site)
    }

    /// Whether something on the way says no, or is raised by what checks credentials.
    pub(crate) fn denies(&self, outcome: &Outcome<'p>) -> bool {
        outcome.raised.iter().any(|it| matches!(it.value, Value::Unknown) || self.says_no(&it.value))
    }

    /// Whether an exception, or a response, tells the caller that they may not.
    pub(crate) fn says_no(&self, value: &Value<'p>) -> bool {
        match self.status(value) {
            Some(status) => matches!(status, 401 | 403 | 407),
            None => match value {
                Value::Instance(it) => names_refusal(it.class.name()),
                Value::Class(it) => names_refusal(it.name()),
                Value::External(it) => names_refusal(it.last()),
                Value::OneOf(values) => values.iter().any(|it| self.says_no(it)),
                _ => false,
            },
        }
    }

    /// The status of an exception or of a response.
    pub(crate) fn status(&self, value: &Value<'p>) -> Option<u16> {
        match value {
            Value::External(external) => {
                let (_, args, _) = external.called()?;
                let at = usize::from(external.last().ends_with("Response"));
                number(args.get(at, "status_code")?)
            }
            Value::Instance(it) => {
                let base = it.base.borrow().clone();
                base.and_then(|it| self.status(&it)).or_else(|| number(&it.own("status_code")?))
            }
            Value::Class(it) => it.mro().iter().find_map(|it| match it {
                Value::Class(it) => number(&it.own("status_code")?),
                _ => None,
            }),
            _ => None,
        }
    }
}

/// A status, as a number or as `status.HTTP_401_UNAUTHORIZED`.
pub(crate) fn number(value: &Value) -> Option<u16> {
    match value {
        Value::Int(it) => u16::try_from(*it).ok(),
        Value::External(it) => {
            let last = it.last();
            match last {
                "UNAUTHORIZED" => Some(401),
                "FORBIDDEN" => Some(403),
                _ => last.strip_prefix("HTTP_").or_else(|| last.strip_prefix("WS_"))?.split('_').next()?.parse().ok(),
            }
        }
        _ => None,
    }
}

fn names_refusal(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    [
        "unauth",
        "forbidden",
        "accessdenied",
        "permission",
        "credential",
        "notauthor",
        "notpermitted",
        "authenticat",
        "authoriz",
        "autherror",
        "invalidtoken",
    ]
    .iter()
    .any(|it| lower.contains(it))
}

fn known(value: &Value) -> bool {
    match value {
        Value::Unknown | Value::External(_) => false,
        Value::OneOf(values) => values.iter().any(|it| matches!(it, Value::None)),
        _ => true,
    }
}

/// What tells callables apart.
fn identity(value: &Value) -> Option<(usize, usize)> {
    match value {
        Value::Function(it) => Some((it.key() as usize, Rc::as_ptr(&it.scope) as usize)),
        Value::Bound(it) => {
            let object = match &it.0 {
                Value::Instance(it) => Rc::as_ptr(it) as usize,
                Value::Class(it) => Rc::as_ptr(it) as usize,
                _ => return None,
            };
            Some((it.1.key() as usize, object))
        }
        Value::Instance(it) => Some((Rc::as_ptr(it) as usize, 0)),
        Value::Class(it) => Some((Rc::as_ptr(it) as usize, 1)),
        _ => None,
    }
}
