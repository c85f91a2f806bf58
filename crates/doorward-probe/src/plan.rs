//! Planning: which requests prove a policy.
//!
//! Every guarded route is sent the cases marked `core`. One route of each distinct guard is sent all of them, because
//! what verifies a token is the guard and not the route.

use std::collections::{BTreeMap, HashMap, HashSet};

use doorward::decide::{Caller, Demand, decide};
use doorward::diagnostic::{Diagnostic, Severity};
use doorward::inventory::RouteId;
use doorward::path::{PathTemplate, Piece, Segment};
use doorward::policy::{Access, Bind, BindSource, Expect as Pinned, Persona, Policy};
use doorward_emulator::{Fault, Forge, Identity, Signer, TokenClass, default_personas, persona_for};
use serde_json::{Map, Value};

use crate::case::{Case, Delivery, Expect, Need, PathShape, Who};
use crate::target::Target;

/// How to plan.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// Whether good identities may call methods that change things.
    pub allow_writes: bool,
    /// Values for path parameters by name; the rest are `1`.
    pub params: BTreeMap<String, String>,
    /// JSON bodies for routes; the rest are sent `{}`.
    pub bodies: BTreeMap<RouteId, String>,
    /// Whether what Clerk's own SDKs let pass fails a route as well.
    pub strict: bool,
    /// Whether the server fetches its keys. One that was given its key has no key id to compare.
    pub keys_fetched: bool,
}

/// What will be sent, and to what end.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The routes, in the order of the targets.
    pub routes: Vec<PlannedRoute>,
    /// The requests, in order.
    pub shots: Vec<Shot>,
    /// What can't be planned.
    pub findings: Vec<Diagnostic>,
}

/// A route to prove.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRoute {
    /// The route and its rule.
    pub target: Target,
    /// Why it can't be proved, whatever comes back.
    pub untested: Option<String>,
}

/// One request to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Shot {
    /// The place of its route in [`Plan::routes`].
    pub route: usize,
    /// The id of its case.
    pub case: String,
    /// The title of its case.
    pub title: String,
    /// How bad it is if the expectation does not hold.
    pub severity: Severity,
    /// What it means then.
    pub explain: String,
    /// What to do then.
    pub fix: String,
    /// Whose token it carries.
    pub persona: Option<Persona>,
    /// The kind of token.
    pub start: Option<TokenClass>,
    /// The changes to the token.
    pub forge: Vec<Forge>,
    /// The method.
    pub method: String,
    /// The request target. `{token}` and `{good}` stand for tokens.
    pub target: String,
    /// The header lines. `{token}`, `{good}` and `{svix-…}` stand for what is made when they are sent.
    pub headers: Vec<String>,
    /// The body.
    pub body: Option<String>,
    /// The delivery to sign, for webhooks.
    pub delivery: Option<Delivery>,
    /// When it is sent.
    pub phase: Phase,
    /// What must come back.
    pub expect: Expectation,
    /// Whether it is another spelling of the path, which may be nobody's path.
    pub respelled: bool,
    /// Whether that spelling is also a path of a route that is open.
    pub ambiguous: bool,
    /// Why it is not sent.
    pub skip: Option<String>,
}

/// When a shot is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// First: whether the route lets in and refuses at all.
    Baseline,
    /// Then, beside others.
    Attack,
    /// Last and alone, while the keys misbehave.
    Alone(Fault),
}

/// What must come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// The handler's answer, whatever it is.
    Reach,
    /// 401.
    Refuse,
    /// 403, or 404 where the rule hides the resource.
    Forbid,
    /// No success.
    Closed,
    /// This status.
    Status(u16),
    /// No permission for the origin sent.
    NoReflection,
    /// Permission for the origin sent, before anybody is asked who they are.
    Preflight,
    /// The handler's answer to a delivery.
    DeliveryAccepted,
    /// 400, 401 or 403.
    DeliveryRefused,
    /// 503, or 401.
    Unavailable,
}

