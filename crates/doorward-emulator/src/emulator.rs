//! The running emulator.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use doorward::policy::{ClerkConfig, Persona, Policy};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::directory::{accesses_in, persona_for};
use crate::forge::Forge;
use crate::instance::{KeyError, random_text};
use crate::json::base64;
use crate::secret::Secret;
use crate::server::{Fault, Shared, router};
use crate::signer::{SignError, Signer, TokenClass};
use crate::webhook::SignedDelivery;

/// How to start an [`Emulator`].
#[derive(Debug, Clone)]
pub struct EmulatorConfig {
    /// The address to listen on.
    pub address: IpAddr,
    /// The port, 0 for any free one.
    pub port: u16,
    /// Lets `address` be one that other machines reach. Anyone who reaches it can then ask for the keys, and
    /// anyone who has the control token can be anybody.
    pub insecure_beyond_loopback: bool,
    /// Personas in addition to the default ones.
    pub personas: Vec<Persona>,
    /// The origins whose tokens are good.
    pub authorized_parties: Vec<String>,
    /// The names of the environment variables.
    pub clerk: ClerkConfig,
}

impl Default for EmulatorConfig {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            insecure_beyond_loopback: false,
            personas: Vec::new(),
            authorized_parties: Vec::new(),
            clerk: ClerkConfig::default(),
        }
    }
}

impl EmulatorConfig {
    /// A configuration with the policy's personas, one more for each access its rules use, its parties and its
    /// names of variables.
    #[must_use]
    pub fn for_policy(policy: &Policy) -> Self {
        let made = accesses_in(policy).into_iter().filter_map(|access| persona_for(&access));
        let made = made.filter(|persona| persona.name != "member");
        Self {
            personas: made.chain(policy.personas.iter().cloned()).collect(),
            authorized_parties: policy.clerk.authorized_parties.clone(),
            clerk: policy.clerk.clone(),
            ..Self::default()
        }
    }
}

/// Why an emulator did not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// The address is not on loopback, and nobody said that this is meant.
    #[error("`{0}` is reachable from other machines; the emulator hands out identities and stays on loopback")]
    BeyondLoopback(IpAddr),
    /// The port is taken, or the address is not ours.
    #[error("can't listen on `{address}`: {error}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: std::io::Error,
    },
    /// The system has no randomness to give.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A Clerk instance that listens.
///
/// It stops when it is dropped; [`Emulator::shutdown`] also waits until it has.
pub struct Emulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    clerk: ClerkConfig,
    stop: Option<oneshot::Sender<()>>,
    server: JoinHandle<()>,
}

impl Emulator {
    /// Makes an instance and serves it.
    ///
    /// # Errors
    /// [`EmulatorError`].
    pub async fn start(config: EmulatorConfig) -> Result<Self, EmulatorError> {
        if !config.address.is_loopback() && !config.insecure_beyond_loopback {
            return Err(EmulatorError::BeyondLoopback(config.address));
        }
        let wanted = SocketAddr::new(config.address, config.port);
        let refused = |error| EmulatorError::Bind { address: wanted, error };
        let listener = TcpListener::bind(wanted).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let signer = Arc::new(Signer::generate(&format!("http://{address}"), &config.authorized_parties)?);
        config.personas.into_iter().for_each(|persona| signer.enroll(persona));
        let shared = Arc::new(Shared {
            signer,
            secret_key: Secret::new(format!("sk_test_{}", random_text(42)?)),
            control: Secret::new(random_text(32)?),
            fault: RwLock::default(),
            any_host: !config.address.is_loopback(),
        });
        let (stop, stopped) = oneshot::channel();
        let app = router(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            let until = async move {
                // A dropped sender means the emulator was dropped: stop as well.
                let _ = stopped.await;
            };
            // The only error is a broken listener, after which there is nothing left to serve.
            let _ = axum::serve(listener, app).with_graceful_shutdown(until).await;
        });
        Ok(Self { shared, address, clerk: config.clerk, stop: Some(stop), server })
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The publishable key: the frontend API's host, encoded as Clerk does.
    #[must_use]
    pub fn publishable_key(&self) -> String {
        format!("pk_test_{}", base64(format!("{}$", self.address)))
    }

    /// What a server needs to trust this instance instead of Clerk's.
    ///
    /// The values include secrets of this run. Hand them to a process; don't print them.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let signer = &self.shared.signer;
        vec![
            (self.clerk.publishable_key_env.clone(), self.publishable_key()),
            (self.clerk.secret_key_env.clone(), self.shared.secret_key.reveal().to_owned()),
            (self.clerk.jwt_key_env.clone(), signer.instance().public_key_pem()),
            ("CLERK_API_URL".into(), self.url()),
            ("CLERK_AUTHORIZED_PARTIES".into(), signer.authorized_parties().join(",")),
            ("CLERK_WEBHOOK_SIGNING_SECRET".into(), signer.webhook().text().reveal().to_owned()),
            ("CLERK_TELEMETRY_DISABLED".into(), "1".into()),
            ("NEXT_PUBLIC_CLERK_TELEMETRY_DISABLED".into(), "1".into()),
        ]
    }

    /// The instance behind the server.
    #[must_use]
    pub fn signer(&self) -> &Arc<Signer> {
        &self.shared.signer
    }

    /// The persona with this name.
    #[must_use]
    pub fn persona(&self, name: &str) -> Option<Persona> {
        self.shared.signer.persona(name)
    }

    /// Mints a good session token.
    ///
    /// # Errors
    /// If it can't be signed.
    pub fn mint(&self, persona: &Persona) -> Result<String, SignError> {
        self.shared.signer.mint(persona, TokenClass::Session, unix_now())
    }

    /// Mints a token of any kind and changes it.
    ///
    /// # Errors
    /// If a step does not fit the token.
    pub fn forge(&self, persona: &Persona, class: TokenClass, steps: &[Forge]) -> Result<String, SignError> {
        self.shared.signer.forge(persona, class, steps, unix_now())
    }

    /// Signs a delivery with the secret of [`Emulator::environment`].
    #[must_use]
    pub fn sign_webhook(&self, body: &[u8], id: &str, timestamp: i64) -> SignedDelivery {
        self.shared.signer.webhook().sign(body, id, timestamp)
    }

    /// Makes the key endpoints misbehave, or behave again.
    pub fn set_fault(&self, fault: Fault) {
        *self.shared.fault.write().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// The token that the control endpoint asks for, in the header `x-doorward-control`.
    #[must_use]
    pub fn control_token(&self) -> &Secret {
        &self.shared.control
    }

    /// Stops listening and waits for requests in flight.
    pub async fn shutdown(mut self) {
        drop(self.stop.take());
        // An error here is a panic in a handler, which is over now either way.
        let _ = (&mut self.server).await;
    }
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Seconds since 1970.
pub(crate) fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
