//! What is known about Django, the REST framework and the packages around them.

/// A class of a package that classes of views inherit from.
pub(super) struct Base {
    package: &'static str,
    name: &'static str,
    /// The methods it answers by itself.
    pub(super) methods: &'static [&'static str],
    /// The actions of the REST framework it brings.
    pub(super) actions: &'static [&'static str],
    pub(super) kind: Kind,
    /// What keeps strangers out of it, if that is not up to the class.
    pub(super) guard: Own,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Django's own: nothing guards unless something says so.
    Plain,
    /// The REST framework's: permissions guard.
    Rest,
    /// Adds to a view and is none.
    Mixin,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    Nothing,
    Refuses,
    /// Open even behind `LoginRequiredMiddleware`.
    NoLogin,
    /// It lets everybody in, whatever the default permissions are.
    Anybody,
}

const NONE: &[&str] = &[];
const GET: &[&str] = &["get"];
const POST: &[&str] = &["post"];
const FORM: &[&str] = &["get", "post", "put"];
const ALL: &[&str] = &["get", "post", "put", "patch", "delete"];

const fn plain(package: &'static str, name: &'static str, methods: &'static [&'static str]) -> Base {
    Base { package, name, methods, actions: NONE, kind: Kind::Plain, guard: Own::Nothing }
}

const fn owned(package: &'static str, name: &'static str, methods: &'static [&'static str], guard: Own) -> Base {
    Base { package, name, methods, actions: NONE, kind: Kind::Plain, guard }
}

const fn rest(
    name: &'static str,
    methods: &'static [&'static str],
    actions: &'static [&'static str],
    kind: Kind,
) -> Base {
    Base { package: "rest_framework", name, methods, actions, kind, guard: Own::Nothing }
}

const fn api(package: &'static str, name: &'static str, methods: &'static [&'static str], guard: Own) -> Base {
    Base { package, name, methods, actions: NONE, kind: Kind::Rest, guard }
}

