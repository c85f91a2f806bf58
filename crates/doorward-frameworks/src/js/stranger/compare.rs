//! What counts as true, and what is the same as something else.

use std::rc::Rc;

use super::value::{Seen, Taint, derived, env_name};
use super::{Notice, Run};
use crate::js::eval::Host;
use crate::js::pattern::Pattern as Matcher;
use crate::js::value::{External, Value};

impl<H: Host> Run<'_, '_, H> {
    /// Whether it counts as true.
    pub(super) fn truth(&mut self, value: &Seen) -> bool {
        match value {
            Seen::Nothing => false,
            Seen::Bool(it) => *it,
            Seen::Num(it) => *it != 0.0,
            Seen::Str(it) => !it.is_empty(),
            Seen::Unknown(_, Taint::Claim) => {
                self.guess();
                false
            }
            Seen::Promise(_) | Seen::Rejected(_) => {
                if value.is_unawaited() {
                    let place = self.statement;
                    self.notice(Notice::NotAwaited(place));
                }
                true
            }
            // What is compared with something that is not there.
            Seen::Unknown(id, Taint::Credential) if self.question.style.is_guard() && !self.is_forged() => {
                self.choose(*id, Taint::Plain)
            }
            Seen::Unknown(id, taint) => self.choose(*id, *taint),
            Seen::Outside(Value::External(external)) => match env_name(external) {
                Some("NODE_ENV") => true,
                Some(name) => {
                    let id = derived(&("env", name));
                    self.choose(id, Taint::Env)
                }
                None => match &**external {
                    External::Member(of, name) if matches!(**of, External::Call(..)) => {
                        let id = derived(&(of.path(), &**name));
                        self.choose(id, Taint::Plain)
                    }
                    _ => true,
                },
            },
            _ => true,
        }
    }

    /// Whether both are the same.
    pub(super) fn same(&mut self, left: &Seen, right: &Seen) -> bool {
        if [left, right].iter().any(|it| matches!(it, Seen::Unknown(_, Taint::Claim))) {
            self.guess();
        }
        match (left, right) {
            (Seen::Nothing, Seen::Nothing) => true,
            (Seen::Bool(one), Seen::Bool(two)) => one == two,
            (Seen::Num(one), Seen::Num(two)) => (one - two).abs() < f64::EPSILON,
            (Seen::Str(one), Seen::Str(two)) => one == two,
            (Seen::Path, Seen::Str(text)) | (Seen::Str(text), Seen::Path) => {
                let all: Vec<bool> = self.question.paths.iter().map(|it| **it == **text).collect();
                self.agreed(&all, &("is", text))
            }
            (Seen::Unknown(id, taint), Seen::Nothing) | (Seen::Nothing, Seen::Unknown(id, taint)) => {
                *taint == Taint::Claim || !self.choose(*id, *taint)
            }
            (Seen::Unknown(id, Taint::Claim), Seen::Bool(it)) | (Seen::Bool(it), Seen::Unknown(id, Taint::Claim)) => {
                let _ = id;
                !*it
            }
            (Seen::Unknown(id, taint), Seen::Bool(it)) | (Seen::Bool(it), Seen::Unknown(id, taint)) => {
                self.choose(*id, *taint) == *it
            }
            // Failures of a check are true, everything else about it is not.
            (Seen::Unknown(_, Taint::Claim), Seen::Str(text)) | (Seen::Str(text), Seen::Unknown(_, Taint::Claim)) => {
                let lower = text.to_ascii_lowercase();
                ["error", "fail", "invalid", "unauth", "denied", "anon", "guest"].iter().any(|it| lower.contains(it))
            }
            (Seen::Unknown(_, Taint::Claim), Seen::Num(number))
            | (Seen::Num(number), Seen::Unknown(_, Taint::Claim)) => *number >= 400.0 || *number == 0.0,
            (Seen::Unknown(one, Taint::Credential | Taint::Claim), other)
            | (other, Seen::Unknown(one, Taint::Credential | Taint::Claim)) => self.same_as_sent(*one, other),
            (Seen::Outside(Value::External(external)), other) | (other, Seen::Outside(Value::External(external)))
                if env_name(external).is_some() =>
            {
                let name = env_name(external).unwrap_or_default();
                match (name, other) {
                    // What counts is what runs where strangers are.
                    ("NODE_ENV" | "VERCEL_ENV", Seen::Str(text)) => &**text == "production",
                    (_, Seen::Nothing) => {
                        let id = derived(&("env", name));
                        !self.choose(id, Taint::Env)
                    }
                    (name, Seen::Str(text)) => {
                        let id = derived(&("env", name, text));
                        self.choose(id, Taint::Env)
                    }
                    (name, _) => {
                        let id = derived(&("env", name));
                        self.choose(id, Taint::Env)
                    }
                }
            }
            (Seen::Nothing, _) | (_, Seen::Nothing) => false,
            (Seen::Record(one), Seen::Record(two)) => Rc::ptr_eq(one, two),
            (one, two) => {
                let taint = one.taint(0).max(two.taint(0));
                let id = |it: &Seen| match it {
                    Seen::Unknown(id, _) => *id,
                    Seen::Str(text) => derived(text),
                    Seen::Num(number) => derived(&number.to_bits()),
                    _ => 0,
                };
                let id = derived(&("same", id(one), id(two)));
                self.choose(id, taint)
            }
        }
    }

