//! Payments that a backup does not have, admitted by their receipts: the shop is owed them, and
//! the town bears them, since a receipt does not show whose lots were spent.

use super::{Broken, Ledger, Plan, shop::Taken};
use crate::{
    account::{Account, LossCause},
    codec,
    command::{Admitted, Command, SignedPayment},
    date::Time,
    entry::LeafView,
    id::PaymentId,
    intent::PaymentIntent,
    log::{
        note::{KeyKind, VerifierKey},
        receipt::Receipt,
        tree::leaf_hash,
    },
    posting::Postings,
    refusal::Refusal,
};

impl Ledger {
    /// Whether a payment was admitted by its receipt.
    pub(super) fn is_admitted(&self, payment: &PaymentId) -> bool {
        let recovery = self.meta.recovery.as_ref();
        let admitted = recovery.and_then(|recovery| recovery.admitted.as_ref());
        admitted.is_some_and(|admitted| admitted.contains(payment))
    }

    /// The payment that a receipt shows, if this town's log of an ended generation had it and the
    /// journal has not.
    fn lost_payment(&self, admitted: &Admitted) -> Result<PaymentIntent, Refusal> {
        let receipt =
            Receipt::parse(admitted.receipt.as_bytes()).map_err(|_| Refusal::NotWellFormed)?;
        let origin = &receipt.checkpoint().claimed().origin;
        let generation = origin.generation_of(self.meta.town).ok_or(Refusal::NotThisTown)?;
        let name = origin.key_name().clone();
        let log = VerifierKey { name, kind: KeyKind::Log, key: self.meta.log_key };
        let leaf = receipt.extra();
        let included = receipt.verify(&log, &leaf_hash(leaf));
        let index = included.map_err(|_| Refusal::NotWellFormed)?.index();
        let ended = self.meta.recovery.as_ref().and_then(|recovery| recovery.ended.as_ref());
        // Before that, and in the generation of now, the journal has every entry.
        if ended.and_then(|ended| ended.get(&generation)).is_none_or(|size| index < *size) {
            return Err(Refusal::Exists);
        }
        let view = LeafView::parse(leaf).map_err(|_| Refusal::NotWellFormed)?;
        let done = view.done.filter(|_| view.kind == Command::PAY);
        let payment = done.and_then(|bytes| codec::decode::<SignedPayment>(&bytes).ok());
        Ok(payment.ok_or(Refusal::UnknownPayment)?.intent)
    }

    pub(super) fn plan_admission(&self, admitted: &Admitted) -> Result<Plan, Refusal> {
        let intent = self.lost_payment(admitted)?;
        let payment = intent.key.payment();
        if self.payments.contains(&payment) || self.is_admitted(&payment) {
            return Err(Refusal::Exists);
        }
        self.merchants.get(&intent.merchant).ok_or(Refusal::UnknownMerchant)?;
        let (loss, shop) = (Account::Loss(LossCause::Restore), Account::Merchant(intent.merchant));
        let postings = Postings::between(loss, shop, intent.points);
        postings.map(Plan::moving).ok_or(Refusal::TooManyPoints)
    }

    pub(super) fn apply_admission(
        &mut self,
        time: Time,
        admitted: &Admitted,
    ) -> Result<(), Broken> {
        let intent = self.lost_payment(admitted).map_err(|_| Broken::Unknown)?;
        let known = self.recovery_mut().admitted.get_or_insert_default();
        known.insert(intent.key.payment());
        self.shop_took(intent.merchant, time.date(), Taken::Payment, intent.points)
    }
}
