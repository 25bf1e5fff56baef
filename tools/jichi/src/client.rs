//! A client of a node's API: what demo, bench and tests ask, and the signatures of terminals.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

mod guest;

pub use guest::Guest;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, anyhow, ensure};
use jichi_node::{bulk::file::FILE_BYTES_MAX, clock, town::proof_hash};
use jichi_protocol::{
    codec,
    date::Time,
    id::{MerchantId, PaymentId, TerminalId, TownId},
    intent::{ConversionStatement, PaymentIntent, RefundIntent, VoidIntent},
    key::ClientKey,
    points::Points,
    signature::{Domain, SigningKey},
};
use serde_json::{Value, json};

/// What a node answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The JSON body; null where it is none.
    pub body: Value,
}

impl Reply {
    /// The stable code of a problem.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// The body of a success.
    ///
    /// # Errors
    /// The problem's words.
    pub fn ok(self) -> anyhow::Result<Value> {
        if (200..300).contains(&self.status) && self.status != 202 {
            Ok(self.body)
        } else {
            Err(anyhow!("{} {}: {}", self.status, self.code(), self.body))
        }
    }
}

/// A new operation key of this moment.
///
/// # Errors
/// When the system gives no random bytes.
pub fn new_key() -> anyhow::Result<ClientKey> {
    Ahead::default().new_key()
}

/// A new signing key.
///
/// # Errors
/// When the system gives no random bytes.
pub fn new_signing_key() -> anyhow::Result<SigningKey> {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow!("{error}"))?;
    Ok(SigningKey::from_seed(&seed))
}

/// How far the clocks of a federation's nodes are ahead of this machine's, as stories set them;
/// zero elsewhere. Shared: when it is set, every client keys what it asks by it.
#[derive(Debug, Clone, Default)]
pub struct Ahead(Arc<AtomicI64>);

impl Ahead {
    /// Sets it, in milliseconds; negative when the nodes are behind.
    pub fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::SeqCst);
    }

    /// The nodes' time.
    #[must_use]
    pub fn now(&self) -> Time {
        Time(clock::now().0.saturating_add_signed(self.0.load(Ordering::SeqCst)))
    }

    /// A new operation key of that time.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new_key(&self) -> anyhow::Result<ClientKey> {
        let mut random = [0_u8; 10];
        getrandom::fill(&mut random).map_err(|error| anyhow!("{error}"))?;
        Ok(ClientKey::of(self.now(), random))
    }
}

/// Asks one address.
#[derive(Debug, Clone)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
    token: Option<String>,
    ahead: Ahead,
}

