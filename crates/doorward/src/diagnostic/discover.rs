//! Codes of `discover`: DW2xxx. From DW2101 on, they are about authentication that is already there.

use super::{Code, Routes, Severity};

macro_rules! codes {
    ($($id:literal $severity:ident $title:literal $story:literal)*) => {
        pub(super) static CODES: &[Code] = &[
            $(Code { id: $id, title: $title, severity: Severity::$severity, story: $story },)*
        ];
    };
}

/// What a code means for the list of routes, unless a finding says otherwise. Nothing, where it isn't about reading.
pub(super) fn routes(id: &str) -> Option<Routes> {
    match id {
        // Listed, but with something assumed; served, but no route; or registered where no request arrives.
        "DW2005" | "DW2008" | "DW2010" | "DW2012" | "DW2015" | "DW2021" | "DW2132" | "DW2133" | "DW2144" | "DW2150"
        | "DW2153" | "DW2241" | "DW2242" | "DW2243" | "DW2247" | "DW2343" => Some(Routes::Listed),
        "DW2130" | "DW2151" | "DW2152" | "DW2154" | "DW2240" | "DW2244" | "DW2245" | "DW2246" | "DW2260" | "DW2261"
        | "DW2340" | "DW2341" | "DW2342" => Some(Routes::Missing),
        id if ("DW2001"..="DW2023").contains(&id) => Some(Routes::Missing),
        _ => None,
    }
}

