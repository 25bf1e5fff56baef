//! Lists as documents: what is written is read, and nothing else is read.

use automerge::AutoCommit;

use super::{
    super::super::{fixture::*, history::Bounds},
    *,
};

#[test]
fn lists_read_back_from_their_documents() {
    let list = Listing::Shops(shop_list(0, 120));
    assert_eq!(ListDocument::build(&list).unwrap().listing().unwrap(), list);
    let empty = Listing::Shops(shop_list(0, 0));
    assert_eq!(ListDocument::build(&empty).unwrap().listing().unwrap(), empty);
    let body = |code: &str| {
        let code: TownId = code.parse().unwrap();
        let kind = InstitutionKind::of(code);
        let (name_ja, name_en) = ("図書館".parse().unwrap(), "Library".parse().unwrap());
        ListedInstitution { code, name_ja, name_en, kind }
    };
    let list = Listing::Institutions(InstitutionList {
        town: "102016".parse().unwrap(),
        institutions: vec![body("020001"), body("082163")],
        endpoints: vec!["https://points.example".parse().unwrap()],
        library: OwnLibrary::TakesCards,
    });
    assert_eq!(ListDocument::build(&list).unwrap().listing().unwrap(), list);
}

#[test]
fn names_follow_the_register_and_what_was_told_stays() {
    let mut document = shops(0, 3);
    let before = document.history().unwrap();
    let Listing::Shops(list) = document.listing().unwrap() else { panic!("shops") };
    let names = |list: &ShopList| -> Vec<(MerchantId, Label)> {
        list.shops.iter().map(|shop| (shop.merchant, shop.name.clone())).collect()
    };
    let set = |document: &mut ListDocument, names: &[(MerchantId, Label)]| {
        document.set_names(names.iter().map(|(number, name)| (*number, name))).unwrap();
    };
    let mut now = names(&list);
    set(&mut document, &now);
    assert_eq!(document.history().unwrap(), before, "no change, no edit");
    now.remove(0);
    now[0].1 = "新しい名前".parse().unwrap();
    now.push((MerchantId(9), "新しい店".parse().unwrap()));
    set(&mut document, &now);
    let Listing::Shops(after) = document.listing().unwrap() else { panic!("shops") };
    assert_eq!(names(&after), now);
    assert_eq!(after.shops[0].details, list.shops[1].details);
    assert_eq!(after.shops[2].details, ShopDetails::default());
}

#[test]
fn edits_made_offline_in_two_copies_are_both_in_the_merged_list() {
    let mut office = shops(0, 2);
    let mut hall = ListDocument::of_history(&office.history().unwrap()).unwrap();
    let Listing::Shops(list) = office.listing().unwrap() else { panic!("shops") };
    let of = |at: usize, area: &str| ShopDetails {
        area: Some(area.parse().unwrap()),
        ..list.shops[at].details.clone()
    };
    office.tell(MerchantId(1), &of(0, "駅前")).unwrap().unwrap();
    hall.tell(MerchantId(2), &of(1, "港町")).unwrap().unwrap();
    office.merge(&mut hall).unwrap();
    hall.merge(&mut office).unwrap();
    assert_eq!(office.listing().unwrap(), hall.listing().unwrap());
    let Listing::Shops(merged) = office.listing().unwrap() else { panic!("shops") };
    let areas: Vec<&str> =
        merged.shops.iter().map(|shop| shop.details.area.as_ref().unwrap().as_str()).collect();
    assert_eq!(areas, ["駅前", "港町"]);
    assert_eq!(office.heads().unwrap().as_slice().len(), 2);
    assert!(office.tell(MerchantId(7), &of(0, "駅前")).unwrap().is_none(), "no such shop");
}

#[test]
fn the_largest_list_fits_its_limits() {
    let history = shops(0, 4_000).history().unwrap();
    assert!(history.fits(Bounds::LIST), "{} bytes, {} changes", history.bytes(), history.len());
    let mut long = shop_list(0, 200);
    for shop in &mut long.shops {
        let text: ListText = "𠮷".repeat(64).parse().unwrap();
        shop.name = "𠮷".repeat(64).parse().unwrap();
        shop.details.name_en = Some(text.clone());
        shop.details.area = Some(text.clone());
        shop.details.address = Some(text);
    }
    // Every change fits into a message, whatever the shops are called.
    assert!(ListDocument::build(&Listing::Shops(long)).unwrap().history().is_ok());
}

/// A list of two shops with one value changed past the schema.
fn bent(edit: impl FnOnce(&mut AutoCommit, &ObjId, &ObjId)) -> ListDocument {
    let bytes = shops(0, 2).history().unwrap().to_bytes();
    let mut doc = AutoCommit::load(&bytes).unwrap();
    let (_, map) = doc.get(ROOT, SHOPS).unwrap().unwrap();
    let (_, first) = doc.get(&map, "1").unwrap().unwrap();
    edit(&mut doc, &map, &first);
    ListDocument { doc: Automerge::load(&doc.save()).unwrap() }
}

#[test]
fn what_the_schema_does_not_know_is_refused() {
    type Bend = fn(&mut AutoCommit, &ObjId, &ObjId);
    let bends: [(&str, Bend); 10] = [
        ("a further key of a shop", |d, _, s| d.put(s, "owner", "佐藤").unwrap()),
        ("a further root key", |d, _, _| d.put(ROOT, "people", 1_u64).unwrap()),
        ("a missing name", |d, _, s| d.delete(s, NAME).unwrap()),
        ("a number for a name", |d, _, s| d.put(s, NAME, 1_u64).unwrap()),
        ("another kind", |d, _, s| d.put(s, KIND, "bank").unwrap()),
        ("a My Number in a text", |d, _, s| d.put(s, ADDRESS, "1234 5678 9018").unwrap()),
        ("a line break", |d, _, s| d.put(s, AREA, "a\nb").unwrap()),
        ("another document", |d, _, _| d.put(ROOT, DOCUMENT, "residents").unwrap()),
        ("a town that is none", |d, _, _| d.put(ROOT, TOWN, "102017").unwrap()),
        ("a number in another writing", |d, m, _| {
            d.put_object(m, "01", ObjType::Map).unwrap();
        }),
    ];
    assert!(bent(|_, _, _| ()).listing().is_ok());
    for (what, bend) in bends {
        let read = bent(bend).listing();
        assert!(matches!(read, Err(DocumentFault::Schema(_))), "{what}: {read:?}");
    }
}

#[test]
fn a_public_text_has_no_twelve_digits_and_an_endpoint_no_password() {
    assert!("123456789018".parse::<ListText>().is_err());
    assert!("１２３４５６７８９０１８".parse::<ListText>().is_err());
    assert!("".parse::<ListText>().is_err());
    assert!("本町1丁目".parse::<ListText>().is_ok());
    for text in ["ftp://x", "https://user:pass@x", "https://a b", "points.example"] {
        assert!(text.parse::<Endpoint>().is_err(), "{text}");
    }
}
