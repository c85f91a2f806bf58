//! What a program makes, as far as the routes of Flask depend on it.

use std::rc::Rc;

use crate::py::eval::Site;
use crate::py::value::{Args, Class, Place, Value};

/// An object of the host.
pub(super) enum Made<'p> {
    /// `Flask(…)`.
    App(Holder<'p>),
    /// `Blueprint(…)`, `Namespace(…)`, or an `Api(…)` that is given a blueprint or initialised later.
    Group(Holder<'p>),
    /// `app.route(…)`: a decorator that registers what it is given.
    Decorator(Registration<'p>),
    /// `app.before_request`, as a decorator or a call.
    Hook {
        on: usize,
        all: bool,
    },
    /// `UserView.as_view`, and what calling it gives.
    AsView(Rc<Class<'p>>),
    View(Rc<Class<'p>>),
    /// `app.config`.
    Config,
    /// `app.view_functions`, `app.url_map` and `app.before_request_funcs` of this application.
    Views(usize),
    Map(usize),
    Hooks(usize),
    /// `app.endpoint("name")`: a decorator that says what answers an endpoint.
    Endpoint(usize, Value<'p>),
    /// `RequestParser()`, with the arguments it was given.
    Parser(Vec<Args<'p>>),
    /// `api.model("Order", {…})`.
    Model {
        name: String,
        fields: Vec<(String, Value<'p>)>,
    },
    /// A decorator that says what a function takes or gives.
    Note(Note<'p>),
}

#[derive(Clone)]
pub(super) enum Note<'p> {
    /// `@api.expect(model)`.
    Expect(Value<'p>),
    /// `@api.marshal_with(model)`.
    Marshal { model: Value<'p>, list: bool, code: u16 },
}

/// Something that holds rules.
pub(super) struct Holder<'p> {
    pub(super) place: Place,
    pub(super) name: Option<String>,
    /// As given when it is made: `url_prefix`, `path`.
    pub(super) prefix: Option<Value<'p>>,
    pub(super) ops: Vec<Op<'p>>,
    /// Decorators around every view: those of a restful `Api`.
    pub(super) decorators: Vec<Value<'p>>,
    /// It serves files below this path.
    pub(super) files: Option<Value<'p>>,
    /// It was made by flask-restx, which serves its document.
    pub(super) documents: Option<Documents>,
}

/// What flask-restx serves beside an API's own routes.
#[derive(Clone)]
pub(super) struct Documents {
    /// Where the page is.
    pub(super) page: Option<String>,
    /// Whether there is a document for it to show.
    pub(super) specs: bool,
}

/// One thing that happened to a holder.
#[derive(Clone)]
pub(super) struct Op<'p> {
    pub(super) kind: OpKind<'p>,
    pub(super) site: Site,
}

#[derive(Clone)]
pub(super) enum OpKind<'p> {
    /// A rule, with its view if it is given there.
    Rule(Registration<'p>, Option<Value<'p>>),
    /// What answers an endpoint from now on.
    View(Value<'p>, Value<'p>),
    /// Functions that run before requests may be gone.
    HooksGone,
    /// Another holder, with the prefix given there.
    Register(usize, Option<Value<'p>>),
    /// A blueprint of a package.
    Foreign(String),
    /// A function that runs before each request; `true`: of the whole application.
    Before(Value<'p>, bool),
}

/// How a rule is registered, before its view is known.
#[derive(Clone)]
pub(super) struct Registration<'p> {
    pub(super) on: usize,
    pub(super) rules: Vec<Value<'p>>,
    /// The name of what answers. Without one, it is that of the view.
    pub(super) endpoint: Option<Value<'p>>,
    pub(super) methods: Methods<'p>,
    pub(super) site: Site,
}

#[derive(Clone)]
pub(super) enum Methods<'p> {
    /// What the view says, or GET.
    Default,
    One(String),
    /// All of them: rules of werkzeug ask for none.
    Any,
    Given(Value<'p>),
}