/// Plans the requests that prove `targets` under `policy`.
///
/// The signer only names people here; it signs when the requests are sent, because tokens live a minute.
#[must_use]
pub fn plan(targets: &[Target], policy: &Policy, cases: &[Case], signer: &Signer, options: &PlanOptions) -> Plan {
    let representatives = representatives(targets);
    let faulted = targets.iter().enumerate().find(|(at, target)| {
        target.access.needs_session() && representatives.contains(at) && !is_write(method_of(target))
    });
    let mut plan = Plan { routes: Vec::new(), shots: Vec::new(), findings: Vec::new() };
    for (at, target) in targets.iter().enumerate() {
        let planner = Planner::new(at, target, targets, policy, signer, options);
        plan.routes.push(PlannedRoute { target: target.clone(), untested: planner.untested() });
        let full = representatives.contains(&at);
        let sent = cases.iter().filter(|case| match case.fault {
            Some(_) => faulted.is_some_and(|(first, _)| first == at),
            None => planner.applies(case, full),
        });
        let own = sent.filter(|case| !meant_for_strangers(case, target, targets));
        plan.shots.extend(own.flat_map(|case| planner.shots(case)));
    }
    for pinned in &policy.expects {
        pin(pinned, targets, policy, signer, options, &mut plan);
    }
    plan
}

/// One route of each distinct guard, preferably one that changes nothing.
fn representatives(targets: &[Target]) -> HashSet<usize> {
    let mut chosen: HashMap<String, usize> = HashMap::new();
    for (at, target) in targets.iter().enumerate().filter(|(_, target)| !target.is_websocket()) {
        // Guards of the same name may be others: `requireAuth` of Clerk and `requireAuth` of a file of the project.
        let seen = target.route.guard.by.iter();
        let by: Vec<_> = seen.map(|seen| (seen.name.as_str(), seen.origin.as_str(), seen.file.as_str())).collect();
        let chain = &target.route.chain;
        let guard = format!("{}|{:?}|{}|{by:?}|{chain:?}", target.access, target.bind, target.hide);
        let held = chosen.entry(guard).or_insert(at);
        let better = targets.get(*held).is_some_and(|held| is_write(method_of(held))) && !is_write(method_of(target));
        if better {
            *held = at;
        }
    }
    chosen.into_values().collect()
}

/// Whether a case asks by another method, and a route that strangers may call answers that: `HEAD` on the path of a
/// guarded `POST` is the `HEAD` of the public `GET` beside it.
fn meant_for_strangers(case: &Case, target: &Target, targets: &[Target]) -> bool {
    let Some(method) = case.request.method.as_deref() else { return false };
    let answers = |other: &Target| {
        let own = other.route.method.as_str();
        own.eq_ignore_ascii_case(method) || (own == "GET" && method == "HEAD") || other.route.method.is_all()
    };
    targets.iter().any(|other| {
        other.access.admits_strangers()
            && other.route.path.starts_with(&target.route.path)
            && target.route.path.starts_with(&other.route.path)
            && answers(other)
    })
}

pub(crate) fn method_of(target: &Target) -> &str {
    if target.route.method.is_all() { "GET" } else { target.route.method.as_str() }
}

pub(crate) fn is_write(method: &str) -> bool {
    !matches!(method, "GET" | "HEAD" | "OPTIONS")
}

/// Everything known about one route while its shots are made.
struct Planner<'a> {
    at: usize,
    target: &'a Target,
    targets: &'a [Target],
    policy: &'a Policy,
    signer: &'a Signer,
    options: &'a PlanOptions,
    /// Someone the rule lets in.
    granted: Option<Identity>,
    /// The values of the path's parameters.
    params: BTreeMap<String, String>,
    path: String,
}

impl<'a> Planner<'a> {
    fn new(
        at: usize,
        target: &'a Target,
        targets: &'a [Target],
        policy: &'a Policy,
        signer: &'a Signer,
        options: &'a PlanOptions,
    ) -> Self {
        let candidates = everyone(policy).into_iter().chain(persona_for(&target.access));
        let granted = candidates.map(|persona| signer.identity(&persona)).find(|identity| {
            let params = params_of(target, Some(identity), options);
            admits(target, identity, &params)
        });
        let params = params_of(target, granted.as_ref(), options);
        let path = render(&target.route.path, &params);
        Self { at, target, targets, policy, signer, options, granted, params, path }
    }

