//! Calls of any value.

use std::rc::Rc;

use ruff_python_ast::{Arguments, Expr, ExprCall};

use super::{Eval, Flow, Frame, Host, MAX_CALL_DEPTH, MAX_DEPTH, MAX_RECURSION, Site};
use crate::py::value::{Arg, Args, Def, Dict, External, Function, ListKind, Place, Scope, ScopeKind, Value};

impl<'p, H: Host<'p>> Eval<'p, H> {
    pub(super) fn call_expr(&mut self, call: &'p ExprCall, scope: &Rc<Scope<'p>>) -> Value<'p> {
        if let Expr::Name(name) = &*call.func
            && name.id.as_str() == "super"
            && scope.lookup("super").is_none()
        {
            return self.super_value(&call.arguments, scope);
        }
        if let Expr::Attribute(it) = &*call.func {
            let receiver = self.expr(&it.value, scope);
            // `asyncio.run(check())` waits for what it is given.
            let waits = matches!(it.attr.id.as_str(), "run" | "run_until_complete");
            let args = match waits {
                true => self.awaited(|eval| eval.args(&call.arguments, scope)),
                false => self.args(&call.arguments, scope),
            };
            let site = self.site(call);
            if self.asking && !self.awaiting {
                let callee = self.bound_method(&receiver, &it.attr.id);
                return self.unless_forgotten(&callee, |eval| eval.call_method(&receiver, &it.attr.id, &args, &site));
            }
            return self.call_method(&receiver, &it.attr.id, &args, &site);
        }
        let callee = self.expr(&call.func, scope);
        let args = self.args(&call.arguments, scope);
        let site = self.site(call);
        if self.asking && !self.awaiting {
            return self.unless_forgotten(&callee, |eval| eval.call_value(&callee, &args, &site));
        }
        self.call_value(&callee, &args, &site)
    }

    /// The function of the tree that is a method of an object, without running anything.
    fn bound_method(&mut self, receiver: &Value<'p>, name: &str) -> Value<'p> {
        match receiver {
            Value::Instance(it) => self.class_attribute(&Rc::clone(&it.class), name),
            Value::Class(it) => self.class_attribute(it, name),
            Value::Module(it) => self.module_attribute(*it, name).unwrap_or(Value::Unknown),
            _ => Value::Unknown,
        }
    }

    /// Makes a call that nothing waits for: what an `async def` would raise then never happens.
    fn unless_forgotten(&mut self, callee: &Value<'p>, call: impl FnOnce(&mut Self) -> Value<'p>) -> Value<'p> {
        let function = match callee {
            Value::Function(it) => it,
            Value::Bound(it) => &it.1,
            _ => return call(self),
        };
        let is_async = matches!(function.def, Def::Def(def) if def.is_async);
        let (raised, raising) = (self.raised.len(), self.raising);
        let value = call(self);
        // A generator is not waited for either: `async with session()`.
        if !is_async || matches!(value, Value::List(_)) {
            return value;
        }
        self.raised.truncate(raised);
        self.raising = raising;
        Value::Unknown
    }

    pub(crate) fn arguments(&mut self, arguments: &'p Arguments, scope: &Rc<Scope<'p>>) -> Args<'p> {
        self.args(arguments, scope)
    }

    pub(super) fn args(&mut self, arguments: &'p Arguments, scope: &Rc<Scope<'p>>) -> Args<'p> {
        let mut args = Args::default();
        for expr in &arguments.args {
            let place = self.place(expr);
            match expr {
                Expr::Starred(it) => {
                    let value = self.expr(&it.value, scope);
                    let (items, open) = self.items(&value);
                    args.positional.extend(items.into_iter().map(|value| Arg { value, place }));
                    args.open |= open;
                }
                _ => args.positional.push(Arg { value: self.expr(expr, scope), place }),
            }
        }
        for keyword in &arguments.keywords {
            let value = self.expr(&keyword.value, scope);
            let place = self.place(&keyword.value);
            match (&keyword.arg, value) {
                (Some(name), value) => args.keywords.push((Rc::from(name.id.as_str()), Arg { value, place })),
                (None, Value::Dict(dict)) => {
                    for (key, value) in dict.items.borrow().iter() {
                        if let Some(key) = key.as_str() {
                            args.keywords.push((Rc::from(key), Arg { value: value.clone(), place }));
                        }
                    }
                    args.open |= dict.open.get();
                }
                (None, _) => args.open = true,
            }
        }
        args
    }

    fn super_value(&mut self, arguments: &'p Arguments, scope: &Rc<Scope<'p>>) -> Value<'p> {
        let given = self.args(arguments, scope);
        if let (Some(Value::Class(class)), Some(object)) = (given.get(0, ""), given.get(1, "")) {
            return Value::Super(Rc::new((Rc::clone(class), object.clone())));
        }
        // What comes after a class of a package is not known.
        if !given.positional.is_empty() {
            return Value::Unknown;
        }
        let frame = self.frames.last();
        let class = frame.and_then(|it| it.function.as_ref()).and_then(|it| it.class.borrow().clone());
        let first = frame.and_then(|it| it.first.clone());
        match (class, first) {
            (Some(class), Some(first)) => Value::Super(Rc::new((class, first))),
            _ => Value::Unknown,
        }
    }

    pub(super) fn call_method(&mut self, receiver: &Value<'p>, name: &str, args: &Args<'p>, site: &Site) -> Value<'p> {
        match receiver {
            Value::Host(object) => match self.host.attribute(*object, name) {
                Some(value) => self.call_value(&value, args, site),
                None => self.host.method(*object, name, args, site),
            },
            Value::Super(of) => match self.super_attribute(&of.0, &of.1, name) {
                Some(value) => self.call_value(&value, args, site),
                None => self.call_base(&of.1, name, args, site),
            },
            Value::OneOf(values) => {
                let values = Rc::clone(values);
                let known: Vec<Value<'p>> = values.iter().filter(|it| !matches!(it, Value::None)).cloned().collect();
                let some = known.len() == 1;
                let results = known.iter().map(|it| {
                    if some {
                        self.call_method(it, name, args, site)
                    } else {
                        self.in_branch(|eval| eval.call_method(it, name, args, site))
                    }
                });
                results.reduce(Value::or).unwrap_or(Value::Unknown)
            }
            Value::Str(_) | Value::List(_) | Value::Dict(_) | Value::Int(_) | Value::Float(_) => {
                self.built_in_method(receiver, name, args, site)
            }
            _ => {
                let member = self.attribute(receiver, name);
                self.call_value(&member, args, site)
            }
        }
    }

    /// `super().name(…)` where the parent is not in the tree.
    fn call_base(&mut self, object: &Value<'p>, name: &str, args: &Args<'p>, site: &Site) -> Value<'p> {
        let instance = match object {
            Value::Instance(instance) => instance,
            Value::Class(class) => {
                let mro = class.mro();
                let Some(Value::External(base)) = mro.iter().find(|it| !matches!(it, Value::Class(_))) else {
                    return Value::Unknown;
                };
                let member = self.host.class_member(class, base, name).unwrap_or_else(|| base.member(name));
                return self.call_value(&member, args, site);
            }
            _ => return Value::Unknown,
        };
        if name == "__init__" {
            self.make_base(instance, args, site);
            return Value::None;
        }
        let base = instance.base.borrow().clone();
        match base {
            Some(base) => self.call_method(&base, name, args, site),
            None => Value::Unknown,
        }
    }

    /// Calls any value.
    pub(crate) fn call_value(&mut self, callee: &Value<'p>, args: &Args<'p>, site: &Site) -> Value<'p> {
        if self.depth > MAX_DEPTH {
            return Value::Unknown;
        }
        self.depth += 1;
        let result = self.call_any(callee, args, site);
        self.depth -= 1;
        result
    }

    fn call_any(&mut self, callee: &Value<'p>, args: &Args<'p>, site: &Site) -> Value<'p> {
        match callee {
            Value::Function(function) => self.call_function(function, None, args),
            Value::Bound(bound) => self.call_function(&bound.1, Some(bound.0.clone()), args),
            Value::Class(class) => self.construct(class, args, site),
            Value::Instance(instance) => {
                let base = instance.base.borrow().clone();
                match (self.attribute(callee, "__call__"), base) {
                    (Value::Bound(bound), _) => self.call_function(&bound.1, Some(bound.0.clone()), args),
                    (_, Some(Value::Host(object))) => self.host.invoke(object, args, site),
                    _ => Value::Unknown,
                }
            }
            Value::External(external) => self.call_external(external, args, site),
            Value::Host(object) => self.host.invoke(*object, args, site),
            Value::Method(of, name) => self.call_method(of, name, args, site),
            Value::Partial(partial) => {
                let mut all = partial.1.clone();
                all.positional.extend(args.positional.iter().cloned());
                all.keywords.retain(|(name, _)| args.keyword(name).is_none());
                all.keywords.extend(args.keywords.iter().cloned());
                all.open |= args.open;
                self.call_value(&partial.0, &all, site)
            }
            Value::Item(item) => self.call_value(&item.0, args, site),
            Value::OneOf(values) => {
                let values = Rc::clone(values);
                let known: Vec<Value<'p>> = values.iter().filter(|it| !matches!(it, Value::None)).cloned().collect();
                let results = known.iter().map(|it| self.in_branch(|eval| eval.call_value(it, args, site)));
                results.reduce(Value::or).unwrap_or(Value::Unknown)
            }
            other => {
                self.escape(other, args, site);
                Value::Unknown
            }
        }
    }

    fn call_external(&mut self, external: &Rc<External<'p>>, args: &Args<'p>, site: &Site) -> Value<'p> {
        if self.asking && self.host.raises(external, args) {
            self.raised.push(super::Raised { value: Value::Unknown, place: site.place() });
            self.raising = true;
            return Value::Unknown;
        }
        if let Some(value) = self.host.call(external, args, site) {
            return value;
        }
        if let Some(value) = self.built_in(external, args, site) {
            return value;
        }
        if external.package().is_some() {
            self.escape(&Value::External(Rc::clone(external)), args, site);
        }
        Value::External(Rc::new(External::Call(Rc::clone(external), Rc::new(args.clone()), site.place())))
    }

    fn escape(&mut self, callee: &Value<'p>, args: &Args<'p>, site: &Site) {
        for arg in args.all() {
            for value in arg.value.each() {
                if let Some(object) = value.host() {
                    self.host.escaped(object, callee, site);
                }
            }
        }
    }

    pub(crate) fn call_function(
        &mut self,
        function: &Rc<Function<'p>>,
        this: Option<Value<'p>>,
        args: &Args<'p>,
    ) -> Value<'p> {
        if self.asking
            && let Some(value) = self.host.answers(function)
        {
            return value;
        }
        if self.asking && self.host.stops(function) {
            self.raised.push(super::Raised { value: Value::Unknown, place: Place::default() });
            self.raising = true;
            return Value::Unknown;
        }
        let key = function.key();
        self.steps += 1;
        let recursion = self.frames.iter().filter(|it| it.function.as_ref().is_some_and(|it| it.key() == key));
        if self.frames.len() > MAX_CALL_DEPTH || recursion.count() >= MAX_RECURSION || self.steps >= self.limit {
            return Value::Unknown;
        }
        if !self.asking {
            self.entered.insert(key);
        }
        let allowed = self.allowed(function.module, this.as_ref(), args);
        let limit = std::mem::replace(&mut self.limit, allowed);
        let awaiting = std::mem::replace(&mut self.awaiting, false);
        let scope = self.child(&function.scope, ScopeKind::Function);
        let first = self.bind_parameters(function, this, args, &scope);
        self.frames.push(Frame {
            module: function.module,
            statement: Default::default(),
            returned: None,
            yielded: Vec::new(),
            function: Some(Rc::clone(function)),
            first,
        });
        let flow = match function.def {
            Def::Def(def) => self.block(&def.body, &scope),
            Def::Lambda(lambda) => {
                let value = self.expr(&lambda.body, &scope);
                if let Some(frame) = self.frames.last_mut() {
                    frame.returned = Some(value);
                }
                Flow::Return
            }
        };
        self.limit = limit;
        self.awaiting = awaiting;
        let Some(frame) = self.frames.pop() else { return Value::Unknown };
        // What may have returned, or has given something already, does not raise for sure.
        if flow == Flow::Raise && self.asking && frame.returned.is_none() && frame.yielded.is_empty() {
            self.raising = true;
        }
        if !frame.yielded.is_empty() {
            return Value::list(ListKind::List, frame.yielded, false, self.branch.len());
        }
        match (frame.returned, flow) {
            (Some(value), Flow::Return) => value,
            (Some(value), Flow::Raise) => value,
            (Some(value), _) => value.or(Value::None),
            (None, Flow::Raise) => Value::Unknown,
            (None, _) => Value::None,
        }
    }

    /// Gives the parameters their values, and tells the first one.
    fn bind_parameters(
        &mut self,
        function: &Rc<Function<'p>>,
        this: Option<Value<'p>>,
        args: &Args<'p>,
        scope: &Rc<Scope<'p>>,
    ) -> Option<Value<'p>> {
        let parameters = function.parameters()?;
        let given: Vec<Value<'p>> = this.into_iter().chain(args.positional.iter().map(|it| it.value.clone())).collect();
        let mut taken: Vec<&str> = Vec::new();
        let positional = parameters.posonlyargs.iter().chain(&parameters.args);
        let count = parameters.posonlyargs.len() + parameters.args.len();
        let named = positional.enumerate().map(|(at, it)| (Some(at), it));
        for (at, parameter) in named.chain(parameters.kwonlyargs.iter().map(|it| (None, it))) {
            let name = parameter.parameter.name.id.as_str();
            taken.push(name);
            let value = match (at.and_then(|at| given.get(at)), args.named(name)) {
                (Some(value), _) | (None, Some(value)) => value.clone(),
                _ if args.open => Value::Unknown,
                _ => function.default(name).cloned().unwrap_or(Value::Unknown),
            };
            if let Some(object) = value.host() {
                self.host.named(object, name);
            }
            scope.declare(name, value);
        }
        if let Some(rest) = &parameters.vararg {
            let items = given.iter().skip(count).cloned().collect();
            scope.declare(&rest.name.id, Value::list(ListKind::Tuple, items, args.open, self.branch.len()));
        }
        if let Some(rest) = &parameters.kwarg {
            let dict = Dict::default();
            for (name, arg) in args.keywords.iter().filter(|(name, _)| !taken.contains(&&**name)) {
                dict.set(Value::text(name), arg.value.clone());
            }
            dict.open.set(args.open);
            scope.declare(&rest.name.id, Value::Dict(Rc::new(dict)));
        }
        given.first().cloned()
    }
}
