//! What a module exports, and where it says so.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::host::Next;
use crate::js::eval::Eval;
use crate::js::guards::last_name;
use crate::js::ir::{Export, Expr, ExprKind, Module, Pattern, Span, Stmt, StmtKind};
use crate::js::program::{Program, Target};
use crate::js::value::{Place, Value};
use crate::walk::printable;

/// The exports of one module.
#[derive(Debug, Default)]
pub(super) struct Exports {
    /// Each name, and where it is exported.
    pub(super) names: BTreeMap<Arc<str>, Place>,
    /// Names from a package, or from a file that isn't there, may be missing; here.
    pub(super) unknown: Vec<(Place, Arc<str>)>,
}

/// Reads the exports of `module`, through `export *`.
pub(super) fn exports(eval: &mut Eval<Next>, program: &Program, module: usize) -> Exports {
    let mut found = Exports::default();
    collect(program, module, None, &mut found, &mut HashSet::new());
    let code = program.module(module);
    let is_commonjs = !code.esm || code.exports.is_empty();
    if is_commonjs && let Value::Object(object) = eval.cjs_exports(module) {
        for (name, _) in object.props.borrow().iter() {
            let start = code.text.find(&format!(".{name}")).unwrap_or(0);
            let place = Place { module, span: Span { start, end: start } };
            found.names.insert(Arc::clone(name), place);
        }
    }
    found
}

/// `outer`: the `export *` that leads here.
fn collect(program: &Program, module: usize, outer: Option<Place>, found: &mut Exports, seen: &mut HashSet<usize>) {
    if !seen.insert(module) || seen.len() > 64 {
        return;
    }
    let code = program.module(module);
    for export in &code.exports {
        let (name, span) = match export {
            Export::Local { local, exported } => (exported, declaration(&code, local)),
            Export::From { source, span, exported, .. } => {
                if matches!(program.resolve(module, source), Target::Missing) {
                    found.unknown.push((Place { module, span: *span }, Arc::clone(source)));
                }
                (exported, *span)
            }
            Export::All { source, span } => {
                match program.resolve(module, source) {
                    Target::Module(inner) => {
                        let place = outer.unwrap_or(Place { module, span: *span });
                        collect(program, inner, Some(place), found, seen);
                    }
                    _ => found.unknown.push((Place { module, span: *span }, Arc::clone(source))),
                }
                continue;
            }
        };
        // `export *` leaves the default export out.
        if outer.is_some() && &**name == "default" {
            continue;
        }
        found.names.entry(Arc::clone(name)).or_insert(outer.unwrap_or(Place { module, span }));
    }
}

/// Where a module declares or imports `name`.
pub(super) fn declaration(module: &Module, name: &str) -> Span {
    let declares = |it: &&Stmt| match &it.kind {
        StmtKind::Var(all, _) => all.iter().any(|(pattern, _)| names(pattern, name)),
        StmtKind::Function(function) => function.name.as_deref() == Some(name),
        StmtKind::Class(of, _) | StmtKind::Enum(of, _) => &**of == name,
        _ => false,
    };
    let own = module.body.iter().find(declares).map(|it| it.span);
    own.or_else(|| {
        let import = module.imports.iter().find(|it| it.bindings.iter().any(|(local, _)| &**local == name))?;
        Some(import.span)
    })
    .unwrap_or_default()
}

fn names(pattern: &Pattern, name: &str) -> bool {
    match pattern {
        Pattern::Name(it) => &**it == name,
        Pattern::Object(props, rest) => {
            props.iter().any(|(_, it)| names(it, name)) || rest.as_ref().is_some_and(|it| names(it, name))
        }
        Pattern::Array(items, rest) => {
            items.iter().flatten().any(|it| names(it, name)) || rest.as_ref().is_some_and(|it| names(it, name))
        }
        Pattern::Default(inner, _) => names(inner, name),
        Pattern::Member(_) | Pattern::Ignore => false,
    }
}

/// The names of the functions that an export is given to, outermost first: `withAuth` and `withLog` of
/// `export const GET = withAuth(withLog(handler))`.
pub(super) fn wrappers(module: &Module, exported: &str) -> Vec<String> {
    let local = module.exports.iter().find_map(|it| match it {
        Export::Local { local, exported: name } if &**name == exported => Some(local),
        _ => None,
    });
    let Some(local) = local else { return Vec::new() };
    let declared = module.body.iter().find_map(|it| match &it.kind {
        StmtKind::Var(all, _) => all.iter().find_map(|(pattern, init)| match pattern {
            Pattern::Name(name) if name == local => init.as_ref(),
            _ => None,
        }),
        _ => None,
    });
    let mut all = Vec::new();
    let mut at = declared;
    while let Some(Expr { kind: ExprKind::Call(callee, items), .. }) = at {
        // `withAuth({ … })(handler)`.
        let named = match &callee.kind {
            ExprKind::Call(inner, _) => last_name(inner),
            _ => last_name(callee),
        };
        let given = items.iter().map(|it| &it.value);
        let next = given.clone().find(|it| matches!(it.kind, ExprKind::Call(..)));
        let handler = given.into_iter().find(|it| matches!(it.kind, ExprKind::Function(_) | ExprKind::Name(_)));
        if let (Some(name), true) = (named, next.is_some() || handler.is_some())
            && all.len() < 16
        {
            all.push(printable(name));
        }
        at = if handler.is_some() { None } else { next };
    }
    all
}
