//! Every forged token against the core's own verifier: refused for the reason the case states, and its neighbour
//! accepted.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use doorward::token::{AuthorizedParties, KeySet, Rules, Timestamp, Unverified};
use doorward_emulator::Signer;
use doorward_probe::{Case, Expect, Who, cases};

const PARTY: &str = "https://app.example.com";
const NOW: i64 = 1_700_000_000;

fn verify(signer: &Signer, token: &str) -> Result<String, &'static str> {
    let keys = KeySet::from_json(signer.instance().jwks().to_string().as_bytes()).unwrap();
    let parties = AuthorizedParties::list([PARTY]).unwrap();
    let rules = Rules::new([signer.issuer()], parties).unwrap().with_session_id_required();
    let check = || {
        let unverified = Unverified::parse(token)?;
        let key = keys.find(unverified.key_id())?;
        unverified.verify(key, &rules, Timestamp::from_seconds(NOW))
    };
    check().map(|claims| claims.principal().user_id.clone()).map_err(|error| error.code())
}

fn forge(signer: &Signer, case: &Case) -> String {
    let admin = signer.persona("admin").unwrap();
    signer.forge(&admin, case.start.unwrap(), &case.forge, NOW).unwrap()
}

#[test]
fn forged_tokens_are_refused_for_the_reason_stated_and_their_neighbours_accepted() {
    let signer = Signer::generate("http://127.0.0.1:4000", &[PARTY.to_owned()]).unwrap();
    let cases = cases().unwrap();
    let admin = signer.identity(&signer.persona("admin").unwrap()).user_id;
    let mut wrong = Vec::new();
    let mut checked = 0;
    for case in cases.iter().filter(|case| case.start.is_some() && case.who == Who::Granted) {
        let expected = match &case.expect {
            Expect::Accept => Ok(admin.clone()),
            Expect::Reject(code) => Err(code.as_str()),
            _ => continue,
        };
        checked += 1;
        let got = verify(&signer, &forge(&signer, case));
        if got != expected {
            wrong.push(format!("{}: expected {expected:?}, got {got:?}", case.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked >= 60, "{checked}");
}
