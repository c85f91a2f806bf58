//! Codes of the policy file: DW1xxx.

use super::Code;
use super::Severity::Error;

pub(super) static CODES: &[Code] = &[
    Code {
        id: "DW1001",
        title: "the policy can't be read",
        severity: Error,
        story: "doorward.toml is not valid TOML, or it is too large to be a policy. Nothing is decided from a file that was only read in part, so every command that needs the policy stops here. Mend the place the message points at.",
    },
    Code {
        id: "DW1002",
        title: "unknown key in the policy",
        severity: Error,
        story: "A key that doorward doesn't know would be a rule that silently does nothing, for example `acess = \"public\"`. Unknown keys are therefore errors. The message lists the keys that the section takes.",
    },
    Code {
        id: "DW1003",
        title: "wrong kind of value in the policy",
        severity: Error,
        story: "A value has the wrong type, or its text does not have the shape the key needs: a route is written `METHOD /path` with `{parameters}`, and an environment variable is written in capitals.",
    },
    Code {
        id: "DW1004",
        title: "a value in the policy looks like a key",
        severity: Error,
        story: "The policy is committed, so it may hold the names of environment variables but never their values. The value is not repeated in the message. If the file was ever pushed, replace the key at Clerk first: deleting the line does not take it out of the history.",
    },
    Code {
        id: "DW1005",
        title: "unknown policy version",
        severity: Error,
        story: "The first line of a policy says which grammar it follows. A newer grammar may mean something else by the same words, so a version this program does not know is refused instead of guessed at.",
    },
    Code {
        id: "DW1006",
        title: "the default is not deny",
        severity: Error,
        story: "A route that no rule names is closed, always. There is no switch that turns this round, because then a forgotten route would be an open route. Open single routes with `access = \"public\"` and a reason.",
    },
    Code {
        id: "DW1007",
        title: "the policy asks for something that is not built",
        severity: Error,
        story: "The key is part of the policy grammar, but this version of doorward can't enforce it yet. Accepting it would promise a protection that nobody provides, so it is an error.",
    },
    Code {
        id: "DW1008",
        title: "public without a reason",
        severity: Error,
        story: "An open door is a decision, and decisions have reasons that a reviewer can read: a health probe that returns no data, a public catalogue. Add `reason = \"…\"`, or use `signed-in`.",
    },
    Code {
        id: "DW1009",
        title: "not an origin",
        severity: Error,
        story: "Browsers send `Origin` as scheme, host and port, without a path or a trailing slash, and it is compared byte for byte. Anything else in the list would never match, and `*` would match everyone.",
    },
    Code {
        id: "DW1010",
        title: "an incomplete rule",
        severity: Error,
        story: "A rule needs exactly one selector (`routes`, `prefix` or `file`) and an `access`. `bind` and `hide` need an access that knows its caller. Personas need a name, expectations need `as`, `call` and `status`.",
    },
    Code {
        id: "DW1011",
        title: "not an access requirement",
        severity: Error,
        story: "`access` is one of `public`, `optional`, `signed-in`, `webhook`, or a table with exactly one of `role`, `permission`, `feature`, `plan`, `any`, `all`. Names are checked for the shape that Clerk gives them.",
    },
    Code {
        id: "DW1012",
        title: "a system permission in a rule",
        severity: Error,
        story: "Permissions that start with `org:sys_` are never in a Clerk session token, so a rule that asks for one would refuse every caller. Use a custom permission, or the role that holds the system permission.",
    },
    Code {
        id: "DW1013",
        title: "a binding that can't be checked",
        severity: Error,
        story: "`bind` says that a path parameter must equal a claim of the caller, e.g. { \"param:orgId\" = \"org_id\" }. It closes the hole that role checks leave: an admin of one organization reading another's data.",
    },
    Code {
        id: "DW1020",
        title: "two rules are equally close to a route",
        severity: Error,
        story: "When two rules name a route equally closely, the order in the file would decide, and nobody reads a policy that way. An exact route beats a file, a file beats a prefix, a longer prefix beats a shorter one; an equal match is an error.",
    },
    Code {
        id: "DW1021",
        title: "a route without a rule",
        severity: Error,
        story: "The source has a route that no rule of the policy names. It is treated as signed-in, but somebody should decide: add a rule. In continuous integration this is how a new endpoint is noticed before it is shipped.",
    },
    Code {
        id: "DW1022",
        title: "a rule that matches nothing",
        severity: Error,
        story: "A rule that matches no route protects nothing. Usually the route was renamed, and its new name may now fall under a weaker rule. Correct the rule or delete it.",
    },
    Code {
        id: "DW1023",
        title: "a binding names a parameter the route does not have",
        severity: Error,
        story: "The rule binds a path parameter, but one of its routes has no parameter of that name. The binding could never hold, so nobody could call the route. Split the rule, or correct the name.",
    },
    Code {
        id: "DW1024",
        title: "the policy names an app that is not there",
        severity: Error,
        story: "A section `[app.NAME]` has to carry the name that `doorward discover` prints, and its framework, if it is pinned, has to be the one found. Otherwise its settings would silently be nobody's.",
    },
];
