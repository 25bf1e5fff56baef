//! A public list as an automerge document: plain values only, and nothing that the schema does not
//! know.

use std::collections::BTreeSet;

use automerge::{
    Automerge, ObjId, ObjType, ROOT, ReadDoc, Value,
    transaction::{Transactable, Transaction},
};
use jichi_protocol::{
    directory::{Few, Heads},
    id::{MerchantId, TownId},
    label::Label,
    public_list::{ListKind, ListName},
};

use super::{
    super::{
        directory::DocumentFault,
        history::History,
        schema::{
            Edit, Read, change, flag, heads_of, history_of, keys_of, list, map_in, object,
            only_keys, optional, set, set_list, text, unset,
        },
    },
    ENDPOINTS_MAX, Endpoint, INSTITUTIONS_MAX, InstitutionList, ListText, ListedInstitution,
    ListedShop, Listing, OwnLibrary, SHOPS_MAX, ShopDetails, ShopKind, ShopList,
};
use crate::library::institution::InstitutionKind;

/// Shops written in one change, so that each change fits into a message whatever they hold.
const SHOPS_A_CHANGE: usize = 48;

const DOCUMENT: &str = "document";
const TOWN: &str = "town";
const SHOPS: &str = "shops";
const INSTITUTIONS: &str = "institutions";
const ENDPOINTS: &str = "endpoints";
const LIBRARY: &str = "library";
const NAME: &str = "name";
const NAME_JA: &str = "name_ja";
const NAME_EN: &str = "name_en";
const KIND: &str = "kind";
const AREA: &str = "area";
const ADDRESS: &str = "address";

/// The document of a public list.
#[derive(Debug, Clone)]
pub struct ListDocument {
    doc: Automerge,
}

impl ListDocument {
    /// A new document of a list that says nothing yet.
    ///
    /// # Errors
    /// [`DocumentFault`].
    pub fn begin(name: ListName) -> Result<Self, DocumentFault> {
        let mut document = Self { doc: Automerge::new() };
        change(&mut document.doc, |tx| {
            set(tx, &ROOT, DOCUMENT, name.kind.name())?;
            set(tx, &ROOT, TOWN, name.town.as_str())?;
            match name.kind {
                ListKind::Shops => map_in(tx, &ROOT, SHOPS).map(|_| ()),
                ListKind::Institutions => {
                    map_in(tx, &ROOT, INSTITUTIONS)?;
                    set(tx, &ROOT, LIBRARY, false)?;
                    set_list(tx, &ROOT, ENDPOINTS, std::iter::empty())
                }
            }
        })?;
        Ok(document)
    }

    /// A new document that says what `listing` says.
    ///
    /// # Errors
    /// [`DocumentFault`].
    pub fn build(listing: &Listing) -> Result<Self, DocumentFault> {
        let mut document = Self::begin(listing.name())?;
        match listing {
            Listing::Institutions(list) => document.set_institutions(list)?,
            Listing::Shops(list) => {
                document.set_names(list.shops.iter().map(|shop| (shop.merchant, &shop.name)))?;
                for batch in list.shops.chunks(SHOPS_A_CHANGE) {
                    change(&mut document.doc, |tx| {
                        batch.iter().try_for_each(|shop| write_details(tx, shop.merchant, shop))
                    })?;
                }
            }
        }
        Ok(document)
    }

    /// The document of a whole history.
    ///
    /// # Errors
    /// [`DocumentFault::Automerge`].
    pub fn of_history(history: &History) -> Result<Self, DocumentFault> {
        Ok(Self { doc: Automerge::load(&history.to_bytes())? })
    }

    /// Its history: what is stored, and what is sent.
    ///
    /// # Errors
    /// [`DocumentFault::History`]: too large.
    pub fn history(&self) -> Result<History, DocumentFault> {
        history_of(&self.doc)
    }

    /// Where its history ends.
    ///
    /// # Errors
    /// [`DocumentFault::Heads`].
    pub fn heads(&self) -> Result<Heads, DocumentFault> {
        heads_of(&self.doc)
    }

