//! TypeScript's types, cut down to what a JSON Schema can say.

use std::sync::Arc;

use oxc_ast::ast;

/// A type annotation.
#[derive(Debug, Clone)]
pub(crate) enum Type {
    /// `string`, `number`, `any` and their kin.
    Keyword(&'static str),
    Text(Arc<str>),
    Number(f64),
    Bool(bool),
    /// `Name<Arguments>`, `Namespace.Name`.
    Name(Arc<str>, Vec<Type>),
    Array(Box<Type>),
    Tuple(Vec<Type>),
    Union(Vec<Type>),
    Intersection(Vec<Type>),
    Object(Vec<Property>),
    /// `{ [key: string]: Value }`.
    Map(Box<Type>),
    /// Anything else.
    Other,
}

/// One property of an object type.
#[derive(Debug, Clone)]
pub(crate) struct Property {
    pub(crate) name: Arc<str>,
    pub(crate) optional: bool,
    pub(crate) of: Type,
}

/// A named type: `interface Name<Parameters> { … }` or `type Name<Parameters> = …`.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) name: Arc<str>,
    pub(crate) parameters: Vec<Arc<str>>,
    pub(crate) of: Type,
}

/// Types nested deeper say nothing that a person would read.
const MAX_DEPTH: usize = 24;

/// The type behind `: `.
pub(crate) fn annotation(it: Option<&ast::TSTypeAnnotation>) -> Option<Type> {
    it.map(|it| lower(&it.type_annotation, 0))
}

pub(crate) fn alias(it: &ast::TSTypeAliasDeclaration) -> Declared {
    Declared {
        name: Arc::from(it.id.name.as_str()),
        parameters: parameters(it.type_parameters.as_deref()),
        of: lower(&it.type_annotation, 0),
    }
}

/// An interface is its own members and those of what it extends.
pub(crate) fn interface(it: &ast::TSInterfaceDeclaration) -> Declared {
    let own = members(&it.body.body, 0);
    let mut parts: Vec<Type> = it
        .extends
        .iter()
        .map(|it| Type::Name(name(&it.type_name, 0), arguments(it.type_arguments.as_deref(), 0)))
        .collect();
    let of = if parts.is_empty() {
        own
    } else {
        parts.push(own);
        Type::Intersection(parts)
    };
    Declared { name: Arc::from(it.id.name.as_str()), parameters: parameters(it.type_parameters.as_deref()), of }
}

/// The arguments in `call<A, B>(…)`.
pub(crate) fn arguments(it: Option<&ast::TSTypeParameterInstantiation>, depth: usize) -> Vec<Type> {
    it.map(|it| it.params.iter().map(|it| lower(it, depth + 1)).collect()).unwrap_or_default()
}

fn parameters(it: Option<&ast::TSTypeParameterDeclaration>) -> Vec<Arc<str>> {
    it.map(|it| it.params.iter().map(|it| Arc::from(it.name.name.as_str())).collect()).unwrap_or_default()
}

fn name(it: &ast::TSTypeName, depth: usize) -> Arc<str> {
    match it {
        ast::TSTypeName::IdentifierReference(it) => Arc::from(it.name.as_str()),
        ast::TSTypeName::QualifiedName(it) if depth < MAX_DEPTH => {
            Arc::from(format!("{}.{}", name(&it.left, depth + 1), it.right.name))
        }
        _ => Arc::from("this"),
    }
}

fn members(all: &[ast::TSSignature], depth: usize) -> Type {
    let mut properties = Vec::new();
    let mut map = None;
    for member in all {
        match member {
            ast::TSSignature::TSPropertySignature(it) => {
                let Some(name) = it.key.static_name() else { continue };
                let of = it.type_annotation.as_ref().map_or(Type::Other, |it| lower(&it.type_annotation, depth + 1));
                properties.push(Property { name: Arc::from(&*name), optional: it.optional, of });
            }
            ast::TSSignature::TSIndexSignature(it) => {
                map = Some(lower(&it.type_annotation.type_annotation, depth + 1));
            }
            _ => {}
        }
    }
    match map {
        Some(of) if properties.is_empty() => Type::Map(Box::new(of)),
        _ => Type::Object(properties),
    }
}

fn lower(it: &ast::TSType, depth: usize) -> Type {
    use ast::TSType as T;
    if depth > MAX_DEPTH {
        return Type::Other;
    }
    let all = |types: &[ast::TSType]| types.iter().map(|it| lower(it, depth + 1)).collect::<Vec<_>>();
    match it {
        T::TSAnyKeyword(_) => Type::Keyword("any"),
        T::TSUnknownKeyword(_) => Type::Keyword("unknown"),
        T::TSStringKeyword(_) => Type::Keyword("string"),
        T::TSNumberKeyword(_) => Type::Keyword("number"),
        T::TSBigIntKeyword(_) => Type::Keyword("bigint"),
        T::TSBooleanKeyword(_) => Type::Keyword("boolean"),
        T::TSNullKeyword(_) => Type::Keyword("null"),
        T::TSUndefinedKeyword(_) => Type::Keyword("undefined"),
        T::TSVoidKeyword(_) => Type::Keyword("void"),
        T::TSNeverKeyword(_) => Type::Keyword("never"),
        T::TSObjectKeyword(_) => Type::Keyword("object"),
        T::TSArrayType(it) => Type::Array(Box::new(lower(&it.element_type, depth + 1))),
        T::TSTupleType(it) => Type::Tuple(
            it.element_types.iter().map(|it| it.as_ts_type().map_or(Type::Other, |it| lower(it, depth + 1))).collect(),
        ),
        T::TSUnionType(it) => Type::Union(all(&it.types)),
        T::TSIntersectionType(it) => Type::Intersection(all(&it.types)),
        T::TSParenthesizedType(it) => lower(&it.type_annotation, depth + 1),
        T::TSTypeOperatorType(it) if it.operator == ast::TSTypeOperatorOperator::Readonly => {
            lower(&it.type_annotation, depth + 1)
        }
        T::TSTypeLiteral(it) => members(&it.members, depth),
        T::TSTypeReference(it) => {
            Type::Name(name(&it.type_name, 0), arguments(it.type_arguments.as_deref(), depth + 1))
        }
        T::TSLiteralType(it) => match &it.literal {
            ast::TSLiteral::BooleanLiteral(it) => Type::Bool(it.value),
            ast::TSLiteral::NumericLiteral(it) => Type::Number(it.value),
            ast::TSLiteral::StringLiteral(it) => Type::Text(Arc::from(it.value.as_str())),
            _ => Type::Other,
        },
        T::TSTemplateLiteralType(_) => Type::Keyword("string"),
        _ => Type::Other,
    }
}
