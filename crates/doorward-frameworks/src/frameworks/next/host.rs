//! What calls into packages mean while modules of a Next.js project are loaded.

use std::rc::Rc;

use crate::js::eval::{Host, Site};
use crate::js::ir::{Function, Span};
use crate::js::value::{Arg, External, Value};

/// The verbs of `next-connect`.
const VERBS: &[&str] = &["get", "head", "post", "put", "patch", "delete", "options", "trace", "all"];

/// A router of `next-connect`.
#[derive(Debug, Default)]
pub(super) struct Router {
    pub(super) layers: Vec<Layer>,
}

/// What was registered on a router, in order.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// In upper case, `ALL`; nothing for middleware.
    pub(super) method: Option<String>,
    pub(super) handlers: Vec<Arg>,
}

#[derive(Debug, Default)]
pub(super) struct Next {
    pub(super) routers: Vec<Router>,
}

impl Host for Next {
    fn call(&mut self, callee: &External, _args: &[Arg], _site: &Site) -> Option<Value> {
        match callee.path().as_slice() {
            ["next-connect"] | ["next-connect", "default" | "createRouter" | "createEdgeRouter" | "nc"] => {
                self.routers.push(Router::default());
                Some(Value::Host(self.routers.len() - 1))
            }
            _ => None,
        }
    }

    fn method(&mut self, object: usize, name: &str, args: &[Arg], _site: &Site) -> Value {
        let Some(router) = self.routers.get_mut(object) else { return Value::Unknown };
        // `handler()` gives a function that runs the router, and so does the router of older versions itself.
        if VERBS.contains(&name) || name == "use" {
            let method = (name != "use").then(|| name.to_ascii_uppercase());
            router.layers.push(Layer { method, handlers: args.to_vec() });
        }
        Value::Host(object)
    }

    fn computed_method(&mut self, object: usize, args: &[Arg], _site: &Site) {
        if let Some(router) = self.routers.get_mut(object) {
            router.layers.push(Layer { method: Some("ALL".to_owned()), handlers: args.to_vec() });
        }
    }

    fn named(&mut self, _object: usize, _name: &str) {}

    fn returned(&mut self, _object: usize, _module: usize, _statement: Span, _value: Span) {}

    fn escaped(&mut self, _object: usize, _site: &Site) {}

    /// What Next.js calls are exports; functions given to packages are not start-up code.
    fn is_handler(&self, _function: &Function) -> bool {
        true
    }
}

/// The arguments of the innermost call of a chain of calls: `withA(withB(options))` gives those of `withB`.
pub(super) fn innermost(external: &Rc<External>) -> Option<Value> {
    let mut at = Rc::clone(external);
    for _ in 0..16 {
        let External::Call(callee, args, _) = &*at else { return None };
        let object = args.iter().find(|it| matches!(it.value, Value::Object(_) | Value::Function(_)));
        if let Some(object) = object {
            return Some(object.value.clone());
        }
        let inner = args.iter().find_map(|it| match &it.value {
            Value::External(inner) if matches!(**inner, External::Call(..)) => Some(Rc::clone(inner)),
            _ => None,
        });
        at = inner.unwrap_or_else(|| Rc::clone(callee));
    }
    None
}