    /// Has exactly these shops in it, under these names. What is told of those that stay, stays.
    ///
    /// # Errors
    /// [`DocumentFault`].
    pub fn set_names<'n>(
        &mut self,
        shops: impl Iterator<Item = (MerchantId, &'n Label)>,
    ) -> Result<(), DocumentFault> {
        let shops: Vec<_> = shops.take(SHOPS_MAX).collect();
        let numbers: BTreeSet<String> =
            shops.iter().map(|(number, _)| number.0.to_string()).collect();
        change(&mut self.doc, |tx| {
            let map = map_in(tx, &ROOT, SHOPS)?;
            let gone: Vec<String> = tx.keys(&map).filter(|key| !numbers.contains(key)).collect();
            gone.into_iter().try_for_each(|key| tx.delete(&map, key))
        })?;
        for batch in shops.chunks(SHOPS_A_CHANGE) {
            change(&mut self.doc, |tx| {
                let map = map_in(tx, &ROOT, SHOPS)?;
                batch.iter().try_for_each(|(number, name)| {
                    let shop = map_in(tx, &map, &number.0.to_string())?;
                    set(tx, &shop, NAME, name.as_str())
                })
            })?;
        }
        Ok(())
    }

    /// Tells something about a shop that is in it; none if it is not.
    ///
    /// # Errors
    /// [`DocumentFault`].
    pub fn tell(
        &mut self,
        merchant: MerchantId,
        details: &ShopDetails,
    ) -> Result<Option<()>, DocumentFault> {
        let Listing::Shops(list) = self.listing()? else { return Ok(None) };
        let Some(shop) = list.shops.into_iter().find(|shop| shop.merchant == merchant) else {
            return Ok(None);
        };
        let shop = ListedShop { details: details.clone(), ..shop };
        change(&mut self.doc, |tx| write_details(tx, merchant, &shop))?;
        Ok(Some(()))
    }

    /// Has it say what a list of institutions says.
    ///
    /// # Errors
    /// [`DocumentFault`].
    pub fn set_institutions(&mut self, list: &InstitutionList) -> Result<(), DocumentFault> {
        change(&mut self.doc, |tx| {
            let map = map_in(tx, &ROOT, INSTITUTIONS)?;
            let known =
                |key: &String| list.institutions.iter().any(|body| body.code.as_str() == key);
            let gone: Vec<String> = tx.keys(&map).filter(|key| !known(key)).collect();
            gone.into_iter().try_for_each(|key| tx.delete(&map, key))?;
            for body in &list.institutions {
                let at = map_in(tx, &map, body.code.as_str())?;
                set(tx, &at, NAME_JA, body.name_ja.as_str())?;
                set(tx, &at, NAME_EN, body.name_en.as_str())?;
                set(tx, &at, KIND, body.kind.name())?;
            }
            set(tx, &ROOT, LIBRARY, matches!(list.library, OwnLibrary::TakesCards))?;
            set_list(tx, &ROOT, ENDPOINTS, list.endpoints.iter().map(|at| at.as_str().into()))
        })
    }

    /// Takes over what was changed in another copy. Where both changed the same value automerge
    /// decides the same everywhere.
    ///
    /// # Errors
    /// [`DocumentFault::Automerge`].
    pub fn merge(&mut self, other: &mut Self) -> Result<(), DocumentFault> {
        self.doc.merge(&mut other.doc)?;
        Ok(())
    }

    /// What it says. Nothing that the schema does not know may stand in it.
    ///
    /// # Errors
    /// [`DocumentFault::Schema`].
    pub fn listing(&self) -> Result<Listing, DocumentFault> {
        let doc = &self.doc;
        let kind: ListKind = text(doc, &ROOT, DOCUMENT)?;
        let town: TownId = text(doc, &ROOT, TOWN)?;
        match kind {
            ListKind::Shops => {
                only_keys(doc, &ROOT, &[DOCUMENT, SHOPS, TOWN], "the root's keys")?;
                let mut shops =
                    each_in(doc, SHOPS, SHOPS_MAX, |map, key| read_shop(doc, map, key))?;
                shops.sort_by_key(|shop| shop.merchant);
                Ok(Listing::Shops(ShopList { town, shops }))
            }
            ListKind::Institutions => {
                let keys = [DOCUMENT, ENDPOINTS, INSTITUTIONS, LIBRARY, TOWN];
                only_keys(doc, &ROOT, &keys, "the root's keys")?;
                let read = |map: &ObjId, key: &str| read_institution(doc, map, key);
                let mut institutions = each_in(doc, INSTITUTIONS, INSTITUTIONS_MAX, read)?;
                institutions.sort_by_key(|body| body.code);
                let endpoints: Few<Endpoint, ENDPOINTS_MAX> =
                    list(doc, &ROOT, ENDPOINTS, |v| v.as_str()?.parse().ok())?;
                let library = match flag(doc, &ROOT, LIBRARY)? {
                    true => OwnLibrary::TakesCards,
                    false => OwnLibrary::None,
                };
                let endpoints = endpoints.to_vec();
                let list = InstitutionList { town, institutions, endpoints, library };
                Ok(Listing::Institutions(list))
            }
        }
    }