impl Client {
    /// A client of a base address like `http://127.0.0.1:8101`.
    #[must_use]
    pub fn new(base: impl Into<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(40)))
            .build();
        Self { agent: config.into(), base: base.into(), token: None, ahead: Ahead::default() }
    }

    /// The same client, signed in.
    #[must_use]
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// The same client, of a node whose clock is ahead.
    #[must_use]
    pub fn with_clock(self, ahead: &Ahead) -> Self {
        Self { ahead: ahead.clone(), ..self }
    }

    /// How far the node's clock is ahead.
    #[must_use]
    pub const fn ahead(&self) -> &Ahead {
        &self.ahead
    }

    /// The address.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// GETs a path as JSON.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn get(&self, path: &str) -> anyhow::Result<Reply> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        reply(request.call())
    }

    /// GETs a path as text.
    ///
    /// # Errors
    /// When the node cannot be reached, or answers with a problem.
    pub fn text(&self, path: &str) -> anyhow::Result<String> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = request.call().with_context(|| format!("{}{path}", self.base))?;
        let text = response.body_mut().read_to_string()?;
        if response.status().is_success() { Ok(text) } else { Err(anyhow!("{text}")) }
    }

    /// GETs a path as bytes: a PDF, for instance.
    ///
    /// # Errors
    /// When the node cannot be reached, or answers with a problem.
    pub fn bytes(&self, path: &str) -> anyhow::Result<Vec<u8>> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = request.call().with_context(|| format!("{}{path}", self.base))?;
        let bytes = response.body_mut().read_to_vec()?;
        let done = response.status().is_success();
        if done { Ok(bytes) } else { Err(anyhow!("{}", String::from_utf8_lossy(&bytes))) }
    }

    /// POSTs JSON under a key.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn post(&self, path: &str, key: Option<&ClientKey>, body: &Value) -> anyhow::Result<Reply> {
        let mut request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key.to_string());
        }
        reply(request.send(body.to_string()))
    }

    /// GETs a path with these headers, as they are.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn get_with(&self, path: &str, headers: &[(String, String)]) -> anyhow::Result<Reply> {
        let mut request = self.agent.get(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        reply(request.call())
    }

    /// POSTs a text; status and text come back.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn post_bytes(
        &self,
        path: &str,
        content_type: &str,
        body: &[u8],
    ) -> anyhow::Result<(u16, String)> {
        let address = format!("{}{path}", self.base);
        let mut request = self.agent.post(&address).header("content-type", content_type);
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut response = request.send(body).with_context(|| address)?;
        Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
    }

    /// POSTs a file as CSV under a key.
    ///
    /// # Errors
    /// When the node cannot be reached, or the file is larger than any node takes.
    pub fn post_file(&self, path: &str, key: &ClientKey, bytes: &[u8]) -> anyhow::Result<Reply> {
        // A node hangs up on what is too large before it has all come.
        ensure!(
            bytes.len() <= FILE_BYTES_MAX,
            "ファイルが大きすぎます（{0} MiBまで）。分けて送ってください / the file is larger than {0} MiB; \
             split it",
            FILE_BYTES_MAX / 1_048_576
        );
        let mut request = self
            .agent
            .post(format!("{}{path}", self.base))
            .header("content-type", "text/csv")
            .header("idempotency-key", key.to_string());
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        reply(request.send(bytes))
    }

    /// POSTs JSON with these headers, as they are.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn post_with(
        &self,
        path: &str,
        headers: &[(String, String)],
        body: &[u8],
    ) -> anyhow::Result<Reply> {
        let mut request = self.agent.post(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        reply(request.send(body))
    }

    /// POSTs JSON under a fresh key, and expects a success.
    ///
    /// # Errors
    /// When the node cannot be reached, or answers with a problem.
    pub fn command(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let key = self.ahead.new_key()?;
        self.post(path, Some(&key), body)?.ok().with_context(|| path.to_owned())
    }
}

