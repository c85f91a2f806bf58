//! What a program does to its Nest applications, and what Nest's own objects answer to guards.

use std::rc::Rc;
use std::sync::Arc;

use crate::js::eval::{Branch, Host, Site};
use crate::js::guards::says_unauthorized;
use crate::js::ir::{Function, Span};
use crate::js::value::{Arg, ClassValue, External, Object, Place, Value};

/// An application that `NestFactory.create` gave.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) place: Place,
    /// The root module.
    pub(super) module: Value,
    /// The arguments behind it: adapter and options.
    pub(super) rest: Vec<Value>,
    pub(super) calls: Vec<Call>,
    pub(super) branch: Branch,
}

impl Made {
    /// Whether a call is made wherever the application is.
    pub(super) fn always(&self, site: &Site) -> bool {
        self.branch.starts_with(&site.branch)
    }
}

/// A method called on an application, or something that is given it.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) args: Vec<Arg>,
    pub(super) site: Site,
}

/// What a route's decorators attach to its method and to its class, for the guard that is being read.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) handler: Vec<(Value, Value)>,
    pub(super) class: Vec<(Value, Value)>,
}

#[derive(Debug, Default)]
pub(super) struct Nest {
    pub(super) made: Vec<Made>,
    /// Decorators that a project's own decorator applies.
    pub(super) applied: Option<Vec<Value>>,
    /// What `consumer.apply(…).forRoutes(…)` was called with: the chain of calls before it, and the routes.
    pub(super) consumed: Option<Vec<(Value, Vec<Arg>, Site)>>,
    pub(super) asked: Option<Asked>,
    /// An exception that refuses was made, or something was called that throws one.
    pub(super) refused: bool,
}

/// The name under which a module's `configure` gets its consumer.
pub(super) const CONSUMER: &str = "#consumer";
/// The name under which a guard gets its context.
pub(super) const CONTEXT: &str = "#context";

pub(super) fn global(name: &str) -> Value {
    Value::External(Rc::new(External::Global(Arc::from(name))))
}

/// Whether both are the same key of metadata. Those made by `Reflector.createDecorator()` are told by their place.
fn same_key(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Unknown, _) | (_, Value::Unknown) => false,
        (Value::External(one), Value::External(two)) => match (&**one, &**two) {
            (External::Call(_, _, one), External::Call(_, _, two)) => one == two,
            (one, two) => one.path() == two.path(),
        },
        _ => one.same(two),
    }
}

impl Asked {
    fn of(&self, key: &Value, target: &Value) -> Value {
        let all = match target {
            Value::External(it) if it.path().contains(&"getClass") => &self.class,
            _ => &self.handler,
        };
        all.iter().rev().find(|(it, _)| same_key(it, key)).map_or(Value::Undefined, |(_, value)| value.clone())
    }

    fn answer(&self, name: &str, key: &Value, targets: &Value) -> Value {
        let targets = match targets {
            Value::Array(array) => array.items.borrow().clone(),
            other => vec![other.clone()],
        };
        let all: Vec<Value> = targets.iter().map(|it| self.of(key, it)).collect();
        let known = all.iter().filter(|it| !matches!(it, Value::Undefined | Value::Null));
        match name {
            "getAll" => Value::array(all, false),
            "getAllAndMerge" => {
                let mut merged = Vec::new();
                for value in known {
                    match value {
                        Value::Array(array) => merged.extend(array.items.borrow().iter().cloned()),
                        other => merged.push(other.clone()),
                    }
                }
                Value::array(merged, false)
            }
            _ => known.into_iter().next().cloned().unwrap_or(Value::Undefined),
        }
    }
}

impl Nest {
    fn note(&mut self, object: usize, name: &str, args: &[Arg], site: &Site) {
        if let Some(made) = self.made.get_mut(object)
            && made.calls.len() < 10_000
        {
            made.calls.push(Call { name: name.to_owned(), args: args.to_vec(), site: site.clone() });
        }
    }

    fn reflect(&self, callee: &External, args: &[Arg]) -> Option<Value> {
        let path = callee.path();
        let name = match path.as_slice() {
            ["@nestjs/core", "Reflector", name @ ("get" | "getAll" | "getAllAndOverride" | "getAllAndMerge")]
            | ["@nestjs/core", "Reflector", "()", name @ ("get" | "getAll" | "getAllAndOverride" | "getAllAndMerge")] => {
                *name
            }
            ["Reflect", "getMetadata"] => "get",
            _ => return None,
        };
        let asked = self.asked.as_ref()?;
        let (key, targets) = (args.first()?, args.get(1)?);
        Some(asked.answer(name, &key.value, &targets.value))
    }
}

