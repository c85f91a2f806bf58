//! Decorators: what stands on classes and their methods, composed ones taken apart, in the order they are applied.

use std::rc::Rc;
use std::sync::Arc;

use super::COMMON;
use super::discover::Reader;
use crate::js::ir::Expr;
use crate::js::value::{Arg, ClassValue, External, Object, Place, Value};

/// One decorator of a package.
#[derive(Debug, Clone)]
pub(super) struct Applied {
    external: Rc<External>,
    /// Where it, or the project's decorator it is a part of, stands.
    pub(super) place: Place,
}

impl Applied {
    /// The package, the name and the arguments of `@name(…)`.
    pub(super) fn call(&self) -> Option<(&str, &str, &[Arg])> {
        match &*self.external {
            External::Call(callee, args, _) => Some((callee.package()?, callee.path().last().copied()?, args)),
            External::Member(..) => Some((self.external.package()?, self.external.path().last().copied()?, &[])),
            _ => None,
        }
    }

    /// The arguments, if it is this decorator of Nest's.
    pub(super) fn of_common(&self, wanted: &str) -> Option<&[Arg]> {
        self.call().filter(|(package, name, _)| *package == COMMON && *name == wanted).map(|(.., args)| args)
    }

    /// Where one of its arguments is written, which may be inside of a composed decorator.
    pub(super) fn place_of(&self, arg: &Arg) -> Place {
        match &*self.external {
            External::Call(_, _, place) => Place { module: place.module, span: arg.span },
            _ => self.place,
        }
    }

    /// What it attaches, if it attaches something to be read by guards.
    pub(super) fn metadata(&self) -> Option<(Value, Value)> {
        let External::Call(callee, args, _) = &*self.external else { return None };
        let first = args.first().map_or(Value::Undefined, |it| it.value.clone());
        match callee.path().as_slice() {
            [COMMON, "SetMetadata"] | ["Reflect", "metadata"] => {
                Some((first, args.get(1).map_or(Value::Undefined, |it| it.value.clone())))
            }
            ["@nestjs/core", "Reflector", "createDecorator", "()"] => {
                // Its key is the decorator itself.
                Some((Value::External(Rc::clone(callee)), if args.is_empty() { Value::Undefined } else { first }))
            }
            _ => None,
        }
    }
}

impl Reader<'_> {
    /// What is on a class and on what it extends, base classes first.
    pub(super) fn on_class(&mut self, class: &Rc<ClassValue>) -> Rc<Vec<Applied>> {
        let key = Rc::as_ptr(class);
        if let Some(known) = self.applied.get(&key) {
            return Rc::clone(known);
        }
        let mut chain = vec![Rc::clone(class)];
        while let Some(last) = chain.last().cloned() {
            match self.eval.parent(&last) {
                Value::Class(parent) if chain.len() < 16 => chain.push(parent),
                _ => break,
            }
        }
        let mut all = Vec::new();
        for class in chain.iter().rev() {
            let own = Arc::clone(&class.class);
            self.expand_all(class, &own.decorators, "", &mut all);
        }
        let all = Rc::new(all);
        self.applied.insert(key, Rc::clone(&all));
        // The class must live as long as its address is a key.
        self.kept.push(Rc::clone(class));
        all
    }

    /// What stands on a member of a class.
    pub(super) fn on_member(&mut self, class: &Rc<ClassValue>, decorators: &[Expr], name: &str) -> Vec<Applied> {
        let mut all = Vec::new();
        self.expand_all(class, decorators, name, &mut all);
        all
    }

    fn expand_all(&mut self, class: &Rc<ClassValue>, decorators: &[Expr], member: &str, all: &mut Vec<Applied>) {
        // The one next to the class is applied first.
        for decorator in decorators.iter().rev() {
            let value = self.eval.decorator(class, decorator);
            let place = Place { module: class.module, span: decorator.span };
            self.expand(class, &value, place, member, 0, all);
        }
    }

    fn expand(
        &mut self,
        class: &Rc<ClassValue>,
        value: &Value,
        place: Place,
        member: &str,
        depth: usize,
        all: &mut Vec<Applied>,
    ) {
        if depth > 8 || all.len() > 500 {
            return;
        }
        match value {
            Value::External(external) => {
                if let External::Call(callee, args, _) = &**external
                    && matches!(callee.path().as_slice(), [COMMON, "applyDecorators"])
                {
                    for arg in args {
                        self.expand(class, &arg.value.clone(), place, member, depth + 1, all);
                    }
                    return;
                }
                all.push(Applied { external: Rc::clone(external), place });
            }
            Value::Array(array) => {
                let items = array.items.borrow().clone();
                items.iter().for_each(|it| self.expand(class, it, place, member, depth + 1, all));
            }
            Value::OneOf(values) => {
                values.iter().for_each(|it| self.expand(class, it, place, member, depth + 1, all));
            }
            // `(target, key, descriptor) => { UseGuards(X)(target, key, descriptor); }`.
            Value::Function(closure) => {
                let outer = self.eval.host.applied.replace(Vec::new());
                let descriptor = Object::default();
                descriptor.open.set(true);
                let key = if member.is_empty() { Value::Undefined } else { Value::text(member) };
                let args = [Value::Class(Rc::clone(class)), key, Value::Object(Rc::new(descriptor))].map(|value| Arg {
                    value,
                    span: place.span,
                    spread: false,
                });
                self.eval.run(value, None, &args, closure.module);
                let inner = std::mem::replace(&mut self.eval.host.applied, outer).unwrap_or_default();
                inner.iter().for_each(|it| self.expand(class, it, place, member, depth + 1, all));
            }
            _ => {}
        }
    }
}
