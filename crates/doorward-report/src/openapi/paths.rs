//! Path templates as OpenAPI has them: no two that differ only in the names of their holes.

use std::collections::BTreeMap;

use doorward::path::{PathTemplate, Piece, Segment};

/// A path in the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    /// The key under `paths`.
    pub(super) key: String,
    /// The name of each hole in the document, in the order of the template.
    pub(super) names: Vec<String>,
    /// What the route calls each.
    pub(super) own: Vec<String>,
    /// The hole that takes any number of segments, by its name in the document.
    pub(super) catch_all: Option<String>,
}

/// The paths so far, by their form: the template without the names of its holes.
#[derive(Debug, Default)]
pub(super) struct Paths(BTreeMap<String, (bool, Placed)>);

impl Paths {
    /// Where a template goes. `None` if the document has a path of this form that matches other requests: one with a
    /// catch-all in the place of a plain hole, or the other way round.
    pub(super) fn place(&mut self, path: &PathTemplate) -> Option<Placed> {
        let form = write(path, &mut |_| String::new());
        let own: Vec<String> = path.params().map(str::to_owned).collect();
        let has_catch_all = path.segments().iter().any(|it| matches!(it, Segment::CatchAll(_)));
        if let Some((known_catch_all, known)) = self.0.get(&form) {
            return (*known_catch_all == has_catch_all).then(|| Placed { own, ..known.clone() });
        }
        let mut names: Vec<String> = Vec::new();
        for name in &own {
            // One name may stand for two holes; in the document it may not.
            let mut free = name.clone();
            let mut at = 2;
            while names.contains(&free) {
                free = format!("{name}_{at}");
                at += 1;
            }
            names.push(free);
        }
        let mut next = names.iter();
        let key = write(path, &mut |_| next.next().cloned().unwrap_or_default());
        let catch_all = match path.segments().last() {
            Some(Segment::CatchAll(_)) => names.last().cloned(),
            _ => None,
        };
        let placed = Placed { key, names, own, catch_all };
        self.0.insert(form, (has_catch_all, placed.clone()));
        Some(placed)
    }
}

fn write(path: &PathTemplate, name: &mut dyn FnMut(&str) -> String) -> String {
    let mut text = String::new();
    for segment in path.segments() {
        text.push('/');
        match segment {
            Segment::Literal(literal) => text.push_str(literal),
            Segment::Param { prefix, name: own, suffix } => {
                text.push_str(&format!("{prefix}{{{}}}{suffix}", name(own)));
            }
            Segment::CatchAll(own) => text.push_str(&format!("{{{}}}", name(own))),
            Segment::Mixed(pieces) => {
                for piece in pieces {
                    match piece {
                        Piece::Text(literal) => text.push_str(literal),
                        Piece::Value(own) => text.push_str(&format!("{{{}}}", name(own))),
                    }
                }
            }
        }
    }
    if text.is_empty() { "/".to_owned() } else { text }
}