fn reply(answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> anyhow::Result<Reply> {
    let mut response = answered?;
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().unwrap_or_default();
    Ok(Reply { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
}

/// A shop's terminal: it signs what it asks.
pub struct Terminal {
    /// The node's terminal listener.
    pub client: Client,
    /// The town.
    pub town: TownId,
    /// The shop.
    pub merchant: MerchantId,
    /// The terminal's number.
    pub terminal: TerminalId,
    /// Its key.
    pub key: SigningKey,
}

impl Terminal {
    /// The holder shows MyKey ID and password; the proof for the next payments comes back.
    ///
    /// # Errors
    /// When the node cannot be reached, or refuses.
    pub fn prove(&self, mykey_id: &str, password: &str) -> anyhow::Result<String> {
        let body = json!({"terminal": self.terminal.0, "mykey_id": mykey_id, "password": password});
        let proof = self.client.post("/v1/proofs", None, &body)?.ok()?;
        Ok(proof["proof"].as_str().unwrap_or_default().to_owned())
    }

    /// The body of a payment under a key.
    #[must_use]
    pub fn payment_body(&self, key: ClientKey, proof: &str, points: u32, at: Time) -> Value {
        let intent = PaymentIntent {
            town: self.town,
            key,
            merchant: self.merchant,
            terminal: self.terminal,
            points: Points::from_u32(points),
            total_yen: None,
            at,
            proof: proof_hash(proof),
            rest: None,
        };
        let signature = self.key.sign(Domain::Payment, &codec::encode(&intent));
        json!({
            "merchant": self.merchant.0, "terminal": self.terminal.0, "points": points,
            "at": at.0, "proof": proof, "signature": signature.to_string(),
        })
    }

    /// A payment under a key; the same key and time give the same request.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn pay(&self, key: ClientKey, proof: &str, points: u32, at: Time) -> anyhow::Result<Reply> {
        let body = self.payment_body(key, proof, points, at);
        self.client.post("/v1/payments", Some(&key), &body)
    }

    /// The refund of a payment.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn refund(
        &self,
        key: ClientKey,
        payment: PaymentId,
        points: u32,
        at: Time,
    ) -> anyhow::Result<Reply> {
        let intent = RefundIntent {
            town: self.town,
            key,
            merchant: self.merchant,
            terminal: self.terminal,
            payment,
            points: Points::from_u32(points),
            at,
        };
        let signature = self.key.sign(Domain::Refund, &codec::encode(&intent));
        let body = json!({
            "merchant": self.merchant.0, "terminal": self.terminal.0,
            "payment": payment.to_string(), "points": points, "at": at.0,
            "signature": signature.to_string(),
        });
        self.client.post("/v1/refunds", Some(&key), &body)
    }

    /// The void of a payment.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn void(&self, key: ClientKey, payment: PaymentId, at: Time) -> anyhow::Result<Reply> {
        let intent = VoidIntent {
            town: self.town,
            key,
            merchant: self.merchant,
            terminal: self.terminal,
            payment,
            at,
        };
        let signature = self.key.sign(Domain::Void, &codec::encode(&intent));
        let body = json!({
            "merchant": self.merchant.0, "terminal": self.terminal.0,
            "payment": payment.to_string(), "at": at.0, "signature": signature.to_string(),
        });
        self.client.post("/v1/voids", Some(&key), &body)
    }
}

/// A partner company: it signs its statements and its requests.
pub struct Company<'k> {
    /// The coordinator.
    pub client: Client,
    /// The company's id, also its key's.
    pub id: String,
    /// Its key.
    pub key: &'k SigningKey,
}

impl Company<'_> {
    /// Sends a conversion to the coordinator (RFC 9421 and RFC 9530).
    ///
    /// # Errors
    /// When the coordinator cannot be reached.
    pub fn convert(&self, statement: &ConversionStatement) -> anyhow::Result<Reply> {
        let signature = self.key.sign(Domain::Conversion, &codec::encode(statement));
        let body = json!({
            "company": statement.company.to_string(),
            "reference": statement.reference.to_string(),
            "town": statement.town.to_string(),
            "link": statement.link.to_string(),
            "amount": statement.amount.0,
            "catalogue": statement.catalogue.0,
            "points": statement.points.get(),
            "signed": statement.signed.to_string(),
            "signature": signature.to_string(),
        })
        .to_string();
        let headers = self.signed_headers("/v1/conversions", body.as_bytes())?;
        self.client.post_with("/v1/conversions", &headers, body.as_bytes())
    }

    fn signed_headers(&self, path: &str, body: &[u8]) -> anyhow::Result<Vec<(String, String)>> {
        let request = ureq::http::Request::builder()
            .method("POST")
            .uri(format!("{}{path}", self.client.base()))
            .header("content-type", "application/json")
            .body(())?;
        let (mut parts, ()) = request.into_parts();
        let origin = self.client.base().parse().map_err(|_| anyhow!("no origin"))?;
        let mut nonce = [0_u8; 16];
        getrandom::fill(&mut nonce).map_err(|error| anyhow!("{error}"))?;
        jichi_node::api::sign::sign(
            &mut parts,
            body,
            &origin,
            &self.id,
            self.key,
            self.client.ahead.now(),
            nonce,
        )?;
        let text = |value: &ureq::http::HeaderValue| value.to_str().map(str::to_owned);
        let headers =
            parts.headers.iter().map(|(name, value)| Ok((name.to_string(), text(value)?)));
        headers.collect()
    }
}