impl Host for Nest {
    fn call(&mut self, callee: &External, args: &[Arg], site: &Site) -> Option<Value> {
        if let Some(value) = self.reflect(callee, args) {
            return Some(value);
        }
        let path = callee.path();
        match path.as_slice() {
            ["@nestjs/core", "NestFactory", "create"] => {
                let module = args.first().map_or(Value::Unknown, |it| it.value.clone());
                let rest = args.iter().skip(1).map(|it| it.value.clone()).collect();
                let branch = site.branch.clone();
                self.made.push(Made { place: site.place(), module, rest, calls: Vec::new(), branch });
                return Some(Value::Host(self.made.len() - 1));
            }
            ["@nestjs/core", "NestFactory", _] => return Some(Value::Unknown),
            [CONTEXT, "getType"] => return Some(Value::text("http")),
            [CONSUMER, .., "forRoutes"] => {
                if let External::Member(before, _) = callee
                    && let Some(consumed) = &mut self.consumed
                {
                    consumed.push((Value::External(Rc::clone(before)), args.to_vec(), site.clone()));
                    return Some(global(CONSUMER));
                }
            }
            [.., name] if says_unauthorized(name) => self.refused = true,
            [.., "HttpException"] => {
                self.refused |= args.iter().any(|it| match &it.value {
                    Value::Num(status) => (400.5..403.5).contains(status),
                    Value::External(it) => it.path().last().is_some_and(|it| says_unauthorized(it)),
                    _ => false,
                });
            }
            // A token that does not verify is an exception.
            [package, .., name] if name.to_ascii_lowercase().contains("verify") => {
                self.refused |= matches!(*package, "@nestjs/jwt" | "jsonwebtoken" | "jose" | "firebase-admin")
                    || package.starts_with("@clerk/");
            }
            _ => {}
        }
        // `UseGuards(X)(target, key, descriptor)`.
        if let (Some(applied), External::Call(..)) = (&mut self.applied, callee)
            && applied.len() < 1_000
        {
            applied.push(Value::External(Rc::new(callee.clone())));
        }
        for arg in args {
            if let Value::Host(object) = arg.value {
                let name = callee.name();
                self.note(object, &name, args, site);
            }
        }
        None
    }

    fn inherited(&mut self, class: &Rc<ClassValue>, name: &str, args: &[Arg]) -> Option<Value> {
        // `ConfigurableModuleBuilder` makes classes with `register` and `forRoot`.
        if !name.starts_with("register") && !name.starts_with("for") {
            return None;
        }
        let module = Object::default();
        module.set("module", Value::Class(Rc::clone(class)));
        // Options may add to it, as `isGlobal` and `extraProviders` do.
        if let Some(Value::Object(options)) = args.first().map(|it| &it.value) {
            for key in ["imports", "controllers", "providers"] {
                if let Some(value) = options.get(key) {
                    module.set(key, value);
                }
            }
        }
        Some(Value::Object(Rc::new(module)))
    }

    fn method(&mut self, object: usize, name: &str, args: &[Arg], site: &Site) -> Value {
        self.note(object, name, args, site);
        match name {
            "getHttpAdapter" | "getInstance" => Value::Host(object),
            // What is asked for from the container, if it is of a package.
            "get" | "resolve" => match args.first().map(|it| &it.value) {
                Some(value @ Value::External(_)) if args.len() == 1 => value.clone(),
                _ => Value::Unknown,
            },
            "setGlobalPrefix"
            | "enableVersioning"
            | "useGlobalGuards"
            | "useGlobalPipes"
            | "useGlobalFilters"
            | "useGlobalInterceptors"
            | "enableShutdownHooks"
            | "use" => Value::Host(object),
            _ => Value::Unknown,
        }
    }

    fn computed_method(&mut self, _object: usize, _args: &[Arg], _site: &Site) {}

    fn named(&mut self, _object: usize, _name: &str) {}

    fn returned(&mut self, _object: usize, _module: usize, _statement: Span, _value: Span) {}

    fn escaped(&mut self, _object: usize, _site: &Site) {}

    fn is_handler(&self, function: &Function) -> bool {
        matches!(function.param_name(0).unwrap_or_default().trim_start_matches('_'), "req" | "request")
    }
}
