//! Items: functions, types, modules, imports.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Lowerer, Mentions};
use crate::rs::ir::{
    Attr, Const, Expr, ExprKind, Field, Fields, Function, Impl, Items, Mod, Name, Param, Path, Trait, Type, TypeDef,
    TypeKind, Use, Variant,
};

impl Lowerer<'_> {
    pub(super) fn items<'a>(&mut self, items: impl IntoIterator<Item = &'a syn::Item>) -> Items {
        let mut all = Items::default();
        self.blocks.push(Vec::new());
        for item in items {
            self.item(item, &mut all);
        }
        all.blocks = self.blocks.pop().unwrap_or_default();
        all
    }

    fn item(&mut self, item: &syn::Item, all: &mut Items) {
        let test = attrs_of(item).iter().any(is_for_tests);
        if test && !matches!(item, syn::Item::Mod(syn::ItemMod { content: None, .. })) {
            return;
        }
        match item {
            syn::Item::Use(it) => self.imports(&it.tree, &mut Vec::new(), it.leading_colon.is_some(), &mut all.uses),
            syn::Item::Fn(it) => {
                let function = self.function(&it.sig, Some(&it.block), &it.attrs, is_public(&it.vis));
                all.functions.entry(Arc::clone(&function.name)).or_default().push(function);
            }
            syn::Item::Const(it) => {
                all.consts.insert(Self::name(&it.ident), self.constant(&it.expr));
            }
            syn::Item::Static(it) => {
                all.consts.insert(Self::name(&it.ident), self.constant(&it.expr));
            }
            syn::Item::Struct(it) => {
                let kind = TypeKind::Struct(self.fields(&it.fields));
                self.type_def(&it.ident, kind, &it.attrs, &it.generics, all);
            }
            syn::Item::Enum(it) => {
                let kind = TypeKind::Enum(it.variants.iter().map(|it| self.variant(it)).collect());
                self.type_def(&it.ident, kind, &it.attrs, &it.generics, all);
            }
            syn::Item::Type(it) => {
                let kind = TypeKind::Alias(self.ty(&it.ty));
                self.type_def(&it.ident, kind, &it.attrs, &it.generics, all);
            }
            syn::Item::Trait(it) => {
                let functions = it.items.iter().filter_map(|it| match it {
                    syn::TraitItem::Fn(it) => Some(self.function(&it.sig, it.default.as_ref(), &it.attrs, true)),
                    _ => None,
                });
                let functions = functions.collect();
                all.traits.insert(Self::name(&it.ident), Arc::new(Trait { functions }));
            }
            syn::Item::Mod(it) => {
                let path = it.attrs.iter().find_map(path_attr);
                let inline = it.content.as_ref().map(|(_, items)| Arc::new(self.items(items)));
                all.mods.push(Mod { name: Self::name(&it.ident), path, inline, test });
            }
            syn::Item::Impl(it) => all.impls.push(self.implementation(it)),
            syn::Item::Macro(it) => self.macro_item(it, all),
            syn::Item::ExternCrate(it) => {
                if let Some((_, name)) = &it.rename {
                    let path = vec![Self::name(&it.ident)];
                    all.uses.push(Use { name: Some(Self::name(name)), path, global: true });
                }
            }
            _ => {}
        }
    }

    fn macro_item(&mut self, item: &syn::ItemMacro, all: &mut Items) {
        let call = self.macro_call(&item.mac);
        if let Some(name) = &item.ident {
            all.macros.insert(Self::name(name), call.tokens);
        } else if matches!(call.path.last(), "cfg_if" | "cfg_select") {
            for tokens in branches(item.mac.tokens.clone()) {
                for inner in super::parse_items(tokens).unwrap_or_default() {
                    self.item(&inner, all);
                }
            }
        } else if let Some(items) = self.expanded(&item.mac).and_then(super::parse_items) {
            self.within(&item.mac, |this| items.iter().for_each(|it| this.item(it, all)));
        }
    }

    fn imports(&mut self, tree: &syn::UseTree, prefix: &mut Vec<Name>, global: bool, all: &mut Vec<Use>) {
        let whole = |prefix: &[Name], last: Option<Name>| {
            let last = last.filter(|it| &**it != "self");
            prefix.iter().cloned().chain(last).collect::<Vec<_>>()
        };
        match tree {
            syn::UseTree::Path(it) => {
                let name = Self::name(&it.ident);
                if prefix.is_empty() {
                    self.heads.insert(Arc::clone(&name));
                }
                prefix.push(name);
                self.imports(&it.tree, prefix, global, all);
                prefix.pop();
            }
            syn::UseTree::Name(it) => {
                let path = whole(prefix, Some(Self::name(&it.ident)));
                if prefix.is_empty() {
                    self.heads.extend(path.first().cloned());
                }
                if path.first().is_some_and(|it| self.macros.is_foreign(it)) {
                    self.foreign.extend(path.last().cloned());
                }
                all.push(Use { name: path.last().cloned(), path, global });
            }
            syn::UseTree::Rename(it) => {
                let path = whole(prefix, Some(Self::name(&it.ident)));
                all.push(Use { name: Some(Self::name(&it.rename)), path, global });
            }
            syn::UseTree::Glob(_) => all.push(Use { name: None, path: prefix.clone(), global }),
            syn::UseTree::Group(it) => {
                for tree in &it.items {
                    self.imports(tree, prefix, global, all);
                }
            }
        }
    }

    fn type_def(
        &mut self,
        ident: &syn::Ident,
        kind: TypeKind,
        attrs: &[syn::Attribute],
        generics: &syn::Generics,
        all: &mut Items,
    ) {
        let name = Self::name(ident);
        let generics = generics.type_params().map(|it| Self::name(&it.ident)).collect();
        let def =
            TypeDef { name: Arc::clone(&name), kind, attrs: self.attrs(attrs), generics, at: self.at(ident.span()) };
        all.types.insert(name, Arc::new(def));
    }

    fn variant(&mut self, variant: &syn::Variant) -> Variant {
        Variant {
            name: Self::name(&variant.ident),
            fields: self.fields(&variant.fields),
            attrs: self.attrs(&variant.attrs),
        }
    }

    fn fields(&mut self, fields: &syn::Fields) -> Fields {
        let all = |this: &mut Self| {
            fields
                .iter()
                .map(|it| Field {
                    name: it.ident.as_ref().map(Self::name).unwrap_or_default(),
                    ty: this.ty(&it.ty),
                    attrs: this.attrs(&it.attrs),
                })
                .collect()
        };
        match fields {
            syn::Fields::Named(_) => Fields::Named(all(self)),
            syn::Fields::Unnamed(_) => Fields::Tuple(all(self)),
            syn::Fields::Unit => Fields::Unit,
        }
    }

    fn constant(&mut self, value: &syn::Expr) -> Arc<Const> {
        Arc::new(Const { value: Some(self.expr(value)) })
    }

    fn implementation(&mut self, item: &syn::ItemImpl) -> Arc<Impl> {
        let mut functions = Vec::new();
        let mut consts = BTreeMap::new();
        let mut types = BTreeMap::new();
        for inner in &item.items {
            match inner {
                syn::ImplItem::Fn(it) if !it.attrs.iter().any(is_for_tests) => {
                    functions.push(self.function(&it.sig, Some(&it.block), &it.attrs, is_public(&it.vis)));
                }
                syn::ImplItem::Const(it) => {
                    consts.insert(Self::name(&it.ident), self.constant(&it.expr));
                }
                syn::ImplItem::Type(it) => {
                    types.insert(Self::name(&it.ident), self.ty(&it.ty));
                }
                _ => {}
            }
        }
        let implements = item.trait_.as_ref().map(|(_, path, _)| self.path(path, None));
        Arc::new(Impl { of: self.ty(&item.self_ty), implements, functions, consts, types })
    }

    fn function(
        &mut self,
        sig: &syn::Signature,
        body: Option<&syn::Block>,
        attrs: &[syn::Attribute],
        public: bool,
    ) -> Arc<Function> {
        let mut params = Vec::new();
        let mut method = false;
        for input in &sig.inputs {
            match input {
                syn::FnArg::Receiver(_) => method = true,
                syn::FnArg::Typed(it) => params.push(Param {
                    pattern: self.pattern(&it.pat),
                    ty: self.ty(&it.ty),
                    at: self.at(it.colon_token.span),
                }),
            }
        }
        let output = match &sig.output {
            syn::ReturnType::Default => None,
            syn::ReturnType::Type(_, ty) => Some(self.ty(ty)),
        };
        let generics = self.generics(&sig.generics);
        let attrs_lowered: Vec<Attr> = self.attrs(attrs);
        self.mentions.push(Mentions::default());
        let body = body.map(|it| {
            let at = self.at(it.brace_token.span.open());
            Expr { kind: ExprKind::Block(self.block(it)), at }
        });
        let mentions = self.mentions.pop().unwrap_or_default();
        // What a function inside mentions, the one around it mentions too.
        for path in &mentions.paths {
            self.mention(path);
        }
        for name in &mentions.methods {
            self.mention_method(name);
        }
        Arc::new(Function {
            name: Self::name(&sig.ident),
            at: self.at(sig.ident.span()),
            public,
            method,
            params,
            output,
            body,
            attrs: attrs_lowered,
            docs: docs(attrs),
            generics,
            paths: mentions.paths,
            methods: mentions.methods,
        })
    }

    fn generics(&mut self, generics: &syn::Generics) -> BTreeMap<Name, Vec<Arc<Path>>> {
        let mut all: BTreeMap<Name, Vec<Arc<Path>>> = BTreeMap::new();
        for param in generics.type_params() {
            let bounds = self.bounds(param.bounds.iter());
            all.insert(Self::name(&param.ident), bounds);
        }
        for clause in generics.where_clause.iter().flat_map(|it| &it.predicates) {
            if let syn::WherePredicate::Type(it) = clause
                && let Type::Path(path) = self.ty(&it.bounded_ty)
                && let Some(name) = path.single()
                && all.contains_key(name)
            {
                let bounds = self.bounds(it.bounds.iter());
                all.entry(Arc::clone(name)).or_default().extend(bounds);
            }
        }
        all
    }

    /// A block's items go into the list of the items around it; the block keeps their number.
    pub(super) fn block_items(&mut self, items: &[&syn::Item]) -> Option<u32> {
        if items.is_empty() {
            return None;
        }
        let number = self.next_block;
        self.next_block += 1;
        let lowered = self.items(items.iter().copied());
        self.blocks.last_mut()?.push((number, Arc::new(lowered)));
        Some(number)
    }
}

