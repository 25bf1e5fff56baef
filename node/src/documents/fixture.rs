//! Directories, roots and editions for the tests of shared documents.

use jichi_protocol::{
    date::Time,
    directory::{
        Directory, DirectoryRoot, DirectoryVersion, Few, Member, Party, PeerId, SignedStatement,
        VALID_MS_MAX,
    },
    id::{Generation, MerchantId},
    public_list::ListVersion,
    signature::{PublicKey, SigningKey},
};

use super::{
    directory::DirectoryDocument,
    list::{
        ListText, ListedShop, Listing, ShopDetails, ShopKind, ShopList,
        document::ListDocument,
        store::{ListEdition, sign_document},
    },
    store::Edition,
};

pub(super) const ISSUED: Time = Time(1_760_000_000_000);
pub(super) const NOW: Time = Time(ISSUED.0 + 1000);

pub(super) fn key(n: u8) -> SigningKey {
    SigningKey::from_seed(&[n; 32])
}

/// Two of three, the keys 1 to 3.
pub(super) fn root() -> DirectoryRoot {
    DirectoryRoot::new((1..=3).map(|n| key(n).public()).collect(), 2).unwrap()
}

/// The towns whose codes begin with 1000, 1001, ... and one digit that makes the check fit.
pub(super) fn town(n: u16) -> Party {
    let five = 10_000_u32 + u32::from(n);
    (0..10).find_map(|check| format!("{five}{check}").parse().ok()).unwrap()
}

/// Keys that compress as little as real ones.
fn bytes_of(n: u16, what: &str) -> [u8; 32] {
    jichi_protocol::digest::Digest::of(&[&n.to_be_bytes(), what.as_bytes()]).0
}

pub(super) fn member(n: u16) -> Member {
    Member {
        who: town(n),
        name_ja: format!("第{n}市").parse().unwrap(),
        name_en: format!("City {n}").parse().unwrap(),
        log_key: PublicKey(bytes_of(n, "log")),
        generation: Generation(1),
        channel_key: PublicKey(bytes_of(n, "channel")),
        transport: PeerId::new(&bytes_of(n, "transport")).unwrap(),
        addresses: Few::new(vec![format!("/ip4/127.0.0.1/tcp/{n}").parse().unwrap()]).unwrap(),
        versions: Few::new(vec![1]).unwrap(),
        witness_key: None,
        witnesses: None,
    }
}

pub(super) fn directory(version: u64, members: Vec<Member>) -> Directory {
    let until = Time(ISSUED.0 + VALID_MS_MAX);
    Directory::new(DirectoryVersion(version), ISSUED, until, members).unwrap()
}

/// A directory of the first so many towns.
pub(super) fn of_towns(version: u64, towns: u16) -> Directory {
    directory(version, (0..towns).map(member).collect())
}

pub(super) fn document(version: u64, towns: u16) -> DirectoryDocument {
    DirectoryDocument::build(&of_towns(version, towns)).unwrap()
}

/// The document as two root keys sign it.
pub(super) fn signed(document: &DirectoryDocument) -> Edition {
    let mut edition = Edition::unsigned(document).unwrap();
    edition.sign(&key(1)).unwrap();
    edition.sign(&key(3)).unwrap();
    edition
}

/// A statement that two root keys signed, of whatever it says.
pub(super) fn signed_statement(
    edition: &Edition,
    change: impl FnOnce(&mut jichi_protocol::directory::Statement),
) -> SignedStatement {
    let mut statement = edition.statement().statement().clone();
    change(&mut statement);
    let mut signed = SignedStatement::new(statement).unwrap();
    signed.add_signature(&key(1)).unwrap();
    signed.add_signature(&key(3)).unwrap();
    signed
}

/// A list of so many shops of a town, the first ones told about at length.
pub(super) fn shop_list(town: u16, shops: u32) -> ShopList {
    let Party::Town(town) = self::town(town) else { unreachable!("a town") };
    let text = |text: String| Some(text.parse::<ListText>().unwrap());
    let shop = |n: u32| ListedShop {
        merchant: MerchantId(n),
        name: format!("第{n}商店").parse().unwrap(),
        details: ShopDetails {
            name_en: text(format!("Shop {n}")),
            kind: Some(ShopKind::Food),
            area: text(format!("本町{n}丁目")),
            address: text(format!("本町{n}丁目{n}番地")),
        },
    };
    ShopList { town, shops: (1..=shops).map(shop).collect() }
}

/// The document of so many shops.
pub(super) fn shops(town: u16, count: u32) -> ListDocument {
    ListDocument::build(&Listing::Shops(shop_list(town, count))).unwrap()
}

/// The key of a town as `listing_members` names it.
pub(super) fn town_key(town: u16) -> SigningKey {
    SigningKey::from_seed(&bytes_of(town, "list"))
}

/// A directory of the first so many towns, with keys that sign lists.
pub(super) fn listing_members(towns: u16) -> Directory {
    let member = |n| Member { channel_key: town_key(n).public(), ..member(n) };
    directory(1, (0..towns).map(member).collect())
}

/// A list's document as its town signs it at a time.
pub(super) fn list_signed(document: &ListDocument, town: u16, version: u64) -> ListEdition {
    let until = Time(ISSUED.0 + VALID_MS_MAX);
    sign_document(document, (ListVersion(version), ISSUED, until), &town_key(town)).unwrap()
}