    /// Automerge's document, for its sync.
    pub(in super::super) const fn automerge(&self) -> &Automerge {
        &self.doc
    }
}

/// Reads every value of a map of the root, of which there may be so many.
fn each_in<T>(
    doc: &Automerge,
    key: &'static str,
    most: usize,
    read: impl Fn(&ObjId, &str) -> Read<T>,
) -> Read<Vec<T>> {
    let map = object(doc, &ROOT, key, ObjType::Map)?;
    if doc.length(&map) > most {
        return Err(DocumentFault::Schema(key));
    }
    let of = |key: String| match doc.get(&map, key.as_str())? {
        Some((Value::Object(ObjType::Map), at)) => read(&at, &key),
        Some(_) | None => Err(DocumentFault::Schema("a map")),
    };
    doc.keys(&map).map(of).collect()
}

/// The number of a shop in its one way of being written.
fn merchant_of(key: &str) -> Read<MerchantId> {
    let number: u32 = key.parse().map_err(|_| DocumentFault::Schema("a shop's number"))?;
    if number.to_string() == key {
        Ok(MerchantId(number))
    } else {
        Err(DocumentFault::Schema("a shop's number"))
    }
}

fn read_shop(doc: &Automerge, at: &ObjId, key: &str) -> Read<ListedShop> {
    let may = [ADDRESS, AREA, KIND, NAME_EN];
    keys_of(doc, at, &[NAME], &may, "a shop's keys")?;
    Ok(ListedShop {
        merchant: merchant_of(key)?,
        name: text(doc, at, NAME)?,
        details: ShopDetails {
            name_en: optional(doc, at, NAME_EN)?,
            kind: optional::<ShopKind>(doc, at, KIND)?,
            area: optional(doc, at, AREA)?,
            address: optional(doc, at, ADDRESS)?,
        },
    })
}

fn read_institution(doc: &Automerge, at: &ObjId, key: &str) -> Read<ListedInstitution> {
    only_keys(doc, at, &[KIND, NAME_EN, NAME_JA], "an institution's keys")?;
    let code: TownId = key.parse().map_err(|_| DocumentFault::Schema("an institution's code"))?;
    let kind: String = text(doc, at, KIND)?;
    let kind = InstitutionKind::named(&kind).ok_or(DocumentFault::Schema(KIND))?;
    if kind != InstitutionKind::of(code) {
        return Err(DocumentFault::Schema(KIND));
    }
    let (name_ja, name_en) = (text(doc, at, NAME_JA)?, text(doc, at, NAME_EN)?);
    Ok(ListedInstitution { code, name_ja, name_en, kind })
}

fn write_details(tx: &mut Transaction<'_>, merchant: MerchantId, shop: &ListedShop) -> Edit {
    let map = map_in(tx, &ROOT, SHOPS)?;
    let at = map_in(tx, &map, &merchant.0.to_string())?;
    let ShopDetails { name_en, kind, area, address } = &shop.details;
    let mut write = |key: &str, value: Option<&str>| match value {
        Some(value) => set(tx, &at, key, value),
        None => unset(tx, &at, key),
    };
    write(NAME_EN, name_en.as_ref().map(ListText::as_str))?;
    write(KIND, kind.map(ShopKind::name))?;
    write(AREA, area.as_ref().map(ListText::as_str))?;
    write(ADDRESS, address.as_ref().map(ListText::as_str))
}

#[cfg(test)]
mod tests;
