//! The templates of path arguments, and what is said about those that have none.

use doorward::diagnostic::Diagnostic;
use doorward::path::PathTemplate;

use super::paths::{self, PathProblem};
use super::{MAX_PARTS, Reader, one_line};
use crate::js::eval::Site as CallSite;
use crate::js::value::{Arg, Value};
use crate::walk::printable;

impl Reader<'_> {
    /// The templates of a path argument.
    pub(super) fn paths(&mut self, arg: &Arg, site: &CallSite, is_prefix: bool) -> Vec<PathTemplate> {
        let mut all: Vec<PathTemplate> = Vec::new();
        let mut values = vec![(arg.value.clone(), 0)];
        while let Some((value, depth)) = values.pop() {
            if all.len() > MAX_PARTS || values.len() > MAX_PARTS * 4 {
                break;
            }
            match value {
                Value::OneOf(inner) => values.extend(inner.iter().rev().map(|it| (it.clone(), depth))),
                Value::Array(inner) if depth < 4 => {
                    values.extend(inner.items.borrow().iter().rev().map(|it| (it.clone(), depth + 1)));
                    if inner.open.get() {
                        self.computed_path(arg, site, is_prefix);
                    }
                }
                Value::Str(text) => {
                    if text.assumed {
                        let place = self.location(site.module, arg.span);
                        self.tell(
                            Diagnostic::new(
                                "DW2010",
                                format!(
                                    "a path depends on the environment; `{}` is taken for it",
                                    printable(&text.text)
                                ),
                            )
                            .at(place)
                            .help("use a fixed path, or run doorward with the policy written for this default"),
                        );
                    }
                    let parsed = paths::parse(&text.text, self.major);
                    self.parsed(parsed, &text.text, arg, site, &mut all);
                }
                Value::Regex(source, flags) => {
                    let shown = format!("/{source}/{flags}");
                    let parsed = paths::parse_regex(&source);
                    self.parsed(parsed, &shown, arg, site, &mut all);
                }
                _ => self.computed_path(arg, site, is_prefix),
            }
        }
        all
    }

    pub(super) fn parsed(
        &mut self,
        parsed: Result<paths::Paths, PathProblem>,
        shown: &str,
        arg: &Arg,
        site: &CallSite,
        all: &mut Vec<PathTemplate>,
    ) {
        let place = self.location(site.module, arg.span);
        let shown = printable(shown);
        match parsed {
            Ok(paths) => {
                if paths.approximate {
                    let near = paths.templates.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
                    self.tell(
                        Diagnostic::new(
                            "DW2009",
                            format!("`{shown}` is more than a path template can say; it is listed as {near}"),
                        )
                        .at(place)
                        .help("check that the template means what the pattern means, or split the route")
                        .listed(),
                    );
                }
                for template in paths.templates {
                    if !all.contains(&template) {
                        all.push(template);
                    }
                }
            }
            Err(PathProblem::Control) => self.tell(
                Diagnostic::new("DW2014", format!("the path `{shown}` holds control characters"))
                    .at(place)
                    .help("remove them; requests hold them only encoded, so the route can't be named"),
            ),
            Err(PathProblem::NeverMatches) => self.tell(
                Diagnostic::new("DW2015", format!("`{shown}` does not start with `/`, so no request reaches it"))
                    .at(place)
                    .help(format!("write `/{shown}`")),
            ),
            Err(PathProblem::Unsupported) => self.tell(
                Diagnostic::new(
                    "DW2009",
                    format!("the pattern `{shown}` has no path template, so its route is not listed"),
                )
                .at(place)
                .help("write the path with named parameters, or guard the route by hand"),
            ),
        }
    }

    pub(super) fn computed_path(&mut self, arg: &Arg, site: &CallSite, is_prefix: bool) {
        let place = self.location(site.module, arg.span);
        let text = printable(&one_line(&self.text(site.module, arg.span)));
        let what = if is_prefix { "what is mounted there is" } else { "its route is" };
        self.tell(
            Diagnostic::new(
                "DW2003",
                format!("the path `{text}` is only known when the program runs, so {what} not listed"),
            )
            .at(place)
            .help("use a literal or a constant, or guard what is behind it by hand"),
        );
    }
}
