//! Definitions of classes, and their objects.

use std::cell::RefCell;
use std::rc::Rc;

use ruff_python_ast::{Expr, Stmt, StmtClassDef};

use super::{Eval, Host, MAX_CALL_DEPTH, Site};
use crate::py::value::{Args, Class, External, Instance, Scope, ScopeKind, Slot, Value};

/// Whether a class of this name fills its attributes from the environment.
pub(crate) fn is_settings(name: &str) -> bool {
    name.rsplit('.').next() == Some("BaseSettings")
}

impl<'p, H: Host<'p>> Eval<'p, H> {
    pub(super) fn define_class(&mut self, def: &'p StmtClassDef, scope: &Rc<Scope<'p>>) {
        let decorators: Vec<(Value<'p>, &'p Expr)> =
            def.decorator_list.iter().map(|it| (self.expr(&it.expression, scope), &it.expression)).collect();
        let args = def.arguments.as_ref().map(|it| self.args(it, scope)).unwrap_or_default();
        let inner = self.child(scope, ScopeKind::Class);
        let outer = self.frames.last_mut().map(|it| it.statement);
        self.block(&def.body, &inner);
        if let (Some(frame), Some(outer)) = (self.frames.last_mut(), outer) {
            frame.statement = outer;
        }
        let keywords = def.arguments.iter().flat_map(|it| &it.keywords).filter_map(|it| {
            let name = it.arg.as_ref()?.id.as_str();
            Some((name, args.named(name)?.clone()))
        });
        let class = Rc::new(Class {
            def,
            module: self.current(),
            scope: Rc::clone(&inner),
            bases: args.positional.iter().map(|it| it.value.clone()).collect(),
            keywords: keywords.collect(),
            attrs: RefCell::new(attributes(def, &inner)),
            decorators: RefCell::default(),
            above: Default::default(),
        });
        for (_, value) in class.attrs.borrow().iter() {
            if let Value::Function(function) = value
                && Rc::ptr_eq(&function.scope, &inner)
            {
                *function.class.borrow_mut() = Some(Rc::clone(&class));
            }
        }
        self.host.class(&class);
        let mut value = Value::Class(class);
        for (decorator, expr) in decorators.into_iter().rev() {
            value = self.decorate(&decorator, value, expr);
        }
        self.bind_name(&def.name.id, value, scope);
    }

    /// Makes an object.
    pub(crate) fn construct(&mut self, class: &Rc<Class<'p>>, args: &Args<'p>, site: &Site) -> Value<'p> {
        if self.frames.len() > MAX_CALL_DEPTH {
            return Value::Unknown;
        }
        if class.inherits(super::operators::is_enum) {
            return args.get(0, "value").cloned().unwrap_or(Value::Unknown);
        }
        let instance =
            Rc::new(Instance { class: Rc::clone(class), attrs: RefCell::default(), base: RefCell::default() });
        let this = Value::Instance(Rc::clone(&instance));
        for parent in class.mro() {
            let Value::Class(parent) = parent else { break };
            if let Some(Value::Function(init)) = parent.own("__init__") {
                self.call_function(&init, Some(this.clone()), args);
                // `Flask.__init__(self, …)`, and constructors that leave their parent's to somebody else.
                if instance.base.borrow().is_none() {
                    self.make_base(&instance, args, site);
                }
                return this;
            }
        }
        self.fill(&instance, args);
        self.make_base(&instance, args, site);
        this
    }

    /// What the constructor of a dataclass or a model does: each field gets its argument.
    fn fill(&mut self, instance: &Rc<Instance<'p>>, args: &Args<'p>) {
        let mut fields: Vec<&'p str> = Vec::new();
        for parent in instance.class.mro().iter().rev() {
            if let Value::Class(parent) = parent {
                let names = fields_of(parent.def).filter(|it| !fields.contains(it)).collect::<Vec<_>>();
                fields.extend(names);
            }
        }
        for (field, arg) in fields.iter().zip(&args.positional) {
            instance.set(field, arg.value.clone());
        }
        for (name, arg) in &args.keywords {
            instance.set(name, arg.value.clone());
        }
        let after = self.attribute(&Value::Instance(Rc::clone(instance)), "__post_init__");
        if let Value::Bound(bound) = after {
            self.call_function(&bound.1, Some(bound.0.clone()), &Args::default());
        }
    }

    /// Calls the constructor of the first parent that is not in the tree.
    pub(super) fn make_base(&mut self, instance: &Rc<Instance<'p>>, args: &Args<'p>, site: &Site) {
        for parent in instance.class.mro() {
            if let Value::External(external) = parent {
                let is_container = matches!(external.name().as_str(), "dict" | "list");
                let base = self.host.call(&external, args, site);
                let base = base.or_else(|| is_container.then(|| self.built_in(&external, args, site)).flatten());
                let base = base.unwrap_or_else(|| {
                    Value::External(Rc::new(External::Call(external, Rc::new(args.clone()), site.place())))
                });
                if let Value::Host(object) = base {
                    self.host.based(object, &instance.class);
                }
                *instance.base.borrow_mut() = Some(base);
                return;
            }
        }
    }
}

/// The annotated fields of a class, in order.
pub(crate) fn fields_of(def: &StmtClassDef) -> impl Iterator<Item = &str> {
    def.body.iter().filter_map(|it| match it {
        Stmt::AnnAssign(it) => match &*it.target {
            Expr::Name(name) => Some(name.id.as_str()),
            _ => None,
        },
        _ => None,
    })
}

/// The names that the body of a class gave values to, in the order in which they stand there.
fn attributes<'p>(def: &StmtClassDef, scope: &Scope<'p>) -> Vec<(Rc<str>, Value<'p>)> {
    let vars = scope.vars.borrow();
    let mut order: Vec<&str> = Vec::new();
    for statement in &def.body {
        match statement {
            Stmt::AnnAssign(it) => {
                if let Expr::Name(name) = &*it.target {
                    order.push(&name.id);
                }
            }
            Stmt::Assign(it) => order.extend(it.targets.iter().filter_map(|it| match it {
                Expr::Name(name) => Some(name.id.as_str()),
                _ => None,
            })),
            Stmt::FunctionDef(it) => order.push(&it.name.id),
            Stmt::ClassDef(it) => order.push(&it.name.id),
            _ => {}
        }
    }
    let mut rest: Vec<&str> = vars.keys().map(|it| &**it).filter(|it| !order.contains(it)).collect();
    rest.sort_unstable();
    order.extend(rest);
    let mut attrs: Vec<(Rc<str>, Value<'p>)> = Vec::new();
    for name in order {
        if let Some(Slot::Value(value)) = vars.get(name)
            && !attrs.iter().any(|(it, _)| &**it == name)
        {
            attrs.push((Rc::from(name), value.clone()));
        }
    }
    attrs
}