static BASES: &[Base] = &[
    plain("django", "View", NONE),
    plain("django", "TemplateView", GET),
    plain("django", "RedirectView", ALL),
    plain("django", "DetailView", GET),
    plain("django", "BaseDetailView", GET),
    plain("django", "ListView", GET),
    plain("django", "BaseListView", GET),
    plain("django", "ArchiveIndexView", GET),
    plain("django", "YearArchiveView", GET),
    plain("django", "MonthArchiveView", GET),
    plain("django", "WeekArchiveView", GET),
    plain("django", "DayArchiveView", GET),
    plain("django", "TodayArchiveView", GET),
    plain("django", "DateDetailView", GET),
    plain("django", "FormView", FORM),
    plain("django", "BaseFormView", FORM),
    plain("django", "ProcessFormView", FORM),
    plain("django", "CreateView", FORM),
    plain("django", "BaseCreateView", FORM),
    plain("django", "UpdateView", FORM),
    plain("django", "BaseUpdateView", FORM),
    plain("django", "DeleteView", &["get", "post", "delete"]),
    plain("django", "BaseDeleteView", &["get", "post", "delete"]),
    plain("django", "DeletionMixin", &["post", "delete"]),
    plain("django", "JavaScriptCatalog", GET),
    plain("django", "JSONCatalog", GET),
    owned("django", "LoginView", FORM, Own::NoLogin),
    owned("django", "LogoutView", POST, Own::Nothing),
    owned("django", "PasswordChangeView", FORM, Own::Refuses),
    owned("django", "PasswordChangeDoneView", GET, Own::Refuses),
    owned("django", "PasswordResetView", FORM, Own::NoLogin),
    owned("django", "PasswordResetDoneView", GET, Own::NoLogin),
    owned("django", "PasswordResetConfirmView", FORM, Own::NoLogin),
    owned("django", "PasswordResetCompleteView", GET, Own::NoLogin),
    owned("django", "login", NONE, Own::NoLogin),
    owned("django", "site", NONE, Own::Refuses),
    rest("APIView", NONE, NONE, Kind::Rest),
    rest("GenericAPIView", NONE, NONE, Kind::Rest),
    rest("CreateAPIView", POST, NONE, Kind::Rest),
    rest("ListAPIView", GET, NONE, Kind::Rest),
    rest("RetrieveAPIView", GET, NONE, Kind::Rest),
    rest("DestroyAPIView", &["delete"], NONE, Kind::Rest),
    rest("UpdateAPIView", &["put", "patch"], NONE, Kind::Rest),
    rest("ListCreateAPIView", &["get", "post"], NONE, Kind::Rest),
    rest("RetrieveUpdateAPIView", &["get", "put", "patch"], NONE, Kind::Rest),
    rest("RetrieveDestroyAPIView", &["get", "delete"], NONE, Kind::Rest),
    rest("RetrieveUpdateDestroyAPIView", &["get", "put", "patch", "delete"], NONE, Kind::Rest),
    rest("ViewSetMixin", NONE, NONE, Kind::Mixin),
    rest("ViewSet", NONE, NONE, Kind::Rest),
    rest("GenericViewSet", NONE, NONE, Kind::Rest),
    rest("ReadOnlyModelViewSet", NONE, &["list", "retrieve"], Kind::Rest),
    rest("ModelViewSet", NONE, &["list", "create", "retrieve", "update", "partial_update", "destroy"], Kind::Rest),
    rest("ListModelMixin", NONE, &["list"], Kind::Mixin),
    rest("CreateModelMixin", NONE, &["create"], Kind::Mixin),
    rest("RetrieveModelMixin", NONE, &["retrieve"], Kind::Mixin),
    rest("UpdateModelMixin", NONE, &["update", "partial_update"], Kind::Mixin),
    rest("DestroyModelMixin", NONE, &["destroy"], Kind::Mixin),
    rest("APIRootView", GET, NONE, Kind::Rest),
    api("rest_framework", "ObtainAuthToken", POST, Own::Anybody),
    api("rest_framework", "SchemaView", GET, Own::Nothing),
    api("rest_framework_simplejwt", "TokenObtainPairView", POST, Own::Anybody),
    api("rest_framework_simplejwt", "TokenObtainSlidingView", POST, Own::Anybody),
    api("rest_framework_simplejwt", "TokenRefreshView", POST, Own::Anybody),
    api("rest_framework_simplejwt", "TokenRefreshSlidingView", POST, Own::Anybody),
    api("rest_framework_simplejwt", "TokenVerifyView", POST, Own::Anybody),
    api("rest_framework_simplejwt", "TokenBlacklistView", POST, Own::Anybody),
    api("rest_framework_simplejwt", "TokenViewBase", POST, Own::Anybody),
    api("drf_spectacular", "SpectacularAPIView", GET, Own::Anybody),
    api("drf_spectacular", "SpectacularYAMLAPIView", GET, Own::Anybody),
    api("drf_spectacular", "SpectacularJSONAPIView", GET, Own::Anybody),
    api("drf_spectacular", "SpectacularSwaggerView", GET, Own::Anybody),
    api("drf_spectacular", "SpectacularSwaggerSplitView", GET, Own::Anybody),
    api("drf_spectacular", "SpectacularRedocView", GET, Own::Anybody),
    plain("graphene_django", "GraphQLView", ALL),
    plain("strawberry", "GraphQLView", &["get", "post"]),
    plain("strawberry", "AsyncGraphQLView", &["get", "post"]),
];

/// Classes that are not views and answer nothing by themselves.
static MIXINS: &[(&str, &str)] = &[
    ("django", "ContextMixin"),
    ("django", "TemplateResponseMixin"),
    ("django", "SingleObjectMixin"),
    ("django", "SingleObjectTemplateResponseMixin"),
    ("django", "MultipleObjectMixin"),
    ("django", "MultipleObjectTemplateResponseMixin"),
    ("django", "FormMixin"),
    ("django", "ModelFormMixin"),
    ("django", "SuccessMessageMixin"),
    ("django", "AccessMixin"),
    ("django", "LoginRequiredMixin"),
    ("django", "PermissionRequiredMixin"),
    ("django", "UserPassesTestMixin"),
    ("django", "RedirectURLMixin"),
    ("django", "PasswordContextMixin"),
];

/// What is known of the class with this dotted name.
pub(super) fn base(name: &str) -> Option<&'static Base> {
    let (package, last) = ends(name);
    BASES.iter().find(|it| it.package == package && it.name == last)
}

/// Whether a class of a package adds no methods to a view.
pub(super) fn is_mixin(name: &str) -> bool {
    let (package, last) = ends(name);
    last == "object" || last.ends_with("Mixin") || MIXINS.contains(&(package, last)) || name.starts_with("typing.")
}

fn ends(name: &str) -> (&str, &str) {
    (name.split('.').next().unwrap_or(name), name.rsplit('.').next().unwrap_or(name))
}

