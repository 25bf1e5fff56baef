//! Bank accounts in the vault: of shops, and the one that the town pays from.

use jichi_protocol::{
    codec,
    command::BankSetting,
    digest::Digest,
    id::{AccountId, MerchantId},
    key::ClientKey,
};
use minicbor::{Decode, Encode};

use crate::{
    vault::{
        GetError, PutError, Stored, Vault,
        record::{RecordId, RecordKind},
    },
    zengin::{
        AccountKind, BANK_NAME_BYTES, BankAccount, Digits, REMITTER_BYTES, Remitter, ZenginText,
    },
};

/// The kind of a bank account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum BankKind {
    /// 普通
    #[n(0)]
    Ordinary,
    /// 当座
    #[n(1)]
    Current,
    /// 貯蓄
    #[n(2)]
    Savings,
    /// その他
    #[n(3)]
    Other,
}

/// A bank account as it was entered. Not `Debug`: it goes into no log.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct BankRecord {
    /// The bank's number.
    #[n(0)]
    pub bank: String,
    /// Its name in kana, or nothing.
    #[n(1)]
    pub bank_name: String,
    /// The branch's number.
    #[n(2)]
    pub branch: String,
    /// Its name in kana, or nothing.
    #[n(3)]
    pub branch_name: String,
    /// The kind.
    #[n(4)]
    pub kind: BankKind,
    /// The number.
    #[n(5)]
    pub number: String,
    /// The holder in kana, as entered.
    #[n(6)]
    pub holder: String,
}

/// A field of a bank account that a bank's file cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadField(pub &'static str);

impl BankRecord {
    /// The account in the banks' characters, the holder's name in so many bytes.
    ///
    /// # Errors
    /// The field that does not fit.
    pub fn account(&self, holder_bytes: usize) -> Result<BankAccount, BadField> {
        let text = |text: &str, max, field| ZenginText::new(text, max).map_err(|_| BadField(field));
        Ok(BankAccount {
            bank: Digits::parse(&self.bank).ok_or(BadField("bank"))?,
            bank_name: text(&self.bank_name, BANK_NAME_BYTES, "bank_name")?,
            branch: Digits::parse(&self.branch).ok_or(BadField("branch"))?,
            branch_name: text(&self.branch_name, BANK_NAME_BYTES, "branch_name")?,
            kind: match self.kind {
                BankKind::Ordinary => AccountKind::Ordinary,
                BankKind::Current => AccountKind::Current,
                BankKind::Savings => AccountKind::Savings,
                BankKind::Other => AccountKind::Other,
            },
            number: Digits::parse(&self.number).ok_or(BadField("number"))?,
            holder: ZenginText::name(&self.holder, holder_bytes).map_err(|_| BadField("holder"))?,
        })
    }
}

/// The account that the town pays from.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct RemitterRecord {
    /// 委託者コード
    #[n(0)]
    pub code: String,
    /// The account.
    #[n(1)]
    pub account: BankRecord,
}

impl RemitterRecord {
    /// The head of a file that pays on this month and day.
    ///
    /// # Errors
    /// The field that does not fit.
    pub fn remitter(&self, month_day: (u32, u32)) -> Result<Remitter, BadField> {
        Ok(Remitter {
            code: Digits::parse(&self.code).ok_or(BadField("code"))?,
            account: self.account.account(REMITTER_BYTES)?,
            month_day,
        })
    }
}

/// Why a bank account cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// The vault gives nothing.
    #[error(transparent)]
    Get(#[from] GetError),
    /// The record is not the one that the journal names, or no bank account.
    #[error("a record of the vault is not the bank account that the journal names")]
    Other,
}

/// The bank accounts of a node's vault.
pub struct Banks<'a>(pub &'a Vault);

/// The key of the town's own account.
const REMITTER: &[u8] = b"remitter";

/// Under which key of the vault an operation's bank account stands: each has its own, so that a
/// repeated operation finds its record again, and a shop that left can be forgotten.
fn place(merchant: MerchantId, key: &ClientKey) -> AccountId {
    let bytes = [&merchant.0.to_be_bytes()[..], key.bytes()].concat();
    AccountId::derived("jichi/bank-account/v1", &bytes)
}

impl Banks<'_> {
    /// Stores an account, once for each operation.
    ///
    /// # Errors
    /// [`PutError`].
    pub async fn put(
        &self,
        merchant: MerchantId,
        key: ClientKey,
        record: &BankRecord,
    ) -> Result<Stored, PutError> {
        let place = place(merchant, &key);
        let bytes = codec::encode(record);
        if let Ok(Some(known)) = self.0.latest(place, RecordKind::Bank)
            && *known.plaintext == bytes
        {
            return Ok(Stored { id: known.id, digest: known.digest });
        }
        self.0.put(place, RecordKind::Bank, &bytes).await
    }

    /// The account that an entry names.
    ///
    /// # Errors
    /// [`BankError`].
    pub fn get(&self, setting: &BankSetting) -> Result<BankRecord, BankError> {
        let record = self.0.get(RecordId(setting.record))?;
        let named: Digest = setting.sealed;
        if record.digest != named || record.kind != RecordKind::Bank {
            return Err(BankError::Other);
        }
        codec::decode(&record.plaintext).map_err(|_| BankError::Other)
    }

    /// Stores the account that the town pays from.
    ///
    /// # Errors
    /// [`PutError`].
    pub async fn put_remitter(&self, record: &RemitterRecord) -> Result<Stored, PutError> {
        let place = AccountId::derived("jichi/bank-account/v1", REMITTER);
        self.0.put(place, RecordKind::Bank, &codec::encode(record)).await
    }

    /// The account that the town pays from.
    ///
    /// # Errors
    /// [`BankError`].
    pub fn remitter(&self) -> Result<Option<RemitterRecord>, BankError> {
        let place = AccountId::derived("jichi/bank-account/v1", REMITTER);
        let Some(record) = self.0.latest(place, RecordKind::Bank)? else { return Ok(None) };
        codec::decode(&record.plaintext).map(Some).map_err(|_| BankError::Other)
    }
}
