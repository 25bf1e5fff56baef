//! A town's public lists: what they say. Names of shops and bodies, and what the town tells about
//! them; nothing about a person.

pub mod author;
pub mod book;
pub mod document;
pub mod store;

use std::str::FromStr;

use jichi_protocol::{
    id::{MerchantId, TownId},
    label::Label,
    public_list::{ListKind, ListName},
    text::FreeText,
};

use crate::library::institution::InstitutionKind;

/// Most shops of a list.
pub const SHOPS_MAX: usize = 4_000;
/// Most institutions of a list.
pub const INSTITUTIONS_MAX: usize = 256;
/// Most public addresses of a town.
pub const ENDPOINTS_MAX: usize = 8;
/// Most characters of a public address.
const ENDPOINT_CHARS_MAX: usize = 128;

/// What a shop sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShopKind {
    /// 飲食
    Food,
    /// 物販
    Goods,
    /// サービス
    Service,
    /// 宿泊・入浴
    Lodging,
    /// 文化・体験
    Culture,
    /// 公共施設
    Public,
    /// その他
    Other,
}

impl ShopKind {
    /// Every kind, in the order in which lists show them.
    pub const ALL: [Self; 7] = [
        Self::Food,
        Self::Goods,
        Self::Service,
        Self::Lodging,
        Self::Culture,
        Self::Public,
        Self::Other,
    ];

    /// Its name in documents and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Food => "food",
            Self::Goods => "goods",
            Self::Service => "service",
            Self::Lodging => "lodging",
            Self::Culture => "culture",
            Self::Public => "public",
            Self::Other => "other",
        }
    }

    /// Its name on a page, in both languages.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Food => ("飲食", "Food"),
            Self::Goods => ("物販", "Goods"),
            Self::Service => ("サービス", "Services"),
            Self::Lodging => ("宿泊・入浴", "Lodging and baths"),
            Self::Culture => ("文化・体験", "Culture"),
            Self::Public => ("公共施設", "Public facility"),
            Self::Other => ("その他", "Other"),
        }
    }
}

/// Not a kind of shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a kind is food, goods, service, lodging, culture, public or other")]
pub struct NotAShopKind;

impl FromStr for ShopKind {
    type Err = NotAShopKind;

    fn from_str(text: &str) -> Result<Self, NotAShopKind> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or(NotAShopKind)
    }
}

/// A public text of a list that people type: a name's bounds, and no number that could be a My
/// Number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListText(Label);

impl ListText {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Text that a public list does not take. It never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a public text has 1 to 64 characters on one line, and no 12-digit number")]
pub struct NotAListText;

impl FromStr for ListText {
    type Err = NotAListText;

    fn from_str(text: &str) -> Result<Self, NotAListText> {
        FreeText::within(text, 64).map_err(|_| NotAListText)?;
        text.parse().map(Self).map_err(|_| NotAListText)
    }
}

/// A public address of a town's node, such as `https://points.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(String);

impl Endpoint {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Text that is no public address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an endpoint is an http or https address of at most 128 ASCII characters")]
pub struct NotAnEndpoint;

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    fn from_str(text: &str) -> Result<Self, NotAnEndpoint> {
        let scheme = text.starts_with("https://") || text.starts_with("http://");
        let plain = text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains('@');
        let fits = scheme && plain && text.len() <= ENDPOINT_CHARS_MAX;
        if fits { Ok(Self(text.to_owned())) } else { Err(NotAnEndpoint) }
    }
}

/// What a town tells about a shop besides its name. It stands in the list alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ShopDetails {
    /// The name in English.
    pub name_en: Option<ListText>,
    /// What it sells.
    pub kind: Option<ShopKind>,
    /// The part of the town.
    pub area: Option<ListText>,
    /// The shop's address.
    pub address: Option<ListText>,
}

/// A shop that takes the town's points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedShop {
    /// Its number in the town.
    pub merchant: MerchantId,
    /// Its name, as it is registered.
    pub name: Label,
    /// What the town tells about it.
    pub details: ShopDetails,
}

/// A town's shops, in order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShopList {
    /// Whose.
    pub town: TownId,
    /// The shops.
    pub shops: Vec<ListedShop>,
}

impl ShopList {
    /// So many shops behind a number, and the number behind which the next page begins.
    #[must_use]
    pub fn page(
        &self,
        after: Option<MerchantId>,
        most: usize,
    ) -> (&[ListedShop], Option<MerchantId>) {
        let from = self.shops.partition_point(|shop| Some(shop.merchant) <= after);
        let rest = self.shops.get(from..).unwrap_or_default();
        let page = rest.get(..most).unwrap_or(rest);
        let last = page.last().map(|shop| shop.merchant);
        (page, last.filter(|_| rest.len() > page.len()))
    }
}

/// A body whose library takes linked cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedInstitution {
    /// Its code.
    pub code: TownId,
    /// Its name in Japanese.
    pub name_ja: Label,
    /// Its name in English.
    pub name_en: Label,
    /// What it is.
    pub kind: InstitutionKind,
}

/// Whether the town's own library takes linked cards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OwnLibrary {
    /// It does.
    TakesCards,
    /// It does not, or there is none.
    None,
}

/// A town's institutions, in order of their codes, and where its node is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstitutionList {
    /// Whose.
    pub town: TownId,
    /// The bodies at whose libraries its holders can link a card.
    pub institutions: Vec<ListedInstitution>,
    /// Where its public pages and log are.
    pub endpoints: Vec<Endpoint>,
    /// The town's own library.
    pub library: OwnLibrary,
}

/// What a list says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// The shops.
    Shops(ShopList),
    /// The institutions and endpoints.
    Institutions(InstitutionList),
}

impl Listing {
    /// Whose list, and of what.
    #[must_use]
    pub const fn name(&self) -> ListName {
        match self {
            Self::Shops(list) => ListName { town: list.town, kind: ListKind::Shops },
            Self::Institutions(list) => ListName { town: list.town, kind: ListKind::Institutions },
        }
    }
}