    /// Whether a credential, or what became of one, is the same as something else.
    fn same_as_sent(&mut self, sent: u64, other: &Seen) -> bool {
        let forged = self.is_forged();
        match other {
            Seen::Unknown(two, _) if sent == *two => true,
            // Two things that a forger sends.
            Seen::Unknown(two, Taint::Credential | Taint::Input) if forged => {
                let id = derived(&("both", sent.min(*two), sent.max(*two)));
                self.choose(id, Taint::Credential)
            }
            // `Bearer ${process.env.KEY}` is "Bearer undefined", where it isn't set.
            Seen::Unknown(two, Taint::Env) if forged => {
                if let Some(name) = self.holds_env.get(two).cloned()
                    && self.decided.get(&derived(&("env", name.as_str()))) != Some(&true)
                    && !self.eval.is_required(&name)
                {
                    let place = self.statement;
                    self.notice(Notice::Unset(place, name));
                }
                false
            }
            Seen::Unknown(..) => false,
            Seen::Outside(Value::External(external)) if self.undefined.contains(&sent) => {
                match env_name(external).map(str::to_owned) {
                    Some(name) if !forged && self.is_missing(sent) => self.equals_unset(&name),
                    _ => false,
                }
            }
            // A secret that is not a literal.
            Seen::Outside(_) => false,
            Seen::Str(text) if forged && !is_guessed(text) => false,
            Seen::Str(text) => {
                let id = derived(&(sent, text));
                self.choose(id, Taint::Credential)
            }
            // How long it is, where something stands in it.
            Seen::Num(number) if forged => {
                let id = derived(&(sent, number.to_bits()));
                self.choose(id, Taint::Credential)
            }
            _ => false,
        }
    }

    /// What holds for every path that may be asked for; a choice where they differ.
    pub(super) fn agreed(&mut self, all: &[bool], from: &impl std::hash::Hash) -> bool {
        self.reads_path = true;
        match (all.iter().all(|it| *it) && !all.is_empty(), all.iter().any(|it| *it)) {
            (true, _) => true,
            (_, false) if !all.is_empty() => false,
            _ => {
                let id = derived(&("paths", derived(from)));
                self.choose(id, Taint::Plain)
            }
        }
    }

    /// Whether a regular expression is found in a text or path.
    pub(super) fn matches(&mut self, source: &str, flags: &str, text: &Seen) -> Seen {
        let Some(pattern) = Matcher::regex(source, flags) else { return self.unknown(text.taint(0)) };
        match text {
            Seen::Str(text) => pattern.found_in(text).map_or_else(|| self.unknown(Taint::Plain), Seen::Bool),
            Seen::Path => {
                let all: Vec<bool> = self.question.paths.iter().filter_map(|it| pattern.found_in(it)).collect();
                Seen::Bool(self.agreed(&all, &("regex", source)))
            }
            other => self.unknown(other.taint(0)),
        }
    }
}

/// Whether somebody who has not read the source thinks of this text: the name of a scheme or a role, a number.
pub(crate) fn is_guessed(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "bearer",
        "basic",
        "digest",
        "token",
        "jwt",
        "apikey",
        "admin",
        "administrator",
        "superadmin",
        "root",
        "owner",
        "manager",
        "editor",
        "staff",
        "member",
        "user",
        "system",
        "internal",
        "service",
        "true",
        "yes",
        "on",
        "ok",
        "undefined",
        "null",
    ];
    let text = text.trim().trim_end_matches(':').to_ascii_lowercase();
    text.len() <= 1 || WORDS.contains(&text.as_str()) || text.len() < 5 && text.bytes().all(|it| it.is_ascii_digit())
}
