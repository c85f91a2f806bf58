//! What the functions of well-known packages do when a stranger asks.

/// What a call gives, or does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    /// Nothing: there is no session, no user, no token.
    Nobody,
    No,
    /// A promise of what Clerk knows.
    ClerkAuth,
    Clerk,
    /// Clerk's `protect()`: never returns.
    Protect,
    /// It throws.
    Throws,
    /// A token of the project's own.
    Signs,
    /// `{ data: { user }, error }`.
    Data,
    /// `{ user }`.
    User,
    /// It answers in the handler's place.
    Refuses,
    /// The middleware of `next-auth`.
    Authorized,
    /// It runs what it is given, and refuses nobody itself.
    Attaches,
    /// It ends the request: `redirect()`, `notFound()`.
    Leaves,
    /// Headers, or cookies.
    Reads,
    /// An object that is empty without a valid cookie.
    Session,
    /// What was sent, taken apart and not checked.
    Sent,
    SentCookie,
}

/// What reads a token without checking it.
pub(super) const DECODERS: &[&str] = &[
    "decodeJwt",
    "jwtDecode",
    "jwt_decode",
    "decode",
    "decodeProtectedHeader",
    "createDecoder",
    "atob",
    "from",
    "createHash",
    "update",
    "digest",
    "encode",
    "decodeURIComponent",
    "encodeURIComponent",
    "parse",
    "parseCookies",
    "serialize",
    "split",
    "trim",
    "log",
    "error",
    "warn",
    "info",
    "debug",
];

/// Those among them that give what the token says.
pub(super) const READERS: &[&str] =
    &["decodeJwt", "jwtDecode", "jwt_decode", "decode", "decodeProtectedHeader", "createDecoder"];

/// Whether code of this name may fail for a credential that is made up. What a look-up gives has to be looked at.
pub(super) fn may_refuse(name: &str, package: &str) -> bool {
    const CHECKS: &[&str] = &[
        "verif",
        "check",
        "valid",
        "auth",
        "assert",
        "ensure",
        "require",
        "decode",
        "decrypt",
        "unseal",
        "introspect",
        "session",
        "user",
        "token",
        "jwt",
        "claim",
        "guard",
        "protect",
        "permission",
        "must",
        "orfail",
        "orthrow",
    ];
    // They fail for an answer that is no success.
    const CLIENTS: &[&str] = &["axios", "got", "ky", "ofetch", "superagent", "request-promise"];
    let lower = name.to_ascii_lowercase();
    CHECKS.iter().any(|it| lower.contains(it)) || CLIENTS.contains(&package)
}

/// Package (and what is in it), name, and what calling that does.
const FACTS: &[(&str, &[&str], Fact)] = &[
    ("@clerk", &["protect"], Fact::Protect),
    ("@clerk", &["redirectToSignIn", "redirectToSignUp"], Fact::Throws),
    ("@clerk", &["has"], Fact::No),
    ("@clerk", &["auth"], Fact::ClerkAuth),
    ("@clerk", &["getAuth"], Fact::Clerk),
    ("@clerk", &["currentUser", "getToken"], Fact::Nobody),
    ("@clerk", &["verifyToken", "verifyWebhook", "verifyJwt"], Fact::Throws),
    ("@clerk", &["clerkMiddleware", "authMiddleware", "withClerkMiddleware"], Fact::Attaches),
    ("next-auth/middleware", &["withAuth", "default", "next-auth/middleware"], Fact::Authorized),
    ("next-auth", &["auth", "getServerSession", "unstable_getServerSession", "getSession", "getToken"], Fact::Nobody),
    ("next-auth", &["decode"], Fact::Nobody),
    ("@auth", &["auth", "getSession", "getToken"], Fact::Nobody),
    ("better-auth", &["getSession", "getSessionCookie", "getCookieCache", "verifyApiKey"], Fact::Nobody),
    ("@supabase", &["getUser", "getSession", "getClaims", "refreshSession"], Fact::Data),
    ("iron-session", &["getIronSession", "unsealData"], Fact::Session),
    ("lucia", &["validateSession", "validateRequest"], Fact::User),
    ("@kinde-oss", &["getUser", "getPermission", "getOrganization", "getClaim", "getAccessToken"], Fact::Nobody),
    ("@kinde-oss", &["isAuthenticated"], Fact::No),
    ("@kinde-oss", &["withAuth"], Fact::Authorized),
    ("@auth0", &["getSession"], Fact::Nobody),
    ("@auth0", &["withApiAuthRequired", "withPageAuthRequired", "withMiddlewareAuthRequired"], Fact::Refuses),
    ("@auth0", &["getAccessToken"], Fact::Throws),
    ("@workos-inc", &["withAuth", "getUser", "authkit"], Fact::User),
    ("@stackframe", &["getUser"], Fact::Nobody),
    ("@logto", &["getLogtoContext"], Fact::User),
    ("@descope", &["session"], Fact::Nobody),
    ("firebase-admin", &["verifyIdToken", "verifySessionCookie"], Fact::Throws),
    ("jsonwebtoken", &["verify"], Fact::Throws),
    ("jsonwebtoken", &["sign"], Fact::Signs),
    ("hono/jwt", &["verify"], Fact::Throws),
    ("hono/jwt", &["sign"], Fact::Signs),
    ("jwt-simple", &["decode"], Fact::Throws),
    ("basic-auth", &["basic-auth", "auth", "parse", "default"], Fact::Sent),
    ("hono/cookie", &["getCookie"], Fact::SentCookie),
    ("jose", &["jwtVerify", "jwtDecrypt", "compactVerify"], Fact::Throws),
    ("stripe", &["constructEvent", "constructEventAsync"], Fact::Throws),
    ("svix", &["verify"], Fact::Throws),
    ("standardwebhooks", &["verify"], Fact::Throws),
    ("@upstash/qstash", &["verifySignature", "verifySignatureEdge", "verifySignatureAppRouter"], Fact::Refuses),
    ("@upstash/qstash", &["verify"], Fact::No),
    ("crypto", &["timingSafeEqual"], Fact::No),
    ("next/navigation", &["redirect", "permanentRedirect", "notFound", "unauthorized", "forbidden"], Fact::Leaves),
    ("next/headers", &["headers", "cookies"], Fact::Reads),
];

/// What calling `path` of `package` does.
pub(super) fn of(package: &str, path: &[&str]) -> Option<Fact> {
    let within = |of: &str| package == of || package.strip_prefix(of).is_some_and(|rest| rest.starts_with('/'));
    let last = path.last().copied().unwrap_or_default();
    // `withApiAuthRequired(handler)` was called with the handler; now what it gave is called.
    let (name, again) = match last {
        "()" => (path.iter().rev().find(|it| **it != "()").copied().unwrap_or_default(), true),
        name => (name, false),
    };
    let fact = FACTS.iter().find(|(of, names, _)| within(of) && names.contains(&name)).map(|it| it.2)?;
    match (fact, again) {
        (Fact::Refuses | Fact::Authorized | Fact::Attaches, true) => Some(fact),
        // Without options, the middleware is exported as it is.
        (Fact::Authorized, false) => Some(fact),
        (Fact::Refuses | Fact::Attaches, _) => None,
        (_, true) => None,
        (fact, false) => Some(fact),
    }
}
