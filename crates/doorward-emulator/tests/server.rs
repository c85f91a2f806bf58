//! The emulator as a program sees it: over HTTP.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use doorward_emulator::{Emulator, EmulatorConfig, EmulatorError, Fault, TokenClass};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json\r\n"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap()
    }
}

async fn call(emulator: &Emulator, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let url = emulator.url();
    let host = url.strip_prefix("http://").unwrap();
    let host_header = if headers.contains("host:") { String::new() } else { format!("host: {host}\r\n") };
    let mut stream = TcpStream::connect(host).await.unwrap();
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\n{host_header}{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: format!("{head}\r\n"), body: body.to_owned() }
}

fn value(emulator: &Emulator, name: &str) -> String {
    emulator.environment().into_iter().find(|(of, _)| of == name).unwrap().1
}

fn bearer(emulator: &Emulator) -> String {
    format!("authorization: Bearer {}\r\n", value(emulator, "CLERK_SECRET_KEY"))
}

async fn start() -> Emulator {
    Emulator::start(EmulatorConfig::default()).await.unwrap()
}

#[tokio::test]
async fn keys_need_the_secret_key_or_the_public_address() {
    let emulator = start().await;
    let refused = call(&emulator, "GET", "/v1/jwks", "authorization: Bearer nonsense\r\n", "").await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.json()["errors"][0]["code"], "clerk_key_invalid");
    let keys = call(&emulator, "GET", "/v1/jwks", &bearer(&emulator), "").await.json();
    assert_eq!(keys["keys"][0]["kid"], emulator.signer().instance().id());
    assert_eq!(call(&emulator, "GET", "/.well-known/jwks.json", "", "").await.json(), keys);
    emulator.shutdown().await;
}

#[tokio::test]
async fn the_backend_knows_the_personas() {
    let emulator = start().await;
    let auth = bearer(&emulator);
    let users = call(&emulator, "GET", "/v1/users?limit=2", &auth, "").await.json();
    assert_eq!(users.as_array().unwrap().len(), 2, "a bare array, cut to the limit");
    let admin = emulator.signer().identity(&emulator.persona("admin").unwrap());
    let user = call(&emulator, "GET", &format!("/v1/users/{}", admin.user_id), &auth, "").await.json();
    assert_eq!(user["first_name"], "admin");
    let memberships = format!("/v1/users/{}/organization_memberships", admin.user_id);
    assert_eq!(call(&emulator, "GET", &memberships, &auth, "").await.json()["data"][0]["role"], "org:admin");
    let session = call(&emulator, "GET", &format!("/v1/sessions/{}", admin.session_id), &auth, "").await.json();
    assert_eq!(session["user_id"], user["id"]);
    let members = call(&emulator, "GET", "/v1/organizations/acme/memberships", &auth, "").await.json();
    assert_eq!(members["total_count"], 2);
    assert_eq!(call(&emulator, "GET", "/v1/users/count", &auth, "").await.json()["total_count"], 4);
    let missing = call(&emulator, "GET", "/v1/users/user_nobody", &auth, "").await;
    assert_eq!((missing.status, &missing.json()["errors"][0]["code"]), (404, &Value::from("resource_not_found")));
    assert_eq!(call(&emulator, "GET", "/v1/unknown", &auth, "").await.status, 404);
}

