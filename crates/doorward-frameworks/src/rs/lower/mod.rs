//! From text to [`Module`]: parses a file and keeps what is needed of it.

mod depth;
mod exprs;
mod items;
mod types;

use std::collections::BTreeSet;
use std::sync::Arc;

use proc_macro2::{Span, TokenStream};

use super::ir::{Items, Module, Name, Path};

/// Parses one file. It never fails: a file with a syntax error is a module with nothing in it but the error.
pub(crate) fn parse(file: &str, text: Arc<str>) -> Module {
    let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut module = Module { file: file.to_owned(), lines, ..Module::default() };
    let skipped = header(&text);
    let source = text.get(skipped..).unwrap_or_default();
    match tokens(source) {
        Ok(parsed) => {
            let mut lowerer = Lowerer { offset: skipped, ..Lowerer::default() };
            module.items = Arc::new(lowerer.items(&parsed.items));
            module.heads = lowerer.heads;
        }
        Err((line, column, message)) => {
            let before = text.get(..skipped).unwrap_or_default().matches('\n').count();
            module.error = Some((line + before, column, message));
        }
    }
    module.text = text;
    // The parser remembers every text of a thread for its positions.
    proc_macro2::extra::invalidate_current_thread_spans();
    module
}

/// Parses, and forgets what was read.
pub(crate) fn parse_alone(text: &str) {
    drop(tokens(text.get(header(text)..).unwrap_or_default()));
    proc_macro2::extra::invalidate_current_thread_spans();
}

/// The tokens of a piece of source that stands at `offset` of its file, as items.
pub(super) fn parse_items(tokens: TokenStream) -> Option<Vec<syn::Item>> {
    syn::parse2::<syn::File>(tokens).ok().map(|it| it.items)
}

/// The length of a byte order mark and a `#!` line.
fn header(text: &str) -> usize {
    let mark = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let rest = text.get(mark..).unwrap_or_default();
    let script = rest.starts_with("#!") && !rest.get(2..).unwrap_or_default().trim_start().starts_with('[');
    if script { mark + rest.find('\n').unwrap_or(rest.len()) } else { mark }
}

fn tokens(source: &str) -> Result<syn::File, (usize, usize, String)> {
    let place = |span: Span| (span.start().line, span.start().column + 1);
    let tokens: TokenStream = source.parse().map_err(|error: proc_macro2::LexError| {
        let (line, column) = place(error.span());
        (line, column, "the text can't be taken apart into words".to_owned())
    })?;
    if depth::is_too_deep(tokens.clone()) {
        return Err((1, 1, "it is nested too deeply".to_owned()));
    }
    syn::parse2(tokens).map_err(|error| {
        let (line, column) = place(error.span());
        (line, column, error.to_string())
    })
}

/// Collects while it goes through a file.
#[derive(Default)]
struct Lowerer {
    /// What was cut off before parsing.
    offset: usize,
    heads: BTreeSet<Name>,
    /// What the functions around the current place mention.
    mentions: Vec<Mentions>,
    /// Items inside blocks, for each module or block around the current place.
    blocks: Vec<Vec<(u32, Arc<Items>)>>,
    next_block: u32,
}

#[derive(Default)]
struct Mentions {
    paths: Vec<Arc<Path>>,
    seen: BTreeSet<String>,
    methods: BTreeSet<Name>,
}

impl Lowerer {
    fn at(&self, span: Span) -> usize {
        span.byte_range().start + self.offset
    }

    fn name(ident: &syn::Ident) -> Name {
        let text = ident.to_string();
        Arc::from(text.strip_prefix("r#").unwrap_or(&text))
    }

    fn mention(&mut self, path: &Arc<Path>) {
        if path.segments.len() > 1
            && let Some(first) = path.segments.first()
        {
            self.heads.insert(Arc::clone(&first.name));
        }
        if let Some(top) = self.mentions.last_mut() {
            let text = path.segments.iter().map(|it| &*it.name).collect::<Vec<_>>().join("::");
            if path.of.is_some() || top.seen.insert(text) {
                top.paths.push(Arc::clone(path));
            }
        }
    }

    fn mention_method(&mut self, name: &Name) {
        if let Some(top) = self.mentions.last_mut() {
            top.methods.insert(Arc::clone(name));
        }
    }
}
