//! Paths, types, patterns and attributes.

use std::sync::Arc;

use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};

use super::Lowerer;
use crate::rs::ir::{Attr, AttrArg, Name, Path, Pattern, Segment, Type};

impl Lowerer<'_> {
    pub(super) fn path(&mut self, path: &syn::Path, qself: Option<&syn::QSelf>) -> Arc<Path> {
        let segments = path.segments.iter().map(|it| self.segment(it)).collect();
        let of = qself.map(|it| Box::new((self.ty(&it.ty), it.position)));
        let at = path.segments.first().map_or(self.offset, |it| self.at(it.ident.span()));
        let path = Arc::new(Path { segments, global: path.leading_colon.is_some(), of, at });
        if path.segments.len() > 1
            && let Some(first) = path.segments.first()
        {
            self.heads.insert(Arc::clone(&first.name));
        }
        path
    }

    fn segment(&mut self, segment: &syn::PathSegment) -> Segment {
        let args = match &segment.arguments {
            syn::PathArguments::AngleBracketed(args) => self.generic_args(args),
            _ => Vec::new(),
        };
        Segment { name: Self::name(&segment.ident), args }
    }

    pub(super) fn generic_args(&mut self, args: &syn::AngleBracketedGenericArguments) -> Vec<Type> {
        args.args
            .iter()
            .filter_map(|arg| match arg {
                syn::GenericArgument::Type(ty) => Some(self.ty(ty)),
                syn::GenericArgument::AssocType(bound) => Some(self.ty(&bound.ty)),
                _ => None,
            })
            .collect()
    }

    pub(super) fn ty(&mut self, ty: &syn::Type) -> Type {
        match ty {
            syn::Type::Path(path) => Type::Path(self.path(&path.path, path.qself.as_ref())),
            syn::Type::Reference(it) => Type::Ref(Box::new(self.ty(&it.elem))),
            syn::Type::Ptr(it) => Type::Ref(Box::new(self.ty(&it.elem))),
            syn::Type::Paren(it) => self.ty(&it.elem),
            syn::Type::Group(it) => self.ty(&it.elem),
            syn::Type::Tuple(it) => Type::Tuple(it.elems.iter().map(|it| self.ty(it)).collect()),
            syn::Type::Array(it) => Type::List(Box::new(self.ty(&it.elem))),
            syn::Type::Slice(it) => Type::List(Box::new(self.ty(&it.elem))),
            syn::Type::ImplTrait(it) => Type::Bounds(self.bounds(it.bounds.iter())),
            syn::Type::TraitObject(it) => Type::Bounds(self.bounds(it.bounds.iter())),
            _ => Type::Other,
        }
    }

    pub(super) fn bounds<'a>(&mut self, bounds: impl Iterator<Item = &'a syn::TypeParamBound>) -> Vec<Arc<Path>> {
        bounds
            .filter_map(|it| match it {
                syn::TypeParamBound::Trait(it) => Some(self.path(&it.path, None)),
                _ => None,
            })
            .collect()
    }

    pub(super) fn pattern(&mut self, pattern: &syn::Pat) -> Pattern {
        match pattern {
            syn::Pat::Ident(it) => {
                let inner = it.subpat.as_ref().map(|(_, inner)| Box::new(self.pattern(inner)));
                Pattern::Name(Self::name(&it.ident), inner)
            }
            syn::Pat::Type(it) => self.pattern(&it.pat),
            syn::Pat::Paren(it) => self.pattern(&it.pat),
            syn::Pat::Reference(it) => Pattern::Ref(Box::new(self.pattern(&it.pat))),
            syn::Pat::Tuple(it) => Pattern::Tuple(it.elems.iter().map(|it| self.pattern(it)).collect()),
            syn::Pat::Slice(it) => Pattern::List(it.elems.iter().map(|it| self.pattern(it)).collect()),
            syn::Pat::Or(it) => Pattern::Or(it.cases.iter().map(|it| self.pattern(it)).collect()),
            syn::Pat::Rest(_) => Pattern::Rest,
            syn::Pat::TupleStruct(it) => {
                let path = self.path(&it.path, it.qself.as_ref());
                Pattern::TupleStruct(path, it.elems.iter().map(|it| self.pattern(it)).collect())
            }
            syn::Pat::Struct(it) => {
                let path = self.path(&it.path, it.qself.as_ref());
                let fields = it.fields.iter().map(|it| (Self::member(&it.member), self.pattern(&it.pat))).collect();
                Pattern::Struct(path, fields)
            }
            syn::Pat::Path(it) => {
                let path = self.path(&it.path, it.qself.as_ref());
                let at = path.at;
                let kind = crate::rs::ir::ExprKind::Path(path);
                Pattern::Value(Box::new(crate::rs::ir::Expr { kind, at }))
            }
            syn::Pat::Lit(it) => Pattern::Value(Box::new(self.literal(&it.lit))),
            _ => Pattern::Wild,
        }
    }

    pub(super) fn member(member: &syn::Member) -> Name {
        match member {
            syn::Member::Named(name) => Self::name(name),
            syn::Member::Unnamed(index) => Arc::from(index.index.to_string()),
        }
    }

    /// Attributes, without documentation and lints.
    pub(super) fn attrs(&mut self, attrs: &[syn::Attribute]) -> Vec<Attr> {
        let kept = attrs.iter().filter(|it| {
            let word = it.path().get_ident().map(ToString::to_string).unwrap_or_default();
            !matches!(&*word, "doc" | "allow" | "expect" | "warn" | "deny" | "inline" | "must_use" | "cfg")
        });
        let mut all = Vec::new();
        for attr in kept {
            // What attributes mention says nothing of the code around them.
            self.mentions.push(super::Mentions::default());
            let args = match &attr.meta {
                syn::Meta::Path(_) => Vec::new(),
                syn::Meta::List(list) => self.attr_args(list.tokens.clone()),
                syn::Meta::NameValue(pair) => {
                    vec![AttrArg { value: Some(self.expr(&pair.value)), ..AttrArg::default() }]
                }
            };
            self.mentions.pop();
            let at = self.at(attr.pound_token.span);
            all.push(Attr { path: self.path(attr.path(), None), args, at });
        }
        all
    }

    fn attr_args(&mut self, tokens: proc_macro2::TokenStream) -> Vec<AttrArg> {
        (|input: ParseStream<'_>| Ok(self.parse_args(input, 0))).parse2(tokens).unwrap_or_default()
    }

    fn parse_args(&mut self, input: ParseStream<'_>, depth: usize) -> Vec<AttrArg> {
        let mut all = Vec::new();
        while !input.is_empty() {
            if let Some(arg) = self.parse_arg(input, depth) {
                all.push(arg);
            }
            // Whatever could not be read ends at the next comma.
            while !input.is_empty() && !input.peek(syn::Token![,]) {
                if input.parse::<proc_macro2::TokenTree>().is_err() {
                    return all;
                }
            }
            if input.parse::<Option<syn::Token![,]>>().is_err() {
                return all;
            }
        }
        all
    }

    fn parse_arg(&mut self, input: ParseStream<'_>, depth: usize) -> Option<AttrArg> {
        let named = input.peek(syn::Ident::peek_any) && input.peek2(syn::Token![=]) && !input.peek2(syn::Token![==]);
        if named {
            let name = Self::name(&input.call(syn::Ident::parse_any).ok()?);
            return Some(AttrArg { name: Some(name), ..self.behind_sign(input)? });
        }
        if input.peek(syn::LitStr) && input.peek2(syn::Token![=]) && !input.peek2(syn::Token![=>]) {
            let literal = input.parse::<syn::LitStr>().ok()?.value();
            return Some(AttrArg { literal: Some(literal), ..self.behind_sign(input)? });
        }
        let name = match input.peek(syn::Ident::peek_any) && input.peek2(syn::token::Paren) {
            true if depth < 8 => Some(Self::name(&input.call(syn::Ident::parse_any).ok()?)),
            _ => None,
        };
        if input.peek(syn::token::Paren) && depth < 8 {
            let group = input.parse::<proc_macro2::Group>().ok()?;
            let args = (|inner: ParseStream<'_>| Ok(self.parse_args(inner, depth + 1))).parse2(group.stream());
            return Some(AttrArg { name, args: args.unwrap_or_default(), ..AttrArg::default() });
        }
        let value = Self::ahead(input)?;
        let to = input.peek(syn::Token![=>]).then(|| {
            input.parse::<syn::Token![=>]>().ok()?;
            Self::ahead(input)
        });
        let (value, to) = (self.expr(&value), to.flatten().map(|it| self.expr(&it)));
        Some(AttrArg { value: Some(value), to, ..AttrArg::default() })
    }

    /// `= value`, where the value may be a type.
    fn behind_sign(&mut self, input: ParseStream<'_>) -> Option<AttrArg> {
        input.parse::<syn::Token![=]>().ok()?;
        let as_type = input.fork();
        let ty = as_type.parse::<syn::Type>().ok().filter(|_| as_type.is_empty() || as_type.peek(syn::Token![,]));
        let value = Self::ahead(input);
        Some(AttrArg { value: value.map(|it| self.expr(&it)), ty: ty.map(|it| self.ty(&it)), ..AttrArg::default() })
    }

    /// The next expression, if there is one. What is none stays where it is.
    fn ahead(input: ParseStream<'_>) -> Option<syn::Expr> {
        input.fork().parse::<syn::Expr>().ok().and_then(|_| input.parse::<syn::Expr>().ok())
    }
}