fn is_public(vis: &syn::Visibility) -> bool {
    matches!(vis, syn::Visibility::Public(_))
}

/// The first paragraph of `///` lines.
fn docs(attrs: &[syn::Attribute]) -> Option<String> {
    let mut text = String::new();
    for attr in attrs.iter().filter(|it| it.path().is_ident("doc")) {
        let syn::Meta::NameValue(pair) = &attr.meta else { continue };
        let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(line), .. }) = &pair.value else { continue };
        let line = line.value();
        if line.trim().is_empty() {
            if text.is_empty() {
                continue;
            }
            break;
        }
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(line.trim());
        if text.len() > 500 {
            break;
        }
    }
    (!text.is_empty()).then_some(text)
}

fn path_attr(attr: &syn::Attribute) -> Option<String> {
    match &attr.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// `#[test]` of any runner, and `#[cfg(test)]`.
pub(super) fn is_for_tests(attr: &syn::Attribute) -> bool {
    let last = attr.path().segments.last().map(|it| it.ident.to_string()).unwrap_or_default();
    match &attr.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            list.parse_args::<syn::Meta>().is_ok_and(|it| only_tests(&it, 0))
        }
        _ => matches!(&*last, "test" | "rstest" | "test_case" | "bench" | "test_log"),
    }
}

