//! What FastAPI fills when it calls something: parameters, and what they depend on.

use std::rc::Rc;

use ruff_python_ast::Expr;

use super::discover::Reader;
use crate::py::value::{Args, Class, Function, Place, Value};

/// The callable of `Depends(callable)`; `Unknown` for `Depends()`.
pub(crate) fn depends<'p>(value: &Value<'p>) -> Option<Value<'p>> {
    let Value::External(external) = value else { return None };
    let (callee, args, _) = external.called()?;
    if callee.package() != Some("fastapi") || !matches!(callee.last(), "Depends" | "Security") {
        return None;
    }
    Some(args.get(0, "dependency").cloned().unwrap_or(Value::Ellipsis))
}

/// The parts of an annotation: the type, and what `Annotated` says about it.
pub(crate) fn annotated<'p>(annotation: &Value<'p>) -> (Value<'p>, Vec<Value<'p>>) {
    match annotation {
        Value::Item(item) if matches!(&item.0, Value::External(it) if it.last() == "Annotated") => {
            let mut parts = item.1.iter();
            let first = parts.next().cloned().unwrap_or(Value::Unknown);
            let (inner, mut more) = annotated(&first);
            more.extend(parts.cloned());
            (inner, more)
        }
        // `Optional[Annotated[…]]`.
        Value::Item(item) if matches!(&item.0, Value::External(it) if matches!(it.last(), "Optional" | "Union")) => {
            let found = item.1.iter().map(annotated).find(|(_, more)| !more.is_empty());
            found.map_or_else(|| (annotation.clone(), Vec::new()), |(_, more)| (annotation.clone(), more))
        }
        Value::Union(parts) => {
            let found = parts.iter().map(annotated).find(|(_, more)| !more.is_empty());
            found.map_or_else(|| (annotation.clone(), Vec::new()), |(_, more)| (annotation.clone(), more))
        }
        other => (other.clone(), Vec::new()),
    }
}

/// One parameter of a callable that FastAPI fills.
pub(crate) struct Parameter<'p> {
    pub(crate) name: &'p str,
    pub(crate) kind: Value<'p>,
    /// `Depends(…)`, `Query(…)` and their kin, from the default or the annotation.
    pub(crate) markers: Vec<Value<'p>>,
    pub(crate) default: Option<Value<'p>>,
    pub(crate) place: Place,
}

impl<'p> Parameter<'p> {
    pub(crate) fn depends(&self) -> Option<Value<'p>> {
        let callable = self.markers.iter().find_map(depends)?;
        Some(match callable {
            Value::Ellipsis | Value::None => self.kind.clone(),
            other => other,
        })
    }

    /// The marker with this name, such as `Header`.
    pub(crate) fn marker(&self, names: &[&str]) -> Option<(&str, &Rc<Args<'p>>)> {
        self.markers.iter().find_map(|it| match it {
            Value::External(external) => {
                let (callee, args, _) = external.called()?;
                names.contains(&callee.last()).then(|| (callee.last(), args))
            }
            _ => None,
        })
    }
}

impl<'p> Reader<'p> {
    /// The parameters FastAPI fills when it calls `callable`.
    pub(crate) fn parameters(&mut self, callable: &Value<'p>) -> Vec<Parameter<'p>> {
        match callable {
            Value::Function(function) => self.parameters_of(function, false),
            Value::Bound(bound) => self.parameters_of(&bound.1, true),
            Value::Partial(partial) => {
                let mut all = self.parameters(&partial.0);
                all.retain(|it| partial.1.keyword(it.name).is_none());
                all.drain(..partial.1.positional.len().min(all.len()));
                all
            }
            Value::Class(class) => self.class_parameters(class),
            Value::Instance(_) => match self.eval.attribute(callable, "__call__") {
                Value::Bound(bound) => self.parameters_of(&bound.1, true),
                _ => Vec::new(),
            },
            Value::Item(item) => self.parameters(&item.0.clone()),
            _ => Vec::new(),
        }
    }

    fn parameters_of(&mut self, function: &Rc<Function<'p>>, is_bound: bool) -> Vec<Parameter<'p>> {
        let function = function.wraps.as_ref().map_or_else(|| Rc::clone(function), Rc::clone);
        let mut all = Vec::new();
        for (at, it) in function.params().into_iter().enumerate() {
            let name = it.parameter.name.id.as_str();
            if at == 0 && (is_bound || name == "self" || name == "cls") {
                continue;
            }
            let place = Place { module: function.module, span: crate::py::eval::span(it) };
            let annotation = it.parameter.annotation.as_deref();
            let kind = annotation.map_or(Value::Unknown, |it| self.eval.annotation(&function, it));
            let (kind, mut markers) = annotated(&kind);
            let default = function.default(name).cloned();
            markers.extend(default.clone());
            all.push(Parameter { name, kind, markers, default, place });
        }
        all
    }

    fn class_parameters(&mut self, class: &Rc<Class<'p>>) -> Vec<Parameter<'p>> {
        match self.eval.class_attribute(class, "__init__") {
            Value::Function(init) => self.parameters_of(&init, true),
            _ => self.field_parameters(class),
        }
    }

    /// What is filled for the object of a class whose methods are routes: the constructor's parameters, and fields.
    pub(super) fn view_parameters(&mut self, handler: &Value<'p>) -> Vec<Parameter<'p>> {
        let Value::Function(function) = handler else { return Vec::new() };
        let Some(class) = function.class.borrow().clone() else { return Vec::new() };
        // A method that is registered as it is can only be called by what decorates its class, `@cbv(router)`.
        let takes_self = function.params().first().is_some_and(|it| it.parameter.name.id.as_str() == "self");
        let is_given = |it: &Expr| matches!(it, Expr::Call(call) if !call.arguments.args.is_empty());
        if !takes_self || !class.def.decorator_list.iter().any(|it| is_given(&it.expression)) {
            return Vec::new();
        }
        let mut all = match self.eval.class_attribute(&class, "__init__") {
            Value::Function(init) => self.parameters_of(&init, true),
            _ => Vec::new(),
        };
        all.extend(self.field_parameters(&class));
        all
    }

    fn field_parameters(&mut self, class: &Rc<Class<'p>>) -> Vec<Parameter<'p>> {
        let mut all: Vec<Parameter<'p>> = Vec::new();
        for parent in class.mro().iter().rev() {
            let Value::Class(parent) = parent else { continue };
            for (name, annotation, place) in self.fields(parent) {
                let default = parent.own(name);
                let (kind, mut markers) = annotated(&annotation);
                markers.extend(default.clone());
                all.retain(|it| it.name != name);
                all.push(Parameter { name, kind, markers, default, place });
            }
        }
        all
    }
}
