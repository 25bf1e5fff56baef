//! When a list is signed again, what of it stays, and when its history begins anew.

use super::{
    super::{super::fixture::*, Listing, ShopDetails, ShopList},
    *,
};

const DAY_MS: u64 = 86_400_000;

fn registered(shops: u32) -> Registered {
    let ShopList { town, shops } = shop_list(0, shops);
    Registered::Shops(town, shops.into_iter().map(|shop| (shop.merchant, shop.name)).collect())
}

fn first(shops: u32) -> ListEdition {
    next(None, &registered(shops), &town_key(0), NOW).unwrap().unwrap()
}

fn details(area: &str) -> ShopDetails {
    ShopDetails { area: Some(area.parse().unwrap()), ..ShopDetails::default() }
}

fn list_of(edition: &ListEdition) -> &ShopList {
    let Listing::Shops(list) = edition.listing() else { panic!("shops") };
    list
}

#[test]
fn a_list_is_signed_again_when_the_books_change_and_when_a_third_of_its_time_is_over() {
    let key = town_key(0);
    let held = first(2);
    let said = held.statement().statement().clone();
    assert_eq!(said.version.0, NOW.0);
    assert_eq!(held.statement().verify(&key.public()), Ok(()));
    let again = |registered: &Registered, key: &SigningKey, now| {
        next(Some(&held), registered, key, now).unwrap()
    };
    assert!(again(&registered(2), &key, Time(NOW.0 + 9 * DAY_MS)).is_none());
    let changed = again(&registered(3), &key, Time(NOW.0 + 1)).unwrap();
    assert_eq!(changed.statement().statement().version.0, NOW.0 + 1);
    assert_eq!(list_of(&changed).shops.len(), 3);
    let renewed = again(&registered(2), &key, Time(NOW.0 + 10 * DAY_MS)).unwrap();
    assert_eq!(renewed.statement().statement().heads, said.heads, "the same document");
    assert!(renewed.statement().statement().version > said.version);
    // A new channel key signs what the old one had signed.
    let new_key = town_key(7);
    let signed = again(&registered(2), &new_key, Time(NOW.0 + 1)).unwrap();
    assert_eq!(signed.statement().verify(&new_key.public()), Ok(()));
}

#[test]
fn two_offline_edits_are_merged_before_the_next_version_is_signed() {
    let (key, held) = (town_key(0), first(2));
    let copy = |shop, area: &str| {
        let mut copy = ListDocument::of_history(held.history()).unwrap();
        copy.tell(MerchantId(shop), &details(area)).unwrap().unwrap();
        copy.history().unwrap().to_bytes()
    };
    let (office, hall) = (copy(1, "駅前"), copy(2, "港町"));
    let one = merged(&held, &office, &registered(2), &key, Time(NOW.0 + 1)).unwrap();
    let both = merged(&one, &hall, &registered(3), &key, Time(NOW.0 + 2)).unwrap();
    assert!(both.statement().statement().version > one.statement().statement().version);
    let areas: Vec<_> = list_of(&both)
        .shops
        .iter()
        .map(|shop| shop.details.area.as_ref().map(|area| area.as_str().to_owned()))
        .collect();
    assert_eq!(areas, [Some("駅前".to_owned()), Some("港町".to_owned()), None]);
}

#[test]
fn what_a_copy_says_of_names_and_numbers_gives_way_to_the_books() {
    let (key, held) = (town_key(0), first(2));
    let mut copy = ListDocument::of_history(held.history()).unwrap();
    let forged: Label = "よその店".parse().unwrap();
    copy.set_names([(MerchantId(1), &forged), (MerchantId(8), &forged)].into_iter()).unwrap();
    let copy = copy.history().unwrap().to_bytes();
    let signed = merged(&held, &copy, &registered(2), &key, Time(NOW.0 + 1)).unwrap();
    assert_eq!(list_of(&signed).shops, list_of(&held).shops);
}

#[test]
fn a_copy_of_another_document_is_refused() {
    let (key, held) = (town_key(0), first(2));
    let refused = |copy: &[u8]| merged(&held, copy, &registered(2), &key, NOW).unwrap_err();
    let other = shops(0, 2).history().unwrap().to_bytes();
    assert!(matches!(refused(&other), NotMerged::OtherPast));
    assert!(matches!(refused(b""), NotMerged::OtherPast));
    assert!(matches!(refused(b"nonsense"), NotMerged::History(_)));
    assert!(matches!(refused(&vec![0; Bounds::LIST.bytes + 1]), NotMerged::TooLarge));
    let mut bent = held.history().to_bytes();
    *bent.last_mut().unwrap() ^= 1;
    assert!(matches!(refused(&bent), NotMerged::History(HistoryFault::Checksum)));
}

#[test]
fn a_history_that_grew_too_long_begins_anew_with_a_higher_version() {
    let key = town_key(0);
    let mut held = first(2);
    let mut longest = 0;
    let mut anew = None;
    for n in 1..=u64::try_from(CHANGES_KEPT_MAX).unwrap() + 8 {
        let area = format!("第{n}区");
        let now = Time(NOW.0 + n);
        let told = told(&held, (MerchantId(1), &details(&area)), &key, now).unwrap().unwrap();
        assert!(told.statement().statement().version > held.statement().statement().version);
        if told.history().len() < held.history().len() {
            anew = Some(told.clone());
        }
        longest = longest.max(told.history().len());
        held = told;
    }
    assert!(longest <= CHANGES_KEPT_MAX, "{longest}");
    let anew = anew.expect("it began anew");
    assert!(!anew.history().begins_in(first(2).history()));
    assert_eq!(list_of(&anew).shops.len(), 2);
    assert_eq!(list_of(&held).shops[0].details.area.as_ref().unwrap().as_str(), "第264区");
}
