//! `#[utoipa::path(…)]`: what the attribute of a handler says about it.

use doorward::shape::{Body, Parameter, Response, Shape, Within};
use serde_json::{Value as Json, json};

use super::types::{At, Mode, Types};
use crate::rs::ir::{AttrArg, Expr, ExprKind, Type};
use crate::rs::program::{FnRef, Program};
use crate::walk::printable;

/// Adds what is written to what the types say. What is written wins.
pub(super) fn read(types: &mut Types, program: &Program, function: &FnRef, shape: &mut Shape) {
    let Some(attr) = function.function.attrs.iter().find(|it| it.name() == "path") else { return };
    let mut responses = Vec::new();
    for arg in &attr.args {
        match arg.name.as_deref() {
            Some("tag") => shape.tags.extend(text(arg).map(|it| printable(&it))),
            Some("summary") => shape.summary = text(arg).map(|it| printable(&it)).or(shape.summary.take()),
            Some("responses") => {
                responses.extend(arg.args.iter().filter_map(|it| response(types, program, function, it)));
            }
            Some("request_body") if shape.body.is_none() => {
                let written = arg.ty.as_ref().or_else(|| named(&arg.args, "content").and_then(|it| it.ty.as_ref()));
                if let Some(ty) = written {
                    let schema = types.schema(program, ty, At::of(function), Mode::Take, 0);
                    let kind = named(&arg.args, "content_type").and_then(text).map(|it| printable(&it));
                    let media_type = kind.unwrap_or_else(|| usual(ty).to_owned());
                    shape.body = Some(Body { media_type, required: true, schema });
                }
            }
            Some("params") => {
                for arg in &arg.args {
                    parameter(types, program, function, arg, shape);
                }
            }
            _ => {}
        }
    }
    if !responses.is_empty() {
        shape.responses = responses;
    }
}

/// `(status = 200, description = "…", body = Order)`.
fn response(types: &mut Types, program: &Program, function: &FnRef, arg: &AttrArg) -> Option<Response> {
    let status = match named(&arg.args, "status")?.value.as_ref().map(|it| &it.kind)? {
        ExprKind::Int(number) => number.to_string(),
        ExprKind::Str(range) => printable(range),
        ExprKind::Path(path) => match super::STATUSES.iter().find(|(name, _)| *name == path.last()) {
            Some((_, number)) => (*number).to_owned(),
            None => error_status(path.last())?.to_owned(),
        },
        _ => return None,
    };
    let body = named(&arg.args, "body").and_then(|it| it.ty.as_ref());
    let schema = body.map(|ty| types.schema(program, ty, At::of(function), Mode::Give, 0));
    let media_type = named(&arg.args, "content_type").and_then(text).map(|it| printable(&it));
    let media_type = media_type.or_else(|| body.map(|it| usual(it).to_owned()));
    Some(Response { status, media_type, schema })
}

/// The kind of a body that says none itself.
fn usual(ty: &Type) -> &'static str {
    match ty.path().map(|it| it.last()) {
        Some("String" | "str") => "text/plain",
        _ => "application/json",
    }
}

fn error_status(name: &str) -> Option<&'static str> {
    Some(match name {
        "BAD_REQUEST" => "400",
        "UNAUTHORIZED" => "401",
        "FORBIDDEN" => "403",
        "NOT_FOUND" => "404",
        "CONFLICT" => "409",
        "UNPROCESSABLE_ENTITY" => "422",
        "TOO_MANY_REQUESTS" => "429",
        "INTERNAL_SERVER_ERROR" => "500",
        _ => return None,
    })
}

/// `("id" = Uuid, Path, description = "…")`.
fn parameter(types: &mut Types, program: &Program, function: &FnRef, arg: &AttrArg, shape: &mut Shape) {
    let [first, rest @ ..] = arg.args.as_slice() else { return };
    let Some(name) = first.literal.clone().or_else(|| text(first)) else { return };
    let within = rest.iter().find_map(|it| match it.value.as_ref().map(|it| &it.kind) {
        Some(ExprKind::Path(path)) => match path.last() {
            "Path" => Some(Within::Path),
            "Query" => Some(Within::Query),
            "Header" => Some(Within::Header),
            "Cookie" => Some(Within::Cookie),
            _ => None,
        },
        _ => None,
    });
    let within = within.unwrap_or(Within::Path);
    if shape.parameter(within, &name).is_some() {
        return;
    }
    let optional = first.ty.as_ref().and_then(Type::path).is_some_and(|it| it.last() == "Option");
    let schema: Json = match &first.ty {
        Some(ty) => types.schema(program, ty, At::of(function), Mode::Take, 0),
        None => json!({}),
    };
    shape.parameters.push(Parameter {
        name: printable(&name),
        within,
        required: within == Within::Path || !optional,
        schema,
    });
}

fn named<'a>(args: &'a [AttrArg], name: &str) -> Option<&'a AttrArg> {
    args.iter().find(|it| it.name.as_deref() == Some(name))
}

fn text(arg: &AttrArg) -> Option<String> {
    match &arg.value {
        Some(Expr { kind: ExprKind::Str(text), .. }) => Some(text.to_string()),
        _ => None,
    }
}
