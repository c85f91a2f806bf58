//! Factories that nothing in the tree calls: a server does, by their name on a command line.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::questions::callees;
use super::{Eval, Host, Site};
use crate::py::value::{Args, Class, Function, Slot, Value};

/// Something that makes an application when it is called.
#[derive(Clone)]
enum Maker<'p> {
    Function(Rc<Function<'p>>),
    Class(Rc<Class<'p>>),
}

impl<'p, H: Host<'p>> Eval<'p, H> {
    /// Enters the functions and classes of `modules` that make what [`Host::makes`] names and that nothing entered.
    pub(crate) fn sweep(&mut self, modules: &[usize]) {
        let mut nodes: Vec<(Maker<'p>, bool, Vec<*const u8>)> = Vec::new();
        for module in modules {
            for value in self.top_level(*module) {
                let (maker, functions) = match &value {
                    Value::Function(function) => (Maker::Function(Rc::clone(function)), vec![Rc::clone(function)]),
                    Value::Class(class) => {
                        let methods = class.attrs.borrow();
                        let methods = methods.iter().filter_map(|(_, it)| match it {
                            Value::Function(function) => Some(Rc::clone(function)),
                            _ => None,
                        });
                        (Maker::Class(Rc::clone(class)), methods.collect())
                    }
                    _ => continue,
                };
                let (mut makes, mut calls) = (false, Vec::new());
                for function in functions {
                    for callee in callees(&function) {
                        match self.static_value(callee, &function.scope, *module) {
                            Value::External(external) => makes |= self.host.makes(&external.name()),
                            Value::Class(class) => {
                                makes |= class.inherits(|name| self.host.makes(name));
                                calls.push(class_key(&class));
                            }
                            // What makes an application may be another package's.
                            Value::Function(called) if !modules.contains(&called.module) => {
                                makes |= self.makes_itself(&called);
                            }
                            Value::Function(called) => calls.push(called.key()),
                            _ => {}
                        }
                    }
                }
                nodes.push((maker, makes, calls));
            }
        }
        for maker in in_order(&nodes) {
            self.enter(&maker, modules);
        }
    }

    fn enter(&mut self, maker: &Maker<'p>, modules: &[usize]) {
        let module = modules.first().copied().unwrap_or(0);
        let site = Site { module, call: Default::default(), statement: Default::default(), branch: Rc::from([]) };
        self.host.loads(match maker {
            Maker::Function(function) => function.module,
            Maker::Class(class) => class.module,
        });
        match maker {
            Maker::Function(function) if !self.was_entered(function) => {
                self.call_function(function, None, &Args::default());
            }
            Maker::Function(_) => {}
            Maker::Class(class) => {
                let init = self.class_attribute(class, "__init__");
                if matches!(&init, Value::Function(init) if self.was_entered(init)) {
                    return;
                }
                let this = self.construct(class, &Args::default(), &site);
                let methods: Vec<(Rc<str>, Value<'p>)> = class.attrs.borrow().clone();
                for (name, method) in methods {
                    if let Value::Function(method) = method
                        && !self.was_entered(&method)
                        && !name.starts_with("__")
                        && self.makes_itself(&method)
                    {
                        self.call_function(&method, Some(this.clone()), &Args::default());
                    }
                }
            }
        }
    }

    fn makes_itself(&mut self, function: &Rc<Function<'p>>) -> bool {
        callees(function).into_iter().any(|callee| {
            let value = self.static_value(callee, &function.scope, function.module);
            matches!(value, Value::External(external) if self.host.makes(&external.name()))
        })
    }

    /// Functions and classes that a module defines itself, in order.
    fn top_level(&mut self, module: usize) -> Vec<Value<'p>> {
        let Some(scope) = self.module_scope(module) else { return Vec::new() };
        let vars = scope.vars.borrow();
        let mut all: Vec<(usize, Value<'p>)> = vars
            .values()
            .filter_map(|slot| match slot {
                Slot::Value(value @ Value::Function(it)) if it.module == module && !it.key().is_null() => {
                    Some((it.key() as usize, value.clone()))
                }
                Slot::Value(value @ Value::Class(it)) if it.module == module => {
                    Some((std::ptr::from_ref(it.def) as usize, value.clone()))
                }
                _ => None,
            })
            .collect();
        all.sort_by_key(|(_, value)| match value {
            Value::Function(it) => start(it),
            Value::Class(it) => super::span(it.def).start,
            _ => 0,
        });
        all.into_iter().map(|(_, value)| value).collect()
    }
}

fn start(function: &Function) -> usize {
    match function.def {
        crate::py::value::Def::Def(def) => super::span(def).start,
        crate::py::value::Def::Lambda(lambda) => super::span(lambda).start,
    }
}

fn class_key(class: &Class) -> *const u8 {
    std::ptr::from_ref(class.def).cast()
}

fn key(maker: &Maker) -> *const u8 {
    match maker {
        Maker::Function(function) => function.key(),
        Maker::Class(class) => class_key(class),
    }
}

/// What leads to a maker, callers before what they call.
fn in_order<'p>(nodes: &[(Maker<'p>, bool, Vec<*const u8>)]) -> Vec<Maker<'p>> {
    let mut callers: HashMap<*const u8, Vec<usize>> = HashMap::new();
    for (at, (_, _, calls)) in nodes.iter().enumerate() {
        for called in calls {
            callers.entry(*called).or_default().push(at);
        }
    }
    let mut reaching: HashSet<usize> = HashSet::new();
    let mut todo: Vec<usize> = nodes.iter().enumerate().filter(|(_, (_, makes, _))| *makes).map(|(at, _)| at).collect();
    // A caller is found after what it calls, so the other way round is the right order.
    let mut order = Vec::new();
    while let Some(at) = todo.pop() {
        if !reaching.insert(at) {
            continue;
        }
        order.push(at);
        if let Some((maker, ..)) = nodes.get(at) {
            todo.extend(callers.get(&key(maker)).into_iter().flatten().copied());
        }
    }
    let called: HashSet<*const u8> =
        order.iter().filter_map(|at| nodes.get(*at)).flat_map(|(_, _, calls)| calls.iter().copied()).collect();
    let (mut roots, mut rest): (Vec<usize>, Vec<usize>) =
        order.into_iter().partition(|at| nodes.get(*at).is_some_and(|(maker, ..)| !called.contains(&key(maker))));
    roots.sort_unstable();
    rest.sort_unstable();
    roots.into_iter().chain(rest).filter_map(|at| nodes.get(at).map(|(maker, ..)| maker.clone())).collect()
}
