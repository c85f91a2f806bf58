//! What a verifier is given: a forged token is refused, unless the forger has the key as well.

use std::rc::Rc;
use std::sync::Arc;

use super::value::{Seen, Taint, env_name};
use super::{Run, Step};
use crate::js::eval::Host;
use crate::js::value::{External, Place, Value};

/// Packages whose verifiers are given a token and a key.
const KEYED: &[&str] = &["jsonwebtoken", "jwt-simple", "jose", "hono/jwt"];

impl<H: Host> Run<'_, '_, H> {
    /// What code that can't be read makes of what it is given.
    pub(super) fn looked_up(&mut self, taint: Taint) -> Seen {
        let id = self.fresh();
        self.looked_up.insert(id);
        Seen::Unknown(id, taint)
    }

    /// A token that the project signs.
    pub(super) fn signs(&mut self) -> Seen {
        let id = self.fresh();
        self.signed.insert(id);
        Seen::Unknown(id, Taint::Plain)
    }

    /// Whether a verifier is content whoever asks.
    pub(super) fn verifies_nothing(&mut self, package: &str, args: &[Seen], place: Place) -> Step<bool> {
        if !self.question.style.is_guard() || !KEYED.contains(&package) {
            return Ok(false);
        }
        let is_own = match args.first() {
            Some(Seen::Promise(token)) => self.is_own(token),
            Some(token) => self.is_own(token),
            None => false,
        };
        if is_own || !self.is_forged() {
            return Ok(is_own);
        }
        let key = self.key_of(args.get(1).cloned().unwrap_or(Seen::Nothing), place)?;
        Ok(self.is_sent(&key) || self.allows_none(&key, args))
    }

    /// What a verifier gives then, or tells its callback.
    pub(super) fn verified(&mut self, package: &str, args: &[Seen], place: Place) -> Step {
        let payload = self.unknown(Taint::Input);
        match args.iter().rev().find(|it| matches!(it, Seen::Function(_))) {
            Some(callback) if package == "jsonwebtoken" && args.len() > 2 => {
                self.call(&callback.clone(), None, vec![Seen::Nothing, payload], "", place)
            }
            _ if matches!(package, "jose" | "hono/jwt") => Ok(Seen::Promise(Rc::new(payload))),
            _ => Ok(payload),
        }
    }

    /// Whether the project has this token from itself.
    fn is_own(&self, token: &Seen) -> bool {
        match token {
            Seen::Unknown(id, taint) => self.signed.contains(id) || *taint == Taint::Env,
            Seen::Outside(Value::External(it)) => {
                let path = it.path();
                env_name(it).is_some() || path.ends_with(&["sign", "()"])
            }
            _ => false,
        }
    }

    /// The key, also if a function gives it, or tells it its callback.
    fn key_of(&mut self, key: Seen, place: Place) -> Step {
        let key = match key {
            Seen::Function(_) => {
                let of = Rc::new(External::Global(Arc::from("Promise")));
                let told = External::Member(of, Arc::from("#key"));
                let outer = self.settled.take();
                let sent = self.unknown(Taint::Input);
                let given = self.call(&key, None, vec![sent, Seen::Outside(Value::External(Rc::new(told)))], "", place);
                std::mem::replace(&mut self.settled, outer).map_or(given, Ok)?
            }
            key => key,
        };
        Ok(match key {
            Seen::Promise(key) => (*key).clone(),
            key => key,
        })
    }

    /// Whether whoever asks has sent this.
    fn is_sent(&self, key: &Seen) -> bool {
        match key {
            Seen::Unknown(id, Taint::Input | Taint::Credential) => !self.looked_up.contains(id),
            _ => false,
        }
    }

    /// `algorithms: ['none']`: what isn't signed is verified without a key.
    fn allows_none(&mut self, key: &Seen, args: &[Seen]) -> bool {
        if matches!(key, Seen::Str(key) if !key.is_empty()) {
            return false;
        }
        args.iter().skip(2).any(|options| match self.member(options, "algorithms") {
            Ok(Seen::List(names)) => names.borrow().iter().any(|it| matches!(it, Seen::Str(it) if &**it == "none")),
            _ => false,
        })
    }
}
