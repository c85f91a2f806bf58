//! What is kept of Rust source: enough to follow code that builds values.
//!
//! The parser's own trees can't leave their thread, and hold far more than is needed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// An identifier.
pub(crate) type Name = Arc<str>;

/// One source file.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Relative to the tree, with `/`.
    pub(crate) file: String,
    pub(crate) text: Arc<str>,
    /// Where its lines start.
    pub(crate) lines: Vec<usize>,
    pub(crate) items: Arc<Items>,
    /// Line, column and message of a syntax error.
    pub(crate) error: Option<(usize, usize, String)>,
    /// The first names of its imports and of longer paths: crates, mostly.
    pub(crate) heads: BTreeSet<Name>,
    /// Calls of macros of the tree that could not be written out.
    pub(crate) opaque: Vec<Opaque>,
}

/// A call of a macro that the tree defines, and that could not be written out.
#[derive(Debug)]
pub(crate) struct Opaque {
    pub(crate) name: Name,
    pub(crate) at: usize,
    /// Words among its tokens.
    pub(crate) words: BTreeSet<Name>,
}

/// Code that a macro made stands where the macro is called. The bits above tell its parts from each other.
const PLACE_BITS: u32 = if usize::BITS >= 64 { 40 } else { usize::BITS - 1 };

/// The `number`th place of what is written out at `at`.
pub(crate) fn made_at(at: usize, number: usize) -> usize {
    offset_of(at) | number.wrapping_shl(PLACE_BITS)
}

/// The byte offset of a place.
pub(crate) fn offset_of(at: usize) -> usize {
    at & ((1 << PLACE_BITS) - 1)
}

impl Module {
    /// The line of a byte offset, from 1.
    pub(crate) fn line(&self, at: usize) -> u32 {
        let at = offset_of(at);
        u32::try_from(self.lines.partition_point(|start| *start <= at)).unwrap_or(u32::MAX)
    }
}

/// What stands in a module, or among the statements of a block.
#[derive(Debug, Default)]
pub(crate) struct Items {
    pub(crate) uses: Vec<Use>,
    /// Several of one name where `cfg` decides.
    pub(crate) functions: BTreeMap<Name, Vec<Arc<Function>>>,
    pub(crate) consts: BTreeMap<Name, Arc<Const>>,
    pub(crate) types: BTreeMap<Name, Arc<TypeDef>>,
    pub(crate) traits: BTreeMap<Name, Arc<Trait>>,
    pub(crate) mods: Vec<Mod>,
    pub(crate) impls: Vec<Arc<Impl>>,
    /// `macro_rules!`: the place of the rules in the text.
    pub(crate) macros: BTreeMap<Name, (usize, usize)>,
    /// Blocks of functions that hold items of their own, by number.
    pub(crate) blocks: Vec<(u32, Arc<Items>)>,
}

/// `use path as name`, or `use path::*`.
#[derive(Debug)]
pub(crate) struct Use {
    /// `None` for a glob.
    pub(crate) name: Option<Name>,
    pub(crate) path: Vec<Name>,
    pub(crate) global: bool,
}

/// `mod name;` or `mod name { … }`.
#[derive(Debug)]
pub(crate) struct Mod {
    pub(crate) name: Name,
    /// `#[path = "…"]`.
    pub(crate) path: Option<String>,
    pub(crate) inline: Option<Arc<Items>>,
    /// `#[cfg(test)]`.
    pub(crate) test: bool,
}

/// An `impl` block.
#[derive(Debug)]
pub(crate) struct Impl {
    pub(crate) of: Type,
    pub(crate) implements: Option<Arc<Path>>,
    pub(crate) functions: Vec<Arc<Function>>,
    pub(crate) consts: BTreeMap<Name, Arc<Const>>,
    pub(crate) types: BTreeMap<Name, Type>,
}

/// A trait and what it gives by default.
#[derive(Debug)]
pub(crate) struct Trait {
    pub(crate) functions: Vec<Arc<Function>>,
}

/// A `const` or a `static`.
#[derive(Debug)]
pub(crate) struct Const {
    pub(crate) value: Option<Expr>,
}