    fn untested(&self) -> Option<String> {
        if self.target.is_websocket() {
            return Some("WebSockets are not attacked; no plain request reaches them".to_owned());
        }
        let needed = self.target.access.needs_session() && self.granted.is_none();
        needed.then(|| format!("no persona meets `{}`; add one to the policy", self.target.access))
    }

    fn applies(&self, case: &Case, full: bool) -> bool {
        if self.target.is_websocket() {
            return false;
        }
        let Target { access, bind, .. } = self.target;
        let binds = |claims: &[&str]| bind.iter().any(|bind| claims.contains(&bind.claim.as_str()));
        let leaves = access.leaves();
        let needed = match case.needs {
            Some(Need::Open) => access.admits_strangers(),
            Some(Need::FetchedKeys) if !self.options.keys_fetched => false,
            _ if *access == Access::Webhook => case.delivery.is_some(),
            _ if case.delivery.is_some() || *access == Access::Public => false,
            // A bad token must not pass for a visitor, and a good one must pass.
            _ if *access == Access::Optional => {
                matches!(case.expect, Expect::Reject(_)) || (case.expect == Expect::Accept && case.core)
            }
            Some(Need::Parties) => !self.policy.clerk.authorized_parties.is_empty(),
            Some(Need::Cors) => !self.policy.cors.origins.is_empty(),
            Some(Need::Role) => leaves.iter().any(|leaf| matches!(leaf, Access::Role(_))),
            Some(Need::Permission) => leaves.iter().any(|leaf| matches!(leaf, Access::Permission(_))),
            Some(Need::Grant) => *access != Access::SignedIn,
            Some(Need::Unbilled) => !leaves.iter().any(|leaf| matches!(leaf, Access::Feature(_) | Access::Plan(_))),
            Some(Need::Tenant) => binds(&["org_id", "org_slug"]),
            Some(Need::User) => binds(&["user_id"]),
            Some(Need::Organization) => self.granted.as_ref().is_some_and(|identity| identity.membership.is_some()),
            Some(Need::FetchedKeys) | None => true,
        };
        needed && (full || case.core || case.delivery.is_some())
    }

    fn shots(&self, case: &Case) -> Vec<Shot> {
        let granted = self.granted.as_ref().map(|identity| identity.persona.clone());
        let fallback = || default_personas().into_iter().next();
        match case.who {
            Who::Granted => {
                let persona = case.start.and_then(|_| granted.or_else(fallback));
                self.shot(case, persona, Vec::new(), None).into_iter().collect()
            }
            Who::Everyone => {
                let name = granted.map(|persona| persona.name).unwrap_or_default();
                let everyone = everyone(self.policy).into_iter().filter(|other| other.name != name);
                everyone.filter_map(|other| self.decided(case, other, Vec::new())).collect()
            }
            who => {
                let Some(persona) = granted else { return Vec::new() };
                let Some((twin, forge)) = self.near_miss(who, &persona) else { return Vec::new() };
                // A near miss that the rule lets in is no miss.
                let shot = self.decided(case, twin, forge);
                shot.into_iter().filter(|shot| shot.expect == Expectation::Forbid).collect()
            }
        }
    }

    /// A shot whose expectation is what the rule says of the persona.
    fn decided(&self, case: &Case, persona: Persona, forge: Vec<Forge>) -> Option<Shot> {
        let admitted = admits(self.target, &self.signer.identity(&persona), &self.params);
        let expect = if admitted { Expectation::Reach } else { Expectation::Forbid };
        self.shot(case, Some(persona), forge, Some(expect))
    }

