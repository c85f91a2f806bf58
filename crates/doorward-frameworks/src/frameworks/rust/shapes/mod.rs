//! What a route takes and gives: the types of the parameters and the result of its handler, and what utoipa's
//! attribute says.

mod documented;
mod serde;
mod types;

use doorward::inventory::RouteId;
use doorward::shape::{Body, Parameter, Response, Shape, Within};
use serde_json::{Value as Json, json};

use crate::rs::ir::{Name, Path, Type};
use crate::rs::program::{Def, FnRef, Program};

pub(crate) use types::Types;
use types::{At, Mode, properties, unaliased};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// Crates whose extractors are meant.
const CRATES: &[&str] = &[
    "axum",
    "axum_core",
    "axum_extra",
    "axum_typed_multipart",
    "aide",
    "actix_web",
    "actix_web_lab",
    "actix_multipart",
    "paperclip",
    "utoipa_axum",
    "garde_actix_web",
    "axum_valid",
    "serde_qs",
    "actix_web_validator",
    "axum_validated_extractors",
];

/// Headers by the type that reads them.
static HEADERS: &[(&str, &str)] = &[
    ("Authorization", "authorization"),
    ("UserAgent", "user-agent"),
    ("ContentType", "content-type"),
    ("ContentLength", "content-length"),
    ("Cookie", "cookie"),
    ("Host", "host"),
    ("Origin", "origin"),
    ("Referer", "referer"),
    ("Range", "range"),
    ("IfMatch", "if-match"),
    ("IfNoneMatch", "if-none-match"),
    ("IfModifiedSince", "if-modified-since"),
];

/// Names of statuses that handlers give.
static STATUSES: &[(&str, &str)] = &[
    ("OK", "200"),
    ("CREATED", "201"),
    ("ACCEPTED", "202"),
    ("NON_AUTHORITATIVE_INFORMATION", "203"),
    ("NO_CONTENT", "204"),
    ("RESET_CONTENT", "205"),
    ("PARTIAL_CONTENT", "206"),
    ("MULTI_STATUS", "207"),
    ("MOVED_PERMANENTLY", "301"),
    ("FOUND", "302"),
    ("SEE_OTHER", "303"),
    ("TEMPORARY_REDIRECT", "307"),
    ("PERMANENT_REDIRECT", "308"),
];

/// What a handler of a route declares.
pub(super) fn read(types: &mut Types, program: &Program, function: &FnRef, id: &RouteId) -> Shape {
    let mut shape = Shape { summary: summary(function), ..Shape::default() };
    let mut reading = Reading { types, program, function, id, shape: &mut shape };
    for param in &function.function.params {
        reading.param(&param.ty, true, 0);
    }
    if let Some(output) = &function.function.output {
        reading.output(output);
    }
    documented::read(types, program, function, &mut shape);
    // A handler may stand at several paths, and take a value that this one has not.
    shape.parameters.retain(|it| it.within != Within::Path || id.path.params().any(|name| bare(name) == it.name));
    shape
}

/// The first sentence of the documentation.
fn summary(function: &FnRef) -> Option<String> {
    let docs = function.function.docs.as_deref()?;
    let end = docs.find(". ").unwrap_or(docs.len());
    let first = docs.get(..end)?.trim_end_matches('.');
    (!first.is_empty() && first.chars().count() <= 120).then(|| crate::walk::printable(first))
}

/// A catch-all's name is without its star.
fn bare(name: &str) -> &str {
    name.trim_start_matches('*')
}

struct Reading<'a> {
    types: &'a mut Types,
    program: &'a Program,
    function: &'a FnRef,
    id: &'a RouteId,
    shape: &'a mut Shape,
}