codes! {
    "DW2001" Warning "a source file does not parse"
    "A syntax error hides everything in the file, so routes in it are missing from the inventory and nothing is said \
     about their protection. The rest of the project was read. Repair the file and run again."

    "DW2002" Warning "a source file was not read"
    "Files above one megabyte, minified bundles and files that are not UTF-8 are left out, because they are built, not \
     written. If such a file does register routes, point doorward at the source it was built from."

    "DW2003" Warning "a path is only known when the program runs"
    "The path of a route or of a mount comes from something that can't be computed from the source: a variable of the \
     environment, a database, a function of a package. What is behind it can't be named, so a policy can't cover it. \
     Use a literal or a constant."

    "DW2004" Warning "something unknown is mounted"
    "A value from a package, or one that can't be followed, is used as a handler where routes are expected. It may serve \
     any number of paths, and none of them is in the inventory. Put a guard in front of the mount, or accept it knowingly."

    "DW2005" Warning "handlers are only known when the program runs"
    "A route spreads a list of handlers that can't be computed from the source. The route is listed, but a guard among \
     those handlers can't be seen, so its protection is unsure."

    "DW2006" Warning "a module is loaded by a computed name"
    "`require` or `import()` is given a name that is only known when the program runs. Routes in the modules it loads are \
     missing from the inventory. Load modules by literal names, or list them in one file."

    "DW2007" Warning "an import leads nowhere"
    "A relative import, or one of a package of the workspace, names a file that is not there. It may be generated at \
     build time, or ignored by version control. Routes in it are missing from the inventory."

    "DW2008" Warning "a method is only known when the program runs"
    "A route is registered as `app[method](…)` with a method that can't be computed from the source. It is listed for \
     every method, so that a policy can cover it; its real methods may be fewer."

    "DW2009" Warning "a path pattern is more than a template can say"
    "The path is a regular expression, or uses wildcards and groups that have no exact template. Where something close \
     exists the route is listed under it; otherwise it is missing. Requests are matched by the pattern, not by the \
     template, so check the route by hand."

    "DW2010" Warning "a path depends on the environment"
    "The path has a default in the source and may be overridden by the environment, as in `process.env.PREFIX ?? '/api'`. \
     The default is taken. If a deployment overrides it, the routes there have other names than in the policy."

    "DW2011" Info "a router is never mounted"
    "A router registers routes, but no application uses it as far as can be seen, so no request reaches it and its routes \
     are not listed. If it is mounted in a way that can't be followed, another diagnostic says where."

    "DW2012" Warning "a package.json can't be read"
    "The manifest tells which packages a project uses, which versions, and where it starts. Without it, doorward goes by \
     imports alone and assumes current versions. Repair the file."

    "DW2013" Warning "the program is too complex to follow"
    "Start-up code is followed step by step, up to a limit that ordinary servers stay far below. The limit was reached, \
     so routes registered later may be missing. Run doorward on the folder of a single app, or simplify its start-up."

    "DW2014" Warning "a path holds control characters"
    "Control characters in a path can't be typed, are only ever sent encoded, and would corrupt reports. The route is not \
     listed. Remove them from the source."

    "DW2015" Warning "a path never matches"
    "Express matches paths that start with a slash. A route or a mount whose path does not is never reached, which is \
     rarely meant. If it was meant to be protected, it isn't needed; if it was meant to work, it doesn't."

    "DW2016" Info "an application is given to other code"
    "A package, or a function that can't be followed, is given an application or a router. It may add routes or \
     middleware that are not in the inventory. Most such calls only observe requests."

    "DW2017" Info "a function that registers routes is never called"
    "A function registers routes on its parameter, but nothing in the project calls it as far as can be seen. It may be \
     dead, or be called by a loader that works with computed names. Its routes are not listed."

    "DW2018" Warning "no application is created"
    "The project depends on a framework or imports it, but no call that makes an application was found, so there are no \
     routes to list. It may only use the framework's types, or get its application from a package. Name another folder."

    "DW2019" Warning "something answers before the application"
    "A server is made with a function that answers requests itself, or gives them to code that can't be read. What it \
     answers never reaches the application, so none of it is in the inventory and no guard runs for it. Give the server \
     the application itself, and make routes of what the function answers."

    "DW2021" Info "static files are served to anyone"
    "The files of a folder are served without a guard in front of them. They are not routes, so a policy doesn't speak of \
     them. If they are not meant for everybody, put a guard in front; never serve a folder that holds source or settings."

    "DW2022" Info "middleware of a package doorward does not know"
    "A middleware comes from a package that is not in doorward's tables. Most such middleware only looks at requests or \
     changes them, and some answers them: what it serves is not in the inventory. Read what the package does."

    "DW2023" Warning "code is made of a text while the program runs"
    "`eval`, `new Function`, `exec` and their kin run what a text says, and the text is only known when the program runs. \
     If it registers routes or takes guards away, the inventory does not show it. Write what it does as code."

    "DW2101" Warning "requireAuth() of @clerk/express is deprecated"
    "`requireAuth()` answers an unauthenticated API call with a redirect, not with 401, and accepts API keys and OAuth \
     tokens as if a user had signed in. It is deprecated and goes with the next major version. Replace it with a guard \
     that answers 401 and checks the kind of token."

    "DW2102" Warning "the package @clerk/clerk-sdk-node is no longer maintained"
    "`ClerkExpressRequireAuth`, `ClerkExpressWithAuth` and their kin come from a package that ended with version 5 and \
     gets no security fixes. Move to `@clerk/express`, whose `req.auth` is a function where the old one was an object."

    "DW2103" Error "req.auth is used as an object"
    "Since `@clerk/express` 2, `req.auth` is a function. `if (req.auth)` is true for everybody, so a check written that \
     way lets strangers in; `req.auth.userId` is always undefined. Use `getAuth(req)`."

    "DW2104" Error "a guard that refuses nobody"
    "`clerkMiddleware()` reads the token and attaches what it finds; it never refuses a request. Given a name such as \
     `requireAuth`, it looks like protection and is none. Routes behind it are open."

    "DW2105" Warning "createRouteMatcher decides by the text of a path"
    "A matcher on paths and the router do not agree on what a path is: encoded characters, line breaks and doubled \
     slashes reach the handler without matching the pattern. It is deprecated for that reason. Guard the route itself."

    "DW2106" Warning "clerkMiddleware is attached twice"
    "The first `clerkMiddleware()` decides; a second one does nothing, silently, whatever its options are. Options such as \
     `authorizedParties` given to the second are lost. Keep one."

    "DW2107" Warning "CORS comes after a guard"
    "Browsers ask for permission with an OPTIONS request that carries no token. If a guard runs first, it refuses the \
     question, and no page of another origin can call the API; its 401 also lacks the headers that let the page read it."

    "DW2108" Warning "Clerk is attached without authorizedParties"
    "Without `authorizedParties`, tokens that were issued for any origin of the Clerk instance are accepted, also those of \
     a subdomain somebody else controls. List the origins of your own front ends."

    "DW2109" Critical "a secret key is written in the source"
    "Whoever can read the source, its history or an error report can act as your backend. Take the key out, read it from \
     the environment, and replace it in Clerk's dashboard; deleting the line is not enough."

    "DW2110" Error "a guard is attached only under a condition"
    "The guard runs only if a condition holds when the program starts, such as the environment not being development. \
     Where it doesn't hold, the routes are open. One wrong variable in production opens them all."

    "DW2111" Warning "a guard comes after the routes"
    "Express runs middleware in the order of registration. A guard that is attached after the routes it is meant for never \
     runs for them. Move it above them."

    "DW2112" Error "a middleware factory is used without being called"
    "`requireAuth`, `clerkMiddleware` and `guard` make a middleware when they are called. Given as they are, they run as \
     the middleware, make another one and never pass the request on: requests hang, or fail in ways that look random."

    "DW2113" Warning "something answers before guards"
    "A middleware, or a callback of `param`, answers some requests itself and passes the others on. It runs before the \
     guards of the routes behind it, so what it answers is given to anybody. Put a guard in front of it, or make a route of \
     what it answers, which can then be guarded."

    "DW2120" Error "a guard asks Clerk before its plugin has run"
    "Fastify runs hooks by phase: `onRequest` before `preHandler`. Clerk's plugin reads the token in `preHandler` unless it \
     is told otherwise, and `getAuth` fails for whoever asks earlier, so every request ends in a 500. Register the plugin \
     with `hookName: 'onRequest'`, and before the guard."

    "DW2121" Error "a refusal is never sent"
    "The hook sets a status such as 403 and returns the reply, which tells Fastify that an answer is on its way. None is, so \
     the request hangs until it times out, and the caller never learns why. Send a body, or an empty one."

    "DW2122" Warning "a hook refuses without returning the reply"
    "An async hook that sends an answer and then ends without `return reply` lets the request go on. Where another plugin \
     works on answers asynchronously, as sessions and compression do, the handler still runs: the caller sees the refusal, \
     but what the handler changes is changed. Return the reply, or throw."

    "DW2123" Error "clerkPlugin is registered twice"
    "The plugin decorates requests, and Fastify refuses a second decorator of the same name, so the server does not start. \
     Register it once, on the instance around all routes that need it."

    "DW2124" Error "getAuth is called where clerkPlugin does not run"
    "A plugin's hooks run for the routes of its own scope and those inside, not for its siblings. Where Clerk's plugin did \
     not run, `getAuth` throws and the request ends in a 500: nobody gets in, and nobody should rely on it. Register the \
     plugin on an instance around these routes."

    "DW2125" Warning "a prefix that has no effect"
    "A plugin wrapped with `fastify-plugin` shares the scope it is registered in, and Fastify ignores a `prefix` given to it. \
     Its routes are served without the prefix, past whatever a gateway or a policy says about paths that have it."

    "DW2126" Error "a guard that reaches no route"
    "A plugin has a scope of its own, and a hook that is added there guards the routes in it and below, not those of the \
     instance it is registered on. This one guards nothing. Wrap the plugin with `fastify-plugin`, or move the routes in."

    "DW2127" Error "a guard does not exist when it is given to a route"
    "Plugins are loaded when the program waits for them or starts to listen. A route that is registered before that and asks \
     for a decorator such as `app.authenticate` gets `undefined`, and Fastify takes that for no hook: the route is open. \
     Await the plugin first, or register the route in a plugin of its own."

    "DW2130" Warning "a rewrite sends requests to another server"
    "An entry of `rewrites()` forwards what comes in under a path to another host. Whatever that server answers is reachable \
     through this one, and no guard of this application runs for it unless the middleware refuses first. The paths behind \
     it are not in the inventory."

    "DW2131" Warning "a rewrite is a second path to a route"
    "An entry of `rewrites()` leads from one path to another one of the same application, so a route answers under two \
     names. A rule, a proxy or a middleware that goes by the path sees only one of them. Guard the route itself."

    "DW2132" Info "a catch-all route hands requests to another router"
    "Every method and path below the route is given to a router of a package, which decides on its own what to answer. The \
     routes it knows are not in the inventory one by one, unless they are read as an application of their own."

    "DW2133" Info "a route answers in the place of another one"
    "A folder such as `(.)photo` makes Next.js answer a path with another route when the request says that it comes from \
     within the application, which is a header that anybody can send. The route is listed under the path it stands in for."

    "DW2134" Info "only files are built"
    "With `output: 'export'` no code of the application runs where it is served. Answers to GET are computed once, at build \
     time, and everybody can read them; other methods and the middleware do not exist. Guards in them protect nothing."

    "DW2135" Warning "auth.protect() redirects API clients"
    "In a route handler, Clerk's `auth.protect()` answers a request without a session with a redirect to the sign-in page, \
     whatever the client accepts. Programs follow it, with the method and the body of the request, to another host. Ask \
     `auth()` and answer 401."

    "DW2136" Warning "Clerk is asked where its middleware does not run"
    "`auth()`, `getAuth()` and `currentUser()` need what `clerkMiddleware()` attaches. For a path that its matcher leaves \
     out, they throw, and every request to the route fails with 500, good ones too. Widen the matcher."

    "DW2137" Error "auth() of Clerk is not awaited"
    "Since version 6, `auth()` gives a promise. A promise counts as true, so `if (auth())` lets everybody in, and its \
     `userId` is always undefined. Write `await auth()`."

    "DW2138" Warning "some paths of a route escape the middleware"
    "The middleware refuses strangers on most paths of a route, but its matcher leaves some out: often those with a dot, \
     meant for images and styles, so that a parameter such as `report.csv` reaches the handler unchecked. Guard the route."

    "DW2139" Error "a middleware of Clerk's that no longer exists"
    "`authMiddleware` and `withClerkMiddleware` were removed in version 6 of `@clerk/nextjs`; in older ones, what they \
     protect depends on lists of paths. Move to `clerkMiddleware()`, which refuses nobody by itself, and guard each route."

    "DW2140" Warning "the middleware protects only what it lists"
    "The middleware refuses strangers on the paths that a list names, and lets them pass everywhere else, so a route that \
     nobody thought of is open. Name what is public instead, and guard the routes themselves."

    "DW2141" Error "a refusal is made and then ignored"
    "A helper returns an answer such as 401, but whoever calls it does not look at what it returns and goes on. It reads like \
     a guard and is none. Return its answer, or let the helper throw."

    "DW2142" Info "Server Functions can be called by anybody"
    "Functions marked `'use server'` answer POST requests to the pages that use them, with arguments that the caller chooses. \
     They have no path of their own, so no rule names them. Check who asks inside of each function."

    "DW2143" Warning "a middleware file is not run"
    "Next.js runs `middleware` up to version 15 and `proxy` from 16 on, from one folder only. This file is not the one, so \
     what it refuses is let in. Rename or move it."

    "DW2144" Warning "the middleware's paths can't be read"
    "Next.js asks for a `matcher` of literals. Where it is computed, or uses a pattern that can't be followed, it isn't known \
     for which routes the middleware runs. What it guards counts as unsure."

    "DW2145" Error "a guard lets made-up credentials pass"
    "Without credentials the guard refuses, and with any it does not: it looks whether something was sent, reads what a \
     token says without checking who signed it, or goes on when the check has failed. Anybody can send something. Verify \
     the token, or look it up, and refuse where that fails."

    "DW2146" Warning "a secret may not be set"
    "What a request sends is compared with a variable of the environment. Where the variable is not set and nothing is \
     sent, `undefined` equals `undefined`, and strangers pass; `Bearer ${process.env.KEY}` is `Bearer undefined`, which they \
     can send. Refuse to start without the variable."

    "DW2147" Error "an error handler lets refused requests pass"
    "A guard that refuses by `next(error)` or by throwing leaves the answer to the error handler that comes next. This one \
     calls `next()` without the error, so the request goes on to the routes behind it as if nobody had refused it. Answer, \
     or pass the error on."

    "DW2150" Warning "a route is registered after its router was mounted"
    "Hono copies the routes of a sub-application at the moment it is mounted, and Koa's routers do the same with nested \
     ones. What is registered later is in no table that requests are looked up in: the route answers 404, and a guard that \
     is attached later guards nothing. Register everything first, then mount."

    "DW2151" Warning "a module is only known when the program runs"
    "An application of Nest is the tree of its modules. One of them comes from code that can't be followed, such as a \
     function of a package or a list that is computed, so the controllers in it are missing from the inventory. Import \
     modules by name."

    "DW2152" Info "a module comes from a package"
    "Modules of packages may bring controllers with them, as those for authentication or administration do. doorward does \
     not read packages, so their routes are not in the inventory. Most modules only provide services."

    "DW2153" Info "GraphQL operations are behind one route"
    "Every query and mutation is sent to the same path, and guards of resolvers decide operation by operation. doorward \
     lists the path and does not read the resolvers, so a policy can open or close all operations together only."

    "DW2154" Warning "a middleware answers some paths by itself"
    "A middleware looks at the path of a request and answers some without calling what comes next, and which paths these \
     are can't be read. They are missing from the inventory, and no guard of a route runs for them. Answer them in routes."

    "DW2201" Error "any origin may use the credentials of users"
    "`CORSMiddleware` with `allow_origins=[\"*\"]` and `allow_credentials=True` echoes whatever origin asks. A page anywhere \
     on the web can then call the API with the cookies of whoever visits it, and read the answers. List your own origins."

    "DW2202" Warning "a call that waits for the network blocks the server"
    "Clerk's `authenticate_request` and `verify_token` may fetch keys. Called without `await` in an `async def`, they hold \
     the event loop, so every other request waits too, for seconds if Clerk is slow. Await the `_async` form, or let \
     FastAPI run the dependency in a thread by writing `def`."

    "DW2203" Warning "a token is verified, but not what kind it is"
    "Clerk's Python SDK checks signature and lifetime. It accepts sessions that are still pending, such as those that owe a \
     second factor, and tokens made from templates or for machines. Look at the claim `sts`, and at `cat` and `typ` in the \
     header, before you call somebody signed in."

    "DW2204" Warning "a role is compared in one of its two spellings"
    "Version 1 of Clerk's session token writes `org:admin` in `org_role`, version 2 writes `admin`. A comparison with one \
     of them refuses everybody, or fits the wrong role, when the version changes. Take the prefix away on both sides."

    "DW2205" Warning "dependencies of an application do not reach what it mounts"
    "Dependencies given to `FastAPI(dependencies=…)` run for the application's own routes. What is mounted with `app.mount` \
     is another application: requests to it pass them by, without a token. Guard the mounted application itself."

    "DW2206" Critical "a token is read without checking its signature"
    "With `verify_signature` off, anybody can write a token that says what they like, and the code believes it. It is of \
     use for reading a header before the real check, never for deciding anything. Verify the token."

    "DW2207" Error "a check of tokens is switched off"
    "An option tells the library to accept tokens that are expired, meant for somebody else, or issued by somebody else. \
     Each of these checks is there because the others do not cover it. Leave it on and say what you expect."

    "DW2208" Warning "fastapi-clerk-auth is used"
    "`fastapi-clerk-auth` is not made by Clerk. It fetches keys with a call that blocks the server, and knows neither \
     pending sessions nor the kinds of tokens. Use `clerk-backend-api`, Clerk's own package."

    "DW2209" Critical "bad tokens pass with auto_error=False"
    "`ClerkHTTPBearer(auto_error=False)` answers a token that fails every check with credentials whose `decoded` is `None`. \
     Code that asks `if credentials:` lets it in. Remove the option, or refuse where `decoded` is `None`."

    "DW2210" Error "HTTPException is raised in a middleware"
    "FastAPI turns an `HTTPException` into a response inside of the application. A `BaseHTTPMiddleware` runs outside of it, \
     so the client gets 500 and no reason. Return a `JSONResponse`, or make a dependency of the check."

    "DW2211" Warning "only the presence of credentials is checked"
    "`HTTPBearer`, `OAuth2PasswordBearer` and their kin look whether a token was sent. Whether it is a good one is for the \
     code behind them to find out, and none that does was seen before the handler. As it stands, `Bearer x` may be enough."

    "DW2230" Error "a guard above the route decorator guards nothing"
    "In Python, decorators run from the bottom up. The decorator that registers a route takes the function as it is at \
     that moment, so a guard that stands above it wraps a function nobody calls, and the route answers strangers. Move \
     the guard below the line that registers the route."

    "DW2231" Warning "a hook refuses preflights"
    "A function that runs before every request refuses those without a token, and browsers send preflights without one. \
     Pages of other origins can then not call the API at all, whatever the CORS settings say. Let `OPTIONS` pass at the \
     start of the hook."

    "DW2240" Warning "the settings of a Django project are not known"
    "Django finds its URLs and its middleware through a module of settings. It is not where `manage.py` says, or says \
     nothing that can be read, so routes are missing or their protection can't be told. Name a module of the project, and \
     set `ROOT_URLCONF` to a literal."

    "DW2241" Warning "a view comes from a package"
    "A pattern leads to a view, or a class inherits from one, that a package brings. doorward does not read packages: the \
     path is listed, for all methods where they are not known, and its protection is unsure. Read in the package's \
     documentation what it answers, and to whom."

    "DW2242" Warning "a URL pattern is never reached"
    "Django takes the first pattern that fits, whatever the method is. An earlier one takes every request that this one \
     could, so its view, and any guard on it, is of no use. Remove it, or move it before the other."

    "DW2243" Info "a project is started with several settings"
    "`manage.py` names one module of settings, and `wsgi.py` or `asgi.py` another. Routes and guards are read with those of \
     `manage.py`. If the others have more routes or less middleware, what is deployed differs from what is listed."

    "DW2244" Warning "URL patterns are only known when the program runs"
    "A list of patterns, or of middleware, is made by code that can't be followed: a function of a package, a list of the \
     environment, plugins. What it adds is missing from the inventory. Write patterns as `path(…)` with literals."

    "DW2245" Warning "a class adds URLs to the admin"
    "The admin guards its own pages, and not those that a `get_urls` adds: each has to be wrapped in \
     `self.admin_site.admin_view`. They are not listed, and the admin as a whole is called unsure for that reason."

    "DW2246" Warning "an API of Django Ninja is not read"
    "Django Ninja registers operations with decorators of its own. doorward does not read them yet, so none of them is in \
     the inventory, and nothing is said about their protection."

    "DW2247" Warning "a router makes its own URLs"
    "A router of the REST framework overrides how it makes URLs. Its viewsets are listed under the URLs that the framework \
     would make, which may be others. Compare them with what the program serves."

    "DW2248" Error "a guard of a class of views never runs"
    "Python asks the parents of a class in order. Django's `View` answers and asks nobody behind it, so \
     `class Orders(View, LoginRequiredMixin)` lets strangers in, and so does a `dispatch` of its own that does not call \
     `super().dispatch()`. Name the mixin first, and hand the request on."

    "DW2260" Warning "the path of a handler is not where it is looked for"
    "A handler is registered by its own attribute or by the type of its parameter, and no path can be read there. Its \
     routes are missing from the inventory. Write the path in the attribute, as a literal."

    "DW2261" Info "a handler that carries a path is never registered"
    "An attribute such as `#[get(\"/orders\")]` gives a handler its path, but it answers only where an application, a scope or \
     a configuration is given the handler. Nothing does so as far as can be seen, so it is not listed."

    "DW2301" Critical "a Clerk secret is in a file that is shared"
    "The file is tracked by git, or nothing keeps it from being committed, and it holds a secret of Clerk's. Whoever gets \
     the repository, a copy of it or an image built from it can act as your backend. Replace the secret in Clerk's \
     dashboard first, because history remembers it, then take it out of the file and list the file in .gitignore."

    "DW2302" Critical "a secret under a name that is published"
    "Bundlers write every variable whose name has their public prefix, such as `NEXT_PUBLIC_` or `VITE_`, into files that \
     browsers load. A secret under such a name is readable by every visitor, whether it is in git or not. Give the variable \
     a name without the prefix, read it on the server only, and replace the secret in Clerk's dashboard."

    "DW2303" Error "what looks like a webhook secret is in a file that is shared"
    "Secrets that begin with `whsec_` sign the webhooks of Clerk and of others who use Svix. Whoever has one can send events \
     that your server believes, such as a new user or a new role. Roll the secret where it was made, and read it from the \
     environment."

    "DW2304" Critical "a private key stands where Clerk's public key belongs"
    "Tokens are checked with Clerk's public key; no server of yours needs a private one for that, and Clerk never gives its \
     own away. The key that was pasted belongs to something else, is in the wrong place, and can be read by whoever reads \
     the file. Take it out, replace it where it is used, and copy the JWKS public key from Clerk's dashboard."

    "DW2305" Warning "an environment file that holds secrets by name is not ignored"
    "The file declares variables for Clerk's secrets and can be committed, or is. Sooner or later somebody fills in a real \
     key and commits it. List the file in .gitignore, and commit an example without values."

    "DW2306" Warning "keys of different instances stand in one environment file"
    "A secret key of one Clerk instance can't verify what another one issues: everybody is signed out, with a message about \
     keys that helps nobody. Development keys also accept users that production does not know. Copy all keys of a file \
     from the same instance."

    "DW2307" Warning "a key is in a variable for another kind of key"
    "A publishable key where a secret one belongs makes every call to Clerk fail, and some SDKs notice only when the first \
     user signs in. Copy each key from its own field of Clerk's dashboard."

    "DW2308" Warning "a production setting holds a key of a development instance"
    "Development instances of Clerk have relaxed security: shared sign-in credentials, test users, and sessions carried in \
     URLs. They are not meant to hold users of a live system. Use the keys of the production instance."

    "DW2310" Error "a package is older than a security fix"
    "A version of one of the packages that decide who gets in has a known hole, and a newer one closes it. Ranges in a \
     manifest often allow the fix while the lock file still holds the old version. Update, and commit the lock file."

    "DW2311" Warning "a package is older than a fix that matters"
    "A version of one of the packages that decide who gets in misbehaves in a way that a newer one puts right. It is no \
     hole, but it answers wrongly or fails. Update, and commit the lock file."

    "DW2312" Warning "a package has been replaced"
    "The package is deprecated, or goes on under another name. It gets no fixes any more, or only late ones. Move to the \
     package that took its place; Clerk's upgrade guides list the changes."

    "DW2313" Warning "a package looks like Clerk's and is not"
    "Anybody may publish a package whose name says Clerk. This one was not written by Clerk, so nobody who knows the tokens \
     checks what it accepts, and security fixes of the real packages do not reach it. Use the official package."

    "DW2320" Warning "a lock file can't be read"
    "The lock file tells which versions are really used. Without it, doorward goes by what is installed or asked for, and \
     may miss a version with a known hole. Write it anew with your package manager."

    "DW2321" Warning "a file was not searched for secrets"
    "Every text file is searched for keys of Clerk's. This one could not be read, or is too large, so nothing is said about \
     it. If it is yours, give doorward read access, or take it out of the tree."

    "DW2340" Warning "a macro may write routes"
    "The call of a macro that the project defines itself can't be replaced by the code it stands for: none of its rules \
     fits as far as can be told, it makes too much code, or it is procedural and would have to run. What it is called, or \
     what it is given, speaks of routes, and they are missing from the inventory. Register them without the macro, or \
     review by hand what it writes."

    "DW2341" Warning "an attribute may write routes"
    "A type or a function carries an attribute that is a procedural macro of the project, and the attribute is given a \
     path. What such a macro writes is only known when it runs. If it registers routes, they are missing from the \
     inventory. Register them without the macro, or review by hand what it writes."

    "DW2342" Info "a file with routes is part of no crate"
    "The file registers routes, but no `mod` leads to it from a library or a program, so that the compiler doesn't see it. \
     If it is included in another way, such as with `include!` or by a build script, its routes are missing from the \
     inventory. If not, it is a leftover that misleads readers."

    "DW2343" Info "routes are taken from the arguments of a macro"
    "A procedural macro of the project is given a table of paths, methods and handlers, and writes the function that \
     registers them. The table is taken at its word, because the macro itself can't be read: if it adds a prefix or leaves \
     something out, the inventory doesn't know."

    "DW2360" Warning "a route is open"
    "Nothing that could refuse a stranger runs before the handler, as far as the source tells: whoever reaches the server \
     reaches this code. That is right for a health probe or a public catalogue, and a hole everywhere else. Say which it is \
     in doorward.toml; `doorward plan` proposes the rules and the guards."

    "DW2361" Info "a route's guard can't be told"
    "Something runs before the handler that may refuse strangers, but what it does can't be read from the source. Look at \
     it, or let `doorward verify` ask the running server."
}
