//! What a terminal asks for a holder of another town.

#![expect(clippy::indexing_slicing, reason = "serde_json gives null for what is not there")]

use jichi_node::town::proof_hash;
use jichi_protocol::{
    codec,
    date::Time,
    id::{Handle, PaymentId, TownId},
    intent::{RoamingCancelIntent, RoamingIntent},
    key::ClientKey,
    points::Points,
    signature::Domain,
};
use serde_json::json;

use super::{Reply, Terminal};

/// A holder of another town, as the base town showed them to a terminal.
#[derive(Debug, Clone)]
pub struct Guest {
    /// The base town.
    pub base: TownId,
    /// What it calls the holder.
    pub holder: Handle,
    /// Its proof, good for one payment.
    pub proof: String,
    /// How much can be spent here.
    pub usable: u64,
}

impl Terminal {
    /// A holder of another town shows MyKey ID and password.
    ///
    /// # Errors
    /// When a node cannot be reached, or refuses.
    pub fn prove_guest(
        &self,
        base: TownId,
        mykey_id: &str,
        password: &str,
    ) -> anyhow::Result<Guest> {
        let body = json!({"terminal": self.terminal.0, "base": base.to_string(),
            "mykey_id": mykey_id, "password": password});
        let seen = self.client.post("/v1/roaming/proofs", None, &body)?.ok()?;
        let text = |field: &str| seen[field].as_str().unwrap_or_default().to_owned();
        Ok(Guest {
            base,
            holder: text("holder").parse()?,
            proof: text("proof"),
            usable: seen["usable"].as_u64().unwrap_or_default(),
        })
    }

    /// Asks the holder's base town for points.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn ask_guest(
        &self,
        key: ClientKey,
        guest: &Guest,
        points: u32,
        at: Time,
    ) -> anyhow::Result<Reply> {
        let intent = RoamingIntent {
            town: self.town,
            key,
            merchant: self.merchant,
            terminal: self.terminal,
            base: guest.base,
            holder: guest.holder,
            points: Points::from_u32(points),
            total_yen: None,
            at,
            proof: proof_hash(&guest.proof),
        };
        let signature = self.key.sign(Domain::Roaming, &codec::encode(&intent));
        let body = json!({
            "merchant": self.merchant.0, "terminal": self.terminal.0, "points": points,
            "base": guest.base.to_string(), "holder": guest.holder.to_string(),
            "at": at.0, "proof": guest.proof, "signature": signature.to_string(),
        });
        self.client.post("/v1/roaming/payments", Some(&key), &body)
    }

    /// Takes such a request back.
    ///
    /// # Errors
    /// When the node cannot be reached.
    pub fn cancel_guest(
        &self,
        key: ClientKey,
        payment: PaymentId,
        at: Time,
    ) -> anyhow::Result<Reply> {
        let intent = RoamingCancelIntent {
            town: self.town,
            key,
            merchant: self.merchant,
            terminal: self.terminal,
            payment,
            at,
        };
        let signature = self.key.sign(Domain::RoamingCancel, &codec::encode(&intent));
        let body = json!({
            "merchant": self.merchant.0, "terminal": self.terminal.0,
            "payment": payment.to_string(), "at": at.0, "signature": signature.to_string(),
        });
        self.client.post("/v1/roaming/cancels", Some(&key), &body)
    }
}
