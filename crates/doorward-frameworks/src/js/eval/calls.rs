//! Calls: of functions, of what packages give, and of functions handed to code that can't be seen.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::members::{bound, foreign_parent};
use super::platform::string_method;
use super::{Eval, Flow, Frame, Host, MAX_CALL_DEPTH, MAX_DEPTH, MAX_GUESSED_STEPS, MAX_RECURSION, Problem, Site};
use crate::js::ir::{Expr, ExprKind, Function, Item, Span};
use crate::js::value::{Arg, ClassValue, Closure, External, Object, Scope, Slot, Value};

impl<H: Host> Eval<'_, H> {
    pub(super) fn call_expr(&mut self, span: Span, callee: &Expr, items: &[Item], scope: &Rc<Scope>) -> Value {
        match &callee.kind {
            ExprKind::Super => {
                let args = self.args(items, scope);
                let class = scope.lookup("#class");
                if let (Some(Slot::Value(Value::Class(class))), Some(Slot::Value(this))) = (class, scope.lookup("this"))
                    && let Value::Class(parent) = &self.parent(&class)
                {
                    self.initialise(parent, &this, &args);
                }
                Value::Undefined
            }
            ExprKind::Member(object, key) => {
                let is_super = matches!(object.kind, ExprKind::Super);
                let receiver = if is_super { Value::Unknown } else { self.expr(object, scope) };
                let name = self.key(key, scope);
                let args = self.args(items, scope);
                let site = self.site(span, object.span, callee.span.end);
                if is_super {
                    let class = scope.lookup("#class");
                    if let (Some(Slot::Value(Value::Class(class))), Some(Slot::Value(this)), Some(name)) =
                        (class, scope.lookup("this"), &name)
                        && let Value::Class(parent) = &self.parent(&class)
                        && let Some((Value::Function(method), _)) = self.method(parent, name, false)
                    {
                        return self.call_function(&method, Some(this), &args);
                    }
                    return Value::Unknown;
                }
                match name {
                    Some(name) => self.call_method(&receiver, &name, &args, &site),
                    None => {
                        for it in receiver.each() {
                            if let Value::Host(object) = it {
                                self.host.computed_method(object, &args, &site);
                                return Value::Host(object);
                            }
                        }
                        let value = match &receiver {
                            Value::Array(_) | Value::Object(_) => self.expr(callee, scope),
                            _ => Value::Unknown,
                        };
                        self.call_value(&value, None, &args, &site)
                    }
                }
            }
            _ => {
                let value = self.expr(callee, scope);
                let args = self.args(items, scope);
                let site = self.site(span, callee.span, callee.span.end);
                self.call_value(&value, None, &args, &site)
            }
        }
    }

    pub(super) fn call_method(&mut self, receiver: &Value, name: &str, args: &[Arg], site: &Site) -> Value {
        match receiver {
            Value::OneOf(values) => {
                let values = Value::OneOf(Rc::clone(values)).present();
                return values
                    .iter()
                    .map(|it| self.call_method(it, name, args, site))
                    .reduce(Value::or)
                    .unwrap_or(Value::Unknown);
            }
            Value::Host(object) if self.host_prop(*object, name).is_some() => {
                let method = self.host_prop(*object, name).unwrap_or(Value::Unknown);
                return self.call_value(&method, Some(receiver.clone()), args, site);
            }
            Value::Host(object) if !matches!(name, "then" | "catch" | "finally") => {
                return match self.host.member(*object, name) {
                    Some(member) => self.call_value(&member, Some(receiver.clone()), args, site),
                    None => self.host.method(*object, name, args, site),
                };
            }
            Value::Class(class) if class.statics.get(name).is_none() && foreign_parent(class) => {
                if self.method(class, name, true).is_none()
                    && let Some(value) = self.host.inherited(class, name, args)
                {
                    return value;
                }
            }
            Value::Array(array) => {
                if let Some(value) = self.array_method(array, receiver, name, args, site) {
                    return value;
                }
            }
            Value::Str(text) => return string_method(text, name, args),
            Value::Require => {
                return match name {
                    "resolve" => args.first().map_or(Value::Unknown, |it| it.value.clone()),
                    _ => Value::Unknown,
                };
            }
            Value::Function(closure) if closure.props.get(name).is_none() => {
                let this = args.first().map(|it| it.value.clone());
                match name {
                    "bind" => return bound(closure, this.unwrap_or(Value::Undefined)),
                    "call" => return self.call_function(closure, this, args.get(1..).unwrap_or_default()),
                    "apply" => {
                        let list = match args.get(1).map(|it| &it.value) {
                            Some(Value::Array(array)) => array.items.borrow().clone(),
                            _ => Vec::new(),
                        };
                        let span = site.call;
                        let list: Vec<Arg> = list.into_iter().map(|value| Arg { value, span, spread: false }).collect();
                        return self.call_function(closure, this, &list);
                    }
                    _ => {}
                }
            }
            Value::Method(object, inner) if matches!(name, "bind" | "call") => {
                return match name {
                    "bind" => receiver.clone(),
                    _ => self.call_method(object, inner, args.get(1..).unwrap_or_default(), site),
                };
            }
            _ => {}
        }
        let is_external = matches!(receiver, Value::External(_));
        let promise = matches!(name, "then" | "catch" | "finally");
        let own = matches!(receiver, Value::Object(object) if object.get(name).is_some());
        if promise && !own {
            if let Value::Host(object) = receiver {
                self.settle(Some(*object));
            }
            // What resolves is taken to be the value itself.
            let resolved = if is_external { Value::Unknown } else { receiver.clone() };
            let mut result = receiver.clone();
            if let (Some(callback), "then") = (args.first(), name) {
                let given = [Arg { value: resolved, span: callback.span, spread: false }];
                let callback = callback.value.clone();
                result = match receiver {
                    Value::Host(_) => self.call_value(&callback, None, &given, site),
                    _ => self.later(|it| it.call_value(&callback, None, &given, site)),
                };
            } else if let Some(callback) = args.first() {
                let unknown = [Arg { value: Value::Unknown, span: callback.span, spread: false }];
                self.in_branch(|it| it.call_value(&callback.value.clone(), None, &unknown, site));
            }
            return result;
        }
        let member = self.member(receiver, name);
        if matches!(member, Value::Method(..)) {
            // A method of the platform that isn't modelled.
            self.foreign(args, site, false);
            return Value::Unknown;
        }
        self.call_value(&member, Some(receiver.clone()), args, site)
    }

    /// Calls any value.
    pub(crate) fn call_value(&mut self, callee: &Value, this: Option<Value>, args: &[Arg], site: &Site) -> Value {
        if self.depth > MAX_DEPTH {
            return Value::Unknown;
        }
        self.depth += 1;
        let result = self.call_any(callee, this, args, site);
        self.depth -= 1;
        result
    }

    pub(super) fn call_any(&mut self, callee: &Value, this: Option<Value>, args: &[Arg], site: &Site) -> Value {
        match callee {
            Value::Function(closure) => self.call_function(closure, this, args),
            Value::Require => self.require(args, site.call),
            Value::Method(object, name) if name.is_empty() => {
                if let Value::Host(object) = **object {
                    self.host.computed_method(object, args, site);
                }
                Value::Unknown
            }
            Value::Method(object, name) => {
                if matches!(**object, Value::Function(_)) {
                    return Value::Unknown;
                }
                self.call_method(object, name, args, site)
            }
            Value::External(external) => self.call_external(external, args, site),
            Value::OneOf(values) => {
                let values = Value::OneOf(Rc::clone(values)).present();
                values
                    .iter()
                    .map(|it| self.call_value(it, this.clone(), args, site))
                    .reduce(Value::or)
                    .unwrap_or(Value::Unknown)
            }
            Value::Namespace(module) => {
                // `import * as f from './f'` of a module that exports a function.
                match self.exported(*module, "default") {
                    Some(value @ (Value::Function(_) | Value::External(_))) => {
                        self.call_value(&value, this, args, site)
                    }
                    _ => Value::Unknown,
                }
            }
            _ => {
                self.foreign(args, site, true);
                Value::Unknown
            }
        }
    }

    pub(super) fn call_external(&mut self, external: &Rc<External>, args: &[Arg], site: &Site) -> Value {
        if let Some(value) = self.host.call(external, args, site) {
            return value;
        }
        if let Some(value) = self.platform(external, args) {
            return value;
        }
        if runs_text(external, args) {
            self.problem(Problem::Text(site.place()));
        }
        self.foreign(args, site, external.package().is_some());
        Value::External(Rc::new(External::Call(Rc::clone(external), args.to_vec(), site.place())))
    }

    /// Functions given to code we can't see are called by it, sooner or later; objects given to it may change.
    pub(super) fn foreign(&mut self, args: &[Arg], site: &Site, escapes: bool) {
        for arg in args {
            for value in arg.value.each() {
                match value {
                    Value::Function(closure) => self.guess(&closure, Self::at_last),
                    Value::Host(object) if escapes => self.host.escaped(object, site),
                    // `plugin.install({ app })`.
                    Value::Object(options) if escapes => {
                        let inside: Vec<Value> = options.props.borrow().iter().map(|(_, it)| it.clone()).collect();
                        for value in inside {
                            if let Value::Host(object) = value {
                                self.host.escaped(object, site);
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    fn at_once(&mut self, closure: &Rc<Closure>, args: &[Arg]) {
        self.call_function(closure, None, args);
    }

    fn at_last(&mut self, closure: &Rc<Closure>, args: &[Arg]) {
        self.later(|it| it.call_function(closure, None, args));
    }

    /// Calls a function that was given away. `call` says whether what follows has to wait for it.
    pub(super) fn guess(&mut self, closure: &Rc<Closure>, call: fn(&mut Self, &Rc<Closure>, &[Arg])) {
        let key = Arc::as_ptr(&closure.function);
        let times = self.guessed.entry(key).or_default();
        *times += 1;
        if *times > 1 || self.host.is_handler(&closure.function) || self.guessing > 6 {
            return;
        }
        let args = unknown_args(&closure.function);
        let outer = self.limit;
        self.limit = outer.min(self.steps + MAX_GUESSED_STEPS);
        self.guessing += 1;
        call(self, closure, &args);
        self.guessing -= 1;
        self.limit = outer;
    }

    pub(super) fn call_function(&mut self, closure: &Rc<Closure>, this: Option<Value>, args: &[Arg]) -> Value {
        let function = &closure.function;
        let recursion =
            self.frames.iter().filter(|it| it.function.as_ref().is_some_and(|it| Arc::ptr_eq(it, function)));
        if self.frames.len() > MAX_CALL_DEPTH || recursion.count() >= MAX_RECURSION || self.steps >= self.limit {
            return Value::Unknown;
        }
        self.entered.insert(Arc::as_ptr(function));
        let scope = Rc::new(Scope {
            parent: Some(Rc::clone(&closure.scope)),
            depth: self.undecided(),
            is_function: true,
            vars: RefCell::default(),
        });
        if !function.arrow {
            scope.declare("this", closure.this.clone().or(this).unwrap_or(Value::Undefined));
        }
        self.frames.push(Frame {
            module: closure.module,
            statement: function.span,
            returned: None,
            function: Some(Arc::clone(function)),
            branch_base: self.branch.len(),
        });
        let spread = args.iter().position(|it| it.spread);
        for (at, param) in function.params.iter().enumerate() {
            let value = match args.get(at) {
                _ if spread.is_some_and(|spread| at >= spread) => Value::Unknown,
                Some(arg) => arg.value.clone(),
                None => Value::Undefined,
            };
            self.bind(param, value, &scope, true);
        }
        if let Some(rest) = &function.rest {
            let items = args.iter().skip(function.params.len()).map(|it| it.value.clone()).collect();
            self.bind(rest, Value::array(items, spread.is_some()), &scope, true);
        }
        let module = closure.module;
        self.hoist(&function.body, &scope, module);
        let flow = self.block(&function.body, &scope);
        let frame = self.frames.pop();
        debug_assert!(frame.as_ref().is_none_or(|it| it.branch_base == self.branch.len()));
        match frame.and_then(|it| it.returned) {
            // It returns on some ways, and ends without a value on others.
            Some(value) if flow == Flow::Next => value.or_nothing(),
            value => value.unwrap_or(Value::Undefined),
        }
    }

    pub(super) fn construct(&mut self, class: &Value, args: &[Arg], span: Span, callee: Span) -> Value {
        match class {
            Value::Class(class) => {
                let this = Object { class: Some(Rc::clone(class)), ..Object::default() };
                this.depth.set(self.undecided());
                let this = Value::Object(Rc::new(this));
                self.initialise(class, &this, args);
                this
            }
            Value::Function(closure) => {
                let this = Object::default();
                this.depth.set(self.undecided());
                let this = Value::Object(Rc::new(this));
                match self.call_function(closure, Some(this.clone()), args) {
                    Value::Undefined => this,
                    other => other,
                }
            }
            Value::OneOf(values) => {
                let values = Value::OneOf(Rc::clone(values)).present();
                values
                    .iter()
                    .map(|it| self.construct(it, args, span, callee))
                    .reduce(Value::or)
                    .unwrap_or(Value::Unknown)
            }
            other => {
                let site = self.site(span, callee, callee.end);
                if let Value::External(external) = other
                    && external.name() == "Promise"
                {
                    // `new Promise(resolve => …)` runs what it is given at once.
                    if let Some(Value::Function(closure)) = args.first().map(|it| it.value.clone()) {
                        self.guess(&closure, Self::at_once);
                    }
                    return Value::Unknown;
                }
                self.call_value(other, None, args, &site)
            }
        }
    }

    pub(super) fn initialise(&mut self, class: &Rc<ClassValue>, this: &Value, args: &[Arg]) {
        if self.frames.len() > MAX_CALL_DEPTH {
            return;
        }
        self.made.insert(Arc::as_ptr(&class.class));
        let has_constructor = class.class.constructor.is_some();
        if !has_constructor && let Value::Class(parent) = &self.parent(class) {
            self.initialise(parent, this, args);
        }
        let scope = self.child(&class.scope);
        scope.declare("this", this.clone());
        self.frames.push(Frame {
            module: class.module,
            statement: Span::default(),
            returned: None,
            function: None,
            branch_base: self.branch.len(),
        });
        for field in class.class.fields.iter().filter(|it| !it.is_static) {
            let value = field.value.as_ref().map_or(Value::Undefined, |it| self.expr(it, &scope));
            if let Value::Host(object) = value {
                self.host.named(object, &format!("this.{}", field.name));
            }
            // A field without a value says nothing about what a parent's constructor stored.
            if field.value.is_some() || matches!(self.member(this, &field.name), Value::Undefined) {
                self.set_member(this, &field.name, value);
            }
        }
        self.frames.pop();
        if let Some(constructor) = &class.class.constructor {
            let constructor = Arc::clone(constructor);
            let scope = Rc::clone(&class.scope);
            if let Value::Function(closure) = self.closure_of_class(&constructor, &scope, class) {
                self.call_function(&closure, Some(this.clone()), args);
            }
        }
    }
}

pub(super) fn unknown_args(function: &Function) -> Vec<Arg> {
    function.params.iter().map(|_| Arg { value: Value::Unknown, span: Span::default(), spread: false }).collect()
}

/// Whether a call makes code of a text. `Function("return this")` is how old code names the global object.
fn runs_text(callee: &External, args: &[Arg]) -> bool {
    match callee.path().as_slice() {
        ["eval"] => true,
        ["Function"] => args.last().is_none_or(|it| it.value.as_str() != Some("return this")),
        ["vm", name] => name.starts_with("runIn"),
        _ => false,
    }
}
