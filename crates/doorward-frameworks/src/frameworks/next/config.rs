//! `next.config`: what of it decides under which paths the application answers.

use std::rc::Rc;

use doorward::diagnostic::Diagnostic;
use doorward::path::PathTemplate;

use super::files::EXTENSIONS;
use super::host::{Next, innermost};
use crate::js;
use crate::js::eval::Eval;
use crate::js::ir::Span;
use crate::js::program::Program;
use crate::js::value::{Object, Place, Value};
use crate::walk::printable;

/// The settings that matter, and what was noticed about them.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) base: PathTemplate,
    pub(super) extensions: Vec<String>,
    /// Only files are built, and nothing of Next.js runs where they are served.
    pub(super) exported: bool,
    pub(super) output_place: Place,
    /// Paths that lead to others.
    pub(super) rewrites: Vec<Rewrite>,
    pub(super) unresolved: Vec<Diagnostic>,
    /// The setting itself.
    pub(super) base_place: Option<Place>,
}

/// One entry of `rewrites()`.
#[derive(Debug)]
pub(super) struct Rewrite {
    pub(super) source: String,
    pub(super) destination: String,
    pub(super) place: Place,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base: PathTemplate::root(),
            extensions: EXTENSIONS.iter().map(|it| (*it).to_owned()).collect(),
            exported: false,
            output_place: Place::default(),
            rewrites: Vec::new(),
            unresolved: Vec::new(),
            base_place: None,
        }
    }
}

/// Reads the configuration in `module`.
pub(super) fn read(eval: &mut Eval<Next>, program: &Program, module: usize) -> Config {
    let mut config = Config::default();
    eval.allow(STEPS);
    let code = program.module(module);
    let value = if code.esm && !code.exports.is_empty() {
        eval.exported(module, "default").unwrap_or(Value::Unknown)
    } else {
        eval.cjs_exports(module)
    };
    let whole = Place { module, span: Span::default() };
    let Some(object) = settings(eval, value, whole, 0) else {
        config.unresolved.push(
            Diagnostic::new("DW2003", "the configuration of Next.js can't be read, so `basePath` is not known")
                .at(js::packages::location(program, whole))
                .help("write the configuration as an object, so that the paths of its routes are known")
                .listed(),
        );
        return config;
    };
    base_path(&mut config, program, &object, module);
    if let Some(Value::Array(all)) = object.get("pageExtensions") {
        let all: Vec<String> = all.items.borrow().iter().filter_map(|it| it.as_str().map(str::to_owned)).collect();
        if !all.is_empty() {
            config.extensions = all;
        }
    }
    config.exported = matches!(object.get("output"), Some(Value::Str(it)) if &*it.text == "export");
    config.output_place = mention(program, module, "output");
    rewrites(eval, &mut config, program, &object, module);
    config
}

/// What reading one module may cost.
pub(super) const STEPS: u64 = 300_000;

/// The object of settings: written as it is, given to a plug-in, or returned by a function.
fn settings(eval: &mut Eval<Next>, value: Value, place: Place, depth: usize) -> Option<Rc<Object>> {
    if depth > 8 {
        return None;
    }
    match value {
        Value::Object(object) => Some(object),
        Value::Function(_) => {
            let result = eval.call_at(&value, &[Value::Unknown, Value::Unknown], place);
            settings(eval, result, place, depth + 1)
        }
        Value::External(external) => {
            let inner = innermost(&external)?;
            settings(eval, inner, place, depth + 1)
        }
        Value::OneOf(all) => all.iter().find_map(|it| settings(eval, it.clone(), place, depth + 1)),
        _ => None,
    }
}

fn base_path(config: &mut Config, program: &Program, object: &Object, module: usize) {
    let place = mention(program, module, "basePath");
    let at = || js::packages::location(program, place);
    match object.get("basePath") {
        None | Some(Value::Undefined | Value::Null) => {}
        Some(Value::Str(text)) => {
            match text.text.parse() {
                Ok(path) => config.base = path,
                Err(_) if text.text.is_empty() => {}
                Err(_) => config.unresolved.push(
                    Diagnostic::new("DW2003", format!("`{}` is not a path", printable(&text.text)))
                        .at(at())
                        .help("start `basePath` with a slash")
                        .listed(),
                ),
            }
            config.base_place = Some(place);
            if text.assumed {
                config.unresolved.push(
                    Diagnostic::new(
                        "DW2010",
                        format!("`basePath` is `{}` unless the environment says otherwise", printable(&text.text)),
                    )
                    .at(at())
                    .help("if a deployment sets another one, every path of this app differs there"),
                );
            }
        }
        Some(_) => config.unresolved.push(
            Diagnostic::new("DW2003", "`basePath` is only known when the program is built; it is left out")
                .at(at())
                .help("give it a default in the source, so that the paths of this app are known")
                .listed(),
        ),
    }
}

fn rewrites(eval: &mut Eval<Next>, config: &mut Config, program: &Program, object: &Object, module: usize) {
    let Some(value @ Value::Function(_)) = object.get("rewrites") else { return };
    let whole = Place { module, span: Span::default() };
    let result = eval.call_at(&value, &[], whole);
    let mut open = false;
    let mut all = Vec::new();
    for result in result.each() {
        match result {
            Value::Array(_) => all.push(result),
            Value::Object(object) => {
                all.extend(["beforeFiles", "afterFiles", "fallback"].iter().filter_map(|it| object.get(it)));
            }
            _ => open = true,
        }
    }
    for list in all.iter().flat_map(Value::each) {
        let Value::Array(list) = list else {
            open = true;
            continue;
        };
        open |= list.open.get();
        for entry in list.items.borrow().iter() {
            let Value::Object(entry) = entry else {
                open = true;
                continue;
            };
            let text = |name: &str| entry.get(name).and_then(|it| it.as_str().map(str::to_owned));
            match (text("source"), text("destination")) {
                (Some(source), Some(destination)) => {
                    let place = mention(program, module, &source);
                    config.rewrites.push(Rewrite { source, destination, place });
                }
                (Some(source), None) => {
                    let place = mention(program, module, &source);
                    config.rewrites.push(Rewrite { source, destination: String::new(), place });
                }
                _ => open = true,
            }
        }
    }
    if open {
        let place = mention(program, module, "rewrites");
        config.unresolved.push(
            Diagnostic::new("DW2003", "some rewrites are only known when the program is built")
                .at(js::packages::location(program, place))
                .help("write rewrites as a literal list; until then, paths that lead to routes may be missing"),
        );
    }
}

/// Where a module first says `text`.
fn mention(program: &Program, module: usize, text: &str) -> Place {
    let start = program.text(module).find(text).unwrap_or(0);
    Place { module, span: Span { start, end: start + text.len() } }
}