/// A struct, an enum or an alias.
#[derive(Debug)]
pub(crate) struct TypeDef {
    pub(crate) name: Name,
    pub(crate) kind: TypeKind,
    pub(crate) attrs: Vec<Attr>,
    pub(crate) generics: Vec<Name>,
    pub(crate) at: usize,
}

#[derive(Debug)]
pub(crate) enum TypeKind {
    Struct(Fields),
    Enum(Vec<Variant>),
    Alias(Type),
}

#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) name: Name,
    pub(crate) fields: Fields,
    pub(crate) attrs: Vec<Attr>,
}

#[derive(Debug)]
pub(crate) enum Fields {
    Named(Vec<Field>),
    Tuple(Vec<Field>),
    Unit,
}

#[derive(Debug)]
pub(crate) struct Field {
    /// Empty in tuples.
    pub(crate) name: Name,
    pub(crate) ty: Type,
    pub(crate) attrs: Vec<Attr>,
}

/// `#[path(arguments)]`.
#[derive(Debug)]
pub(crate) struct Attr {
    pub(crate) path: Arc<Path>,
    pub(crate) args: Vec<AttrArg>,
    pub(crate) at: usize,
}

/// `"value"`, `name`, `name = value`, `value => other` or `name(arguments)` in an attribute.
#[derive(Debug, Default)]
pub(crate) struct AttrArg {
    pub(crate) name: Option<Name>,
    pub(crate) value: Option<Expr>,
    /// `value => this`.
    pub(crate) to: Option<Expr>,
    /// What stands behind `=`, read as a type.
    pub(crate) ty: Option<Type>,
    /// `"name" = value`.
    pub(crate) literal: Option<String>,
    pub(crate) args: Vec<AttrArg>,
}

impl Attr {
    /// The last name of its path.
    pub(crate) fn name(&self) -> &str {
        self.path.last()
    }
}

/// A function or a method.
#[derive(Debug, Default)]
pub(crate) struct Function {
    pub(crate) name: Name,
    pub(crate) at: usize,
    pub(crate) public: bool,
    /// Whether the first parameter is `self`.
    pub(crate) method: bool,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Option<Type>,
    pub(crate) body: Option<Expr>,
    pub(crate) attrs: Vec<Attr>,
    /// The first paragraph of its documentation.
    pub(crate) docs: Option<String>,
    /// Type parameters and what they must implement.
    pub(crate) generics: BTreeMap<Name, Vec<Arc<Path>>>,
    /// Every path in the body.
    pub(crate) paths: Vec<Arc<Path>>,
    /// Every method that the body calls, and every macro.
    pub(crate) methods: BTreeSet<Name>,
}

#[derive(Debug)]
pub(crate) struct Param {
    pub(crate) pattern: Pattern,
    pub(crate) ty: Type,
    pub(crate) at: usize,
}

/// A path with its type arguments.
#[derive(Debug, Default, Clone)]
pub(crate) struct Path {
    pub(crate) segments: Vec<Segment>,
    /// `::name`.
    pub(crate) global: bool,
    /// `<T as Trait>::name`: the type; the segments are the trait's and the rest.
    pub(crate) of: Option<Box<(Type, usize)>>,
    pub(crate) at: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) name: Name,
    pub(crate) args: Vec<Type>,
}

impl Path {
    pub(crate) fn last(&self) -> &str {
        self.segments.last().map_or("", |it| &it.name)
    }

    pub(crate) fn names(&self) -> Vec<Name> {
        self.segments.iter().map(|it| Arc::clone(&it.name)).collect()
    }

    /// The only name, if it is one.
    pub(crate) fn single(&self) -> Option<&Name> {
        match self.segments.as_slice() {
            [one] if !self.global && self.of.is_none() => Some(&one.name),
            _ => None,
        }
    }

    /// The type arguments of the last segment that has any.
    pub(crate) fn args(&self) -> &[Type] {
        self.segments.iter().rev().find(|it| !it.args.is_empty()).map_or(&[], |it| &it.args)
    }
}

/// A type, as it is written.
#[derive(Debug, Clone)]
pub(crate) enum Type {
    Path(Arc<Path>),
    Ref(Box<Type>),
    Tuple(Vec<Type>),
    /// Arrays and slices.
    List(Box<Type>),
    /// `impl A + B` and `dyn A + B`.
    Bounds(Vec<Arc<Path>>),
    Other,
}

