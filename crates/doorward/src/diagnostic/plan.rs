//! Codes of plan, apply and undo: DW3xxx.

use super::Code;
use super::Severity::{Error, Info, Warning};

pub(super) static CODES: &[Code] = &[
    Code {
        id: "DW3001",
        title: "one registration, two rules",
        severity: Error,
        story: "One line of source registers several routes, because its router is mounted twice or its path is a list, and the policy wants different guards for them. A guard stands at the line, so it can only ask for one thing. Give the routes the same rule, or register them apart.",
    },
    Code {
        id: "DW3002",
        title: "no place to attach Clerk",
        severity: Error,
        story: "doorward attaches Clerk right after the statement that makes the application, and found none it could read. Guards without the attach point refuse everybody, so the plan stops. Make the application in a file doorward reads, or attach it by hand.",
    },
    Code {
        id: "DW3003",
        title: "edits that don't fit together",
        severity: Error,
        story: "Two planned edits of one file touch the same bytes. This is a mistake in doorward, not in your file; nothing is written. Please report the file's shape if you can share it.",
    },
    Code {
        id: "DW3004",
        title: "CORS is left as it is",
        severity: Warning,
        story: "The policy lists no browser origins, so an existing `cors()` stays untouched. With its defaults it lets every site read answers; with bearer tokens that is not fatal, but it is wider than needed. List the origins under [cors] to narrow it.",
    },
    Code {
        id: "DW3005",
        title: "options of clerkMiddleware are replaced",
        severity: Warning,
        story: "An existing `clerkMiddleware(…)` had options of its own. Clerk uses the first attach point only, and all options have to be there, so doorward replaces them by `clerkOptions`, which reads keys and parties from the variables the policy names. Compare the two in the diff.",
    },
    Code {
        id: "DW3006",
        title: "a body is parsed before the guard",
        severity: Info,
        story: "The app parses bodies for all routes before any route runs, so a malformed body is answered with 400 before the guard can answer 401. Nothing leaks, but the parser does work for strangers. Moving the parser behind the guard of each route changes more code than this is worth to most.",
    },
    Code {
        id: "DW3007",
        title: "places that could not be read",
        severity: Warning,
        story: "Some calls register routes in ways that no static reading can follow. The plan can't guard what it can't see; `doorward discover` lists each place. Guard those routes by hand with `guard(…)` and let `doorward verify` judge the result.",
    },
    Code {
        id: "DW3008",
        title: "the manifest can't be edited",
        severity: Error,
        story: "The Clerk package has to be listed in the project's manifest, and that file is missing or is not a JSON object. Nothing is written until it can be edited, because source that imports a package nobody installs does not start.",
    },
    Code {
        id: "DW3009",
        title: "no authorized parties",
        severity: Warning,
        story: "`azp` says for which site a token was made. Without a list, a token of any sibling site would be accepted, so the runtime refuses all tokens until it has a list. Name your front ends' origins in the policy, or set CLERK_AUTHORIZED_PARTIES.",
    },
    Code {
        id: "DW3010",
        title: "tokens without azp are refused",
        severity: Info,
        story: "Browsers' tokens carry the origin that asked for them as `azp`. Tokens made for native apps, or by a backend through Clerk's API, carry none, and are refused. If you need those callers, give them a route of their own.",
    },
    Code {
        id: "DW3011",
        title: "session tokens live for 60 seconds",
        severity: Info,
        story: "A Clerk session token expires a minute after it was made. A client that keeps one will see 401 soon: it must call Clerk's getToken for each request, which answers from its cache while the token is fresh.",
    },
    Code {
        id: "DW3012",
        title: "webhooks are delivered at least once",
        severity: Info,
        story: "Clerk's webhooks may arrive late, more than once and out of order, and may be lost. The guard refuses a delivery id it has just seen, but the memory of one process is not a database: make the handler idempotent by the delivery id.",
    },
    Code {
        id: "DW3013",
        title: "the file changed since it was planned",
        severity: Error,
        story: "The file on disk is no longer the one the plan was made from. Applying the plan would undo someone's work, so nothing is written. Make the plan again and look at the new diff.",
    },
    Code {
        id: "DW3014",
        title: "nothing to undo",
        severity: Error,
        story: "There is no record of an applied plan in this folder, or the files have changed since it was applied. `doorward undo` only ever restores what `doorward apply` changed, byte for byte; use your version control for the rest.",
    },
    Code {
        id: "DW3015",
        title: "a replaced package is still needed",
        severity: Error,
        story: "The source uses something of a package that Clerk has replaced, and the official SDK has nothing of that name. The package is about to be taken out of the manifest, so the program would not start. Replace the call by hand first.",
    },
    Code {
        id: "DW3016",
        title: "no place behind a statement",
        severity: Error,
        story: "Something has to run right before or after this statement, and there is no place for a statement there: it is the whole of a function without braces, which runs at a time of its own. Give the function braces, put the statement on a line of its own, and plan again.",
    },
    Code {
        id: "DW3017",
        title: "a statement that does too much",
        severity: Error,
        story: "One statement makes the application and registers routes or middleware on it, or registers something that has to go together with something that has to stay. Clerk has to be attached between the two, and doorward doesn't take statements apart. Make the application in a statement that ends there, call each `use` in one of its own, and plan again.",
    },
    Code {
        id: "DW3018",
        title: "a webhook behind a session",
        severity: Warning,
        story: "The route looks like a webhook, and the policy asks its callers for a Clerk session. Stripe, GitHub and other senders have none, so every delivery would be refused. If Clerk is the sender, give the route the access `webhook`. If it is someone else, make the route public with a reason, and verify the signature of that sender in the handler.",
    },
    Code {
        id: "DW3019",
        title: "a guard of the project's own stays",
        severity: Warning,
        story: "The route has a guard that is not Clerk's, and the plan puts a Clerk guard next to it: callers have to satisfy both. Take the old guard away if Clerk replaces it. If its callers are machines with a key and no Clerk session, make the route public with a reason, and the old guard alone decides.",
    },
    Code {
        id: "DW3020",
        title: "guards of this framework are not written yet",
        severity: Warning,
        story: "doorward reads this framework's routes and judges them by the policy, but does not write guards for it yet. Nothing of this app is changed by the plan. Write the guards by hand in the framework's own way; `doorward check` compares them with the policy, and `doorward verify` attacks the running server as it does any other.",
    },
];