    fn near_miss(&self, who: Who, granted: &Persona) -> Option<(Persona, Vec<Forge>)> {
        let mut twin = granted.clone();
        let mut forge = Vec::new();
        let role = || granted.role.clone().unwrap_or_else(|| "org:member".into());
        let bare = || role().trim_start_matches("org:").to_owned();
        let permissions = |change: &dyn Fn(&str, &str) -> String| -> Vec<String> {
            let split = granted.permissions.iter().filter_map(|name| name.rsplit_once(':'));
            split.map(|(feature, action)| change(feature, action)).collect()
        };
        let suffix = match who {
            Who::Granted | Who::Everyone => return None,
            Who::OtherTenant => {
                twin.org = Some(if granted.org.as_deref() == Some("globex") { "acme" } else { "globex" }.into());
                "elsewhere"
            }
            Who::OtherUser => "twin",
            Who::NoOrganization => {
                (twin.org, twin.role, twin.permissions) = (None, None, Vec::new());
                "without-organization"
            }
            Who::RoleUpper => {
                twin.role = Some(format!("org:{}", bare().to_uppercase()));
                "role-upper"
            }
            Who::RoleSuffix => {
                twin.role = Some(format!("{}istrator", role()));
                "role-longer"
            }
            Who::RoleCut => {
                let mut cut = bare();
                cut.pop().filter(|_| !cut.is_empty())?;
                twin.role = Some(format!("org:{cut}"));
                "role-shorter"
            }
            Who::PermissionSuffix => {
                twin.permissions = permissions(&|feature, action| format!("{feature}:{action}x"));
                "permission-longer"
            }
            Who::PermissionAction => {
                twin.permissions = permissions(&|feature, _| format!("{feature}:other"));
                "permission-other-action"
            }
            Who::PermissionFeature => {
                twin.permissions = permissions(&|_, action| format!("org:other:{action}"));
                "permission-other-feature"
            }
            Who::MaskNegative | Who::MaskUserScope => {
                // Such a token does name the feature, which is all that a rule on features asks.
                if self.target.access.leaves().iter().any(|leaf| matches!(leaf, Access::Feature(_))) {
                    return None;
                }
                let (feature, action) = granted.permissions.first()?.trim_start_matches("org:").rsplit_once(':')?;
                let (scope, mask) = if who == Who::MaskNegative { ("o", "-1") } else { ("u", "1") };
                forge.push(Forge::SetClaim(Map::from_iter([
                    ("fea".to_owned(), Value::from(format!("{scope}:{feature}"))),
                    ("o.per".to_owned(), Value::from(action)),
                    ("o.fpm".to_owned(), Value::from(mask)),
                ])));
                twin.permissions = Vec::new();
                if who == Who::MaskNegative { "negative-mask" } else { "user-feature" }
            }
            Who::FlatClaims => {
                let identity = self.signer.identity(granted);
                let mut claims = Map::new();
                let membership = identity.membership?;
                claims.insert("org_id".into(), Value::from(membership.org_id));
                claims.insert("org_role".into(), Value::from(membership.role));
                claims.insert("org_permissions".into(), Value::from(granted.permissions.clone()));
                forge.push(Forge::SetClaim(claims));
                twin.role = Some("org:guest".into());
                (twin.permissions, twin.features, twin.plans) = (Vec::new(), Vec::new(), Vec::new());
                "flat-claims"
            }
        };
        twin.name = format!("{}-{suffix}", granted.name);
        Some((twin, forge))
    }