/// Mixins that keep strangers out.
static GUARDING: &[(&str, &str)] = &[
    ("django", "LoginRequiredMixin"),
    ("django", "PermissionRequiredMixin"),
    ("braces", "LoginRequiredMixin"),
    ("braces", "StaffuserRequiredMixin"),
    ("braces", "SuperuserRequiredMixin"),
    ("braces", "PermissionRequiredMixin"),
    ("braces", "GroupRequiredMixin"),
    ("braces", "MultiplePermissionsRequiredMixin"),
    ("guardian", "LoginRequiredMixin"),
    ("guardian", "PermissionRequiredMixin"),
    ("rules", "PermissionRequiredMixin"),
    ("django_otp", "OTPRequiredMixin"),
    ("oauth2_provider", "ProtectedResourceView"),
    ("oauth2_provider", "ScopedProtectedResourceView"),
    ("oauth2_provider", "ReadWriteScopedResourceView"),
];

pub(super) fn guards(name: &str) -> bool {
    GUARDING.contains(&ends(name))
}

/// What a decorator of a package does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It refuses strangers.
    Refuses,
    /// It refuses whom a function refuses.
    Tests,
    /// It says which methods are answered.
    Methods(&'static [&'static str]),
    /// It is told which methods are answered.
    GivenMethods,
    /// It takes a view out of `LoginRequiredMiddleware`.
    NoLogin,
    /// It turns decorators of functions into one of methods, or of classes.
    OfMethod,
    /// It makes a view of the REST framework.
    ApiView,
    /// It has nothing to do with who calls.
    Nothing,
    Unknown,
}

pub(super) fn decorator(name: &str) -> Effect {
    match name {
        "django.contrib.auth.decorators.login_required"
        | "django.contrib.auth.decorators.permission_required"
        | "django.contrib.admin.views.decorators.staff_member_required"
        | "django_otp.decorators.otp_required"
        | "oauth2_provider.decorators.protected_resource"
        | "oauth2_provider.decorators.rw_protected_resource"
        | "guardian.decorators.permission_required"
        | "guardian.decorators.permission_required_or_403"
        | "guardian.decorators.permission_required_or_404"
        | "guardian.decorators.login_required"
        | "rules.contrib.views.permission_required"
        | "braces.views.login_required" => Effect::Refuses,
        "django.contrib.auth.decorators.user_passes_test" => Effect::Tests,
        "django.contrib.auth.decorators.login_not_required" => Effect::NoLogin,
        "django.views.decorators.http.require_GET" => Effect::Methods(&["GET"]),
        "django.views.decorators.http.require_POST" => Effect::Methods(&["POST"]),
        "django.views.decorators.http.require_safe" => Effect::Methods(&["GET"]),
        "django.views.decorators.http.require_http_methods" => Effect::GivenMethods,
        "django.utils.decorators.method_decorator" => Effect::OfMethod,
        "rest_framework.decorators.api_view" => Effect::ApiView,
        _ if QUIET.contains(&name.split('.').next().unwrap_or(name)) => Effect::Nothing,
        _ => Effect::Unknown,
    }
}

/// Packages whose other decorators keep nobody out.
static QUIET: &[&str] = &[
    "asgiref",
    "cacheops",
    "contextlib",
    "corsheaders",
    "csp",
    "ddtrace",
    "django",
    "django_ratelimit",
    "drf_spectacular",
    "drf_yasg",
    "functools",
    "newrelic",
    "opentelemetry",
    "ratelimit",
    "rest_framework",
    "rest_framework_extensions",
    "sentry_sdk",
    "silk",
    "typing",
    "typing_extensions",
];

/// Whether a call of what comes from a package, made from a guard of the tree, lets the request go on.
pub(super) fn passes_on(package: Option<&str>, name: &str) -> bool {
    matches!(name, "dispatch" | "__call__" | "initial" | "check_permissions" | "perform_authentication")
        && package.is_some_and(|it| it != "operator")
}

/// Classes of permissions of packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    Refuses,
    Anybody,
    /// Strangers may read.
    Reads,
}

impl Permission {
    /// Whether strangers pass, which may depend on the method.
    pub(super) fn lets_strangers(self, method: Option<&str>) -> Option<bool> {
        match self {
            Self::Refuses => Some(false),
            Self::Anybody => Some(true),
            Self::Reads => method.map(|it| matches!(it, "GET" | "HEAD" | "OPTIONS")),
        }
    }
}

