//! Requests that a machine signs: RFC 9421 with Ed25519 and an RFC 9530 Content-Digest.
//!
//! The parts of structured fields are read by `sfv`; the signature itself is checked by the one
//! rule of `jichi_protocol::signature` (`verify_strict`). The crate `httpsig` was not taken: it
//! checks by another rule, signs with random noise, takes whatever algorithm the caller names, and
//! brings the P-256 and P-384 curves along.

mod fields;
mod origin;

use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jichi_protocol::{
    date::Time,
    signature::{PublicKey, Signature, SigningKey},
};

use super::{
    idempotency,
    nonce::{NonceRefused, NonceStore},
    problem::{Problem, edge::EdgeProblem},
};
use fields::{Input, content_digest};

pub use origin::{NotAnOrigin, Origin};

/// How far a signature's `created` may be from our time, in milliseconds.
pub const AGE_MS_MAX: u64 = 300_000;

/// The label under which [`sign`] puts its signature.
pub const LABEL: &str = "jichi";

const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");

/// Why a signed request is not believed. No variant carries what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignFault {
    /// There is no signature.
    #[error("the request has no signature; sign it (RFC 9421)")]
    Missing,
    /// The fields cannot be read, or say something that is not allowed.
    #[error("the fields Signature-Input and Signature are not one signature in the allowed form")]
    Form,
    /// A component that has to be signed is not.
    #[error("the component {0} has to be signed; sign it as well")]
    NotCovered(&'static str),
    /// The request is not for an address of this node.
    #[error("the request names another host; send it to this node's own address")]
    OtherAuthority,
    /// The body does not have its digest.
    #[error("the Content-Digest does not fit the body; compute sha-256 over the bytes sent")]
    Digest,
    /// Made too long before or after our time, or before this node started, or expired.
    #[error("the signature's time is too far from now; set the clock and sign again")]
    Stale,
    /// No such key, or no longer.
    #[error("the key is not known here; register it")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the signature does not fit the request; sign the bytes that are sent")]
    Unfit,
    /// The nonce was used before.
    #[error("the nonce was used before; sign again with a new one")]
    Replayed,
    /// Too many signed requests in the window.
    #[error("too many signed requests; wait and sign again")]
    Full,
}

impl From<SignFault> for Problem {
    fn from(fault: SignFault) -> Self {
        match fault {
            SignFault::Missing => EdgeProblem::Unauthenticated.into(),
            SignFault::NotCovered(component) => {
                Self::from(EdgeProblem::BadSignature).in_field(component)
            }
            // An unknown key answers as a wrong signature: who asks learns no key's existence.
            SignFault::Form
            | SignFault::OtherAuthority
            | SignFault::Digest
            | SignFault::UnknownKey
            | SignFault::Unfit => EdgeProblem::BadSignature.into(),
            SignFault::Stale => EdgeProblem::StaleSignature.into(),
            SignFault::Replayed => EdgeProblem::ReplayedSignature.into(),
            SignFault::Full => EdgeProblem::TooManyRequests.into(),
        }
    }
}

/// Who signed a request. Only [`SignatureGate::verify`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    key_id: String,
    key: PublicKey,
    created: Time,
}

impl SignedBy {
    /// The key's id, as the caller named it.
    #[must_use]
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The key under which the signature is right.
    #[must_use]
    pub const fn key(&self) -> PublicKey {
        self.key
    }

    /// When the caller says that it signed.
    #[must_use]
    pub const fn created(&self) -> Time {
        self.created
    }
}

/// Checks signed requests, and remembers their nonces.
///
/// Nonces are kept in memory only. After a restart whatever was signed before it is refused; a
/// request that a fast clock dated after it could be sent once more, and the Idempotency-Key makes
/// that harmless.
#[derive(Debug)]
pub struct SignatureGate {
    origins: Vec<Origin>,
    started: Time,
    nonces: Mutex<NonceStore>,
}

impl SignatureGate {
    /// A gate for requests to these addresses of this node, which started at that time.
    #[must_use]
    pub fn new(origins: Vec<Origin>, started: Time) -> Self {
        Self { origins, started, nonces: Mutex::default() }
    }

    /// Checks the signature of a request. `body` is the whole body as sent.
    ///
    /// # Errors
    /// [`SignFault`]; a nonce counts as used only when everything else is right.
    pub fn verify(
        &self,
        parts: &Parts,
        body: &[u8],
        now: Time,
        key_of: impl Fn(&str) -> Option<PublicKey>,
    ) -> Result<SignedBy, SignFault> {
        let input = Input::read(&parts.headers)?;
        let origin = self.origin_of(parts).ok_or(SignFault::OtherAuthority)?;
        for component in required(parts, body) {
            if !input.covers(component) {
                return Err(SignFault::NotCovered(component));
            }
        }
        let end = self.check_time(&input, now)?;
        if parts.headers.contains_key(CONTENT_DIGEST) || !body.is_empty() {
            fields::check_content_digest(&parts.headers, body)?;
        }
        let key = key_of(&input.key_id).ok_or(SignFault::UnknownKey)?;
        let base = signature_base(parts, origin, input.components(), &input.params_text)?;
        key.verify_raw(base.as_bytes(), &input.signature).map_err(|_| SignFault::Unfit)?;
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.admit(&input.key_id, &input.nonce, end, now).map_err(|refused| match refused {
            NonceRefused::Over => SignFault::Stale,
            NonceRefused::Used => SignFault::Replayed,
            NonceRefused::Full => SignFault::Full,
        })?;
        Ok(SignedBy { key_id: input.key_id, key, created: input.created })
    }