    fn shot(
        &self,
        case: &Case,
        persona: Option<Persona>,
        extra: Vec<Forge>,
        decided: Option<Expectation>,
    ) -> Option<Shot> {
        let own = method_of(self.target);
        let method = case.request.method.as_deref().unwrap_or(own).to_owned();
        let path = match case.request.path {
            Some(shape) => respell(&self.path, shape)?,
            None => self.path.clone(),
        };
        let ambiguous = case.request.path.is_some() && self.is_open(&method, &path);
        let target = match &case.request.query {
            Some(query) => format!("{path}?{query}"),
            None => path,
        };
        let expect = decided.unwrap_or(match case.expect {
            Expect::Accept | Expect::Decide => Expectation::Reach,
            Expect::Reject(_) | Expect::Refuse => Expectation::Refuse,
            Expect::Closed => Expectation::Closed,
            Expect::NoReflection => Expectation::NoReflection,
            Expect::Preflight => Expectation::Preflight,
            Expect::DeliveryRefused => Expectation::DeliveryRefused,
            Expect::DeliveryAccepted => Expectation::DeliveryAccepted,
            Expect::Unavailable => Expectation::Unavailable,
        });
        let lets_in = matches!(expect, Expectation::Reach | Expectation::NoReflection) && case.start.is_some();
        let skip = (lets_in && is_write(&method) && !self.options.allow_writes)
            .then(|| format!("{method} with a good identity may change things; allow writes to send it"));
        let strict = self.options.strict && matches!(expect, Expectation::Refuse | Expectation::Closed);
        let mut severity = case.severity;
        if strict && severity == Severity::Warning {
            severity = Severity::Error;
        }
        let body = match (&case.request.body, case.delivery.is_some()) {
            (Some(body), _) => Some(body.clone()),
            (None, true) => Some(self.event()),
            (None, false) => is_write(&method).then(|| self.body()),
        };
        let delivery = case.delivery.clone();
        Some(Shot {
            route: self.at,
            case: case.id.clone(),
            title: case.title.clone(),
            severity,
            explain: case.explain.clone(),
            fix: case.fix.clone(),
            persona,
            start: case.start,
            forge: case.forge.iter().cloned().chain(extra).collect(),
            headers: self.headers(case, body.is_some(), own),
            method,
            target,
            body,
            phase: match case.fault {
                Some(fault) => Phase::Alone(fault.into()),
                None if is_baseline(&case.id) => Phase::Baseline,
                None => Phase::Attack,
            },
            expect,
            respelled: case.request.path.is_some(),
            ambiguous,
            delivery,
            skip,
        })
    }

    /// Whether an open route answers to this.
    fn is_open(&self, method: &str, path: &str) -> bool {
        let answers = |other: &Target| other.route.method.is_all() || other.route.method.as_str() == method;
        let open = |other: &&Target| other.access.admits_strangers() && answers(other);
        self.targets.iter().filter(open).any(|other| matches(&other.route.path, path))
    }

    fn headers(&self, case: &Case, has_body: bool, method: &str) -> Vec<String> {
        let mut lines = match (&case.request.headers, &case.delivery) {
            (Some(lines), _) => lines.clone(),
            (None, Some(delivery)) => delivery_headers(delivery),
            (None, None) if case.start.is_some() => vec!["Authorization: Bearer {token}".to_owned()],
            (None, None) => Vec::new(),
        };
        let origin = self.policy.cors.origins.first().cloned().unwrap_or_default();
        for line in &mut lines {
            *line = line.replace("{origin}", &origin).replace("{method}", method);
        }
        let mut add = |name: &str, value: &str| {
            if !lines.iter().any(|line| line.split(':').next().is_some_and(|of| of.eq_ignore_ascii_case(name))) {
                lines.push(format!("{name}: {value}"));
            }
        };
        add("Accept", "application/json");
        if has_body {
            add("Content-Type", "application/json");
        }
        lines
    }

    fn body(&self) -> String {
        self.options.bodies.get(&self.target.route.id).cloned().unwrap_or_else(|| "{}".into())
    }

    /// An event. Without leave to write, one of a type that no handler knows.
    fn event(&self) -> String {
        if let Some(body) = self.options.bodies.get(&self.target.route.id) {
            return body.clone();
        }
        let kind = if self.options.allow_writes { "user.created" } else { "doorward.probe" };
        let user = self.signer.directory().personas().next().map(|persona| self.signer.identity(persona).user_id);
        serde_json::json!({
            "type": kind,
            "object": "event",
            "data": { "object": "user", "id": user, "email_addresses": [], "first_name": "doorward" },
            "instance_id": self.signer.instance().id(),
        })
        .to_string()
    }
}

/// The personas that come with doorward and the policy's; the policy may replace one by its name.
fn everyone(policy: &Policy) -> Vec<Persona> {
    let replaced = |persona: &Persona| policy.personas.iter().any(|other| other.name == persona.name);
    let built_in = default_personas().into_iter().filter(|persona| !replaced(persona));
    built_in.chain(policy.personas.iter().cloned()).collect()
}

