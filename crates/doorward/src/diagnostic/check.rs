//! Codes of check: DW4xxx.

use super::Code;
use super::Severity::{Critical, Error, Warning};

pub(super) static CODES: &[Code] = &[
    Code {
        id: "DW4001",
        title: "an open route that should be closed",
        severity: Critical,
        story: "Anybody on the network can call this route, and the policy says that they must not. Nothing in the source that runs before its handler refuses strangers. Let `doorward plan` show the guard that belongs there.",
    },
    Code {
        id: "DW4002",
        title: "a guard that asks for something else",
        severity: Error,
        story: "The route carries a guard, but not the one the policy asks for: another role or permission, a missing binding, or a guard on a route that is meant to be public. Either the code or the policy is out of date.",
    },
    Code {
        id: "DW4003",
        title: "a guard that can't be judged from the source",
        severity: Warning,
        story: "Something runs before the handler that refuses strangers, or seems to, but it is not a doorward guard, so reading it does not tell whether it asks for what the policy asks. A running server does: `doorward verify` plays real tokens against it.",
    },
    Code {
        id: "DW4004",
        title: "the route is not what the lock says",
        severity: Error,
        story: "doorward.lock.json records every route with its guard and its rule, so that a review shows when one of them changes. The source or the policy has moved on without it. Look at the change, then let `doorward apply` write the lock again.",
    },
    Code {
        id: "DW4005",
        title: "a locked route is gone",
        severity: Error,
        story: "The lock names a route that the source no longer has. Usually it was renamed or deleted on purpose; sometimes a refactoring hid it from discovery. Look at the change, then let `doorward apply` write the lock again.",
    },
    Code {
        id: "DW4006",
        title: "the lock can't be read",
        severity: Error,
        story: "doorward.lock.json is generated and committed, and its text is not what doorward writes: a merge conflict, an edit by hand, or another version. Without it drift can't be seen, so the check fails. Take it from version control or generate it again.",
    },
    Code {
        id: "DW4007",
        title: "wiring or settings that are not as the policy asks",
        severity: Error,
        story: "Guards alone do nothing: Clerk has to be attached before the routes, webhook bodies have to be kept raw, and the runtime's policy file has to say what doorward.toml says. One of these is missing or different. `doorward plan` shows the edit that puts it right.",
    },
    Code {
        id: "DW4008",
        title: "the runtime is not the one doorward ships",
        severity: Warning,
        story: "The runtime file belongs to the project and may be changed, but every promise about guards rests on it. If the difference is yours, keep it, and let `doorward verify` judge the result; if it is the work of an older doorward, let `doorward plan` renew it.",
    },
    Code {
        id: "DW4009",
        title: "a file around the source that is not as it should be",
        severity: Warning,
        story: "The manifest does not list the Clerk package, `.env.example` lacks a variable, or `.gitignore` lets environment files through. Nothing is open because of it, but the next person to set the project up will stumble.",
    },
];