    /// The last time at which this signature is taken.
    fn check_time(&self, input: &Input, now: Time) -> Result<Time, SignFault> {
        let apart = input.created.0.abs_diff(now.0);
        let expired = input.expires.is_some_and(|expires| expires < now);
        // `created` has whole seconds, so one made in the second of the start passes.
        let before_start = input.created.later_by_ms(999) < self.started;
        if apart > AGE_MS_MAX || expired || before_start {
            return Err(SignFault::Stale);
        }
        Ok(input.created.later_by_ms(AGE_MS_MAX))
    }

    fn origin_of(&self, parts: &Parts) -> Option<&Origin> {
        let mut hosts = parts.headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        let target = parts.uri.authority().map(axum::http::uri::Authority::as_str);
        if hosts.next().is_some() || (target.is_some() && host.is_some() && target != host) {
            return None;
        }
        let asked = target.or(host)?;
        self.origins.iter().find(|origin| origin.is_asked_by(asked))
    }
}

/// Signs a request to `origin` in place: adds Content-Digest (when there is a body),
/// Signature-Input and Signature. Headers that are signed have to stand already.
///
/// # Errors
/// [`SignFault::Form`] for a key id or header that cannot be written, [`SignFault::NotCovered`]
/// for a body without its Content-Type.
pub fn sign(
    parts: &mut Parts,
    body: &[u8],
    origin: &Origin,
    key_id: &str,
    key: &SigningKey,
    created: Time,
    nonce: [u8; 16],
) -> Result<(), SignFault> {
    if !body.is_empty() {
        let digest = HeaderValue::from_str(&content_digest(body)).map_err(|_| SignFault::Form)?;
        parts.headers.insert(CONTENT_DIGEST, digest);
        if !parts.headers.contains_key(header::CONTENT_TYPE) {
            return Err(SignFault::NotCovered("content-type"));
        }
    }
    let components = required(parts, body);
    let params = fields::params_text(&components, created, key_id, &nonce)?;
    let base = signature_base(parts, origin, components.into_iter(), &params)?;
    let Signature(signature) = key.sign_raw(base.as_bytes());
    let set = |headers: &mut HeaderMap, name: HeaderName, text: String| {
        HeaderValue::from_str(&text)
            .map(|value| headers.insert(name, value))
            .map_err(|_| SignFault::Form)
    };
    set(&mut parts.headers, SIGNATURE_INPUT, format!("{LABEL}={params}"))?;
    let encoded = STANDARD.encode(signature);
    set(&mut parts.headers, SIGNATURE, format!("{LABEL}=:{encoded}:"))?;
    Ok(())
}

/// The components that a signature of this request has to cover.
fn required(parts: &Parts, body: &[u8]) -> Vec<&'static str> {
    let mut components = vec!["@method", "@path"];
    if parts.uri.query().is_some() {
        components.push("@query");
    }
    components.push("@authority");
    if !body.is_empty() {
        components.extend(["content-digest", "content-type"]);
    }
    if parts.headers.contains_key(idempotency::HEADER) {
        components.push(idempotency::HEADER);
    }
    components
}

/// The signature base of RFC 9421 section 2.5.
fn signature_base<'a>(
    parts: &Parts,
    origin: &Origin,
    components: impl Iterator<Item = &'a str>,
    params_text: &str,
) -> Result<String, SignFault> {
    let mut base = String::new();
    for name in components {
        let value = component(parts, origin, name)?;
        base.push_str(&format!("\"{name}\": {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": {params_text}"));
    Ok(base)
}

/// The value of a component (RFC 9421 sections 2.1 and 2.2).
fn component(parts: &Parts, origin: &Origin, name: &str) -> Result<String, SignFault> {
    let path = match parts.uri.path() {
        "" => "/",
        path => path,
    };
    Ok(match name {
        "@method" => parts.method.as_str().into(),
        "@path" => path.into(),
        "@query" => format!("?{}", parts.uri.query().unwrap_or_default()),
        "@authority" => origin.authority().into(),
        "@scheme" => origin.scheme().into(),
        "@target-uri" => {
            let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
            format!("{}://{}{path}{query}", origin.scheme(), origin.authority())
        }
        _ if name.starts_with('@') => return Err(SignFault::Form),
        header => fields::header_value(&parts.headers, header)?,
    })
}

#[cfg(test)]
mod tests;