/// The cases that say whether a route lets in and refuses at all.
fn is_baseline(id: &str) -> bool {
    matches!(id, GOOD | STRANGER | OPEN | "good-delivery" | "delivery-unsigned")
}

/// The case that must be let in on every guarded route.
pub(crate) const GOOD: &str = "good-session";
/// The case that must be refused on every guarded route.
pub(crate) const STRANGER: &str = "no-token";
/// The case that must be let in on every open route.
pub(crate) const OPEN: &str = "stranger-at-an-open-route";

fn delivery_headers(delivery: &Delivery) -> Vec<String> {
    let signature = delivery.signature.as_deref().unwrap_or("{signature}").replace("{signature}", "{svix-signature}");
    let lines = [
        ("svix-id", "{svix-id}".to_owned()),
        ("svix-timestamp", "{svix-timestamp}".to_owned()),
        ("svix-signature", signature),
    ];
    let without = delivery.without.as_deref();
    let kept = lines.into_iter().filter(|(name, _)| without != Some("all") && without != Some(name));
    kept.map(|(name, value)| format!("{name}: {value}")).collect()
}

/// Whether a correct server lets this identity in.
fn admits(target: &Target, identity: &Identity, params: &BTreeMap<String, String>) -> bool {
    let principal = identity.principal();
    let demand = Demand { access: &target.access, bind: &target.bind, hide: target.hide };
    decide(demand, Caller::SignedIn(&principal), |name| params.get(name).map(String::as_str)).status().is_none()
}

/// The values of the path's parameters: what the bindings ask for, then samples, then `1`.
fn params_of(target: &Target, identity: Option<&Identity>, options: &PlanOptions) -> BTreeMap<String, String> {
    let bound = |name: &str| {
        let Bind { claim, .. } = target.bind.iter().find(|bind| bind.source == BindSource::Param(name.to_owned()))?;
        let identity = identity?;
        match claim.as_str() {
            "org_id" => identity.membership.as_ref().map(|membership| membership.org_id.clone()),
            "org_slug" => identity.membership.as_ref().map(|membership| membership.org_slug.clone()),
            "user_id" => Some(identity.user_id.clone()),
            _ => None,
        }
    };
    let sample = |name: &str| options.params.get(name).cloned();
    let value = |name: &str| bound(name).or_else(|| sample(name)).unwrap_or_else(|| "1".into());
    target.route.path.params().map(|name| (name.to_owned(), value(name))).collect()
}

fn render(template: &PathTemplate, params: &BTreeMap<String, String>) -> String {
    let value = |name: &String| params.get(name).map_or_else(|| "1".to_owned(), |value| percent_encode(value));
    let parts: Vec<String> = template
        .segments()
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) => percent_encode(text),
            Segment::Param { prefix, name, suffix } => {
                format!("{}{}{}", percent_encode(prefix), value(name), percent_encode(suffix))
            }
            Segment::Mixed(pieces) => pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Text(text) => percent_encode(text),
                    Piece::Value(name) => value(name),
                })
                .collect(),
            Segment::CatchAll(name) => value(name),
        })
        .collect();
    format!("/{}", parts.join("/"))
}

