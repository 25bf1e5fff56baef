//! The author's side of a public list: what the registry says is written into it, what people edited
//! elsewhere is merged, and the next version is signed when something changed or a third of the
//! validity has passed.

use jichi_protocol::{
    date::Time,
    directory::VALID_MS_MAX,
    id::{MerchantId, TownId},
    label::Label,
    public_list::{ListKind, ListName, ListVersion},
    signature::SigningKey,
};

use super::{
    super::{
        directory::DocumentFault,
        history::{Bounds, History, HistoryFault},
    },
    InstitutionList, ShopDetails,
    document::ListDocument,
    store::{ListEdition, ListFault, sign_document},
};

/// A list is signed again once this part of its validity has passed: a third.
const RENEW_AFTER_MS: u64 = VALID_MS_MAX / 3;
/// A list with more changes than this is begun anew by its author: half of what peers take.
pub const CHANGES_KEPT_MAX: usize = Bounds::LIST.changes / 2;
/// The same for its bytes: three quarters.
pub const BYTES_KEPT_MAX: usize = Bounds::LIST.bytes / 4 * 3;

/// What the town's own books and configuration say, which a list has to say too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Registered {
    /// The shops that take points, under their registered names, in order.
    Shops(TownId, Vec<(MerchantId, Label)>),
    /// The institutions and endpoints.
    Institutions(InstitutionList),
}

impl Registered {
    /// Which list says so.
    #[must_use]
    pub const fn name(&self) -> ListName {
        match self {
            Self::Shops(town, _) => ListName { town: *town, kind: ListKind::Shops },
            Self::Institutions(list) => ListName { town: list.town, kind: ListKind::Institutions },
        }
    }
}

/// Why edits that were made elsewhere were not merged.
#[derive(Debug, thiserror::Error)]
pub enum NotMerged {
    /// The bytes are no document.
    #[error(transparent)]
    History(#[from] HistoryFault),
    /// Over the limits of a list.
    #[error("the file is larger than a public list may be")]
    TooLarge,
    /// The document was begun anew since the copy was taken, or is another one.
    #[error("this copy is not of the list as it is now; take a new copy and edit that")]
    OtherPast,
    /// The merged document is no list.
    #[error(transparent)]
    Document(#[from] DocumentFault),
    /// It is another list.
    #[error("the file is another list")]
    OtherList,
    /// It cannot be signed.
    #[error(transparent)]
    List(#[from] ListFault),
}

/// The next version, if there has to be one: something changed, it is due, or it was signed by
/// another key than the town's present one.
///
/// # Errors
/// [`ListFault`].
pub fn next(
    held: Option<&ListEdition>,
    registered: &Registered,
    key: &SigningKey,
    now: Time,
) -> Result<Option<ListEdition>, ListFault> {
    let mut document = match held {
        Some(held) => held.document().clone(),
        None => ListDocument::begin(registered.name())?,
    };
    write(&mut document, registered)?;
    if let Some(held) = held {
        let said = held.statement().statement();
        let due = now.ms_since(said.issued) >= RENEW_AFTER_MS;
        let ours = held.statement().verify(&key.public()).is_ok();
        if document.heads()? == said.heads && ours && !due {
            return Ok(None);
        }
    }
    sign(held, document, key, now).map(Some)
}

/// The version in which what was edited in a copy of the document is merged.
///
/// # Errors
/// [`NotMerged`].
pub fn merged(
    held: &ListEdition,
    copy: &[u8],
    registered: &Registered,
    key: &SigningKey,
    now: Time,
) -> Result<ListEdition, NotMerged> {
    if copy.len() > Bounds::LIST.bytes {
        return Err(NotMerged::TooLarge);
    }
    let copy = History::read(copy)?;
    if !copy.fits(Bounds::LIST) {
        return Err(NotMerged::TooLarge);
    }
    if !copy.begins_in(held.history()) {
        return Err(NotMerged::OtherPast);
    }
    let mut document = held.document().clone();
    document.merge(&mut ListDocument::of_history(&copy)?)?;
    // What the books say stands, whatever the copy says.
    write(&mut document, registered)?;
    if document.listing()?.name() != held.name() {
        return Err(NotMerged::OtherList);
    }
    Ok(sign(Some(held), document, key, now)?)
}

/// The version that tells something else about a shop; none if the list does not have the shop.
///
/// # Errors
/// [`ListFault`].
pub fn told(
    held: &ListEdition,
    (shop, details): (MerchantId, &ShopDetails),
    key: &SigningKey,
    now: Time,
) -> Result<Option<ListEdition>, ListFault> {
    let mut document = held.document().clone();
    if document.tell(shop, details)?.is_none() {
        return Ok(None);
    }
    sign(Some(held), document, key, now).map(Some)
}

fn write(document: &mut ListDocument, registered: &Registered) -> Result<(), DocumentFault> {
    match registered {
        Registered::Shops(_, shops) => {
            document.set_names(shops.iter().map(|(number, name)| (*number, name)))
        }
        Registered::Institutions(list) => document.set_institutions(list),
    }
}

/// Signs what a document says; in a document begun anew, if the old one has grown too long.
fn sign(
    held: Option<&ListEdition>,
    document: ListDocument,
    key: &SigningKey,
    now: Time,
) -> Result<ListEdition, ListFault> {
    let history = document.history()?;
    let grown = history.len() > CHANGES_KEPT_MAX || history.bytes() > BYTES_KEPT_MAX;
    let document = if grown { ListDocument::build(&document.listing()?)? } else { document };
    // What a former key signed counts no more, and least of all its version.
    let former = held.filter(|held| held.statement().verify(&key.public()).is_ok());
    let former = former.map(|held| held.statement().statement().version);
    let version = ListVersion::behind(former, now);
    sign_document(&document, (version, now, now.later_by_ms(VALID_MS_MAX)), key)
}

#[cfg(test)]
mod tests;
