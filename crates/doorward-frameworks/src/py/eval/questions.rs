//! Questions a framework asks after start-up: what a function would do for a caller with these arguments.

use std::rc::Rc;

use ruff_python_ast::Expr;
use ruff_python_ast::visitor::{self, Visitor};

use super::{Eval, Host, MAX_QUESTION_STEPS, Site};
use crate::py::value::{Args, Def, External, Function, Place, Scope, Value};

/// Something that was raised.
#[derive(Debug, Clone)]
pub(crate) struct Raised<'p> {
    /// The exception: an object of a class of the tree, or a call of something from a package.
    pub(crate) value: Value<'p>,
    pub(crate) place: Place,
}

/// What a function does, under the assumptions its arguments and the host make.
#[derive(Debug, Clone)]
pub(crate) struct Outcome<'p> {
    /// It raises on every way through it.
    pub(crate) refuses: bool,
    /// It was followed to its end.
    pub(crate) complete: bool,
    /// Everything that it raises on some way, if it isn't caught inside.
    pub(crate) raised: Vec<Raised<'p>>,
    pub(crate) returned: Value<'p>,
}

impl<'p, H: Host<'p>> Eval<'p, H> {
    /// Calls `callee` as the host assumes a caller would. Nothing is recorded, and the host is asked
    /// [`raises`](Host::raises) for every call of something from a package.
    pub(crate) fn what_if(&mut self, callee: &Value<'p>, args: &Args<'p>) -> Outcome<'p> {
        let outer = (self.asking, self.raising, self.limit, self.steps);
        self.asking = true;
        self.raising = false;
        self.cut = false;
        self.steps = 0;
        self.limit = MAX_QUESTION_STEPS;
        let raised = std::mem::take(&mut self.raised);
        let site = Site { module: 0, call: Default::default(), statement: Default::default(), branch: Rc::from([]) };
        let returned = self.call_value(callee, args, &site);
        let outcome = Outcome {
            refuses: self.raising && !self.cut,
            complete: !self.cut,
            raised: std::mem::replace(&mut self.raised, raised),
            returned,
        };
        (self.asking, self.raising, self.limit, self.steps) = outer;
        outcome
    }

    /// The value of a name or a chain of attributes, as code in `scope` sees it, without running anything.
    pub(crate) fn static_value(&mut self, expr: &'p Expr, scope: &Rc<Scope<'p>>, module: usize) -> Value<'p> {
        match expr {
            Expr::Name(name) => self.resolve(&name.id, scope).unwrap_or_else(|| Value::builtin(&name.id)),
            Expr::Attribute(it) => {
                let object = self.static_value(&it.value, scope, module);
                match object {
                    Value::Module(_) | Value::External(_) | Value::Class(_) | Value::Instance(_) => {
                        self.in_module(module, |eval| eval.attribute(&object, &it.attr.id))
                    }
                    _ => Value::Unknown,
                }
            }
            Expr::Call(it) => match self.static_value(&it.func, scope, module) {
                Value::External(external) => {
                    Value::External(Rc::new(External::Call(external, Rc::default(), Place::default())))
                }
                _ => Value::Unknown,
            },
            _ => Value::Unknown,
        }
    }
}

/// What a function calls, as it is written.
pub(super) fn callees<'p>(function: &Function<'p>) -> Vec<&'p Expr> {
    struct Calls<'p>(Vec<&'p Expr>);
    impl<'p> Visitor<'p> for Calls<'p> {
        fn visit_expr(&mut self, expr: &'p Expr) {
            if let Expr::Call(call) = expr {
                self.0.push(&call.func);
            }
            visitor::walk_expr(self, expr);
        }
    }
    let mut calls = Calls(Vec::new());
    match function.def {
        Def::Def(def) => calls.visit_body(&def.body),
        Def::Lambda(lambda) => calls.visit_expr(&lambda.body),
    }
    calls.0
}