fn percent_encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Another spelling, or `None` where the path has no such spelling.
fn respell(path: &str, shape: PathShape) -> Option<String> {
    let (head, tail) = path.rsplit_once('/')?;
    let letter = || path.char_indices().rev().find(|(_, c)| c.is_ascii_lowercase());
    let encoded = |percent: &str| {
        let (at, letter) = letter()?;
        let after = path.get(at + 1..)?;
        Some(format!("{}{percent}{:02X}{after}", path.get(..at)?, u32::from(letter)))
    };
    let inner = || (!head.is_empty() && !tail.is_empty()).then_some(());
    let spelled = match shape {
        PathShape::TrailingSlash => format!("{path}/"),
        PathShape::UpperCase => path.to_ascii_uppercase(),
        PathShape::DoubleSlash => inner().map(|()| format!("{head}//{tail}"))?,
        PathShape::LeadingSlash => format!("/{path}"),
        PathShape::DotSegment => format!("{head}/./{tail}"),
        PathShape::ParentSegment => format!("/x/..{path}"),
        PathShape::EncodedParent => format!("/x/%2e%2e{path}"),
        PathShape::EncodedLetter => encoded("%")?,
        PathShape::DoubleEncodedLetter => encoded("%25")?,
        PathShape::EncodedSlash => inner().map(|()| format!("{head}%2F{tail}"))?,
        PathShape::PathParameter => format!("{path};x=1"),
        PathShape::Backslash => inner().map(|()| format!("{head}\\{tail}"))?,
        PathShape::JsonSuffix => format!("{path}.json"),
        PathShape::RscSuffix => format!("{path}.rsc"),
        PathShape::NullByte => format!("{path}%00"),
        PathShape::EncodedSpace => format!("{path}%20"),
        PathShape::AbsoluteForm => format!("http://doorward.invalid{path}"),
    };
    (path != "/" && spelled != path).then_some(spelled)
}

/// Adds the shot for an answer that the policy pins.
fn pin(pinned: &Pinned, targets: &[Target], policy: &Policy, signer: &Signer, options: &PlanOptions, plan: &mut Plan) {
    let mut path = pinned.path.clone();
    for slug in signer.directory().organizations() {
        path = path.replace(&format!("{{{slug}}}"), &signer.organization_id(&slug));
    }
    let bare = path.split('?').next().unwrap_or_default();
    let found = targets.iter().position(|target| {
        (target.route.method.is_all() || target.route.method == pinned.method) && matches(&target.route.path, bare)
    });
    let stranger = pinned.persona == "stranger";
    let persona = policy.personas.iter().find(|persona| persona.name == pinned.persona).cloned();
    let persona = persona.or_else(|| signer.persona(&pinned.persona));
    let Some(route) = found.filter(|_| stranger || persona.is_some()) else {
        let what = if found.is_none() { "is no route of this API" } else { "is called as a persona nobody knows" };
        let call = format!("{} {}", pinned.method, pinned.path);
        plan.findings.push(Diagnostic::new("DW5012", format!("`{call}` {what}")).at(pinned.location.clone()));
        return;
    };
    let method = pinned.method.as_str().to_owned();
    let lets_in = !stranger && (200..400).contains(&pinned.status);
    let body = is_write(&method).then(|| {
        let id = targets.get(route).map(|target| &target.route.id);
        id.and_then(|id| options.bodies.get(id)).cloned().unwrap_or_else(|| "{}".into())
    });
    let mut headers = vec!["Accept: application/json".to_owned()];
    if body.is_some() {
        headers.push("Content-Type: application/json".into());
    }
    if !stranger {
        headers.push("Authorization: Bearer {token}".into());
    }
    plan.shots.push(Shot {
        route,
        case: "pinned".into(),
        title: format!("{} as `{}`, as the policy pins it", pinned.path, pinned.persona),
        severity: Severity::Error,
        explain: "The policy pins the answer to this call, and the server gave another.".into(),
        fix: format!("Correct the route, or the `[[expect]]` at {}.", pinned.location),
        skip: (lets_in && is_write(&method) && !options.allow_writes)
            .then(|| format!("{method} with a good identity may change things; allow writes to send it")),
        start: (!stranger).then_some(TokenClass::Session),
        persona: persona.filter(|_| !stranger),
        forge: Vec::new(),
        method,
        target: path,
        headers,
        body,
        delivery: None,
        phase: Phase::Attack,
        expect: Expectation::Status(pinned.status),
        respelled: false,
        ambiguous: false,
    });
}

fn matches(template: &PathTemplate, path: &str) -> bool {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    for segment in template.segments() {
        if matches!(segment, Segment::CatchAll(_)) {
            return true;
        }
        let Some(part) = parts.next() else { return false };
        if !segment.matches(part) {
            return false;
        }
    }
    parts.next().is_none()
}

#[cfg(test)]
mod tests;
