//! A local Clerk to test against, and the only part of doorward that signs tokens.
//!
//! [`Emulator::start`] serves one instance on loopback: its keys, its users and organizations, and the Backend API
//! calls that a server makes. [`Signer`] is the same instance without the server: it mints the tokens Clerk would
//! mint, and [`Forge`]s the ones Clerk never would.
//!
//! ```
//! use doorward_emulator::{Signer, TokenClass};
//!
//! let signer = Signer::generate("http://127.0.0.1:4000", &[])?;
//! let member = signer.persona("member").ok_or("no such persona")?;
//! let token = signer.mint(&member, TokenClass::Session, 1_700_000_000)?;
//! assert_eq!(token.split('.').count(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Keys and secrets are made anew at every start and never written anywhere. Nothing here reaches the network, and
//! the server refuses to listen anywhere but on loopback unless it is told to in so many words.

mod directory;
mod emulator;
mod forge;
mod instance;
mod json;
mod secret;
mod server;
mod signer;
mod webhook;

pub use directory::{Directory, Identity, Membership, accesses_in, default_personas, persona_for};
pub use emulator::{Emulator, EmulatorConfig, EmulatorError};
pub use forge::{Duplicate, Forge, ForgeError, Json, SignKey, Tamper};
pub use instance::{Instance, KeyError};
pub use secret::Secret;
pub use server::Fault;
pub use signer::{ForgeRequest, SignError, Signer, TokenClass};
pub use webhook::{SignedDelivery, WebhookSecret};