impl Reading<'_> {
    fn schema(&mut self, ty: &Type, mode: Mode) -> Json {
        self.types.schema(self.program, ty, At::of(self.function), mode, 0)
    }

    /// The last name of a type of one of the frameworks, or of the language.
    fn known<'t>(&self, path: &'t Path) -> Option<&'t str> {
        let owner = self.function.owner.as_deref();
        match self.program.path(self.function.scope, path, owner) {
            Def::Outside(names) if names.first().is_some_and(|it| CRATES.contains(&&**it)) => Some(path.last()),
            Def::Missing => Some(path.last()),
            Def::Outside(names) => {
                let standard =
                    names.first().is_some_and(|it| matches!(&**it, "std" | "core" | "alloc" | "bytes" | "headers"));
                standard.then(|| path.last())
            }
            _ => None,
        }
    }

    /// `#[derive(TypedPath)]`: the type is made of the path's values.
    fn carries_a_path(&self, path: &Path) -> bool {
        let owner = self.function.owner.as_deref();
        let Def::Type(id) = self.program.path(self.function.scope, path, owner) else { return false };
        self.program.type_def(&id).is_some_and(|it| it.attrs.iter().any(|it| it.name() == "typed_path"))
    }

    /// An extractor of the project that checks what another one makes: `ValidatedJson<T>`.
    fn wrapped(&self, path: &Path) -> Option<&'static str> {
        let owner = self.function.owner.as_deref();
        let Def::Type(id) = self.program.path(self.function.scope, path, owner) else { return None };
        let makers: Vec<&FnRef> = self
            .program
            .methods_of(&id)
            .iter()
            .filter(|it| matches!(&*it.function.name, "from_request" | "from_request_parts"))
            .collect();
        let made = |kind: &str| {
            let mentions = |it: &&&FnRef| {
                let mut names = it.function.paths.iter().flat_map(|it| &it.segments);
                names.any(|it| &*it.name == kind)
            };
            id.name.contains(kind) || makers.iter().any(|it| mentions(&it))
        };
        if makers.is_empty() || path.args().is_empty() {
            return None;
        }
        ["Json", "Query", "Form", "Path"].into_iter().find(|it| made(it))
    }

    fn param(&mut self, ty: &Type, required: bool, depth: usize) {
        let Some(path) = ty.path().filter(|_| depth < 8) else { return };
        if self.carries_a_path(path) {
            self.path(ty);
            return;
        }
        let Some(name) = self.known(path).or_else(|| self.wrapped(path)) else { return };
        let inner = path.args().first().cloned();
        match (name, inner) {
            ("Option" | "Result", Some(inner)) => self.param(&inner, false, depth + 1),
            ("Valid" | "Validated" | "Garde" | "WithRejection" | "NoApi" | "Cached", Some(inner)) => {
                self.param(&inner, required, depth + 1);
            }
            ("Path", Some(inner)) => self.path(&inner),
            ("Query" | "QsQuery" | "OptionalQuery", Some(inner)) => self.query(&inner, required),
            ("Json", Some(inner)) => self.body(JSON, &inner, required),
            ("Form" | "QsForm", Some(inner)) if matches!(self.id.method.as_str(), "GET" | "HEAD") => {
                self.query(&inner, required);
            }
            ("Form" | "QsForm", Some(inner)) => self.body(FORM, &inner, required),
            ("TypedHeader" | "Header", Some(inner)) => {
                let name = inner.path().and_then(|it| HEADERS.iter().find(|(of, _)| *of == it.last()));
                if let Some((_, name)) = name {
                    self.header(name, required);
                }
            }
            ("BearerAuth" | "BasicAuth", None) => self.header("authorization", required),
            ("Multipart", _) => {
                let schema = json!({ "type": "object" });
                self.shape.body = Some(Body { media_type: "multipart/form-data".to_owned(), required, schema });
            }
            ("TypedMultipart" | "MultipartForm", Some(_)) => {
                let schema = json!({ "type": "object" });
                self.shape.body = Some(Body { media_type: "multipart/form-data".to_owned(), required, schema });
            }
            _ => {}
        }
    }

    fn path(&mut self, inner: &Type) {
        let names: Vec<String> = self.id.path.params().map(|it| bare(it).to_owned()).collect();
        let add = |this: &mut Self, name: &str, schema: Json| {
            this.shape.parameters.push(Parameter {
                name: name.to_owned(),
                within: Within::Path,
                required: true,
                schema,
            });
        };
        match inner {
            Type::Tuple(all) => {
                // Values of a router further out stand first.
                for (ty, name) in all.iter().rev().zip(names.iter().rev()).rev() {
                    let schema = self.schema(ty, Mode::Take);
                    add(self, name, schema);
                }
            }
            one => {
                let schema = self.schema(one, Mode::Take);
                let fields = properties(self.types, &schema);
                for (name, schema, _) in &fields {
                    add(self, name, schema.clone());
                }
                let single =
                    fields.is_empty() && !matches!(schema.get("type"), Some(it) if it == "object" || it == "array");
                if let (true, Some(name)) = (single, names.last()) {
                    add(self, name, schema);
                }
            }
        }
    }

    fn query(&mut self, inner: &Type, required: bool) {
        let schema = self.schema(inner, Mode::Take);
        for (name, schema, must) in properties(self.types, &schema) {
            let required = required && must;
            self.shape.parameters.push(Parameter { name, within: Within::Query, required, schema });
        }
    }

    fn header(&mut self, name: &str, required: bool) {
        let schema = json!({ "type": "string" });
        self.shape.parameters.push(Parameter { name: name.to_owned(), within: Within::Header, required, schema });
    }

    fn body(&mut self, media_type: &str, inner: &Type, required: bool) {
        let schema = self.schema(inner, Mode::Take);
        self.shape.body = Some(Body { media_type: media_type.to_owned(), required, schema });
    }

    /// What the result of the handler says.
    fn output(&mut self, output: &Type) {
        let (mut ty, mut scope) = (output.clone(), self.function.scope);
        let mut env: Vec<(Name, Json)> = Vec::new();
        for _ in 0..8 {
            let at = At { scope, env: &env, ..At::of(self.function) };
            if let Some((inner, of, binds)) = unaliased(self.program, &ty, at) {
                let bound = binds.iter().map(|(name, it)| {
                    let schema = self.types.schema(self.program, it, at, Mode::Give, 0);
                    (Name::clone(name), schema)
                });
                if of != scope || !binds.is_empty() {
                    env = bound.collect();
                }
                (ty, scope) = (inner, of);
                continue;
            }
            match ty.path() {
                Some(path) if path.last() == "Result" || path.last() == "Option" => match path.args().first() {
                    Some(first) => ty = first.clone(),
                    None => return,
                },
                _ => break,
            }
        }
        let (status, ty) = match ty {
            Type::Tuple(parts) => match parts.split_last() {
                // `(StatusCode, [headers], Json<T>)`
                Some((last, before)) => {
                    let coded = before.iter().any(|it| it.path().is_some_and(|it| it.last() == "StatusCode"));
                    (if coded { self.status() } else { "200".to_owned() }, last.clone())
                }
                None => ("200".to_owned(), Type::Tuple(parts)),
            },
            ty => ("200".to_owned(), ty),
        };
        let at = At { scope, env: &env, ..At::of(self.function) };
        let (media_type, schema) = match &ty {
            Type::Tuple(all) if all.is_empty() => (None, None),
            ty => match ty.path().map(|it| (it.last(), it.args())) {
                Some(("Json", [inner, ..])) => {
                    let schema = self.types.schema(self.program, inner, at, Mode::Give, 0);
                    (Some(JSON), Some(schema))
                }
                Some(("String" | "str", _)) => (Some("text/plain"), Some(json!({ "type": "string" }))),
                Some(("Html", _)) => (Some("text/html"), None),
                Some(("NoContent", [])) => {
                    self.shape.responses.push(Response { status: "204".to_owned(), media_type: None, schema: None });
                    return;
                }
                _ => return,
            },
        };
        self.shape.responses.push(Response { status, media_type: media_type.map(str::to_owned), schema });
    }

    /// The only status of success that the handler names.
    fn status(&self) -> String {
        let mut all = self.function.function.paths.iter().filter_map(|path| {
            let of = path.segments.iter().rev().nth(1)?;
            let known = STATUSES.iter().find(|(name, _)| *name == path.last())?;
            (&*of.name == "StatusCode").then_some(known.1)
        });
        match (all.next(), all.next()) {
            (Some(one), None) => one.to_owned(),
            _ => "default".to_owned(),
        }
    }
}