#[tokio::test]
async fn keys_can_be_made_to_fail() {
    let emulator = start().await;
    let keys = async || call(&emulator, "GET", "/.well-known/jwks.json", "", "").await;
    emulator.set_fault(Fault::Down(500));
    assert_eq!(keys().await.status, 500);
    emulator.set_fault(Fault::Garbage);
    assert_eq!(keys().await.body, "<html>");
    emulator.set_fault(Fault::Empty);
    assert_eq!(keys().await.body, r#"{"keys":[]}"#);
    emulator.set_fault(Fault::None);
    assert!(keys().await.body.contains("\"kty\":\"RSA\""));
}

#[tokio::test]
async fn tokens_are_handed_out_to_the_holder_of_the_control_token_only() {
    let emulator = start().await;
    let control = format!("x-doorward-control: {}\r\n", emulator.control_token().reveal());
    let body = r#"{"persona":"admin","forge":[{"set-header":{"alg":"none"}},"drop-signature"]}"#;
    let path = "/_doorward/token";
    assert_eq!(call(&emulator, "POST", path, "", body).await.status, 401);
    let token = call(&emulator, "POST", path, &control, body).await.json()["token"].clone();
    assert!(token.as_str().unwrap().ends_with('.'));
    let expired = call(&emulator, "POST", path, &control, r#"{"persona":"admin","expired":true}"#).await;
    assert_eq!(expired.status, 200);
    assert_eq!(call(&emulator, "POST", path, &control, r#"{"persona":"nobody"}"#).await.status, 404);
    let unknown = r#"{"persona":"admin","forge":["make-it-good"]}"#;
    assert_eq!(call(&emulator, "POST", path, &control, unknown).await.status, 400);
    let rebound = format!("{control}host: evil.example\r\n");
    assert_eq!(call(&emulator, "POST", path, &rebound, body).await.status, 421);
}

#[tokio::test]
async fn it_stays_on_loopback() {
    let config = EmulatorConfig { address: [0, 0, 0, 0].into(), ..EmulatorConfig::default() };
    assert!(matches!(Emulator::start(config).await, Err(EmulatorError::BeyondLoopback(_))));
}

#[tokio::test]
async fn beyond_loopback_only_the_control_endpoint_insists_on_its_name() {
    let address = [0, 0, 0, 0].into();
    let config = EmulatorConfig { address, insecure_beyond_loopback: true, ..EmulatorConfig::default() };
    let emulator = Emulator::start(config).await.unwrap();
    let host = "host: clerk.internal\r\n";
    assert_eq!(call(&emulator, "GET", "/.well-known/jwks.json", host, "").await.status, 200);
    let control = format!("{host}x-doorward-control: {}\r\n", emulator.control_token().reveal());
    let token = call(&emulator, "POST", "/_doorward/token", &control, r#"{"persona":"admin"}"#).await;
    assert_eq!(token.status, 421);
}

#[tokio::test]
async fn what_is_printed_for_debugging_holds_no_secret() {
    let emulator = start().await;
    let printed = format!("{emulator:?} {:?} {:?}", emulator.signer(), emulator.control_token());
    for name in ["CLERK_SECRET_KEY", "CLERK_WEBHOOK_SIGNING_SECRET"] {
        assert!(!printed.contains(&value(&emulator, name)));
    }
    assert!(!printed.contains(emulator.control_token().reveal()));
}

#[tokio::test]
async fn tokens_that_are_no_jwts_are_known_to_the_backend() {
    let emulator = start().await;
    let auth = bearer(&emulator);
    let admin = emulator.persona("admin").unwrap();
    for (class, path, member, object) in [
        (TokenClass::ApiKey, "/api_keys/verify", "secret", "api_key"),
        (TokenClass::OpaqueM2m, "/m2m_tokens/verify", "token", "machine_to_machine_token"),
        (
            TokenClass::OpaqueOauth,
            "/oauth_applications/access_tokens/verify",
            "access_token",
            "clerk_idp_oauth_access_token",
        ),
    ] {
        let token = emulator.forge(&admin, class, &[]).unwrap();
        for path in [path.to_owned(), format!("/v1{path}")] {
            let found = call(&emulator, "POST", &path, &auth, &format!(r#"{{"{member}":"{token}"}}"#)).await;
            assert_eq!(found.json()["object"], object, "{path}");
            assert_eq!(
                call(&emulator, "POST", &path, &auth, &format!(r#"{{"{member}":"x{token}"}}"#)).await.status,
                404
            );
            assert_eq!(call(&emulator, "POST", &path, "", "{}").await.status, 401);
        }
        assert!(emulator.forge(&admin, class, &[doorward_emulator::Forge::DropSignature]).is_err());
    }
}

#[tokio::test]
async fn the_backend_mints_tokens_without_a_party() {
    let emulator = start().await;
    let auth = bearer(&emulator);
    let admin = emulator.signer().identity(&emulator.persona("admin").unwrap());
    let body = format!(r#"{{"user_id":"{}"}}"#, admin.user_id);
    let session = call(&emulator, "POST", "/v1/sessions", &auth, &body).await.json();
    assert_eq!(session["id"], admin.session_id.as_str());
    let path = format!("/v1/sessions/{}/tokens", admin.session_id);
    let token = call(&emulator, "POST", &path, &auth, "").await.json()["jwt"].as_str().unwrap().to_owned();
    assert_eq!(token.split('.').count(), 3);
    assert_eq!(call(&emulator, "POST", &format!("{path}/hasura"), &auth, "").await.status, 200);
    assert_eq!(call(&emulator, "POST", "/v1/sessions/sess_x/tokens", &auth, "").await.status, 404);
}
