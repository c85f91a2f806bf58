//! Codes of `verify`: DW5xxx.

use super::Code;
use super::Severity::{Critical, Error, Warning};

pub(super) static CODES: &[Code] = &[
    Code {
        id: "DW5001",
        title: "a route lets strangers in",
        severity: Critical,
        story: "A request without credentials, or with something that is none, got the handler's answer on a route that the policy guards. Anyone who can reach the server can call it. Put the guard on the route that was matched; where another spelling of the path was let in, the guard compares the text of the path and the router does not.",
    },
    Code {
        id: "DW5002",
        title: "a forged or foreign token is accepted",
        severity: Critical,
        story: "A token that a correct verifier refuses got the handler's answer: unsigned, signed by a stranger, expired, meant for another site or for another purpose. Whoever can make such a token is any user. Verify tokens with Clerk's SDK, pin RS256, and set the authorized parties.",
    },
    Code {
        id: "DW5003",
        title: "the wrong people are let in",
        severity: Critical,
        story: "A good token of someone whom the rule does not admit got the handler's answer: a missing role or permission, no organization, another organization or another user than the one in the path. Signing in is checked here and rights are not. Compare the guard on the route with its rule.",
    },
    Code {
        id: "DW5004",
        title: "a webhook accepts what Clerk did not sign",
        severity: Critical,
        story: "A delivery without a good signature was accepted, so anyone can tell this server that users and memberships were created, changed or deleted. Verify the raw bytes of the body with the endpoint's signing secret before any parser touches them, and refuse what is older than five minutes.",
    },
    Code {
        id: "DW5005",
        title: "a good identity is refused",
        severity: Error,
        story: "Someone whom the rule admits, or a delivery that Clerk signed, did not get through. Until it does, the refusals on this route prove nothing, because a server that refuses everybody refuses attackers as well. Check that the server was started with the emulator's environment, then compare the guard with the rule.",
    },
    Code {
        id: "DW5006",
        title: "a refusal that is not one",
        severity: Error,
        story: "The request did not get in, but the answer was a redirect, a crash or silence. Clients of an API can't act on any of these, and a crash that a stranger can cause is an outage. Answer 401 with `WWW-Authenticate: Bearer`; Clerk's `requireAuth` for Express redirects and is deprecated for that reason.",
    },
    Code {
        id: "DW5007",
        title: "a refusal could say more",
        severity: Warning,
        story: "The door is closed, and clients are not told how to open it. A 401 must carry `WWW-Authenticate` (RFC 9110, section 15.5.2), an API answers in JSON, and 401 means unknown while 403 means known and not allowed. Clerk's SDKs do not set the header; the guard has to.",
    },
    Code {
        id: "DW5008",
        title: "a check that could be stricter",
        severity: Warning,
        story: "Something got through that Clerk never sends, or that Clerk's own SDKs let pass, such as another issuer under the right key. The signature still holds, so this is no open door but a second lock that is missing. With strict verification these count as errors.",
    },
    Code {
        id: "DW5009",
        title: "cross-origin rules are wrong",
        severity: Error,
        story: "Either a site that nobody allowed may read answers, or the front end that the policy names is kept out because the guard answers its preflights. List the allowed origins exactly, and put the CORS layer in front of the guard.",
    },
    Code {
        id: "DW5010",
        title: "an open route refuses strangers",
        severity: Error,
        story: "The policy says that anyone may call this route, and the server asks for credentials. A guard that covers a whole router covers this route as well, or the rule is out of date. Health probes that start to fail this way take a service down.",
    },
    Code {
        id: "DW5011",
        title: "a route is untested",
        severity: Warning,
        story: "Nothing was shown about this route, neither that it is closed nor that it is open. The usual reasons: it changes things and writes were not allowed, it needs a real id in its path (give one with `--param`), the good identity was refused or limited after the attacks, or no persona meets its rule. A 404 is a refusal only where the rule hides the route, because a handler that looks for what is gone says it too. Untested is not proved, and a report with such routes is not a proof of the whole.",
    },
    Code {
        id: "DW5012",
        title: "a pinned answer did not come",
        severity: Error,
        story: "The policy pins what a persona gets for a call with `[[expect]]`, and the server answered otherwise, or the call names a route or a persona that does not exist. A pinned answer is a promise to somebody; change the server, or change the promise where it is reviewed.",
    },
    Code {
        id: "DW5013",
        title: "doors open when keys can't be had",
        severity: Critical,
        story: "While the key set was down, unreadable or empty, a token under an unknown key was let in. An outage at Clerk, or a captive portal on the way there, would open every door. Where the keys can't be had, answer 503 with `Retry-After`, and never go on without them.",
    },
    Code {
        id: "DW5014",
        title: "the run stopped early",
        severity: Error,
        story: "Verification sends a good identity again and again, because a server that has crashed or locked up refuses everything and would seem safe. Once the good identity is no longer let in, or the time is over, nothing more is sent, and what is left is untested.",
    },
];