/// What a class of permissions does, by its dotted name or by that of one of its methods.
pub(super) fn permission(name: &str) -> Option<Permission> {
    let name = name.strip_suffix(".has_permission").unwrap_or(name);
    Some(match ends(name) {
        (
            "rest_framework",
            "IsAuthenticated" | "IsAdminUser" | "DjangoModelPermissions" | "DjangoObjectPermissions",
        )
        | ("rest_framework_api_key", "HasAPIKey")
        | (
            "oauth2_provider",
            "TokenHasScope" | "TokenHasReadWriteScope" | "TokenHasResourceScope" | "IsAuthenticatedOrTokenHasScope",
        ) => Permission::Refuses,
        ("rest_framework", "AllowAny" | "BasePermission") => Permission::Anybody,
        ("rest_framework", "IsAuthenticatedOrReadOnly" | "DjangoModelPermissionsOrAnonReadOnly") => Permission::Reads,
        _ => return None,
    })
}

/// A row of the REST framework's routers.
pub(super) struct Row {
    pub(super) url: &'static str,
    pub(super) mapping: &'static [(&'static str, &'static str)],
    pub(super) detail: bool,
    pub(super) dynamic: bool,
}

pub(super) static ROWS: &[Row] = &[
    Row {
        url: "^{prefix}{trailing_slash}$",
        mapping: &[("get", "list"), ("post", "create")],
        detail: false,
        dynamic: false,
    },
    Row { url: "^{prefix}/{url_path}{trailing_slash}$", mapping: &[], detail: false, dynamic: true },
    Row {
        url: "^{prefix}/{lookup}{trailing_slash}$",
        mapping: &[("get", "retrieve"), ("put", "update"), ("patch", "partial_update"), ("delete", "destroy")],
        detail: true,
        dynamic: false,
    },
    Row { url: "^{prefix}/{lookup}/{url_path}{trailing_slash}$", mapping: &[], detail: true, dynamic: true },
];

/// Whether something is a class of routers, and whether of nested ones.
pub(super) fn router(name: &str) -> Option<bool> {
    match ends(name) {
        ("rest_framework" | "rest_framework_extensions" | "rest_framework_bulk" | "rest_framework_nested", last)
            if last.ends_with("Router") =>
        {
            Some(last.starts_with("Nested"))
        }
        _ => None,
    }
}

/// Something that a package serves when its URLs are included.
pub(super) struct Included {
    pub(super) module: &'static str,
    /// Paths, each with the view that answers.
    pub(super) routes: &'static [(&'static str, &'static str)],
}

pub(super) static INCLUDED: &[Included] = &[
    Included {
        module: "django.contrib.auth.urls",
        routes: &[
            ("login/", "django.contrib.auth.views.LoginView"),
            ("logout/", "django.contrib.auth.views.LogoutView"),
            ("password_change/", "django.contrib.auth.views.PasswordChangeView"),
            ("password_change/done/", "django.contrib.auth.views.PasswordChangeDoneView"),
            ("password_reset/", "django.contrib.auth.views.PasswordResetView"),
            ("password_reset/done/", "django.contrib.auth.views.PasswordResetDoneView"),
            ("reset/<uidb64>/<token>/", "django.contrib.auth.views.PasswordResetConfirmView"),
            ("reset/done/", "django.contrib.auth.views.PasswordResetCompleteView"),
        ],
    },
    Included {
        module: "rest_framework.urls",
        routes: &[
            ("login/", "django.contrib.auth.views.LoginView"),
            ("logout/", "django.contrib.auth.views.LogoutView"),
        ],
    },
    Included { module: "django.conf.urls.i18n", routes: &[("setlang/", "django.views.i18n.set_language")] },
];

/// The views of the admin: its page to log in, and every other.
pub(super) const ADMIN_LOGIN: &str = "django.contrib.admin.site.login";
pub(super) const ADMIN: &str = "django.contrib.admin.site";
/// The same where a class adds views that the admin may not guard.
pub(super) const ADMIN_MIXED: &str = "django.contrib.admin.site.urls";

/// Packages whose middleware keeps nobody out.
pub(super) fn quiet_middleware(package: &str) -> bool {
    QUIET.contains(&package)
        || matches!(
            package,
            "django" | "allauth" | "social_django" | "django_prometheus" | "whitenoise" | "debug_toolbar"
        )
}
