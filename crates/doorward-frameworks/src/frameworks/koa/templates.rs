//! The templates of a registration's path, and what is said about those that have none.

use doorward::diagnostic::Diagnostic;
use doorward::path::PathTemplate;

use super::discover::Reader;
use super::host::{Piece, PieceKind};
use crate::frameworks::express::discover::paths::{self, PathProblem};
use crate::js::chain;
use crate::js::packages::location;
use crate::js::value::{Place, Value};
use crate::walk::printable;

/// A template and the text it was read from.
pub(super) type Target = (PathTemplate, String);

impl Reader<'_> {
    /// Every path that `pieces` may make.
    pub(super) fn targets(&mut self, pieces: &[Piece], place: Place) -> Vec<PathTemplate> {
        let mut all: Vec<Target> = vec![(PathTemplate::root(), String::new())];
        for piece in pieces {
            let choices = self.choices(piece, place);
            all = all
                .iter()
                .flat_map(|(head, text)| {
                    choices.iter().map(move |(tail, more)| (head.join(tail), format!("{text}{more}")))
                })
                .take(64)
                .collect();
        }
        let mut templates: Vec<PathTemplate> = Vec::new();
        for (template, _) in all {
            if !templates.contains(&template) {
                templates.push(template);
            }
        }
        templates
    }

    fn choices(&mut self, piece: &Piece, place: Place) -> Vec<Target> {
        let mut all = Vec::new();
        let mut values = vec![(piece.value.clone(), 0)];
        let mut unknown = false;
        while let Some((value, depth)) = values.pop() {
            if all.len() + values.len() > 2_000 {
                break;
            }
            match value {
                Value::OneOf(inner) => values.extend(inner.iter().rev().map(|it| (it.clone(), depth + 1))),
                Value::Array(inner) if depth < 4 => {
                    unknown |= inner.open.get();
                    values.extend(inner.items.borrow().iter().rev().map(|it| (it.clone(), depth + 1)));
                }
                Value::Str(text) => {
                    if text.assumed && self.told.insert(piece.place) {
                        let at = location(self.program, piece.place);
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
                    let path = if text.text.is_empty() || text.text.starts_with('/') || text.text.starts_with('(') {
                        text.text.to_string()
                    } else {
                        format!("/{}", text.text)
                    };
                    self.parsed(paths::parse(&path, self.syntax), &text.text, piece, place, &mut all);
                }
                Value::Regex(source, flags) => {
                    self.parsed(paths::parse_regex(&source), &format!("/{source}/{flags}"), piece, place, &mut all);
                }
                _ => unknown = true,
            }
        }
        if unknown && self.told.insert(piece.place) {
            let at = location(self.program, piece.place);
            let text = printable(&chain::one_line(&chain::text(self.program, piece.place)));
            let what = if piece.kind == PieceKind::Own { "its route is" } else { "what is behind it is" };
            self.tell(
                Diagnostic::new(
                    "DW2003",
                    format!("the path `{text}` is only known when the program runs, so {what} not listed"),
                )
                .at(at)
                .help("use a literal or a constant, or guard what is behind it by hand"),
            );
        }
        all
    }

    fn parsed(
        &mut self,
        parsed: Result<paths::Paths, PathProblem>,
        shown: &str,
        piece: &Piece,
        place: Place,
        all: &mut Vec<Target>,
    ) {
        let shown = printable(shown);
        let complaint = match parsed {
            Ok(paths) => {
                let near = paths.templates.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
                all.extend(paths.templates.into_iter().map(|it| (it, shown.clone())));
                if !paths.approximate {
                    return;
                }
                Diagnostic::new(
                    "DW2009",
                    format!("`{shown}` is more than a path template can say; it is listed as {near}"),
                )
                .help("check that the template means what the pattern means, or split the route")
                .listed()
            }
            Err(PathProblem::Control) => {
                Diagnostic::new("DW2014", format!("the path `{shown}` holds control characters"))
                    .help("remove them; requests hold them only encoded, so the route can't be named")
            }
            Err(_) => Diagnostic::new(
                "DW2009",
                format!("the pattern `{shown}` has no path template, so its route is not listed"),
            )
            .help("write the path with named parameters, or guard the route by hand"),
        };
        let own = if piece.kind == PieceKind::Own { piece.place } else { place };
        if self.told.insert(own) {
            let at = location(self.program, piece.place);
            self.tell(complaint.at(at));
        }
    }
}
