//! Members of values, and classes.

use std::rc::Rc;
use std::sync::Arc;

use super::{Eval, Host, MAX_DEPTH};
use crate::js::ir::{Class, ExprKind, Function};
use crate::js::value::{ClassValue, Closure, External, Object, Scope, Value};

impl<H: Host> Eval<'_, H> {
    pub(crate) fn member(&mut self, object: &Value, name: &str) -> Value {
        match object {
            Value::Object(it) => match it.get(name) {
                Some(Value::Function(getter)) if it.getters.borrow().iter().any(|key| &**key == name) => {
                    self.call_function(&getter, Some(object.clone()), &[])
                }
                Some(value) => value,
                None => match it.class.as_ref().and_then(|class| self.method(class, name, false)) {
                    Some((Value::Function(getter), true)) => self.call_function(&getter, Some(object.clone()), &[]),
                    Some((Value::Function(closure), false)) => bound(&closure, object.clone()),
                    Some((value, _)) => value,
                    None if it.open.get() => Value::Unknown,
                    None if it.class.as_ref().is_some_and(|class| foreign_parent(class)) => Value::Unknown,
                    None => Value::Undefined,
                },
            },
            Value::Array(array) => match name {
                "length" if !array.open.get() =>
                {
                    #[expect(clippy::cast_precision_loss, reason = "arrays in source code are short")]
                    Value::Num(array.items.borrow().len() as f64)
                }
                _ => match name.parse::<usize>() {
                    Ok(at) => match array.items.borrow().get(at) {
                        Some(value) => value.clone(),
                        None if array.open.get() => Value::Unknown,
                        None => Value::Undefined,
                    },
                    Err(_) => Value::Method(Box::new(object.clone()), Arc::from(name)),
                },
            },
            Value::Class(class) => match class.statics.get(name) {
                Some(value) => value,
                None => match self.method(class, name, true) {
                    Some((Value::Function(getter), true)) => self.call_function(&getter, Some(object.clone()), &[]),
                    Some((Value::Function(closure), false)) => bound(&closure, object.clone()),
                    _ => Value::Unknown,
                },
            },
            Value::Function(closure) => match closure.props.get(name) {
                Some(value) => value,
                None => Value::Method(Box::new(object.clone()), Arc::from(name)),
            },
            Value::External(external) => {
                let is_package = matches!(**external, External::Package(_));
                if name == "default" && is_package {
                    return object.clone();
                }
                Value::External(Rc::new(External::Member(Rc::clone(external), Arc::from(name))))
            }
            Value::Namespace(module) => self.exported(*module, name).unwrap_or(Value::Undefined),
            Value::Host(at) if self.host_prop(*at, name).is_some() => {
                self.host_prop(*at, name).unwrap_or(Value::Unknown)
            }
            Value::Host(at) => match self.host.member(*at, name) {
                Some(value) => value,
                None => Value::Method(Box::new(object.clone()), Arc::from(name)),
            },
            // Of a URL, which is kept as its text.
            Value::Str(url) if name == "pathname" && url.text.starts_with("file://") => {
                Value::text(url.text.trim_start_matches("file://"))
            }
            Value::Str(_) | Value::Require => Value::Method(Box::new(object.clone()), Arc::from(name)),
            Value::OneOf(values) => {
                let values = Value::OneOf(Rc::clone(values)).present();
                values.iter().map(|it| self.member(it, name)).reduce(Value::or).unwrap_or(Value::Unknown)
            }
            _ => Value::Unknown,
        }
    }

    /// What the program itself put on an object of the host: `app.start = () => …`.
    pub(super) fn host_prop(&self, object: usize, name: &str) -> Option<Value> {
        self.host_props.get(&object)?.get(name)
    }

    /// A method of a class or of what it extends, and whether it is a getter.
    pub(crate) fn method(&mut self, class: &Rc<ClassValue>, name: &str, is_static: bool) -> Option<(Value, bool)> {
        let mut class = Rc::clone(class);
        for _ in 0..16 {
            let found = class.class.methods.iter().find(|it| &*it.name == name && it.is_static == is_static);
            if let Some(found) = found {
                let (function, getter) = (Arc::clone(&found.function), found.getter);
                let scope = Rc::clone(&class.scope);
                return Some((self.closure_of_class(&function, &scope, &class), getter));
            }
            match self.parent(&class) {
                Value::Class(parent) => class = parent,
                _ => return None,
            }
        }
        None
    }

    /// What a class extends. Modules that import each other may not have had it yet when the class was made.
    pub(crate) fn parent(&mut self, class: &Rc<ClassValue>) -> Value {
        match (&class.parent, &class.class.parent) {
            (Value::Undefined | Value::Unknown, Some(expr)) if self.depth < MAX_DEPTH => {
                self.depth += 1;
                let parent = match &expr.kind {
                    ExprKind::Name(name) => self.lookup(&class.scope, name, class.module),
                    _ => Value::Unknown,
                };
                self.depth -= 1;
                parent
            }
            (parent, _) => parent.clone(),
        }
    }

    /// A method knows its class, for `super`.
    pub(super) fn closure_of_class(
        &mut self,
        function: &Arc<Function>,
        scope: &Rc<Scope>,
        class: &Rc<ClassValue>,
    ) -> Value {
        let scope = self.child(scope);
        scope.declare("#class", Value::Class(Rc::clone(class)));
        self.closure(function, &scope, class.module)
    }

    pub(super) fn class(&mut self, class: &Arc<Class>, scope: &Rc<Scope>) -> Value {
        let parent = class.parent.as_ref().map_or(Value::Undefined, |it| self.expr(it, scope));
        let value = Rc::new(ClassValue {
            class: Arc::clone(class),
            scope: Rc::clone(scope),
            module: self.module(),
            parent,
            statics: Object::default(),
        });
        let this = self.child(scope);
        this.declare("this", Value::Class(Rc::clone(&value)));
        for field in class.fields.iter().filter(|it| it.is_static) {
            let initial = field.value.as_ref().map_or(Value::Undefined, |it| self.expr(it, &this));
            value.statics.set(&field.name, initial);
        }
        Value::Class(value)
    }
}

pub(super) fn bound(closure: &Rc<Closure>, this: Value) -> Value {
    Value::Function(Rc::new(Closure {
        function: Arc::clone(&closure.function),
        scope: Rc::clone(&closure.scope),
        module: closure.module,
        this: Some(this),
        props: Object::default(),
    }))
}

pub(super) fn foreign_parent(class: &ClassValue) -> bool {
    match &class.parent {
        Value::Class(parent) => foreign_parent(parent),
        Value::Undefined => false,
        _ => true,
    }
}
