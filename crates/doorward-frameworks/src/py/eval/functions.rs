//! Definitions of functions, and what decorators make of them.

use std::cell::RefCell;
use std::rc::Rc;

use ruff_python_ast::{Expr, ExprLambda, Parameters, StmtFunctionDef};

use super::{Eval, Host, span};
use crate::py::value::{Args, Binding, Def, External, Function, Scope, Value};
use crate::source::Place;

/// Decorators that leave a function what it is, by the last part of their name.
static TRANSPARENT: &[&str] = &[
    "lru_cache",
    "cache",
    "alru_cache",
    "contextmanager",
    "asynccontextmanager",
    "overload",
    "abstractmethod",
    "override",
    "final",
    "no_type_check",
    "singledispatch",
    "deprecated",
];

impl<'p, H: Host<'p>> Eval<'p, H> {
    pub(super) fn lambda(&mut self, lambda: &'p ExprLambda, scope: &Rc<Scope<'p>>) -> Value<'p> {
        let defaults = self.defaults(lambda.parameters.as_deref(), scope);
        Value::Function(Rc::new(self.function(Def::Lambda(lambda), defaults, scope)))
    }

    fn function(&self, def: Def<'p>, defaults: Vec<(&'p str, Value<'p>)>, scope: &Rc<Scope<'p>>) -> Function<'p> {
        Function {
            def,
            scope: Rc::clone(scope),
            module: self.current(),
            defaults: Rc::new(defaults),
            decorators: Vec::new(),
            wraps: None,
            class: Rc::new(RefCell::new(None)),
            binding: Binding::Plain,
            attrs: Rc::default(),
        }
    }

    fn defaults(&mut self, parameters: Option<&'p Parameters>, scope: &Rc<Scope<'p>>) -> Vec<(&'p str, Value<'p>)> {
        let Some(all) = parameters else { return Vec::new() };
        let mut defaults = Vec::new();
        for it in all.posonlyargs.iter().chain(&all.args).chain(&all.kwonlyargs) {
            if let Some(default) = &it.default {
                defaults.push((it.parameter.name.id.as_str(), self.expr(default, scope)));
            }
        }
        defaults
    }

    pub(super) fn define(&mut self, def: &'p StmtFunctionDef, scope: &Rc<Scope<'p>>) {
        let is_setter = |it: &ruff_python_ast::Decorator| match &it.expression {
            Expr::Attribute(it) => matches!(it.attr.id.as_str(), "setter" | "deleter"),
            _ => false,
        };
        if def.decorator_list.iter().any(is_setter) {
            return;
        }
        let decorators: Vec<(Value<'p>, &'p Expr)> =
            def.decorator_list.iter().map(|it| (self.expr(&it.expression, scope), &it.expression)).collect();
        let defaults = self.defaults(Some(&def.parameters), scope);
        let mut value = Value::Function(Rc::new(self.function(Def::Def(def), defaults, scope)));
        for (decorator, expr) in decorators.into_iter().rev() {
            value = self.decorate(&decorator, value, expr);
        }
        self.bind_name(&def.name.id, value, scope);
    }

    /// What `decorator` makes of `value`.
    pub(super) fn decorate(&mut self, decorator: &Value<'p>, value: Value<'p>, expr: &'p Expr) -> Value<'p> {
        let place = self.place(expr);
        if let Value::External(external) = decorator
            && let Some(kept) = transparent(external, &value)
        {
            return kept;
        }
        let mut site = self.site(expr);
        if let Value::Function(function) = &value
            && let Def::Def(def) = function.def
        {
            site.statement = span(def);
        }
        let args = Args::of(vec![value.clone()], place);
        match decorator {
            Value::External(external) => match self.host.call(external, &args, &site) {
                Some(Value::Unknown) => value,
                Some(other) => other,
                None => marked(value, decorator, place),
            },
            Value::Unknown | Value::None => marked(value, decorator, place),
            _ => match self.call_value(decorator, &args, &site) {
                // A decorator that can't be followed gives something that stands for the function.
                Value::Unknown | Value::None => match decorator {
                    Value::Host(_) | Value::Method(..) => value,
                    _ => marked(value, decorator, place),
                },
                other => other,
            },
        }
    }
}

fn transparent<'p>(decorator: &Rc<External<'p>>, value: &Value<'p>) -> Option<Value<'p>> {
    let bound = |binding| match value {
        Value::Function(function) => Some(Value::Function(Rc::new(Function { binding, ..(**function).clone() }))),
        other => Some(other.clone()),
    };
    let name = decorator.name();
    match (name.as_str(), decorator.last()) {
        ("staticmethod", _) => bound(Binding::Static),
        ("classmethod", _) => bound(Binding::Class),
        ("property", _) | (_, "cached_property" | "computed_field" | "hybrid_property") => match decorator.called() {
            Some(_) => Some(value.clone()),
            None => bound(Binding::Property),
        },
        (_, "wraps") => {
            let (_, args, _) = decorator.called()?;
            let wrapped = match args.get(0, "wrapped").map(Value::some) {
                Some(Value::Function(function)) => Some(function),
                Some(Value::Bound(bound)) => Some(Rc::clone(&bound.1)),
                _ => None,
            };
            match value {
                Value::Function(function) => {
                    Some(Value::Function(Rc::new(Function { wraps: wrapped, ..(**function).clone() })))
                }
                other => Some(other.clone()),
            }
        }
        (_, last) if TRANSPARENT.contains(&last) => Some(value.clone()),
        _ => None,
    }
}

fn marked<'p>(value: Value<'p>, decorator: &Value<'p>, place: Place) -> Value<'p> {
    match value {
        Value::Function(function) => {
            let mut function = (*function).clone();
            function.decorators.push((decorator.clone(), place));
            Value::Function(Rc::new(function))
        }
        Value::Class(class) => {
            class.decorators.borrow_mut().push((decorator.clone(), place));
            Value::Class(class)
        }
        other => other,
    }
}
