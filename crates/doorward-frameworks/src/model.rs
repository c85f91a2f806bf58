//! What discovery hands to planning: the inventory, plus the places in the source where an edit may go.

use std::collections::BTreeMap;
use std::ops::Range;

use doorward::diagnostic::Diagnostic;
use doorward::inventory::{Inventory, RouteId};

/// Everything read from a source tree.
#[derive(Debug, Clone, Default)]
pub struct Analysis {
    /// The facts, as printed by `doorward discover`.
    pub inventory: Inventory,
    /// One per app of the inventory, in the same order.
    pub sources: Vec<AppSource>,
    /// What is wrong with the tree as a whole: keys that anybody can read, packages with known holes.
    pub findings: Vec<Diagnostic>,
}

impl Analysis {
    /// Everything that was noticed about keys, packages and the authentication there is; not what is unresolved.
    pub fn all_findings(&self) -> impl Iterator<Item = &Diagnostic> {
        self.findings.iter().chain(self.sources.iter().flat_map(|source| &source.findings))
    }
}

/// The parts of an app's source that planning edits.
#[derive(Debug, Clone, Default)]
pub struct AppSource {
    /// The files that were read, by path relative to the tree.
    pub files: BTreeMap<String, SourceFile>,
    /// Every call that registers routes.
    pub sites: Vec<Site>,
    /// The statements that configure the root application(s): where it is made, what it uses, where it listens.
    pub wiring: Vec<Wiring>,
    /// What existing auth was seen: deprecated packages and calls, half-done set-ups.
    pub findings: Vec<Diagnostic>,
}

/// One source file and how it is written.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Its text, byte for byte.
    pub text: String,
    /// ES modules or CommonJS.
    pub esm: bool,
    /// TypeScript.
    pub typescript: bool,
    /// The byte offset after the last import or top-level `require` (0 if there are none).
    pub after_imports: usize,
    /// Every top-level binding and import name, so that ours can avoid them.
    pub names: Vec<String>,
    /// How relative imports end here or, without any here, in the app: `.js`, `.ts`, or nothing.
    pub import_extension: String,
}

/// A call that registers one or more routes: `router.get(path, …handlers)`.
#[derive(Debug, Clone)]
pub struct Site {
    /// The routes it makes; several when its router is mounted twice or its path is a list.
    pub routes: Vec<RouteId>,
    /// The file, relative to the tree.
    pub file: String,
    /// The line of the call.
    pub line: u32,
    /// The span of the whole call.
    pub call: Range<usize>,
    /// Each argument after the path, in order.
    pub handlers: Vec<Handler>,
}

/// One handler argument.
#[derive(Debug, Clone)]
pub struct Handler {
    /// Its span.
    pub span: Range<usize>,
    /// What it is.
    pub kind: HandlerKind,
}

/// What a handler argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandlerKind {
    /// A guard of the doorward runtime.
    Doorward,
    /// A deprecated Clerk guard that planning replaces: `requireAuth()`, `ClerkExpressRequireAuth()`.
    Deprecated,
    /// Anything else.
    Other,
}

/// A statement that matters for the order of middleware on a root application.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// What it does.
    pub kind: WiringKind,
    /// The file, relative to the tree.
    pub file: String,
    /// The line.
    pub line: u32,
    /// Which application it is about: a number that only this application has.
    pub object: usize,
    /// The name of the application variable at that place.
    pub app: String,
    /// The span of the whole statement, without its line ending.
    pub statement: Range<usize>,
    /// The statement behind which another one runs after this: `statement` itself, or the loop, branch or call around
    /// it that stands in the body of its function, or in the block in which the application is made. `None` if there
    /// is no such place.
    pub place: Option<Range<usize>>,
    /// The span of the call that matters inside it, e.g. `clerkMiddleware({ … })` of `app.use(clerkMiddleware({ … }))`.
    pub call: Range<usize>,
}

/// What a wiring statement does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WiringKind {
    /// `const app = express()`.
    Create,
    /// `app.use(cors(…))`, from the `cors` package or doorward's own.
    Cors,
    /// `app.use(express.json())` and its kin.
    BodyParser,
    /// `app.use('/path', rawBody)` of the doorward runtime, with its path.
    RawBody(String),
    /// `app.use(clerkMiddleware(…))` of `@clerk/express`.
    Clerk,
    /// `app.use(ClerkExpressWithAuth(…))` and other deprecated attach points.
    DeprecatedClerk,
    /// A route registration or router mount on the root application, in its order.
    Routes,
    /// An error handler: four parameters, or doorward's own (`true`).
    ErrorHandler(bool),
    /// Any other `app.use(…)`.
    Middleware,
    /// `app.listen(…)`, `createServer(app)`, or the `return app` of a factory.
    End,
}