pub(super) fn is_conditional(attr: &syn::Attribute) -> bool {
    attr.path().is_ident("cfg")
}

fn only_tests(meta: &syn::Meta, depth: usize) -> bool {
    match meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if depth < 16 => {
            let parser = syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
            let inner = list.parse_args_with(parser).unwrap_or_default();
            let mut each = inner.iter().map(|it| only_tests(it, depth + 1));
            if list.path.is_ident("all") {
                each.any(|it| it)
            } else {
                list.path.is_ident("any") && !inner.is_empty() && each.all(|it| it)
            }
        }
        _ => false,
    }
}

fn attrs_of(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(it) => &it.attrs,
        syn::Item::Enum(it) => &it.attrs,
        syn::Item::ExternCrate(it) => &it.attrs,
        syn::Item::Fn(it) => &it.attrs,
        syn::Item::Impl(it) => &it.attrs,
        syn::Item::Macro(it) => &it.attrs,
        syn::Item::Mod(it) => &it.attrs,
        syn::Item::Static(it) => &it.attrs,
        syn::Item::Struct(it) => &it.attrs,
        syn::Item::Trait(it) => &it.attrs,
        syn::Item::Type(it) => &it.attrs,
        syn::Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

/// The bodies of `if #[cfg(…)] { … } else { … }`, and of `feature = "…" => { … }`.
fn branches(tokens: proc_macro2::TokenStream) -> Vec<proc_macro2::TokenStream> {
    tokens
        .into_iter()
        .filter_map(|tree| match tree {
            proc_macro2::TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace => {
                Some(group.stream())
            }
            _ => None,
        })
        .collect()
}