impl Type {
    /// The path, without references around it.
    pub(crate) fn path(&self) -> Option<&Arc<Path>> {
        match self {
            Self::Path(path) => Some(path),
            Self::Ref(inner) => inner.path(),
            _ => None,
        }
    }
}

/// A pattern.
#[derive(Debug)]
pub(crate) enum Pattern {
    Name(Name, Option<Box<Pattern>>),
    Wild,
    Rest,
    Tuple(Vec<Pattern>),
    TupleStruct(Arc<Path>, Vec<Pattern>),
    Struct(Arc<Path>, Vec<(Name, Pattern)>),
    List(Vec<Pattern>),
    Ref(Box<Pattern>),
    Or(Vec<Pattern>),
    Value(Box<Expr>),
}

/// An expression and the byte offset that stands for it.
#[derive(Debug)]
pub(crate) struct Expr {
    pub(crate) kind: ExprKind,
    pub(crate) at: usize,
}

#[derive(Debug)]
pub(crate) enum ExprKind {
    Str(Arc<str>),
    Int(i64),
    Bool(bool),
    Path(Arc<Path>),
    Call(Box<Expr>, Vec<Expr>),
    Method(Box<Expr>, Name, Vec<Type>, Vec<Expr>),
    Macro(Arc<Macro>),
    Closure(Arc<Closure>),
    Block(Block),
    If(Box<Expr>, Box<Expr>, Option<Box<Expr>>),
    /// The condition of `if let` and `while let`.
    Let(Box<Pattern>, Box<Expr>),
    Match(Box<Expr>, Vec<Arm>),
    For(Box<Pattern>, Box<Expr>, Box<Expr>),
    /// `loop` and `while`.
    Loop(Option<Box<Expr>>, Box<Expr>),
    Assign(Box<Expr>, Box<Expr>),
    List(Vec<Expr>),
    Tuple(Vec<Expr>),
    Field(Box<Expr>, Name),
    Index(Box<Expr>, Box<Expr>),
    Struct(Arc<Path>, Vec<(Name, Expr)>, Option<Box<Expr>>),
    /// `&x`, `*x`, `(x)`, `x as T`, `x.await`: the value itself.
    Same(Box<Expr>),
    Await(Box<Expr>),
    Try(Box<Expr>),
    Not(Box<Expr>),
    Binary(Box<Expr>, Operator, Box<Expr>),
    Return(Option<Box<Expr>>),
    /// `break` and `continue`.
    Break(Option<Box<Expr>>),
    /// Anything else, with its parts.
    Other(Vec<Expr>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Add,
    Equal,
    Unequal,
    And,
    Or,
    BitOr,
    Other,
}

#[derive(Debug)]
pub(crate) struct Arm {
    pub(crate) pattern: Pattern,
    pub(crate) guard: Option<Expr>,
    pub(crate) body: Expr,
}

/// `{ … }`.
#[derive(Debug, Default)]
pub(crate) struct Block {
    pub(crate) statements: Vec<Statement>,
    /// Its number in [`Items::blocks`].
    pub(crate) items: Option<u32>,
}

#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) kind: StatementKind,
    /// Whether `#[cfg(…)]` decides if it is there.
    pub(crate) conditional: bool,
}

#[derive(Debug)]
pub(crate) enum StatementKind {
    Let(Pattern, Option<Type>, Option<Expr>, Option<Expr>),
    /// With a semicolon behind it, or without.
    Expr(Expr, bool),
}

#[derive(Debug)]
pub(crate) struct Closure {
    pub(crate) params: Vec<(Pattern, Option<Type>)>,
    pub(crate) body: Expr,
    pub(crate) at: usize,
}

/// A call of a macro.
#[derive(Debug)]
pub(crate) struct Macro {
    pub(crate) path: Arc<Path>,
    /// Its arguments, where they read as expressions with commas between them. `name = value` is an assignment.
    pub(crate) args: Option<Vec<Expr>>,
    /// The place of its tokens in the text.
    pub(crate) tokens: (usize, usize),
    pub(crate) at: usize,
}
