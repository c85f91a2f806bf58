//! How Nest puts the path of a route together.

use doorward::diagnostic::Diagnostic;
use doorward::path::PathTemplate;

use super::discover::Reader;
use crate::frameworks::express::discover::paths;
use crate::js::chain;
use crate::js::packages::location;
use crate::js::value::{Place, Value};
use crate::walk::printable;

/// What applies to all paths of an application.
#[derive(Debug, Default)]
pub(super) struct Rules {
    pub(super) prefix: String,
    /// Paths without the prefix, with their methods.
    pub(super) exclude: Vec<(Option<String>, PathTemplate)>,
    /// What stands in front of a version in paths; `None`: versions are not in paths.
    pub(super) version: Option<String>,
    pub(super) default_version: Option<Value>,
    /// The syntax of paths, by Express's numbers.
    pub(super) syntax: u32,
}

impl Rules {
    /// The full path of a route whose own parts are joined already.
    pub(super) fn place(&self, method: &str, path: &PathTemplate, prefix: &PathTemplate) -> PathTemplate {
        let excluded = self.exclude.iter().any(|(only, excluded)| {
            only.as_deref().is_none_or(|it| it == method || it == "ALL") && chain::covers(excluded, true, path)
        });
        if excluded { path.clone() } else { prefix.join(path) }
    }
}

impl Reader<'_> {
    /// Every text a value may be: a path or a version. Says so if there are others.
    pub(super) fn texts(&mut self, value: &Value, place: Place) -> Vec<String> {
        let mut texts = Vec::new();
        let mut values = vec![(value.clone(), 0)];
        let mut unknown = false;
        while let Some((value, depth)) = values.pop() {
            match value {
                Value::OneOf(inner) => values.extend(inner.iter().rev().map(|it| (it.clone(), depth + 1))),
                Value::Array(inner) if depth < 4 && texts.len() + values.len() < 500 => {
                    unknown |= inner.open.get();
                    values.extend(inner.items.borrow().iter().rev().map(|it| (it.clone(), depth + 1)));
                }
                Value::Str(text) => {
                    if text.assumed && self.told.insert(place) {
                        let at = location(self.program, place);
                        self.tell(
                            Diagnostic::new(
                                "DW2010",
                                format!(
                                    "a path depends on the environment; `{}` is taken for it",
                                    printable(&text.text)
                                ),
                            )
                            .at(at)
                            .help("use a fixed path, or run doorward with the policy written for this default"),
                        );
                    }
                    texts.push(text.text.to_string());
                }
                Value::Num(number) => texts.push(number.to_string()),
                Value::Undefined | Value::Null => texts.push(String::new()),
                _ => unknown = true,
            }
        }
        if unknown && self.told.insert(place) {
            let at = location(self.program, place);
            let text = printable(&chain::one_line(&chain::text(self.program, place)));
            self.tell(
                Diagnostic::new(
                    "DW2003",
                    format!("the path in `{text}` is only known when the program runs, so its routes are not listed"),
                )
                .at(at)
                .help("use a literal or a constant, or guard what is behind it by hand"),
            );
        }
        texts
    }

    /// The templates of a path.
    pub(super) fn templates(&mut self, path: &str, syntax: u32, place: Place) -> Vec<PathTemplate> {
        let path = format!("/{}", path.trim_matches('/'));
        // Nest 11 goes on taking the stars of earlier versions.
        let path = if syntax >= 5 { path.replace("(.*)", "*") } else { path };
        let complaint = match paths::parse(&path, syntax) {
            Ok(found) => {
                if found.approximate && self.told.insert(place) {
                    let near = found.templates.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
                    let at = location(self.program, place);
                    self.tell(
                        Diagnostic::new(
                            "DW2009",
                            format!(
                                "`{}` is more than a path template can say; it is listed as {near}",
                                printable(&path)
                            ),
                        )
                        .at(at)
                        .help("check that the template means what the pattern means, or split the route")
                        .listed(),
                    );
                }
                return found.templates;
            }
            Err(paths::PathProblem::Control) => ("DW2014", "holds control characters"),
            Err(_) => ("DW2009", "has no path template, so its route is not listed"),
        };
        if self.told.insert(place) {
            let at = location(self.program, place);
            self.tell(
                Diagnostic::new(complaint.0, format!("the path `{}` {}", printable(&path), complaint.1))
                    .at(at)
                    .help("write the path with named parameters, or guard the route by hand"),
            );
        }
        Vec::new()
    }
}
