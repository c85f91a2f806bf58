//! From text to [`Module`]: parses a file and keeps what is needed of it.

mod depth;
mod exprs;
mod items;
mod types;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use proc_macro2::{Span, TokenStream};

use super::ir::{Items, Module, Name, Opaque, Path, made_at};
use super::macros::{Expansion, Macros, pasted};

/// Tokens that the macros of one file may make. Real files stay far below.
const MAX_MADE: usize = 400_000;
/// For each byte of the file, and for any file.
const MADE_PER_BYTE: usize = 10;
const MADE_ANYWAY: usize = 20_000;

/// Macros that call each other more deeply are given up on.
const MAX_EXPANSIONS: usize = 48;

/// Parses one file. It never fails: a file with a syntax error is a module with nothing in it but the error.
pub(crate) fn parse(file: &str, text: Arc<str>, macros: &Macros) -> Module {
    let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut module = Module { file: file.to_owned(), lines, ..Module::default() };
    let skipped = header(&text);
    let source = text.get(skipped..).unwrap_or_default();
    match tokens(source) {
        Ok(parsed) => {
            let mut lowerer = Lowerer::new(skipped, file, text.len(), macros);
            module.items = Arc::new(lowerer.items(&parsed.items));
            module.heads = lowerer.heads;
            module.opaque = lowerer.opaque;
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
struct Lowerer<'m> {
    /// What was cut off before parsing.
    offset: usize,
    file: &'m str,
    macros: &'m Macros,
    /// Tokens that macros may still make.
    budget: usize,
    /// Macros around the current place, and where the outermost is called.
    expansions: usize,
    call: usize,
    made: Cell<usize>,
    opaque: Vec<Opaque>,
    /// Names that are imported from other crates.
    foreign: BTreeSet<Name>,
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

impl<'m> Lowerer<'m> {
    fn new(offset: usize, file: &'m str, length: usize, macros: &'m Macros) -> Self {
        Self {
            offset,
            file,
            macros,
            // A small file that becomes huge is an attack on whoever reads it.
            budget: MAX_MADE.min(MADE_ANYWAY + length.saturating_mul(MADE_PER_BYTE)),
            expansions: 0,
            call: 0,
            made: Cell::new(0),
            opaque: Vec::new(),
            foreign: BTreeSet::new(),
            heads: BTreeSet::new(),
            mentions: Vec::new(),
            blocks: Vec::new(),
            next_block: 0,
        }
    }

    fn at(&self, span: Span) -> usize {
        let range = span.byte_range();
        if range.is_empty() && self.expansions > 0 {
            // What a rule wrote has no place of its own.
            self.made.set(self.made.get() + 1);
            return made_at(self.call, self.made.get());
        }
        range.start + self.offset
    }

    /// The code that a call of a macro of the tree stands for.
    fn expanded(&mut self, call: &syn::Macro) -> Option<TokenStream> {
        let names: Vec<Name> = call.path.segments.iter().map(|it| Self::name(&it.ident)).collect();
        let (name, head) = (names.last()?, names.first()?);
        if &**name == "paste" && !self.macros.defines(name) && self.expansions < MAX_EXPANSIONS {
            return Some(pasted(call.tokens.clone()));
        }
        let ours = match names.len() {
            1 => !self.foreign.contains(name),
            _ => !self.macros.is_foreign(head),
        };
        if !ours {
            return None;
        }
        let deep = self.expansions >= MAX_EXPANSIONS;
        let mut none = 0;
        let budget = if deep { &mut none } else { &mut self.budget };
        match self.macros.expand(name, self.file, &call.tokens, budget) {
            Expansion::Code(code) if !depth::is_too_deep(code.clone()) => Some(code),
            Expansion::Foreign => None,
            Expansion::Code(_) | Expansion::Opaque => {
                self.opaque(call, name);
                None
            }
        }
    }

    /// Notes a call that can't be written out.
    fn opaque(&mut self, call: &syn::Macro, name: &Name) {
        let at = call.path.segments.first().map_or(self.offset, |it| self.at(it.ident.span()));
        let words = words(call.tokens.clone());
        self.opaque.push(Opaque { name: Arc::clone(name), at, words });
    }

    /// Lowers what `read` makes of the code of a macro that is called in `call`.
    fn within<T>(&mut self, call: &syn::Macro, read: impl FnOnce(&mut Self) -> T) -> T {
        if self.expansions == 0 {
            self.call = call.path.segments.first().map_or(self.offset, |it| self.at(it.ident.span()));
        }
        self.expansions += 1;
        let value = read(self);
        self.expansions -= 1;
        value
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

/// The words in tokens, at any depth.
fn words(tokens: TokenStream) -> BTreeSet<Name> {
    let mut all = BTreeSet::new();
    let mut rest = vec![tokens.into_iter()];
    while let Some(level) = rest.last_mut() {
        match level.next() {
            Some(proc_macro2::TokenTree::Ident(word)) => drop(all.insert(Lowerer::name(&word))),
            Some(proc_macro2::TokenTree::Group(group)) => rest.push(group.stream().into_iter()),
            Some(_) => {}
            None => drop(rest.pop()),
        }
    }
    all
}
