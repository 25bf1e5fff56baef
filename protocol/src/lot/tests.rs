//! Tests of lot.

use super::*;

fn day(text: &str) -> BusinessDate {
    text.parse().unwrap()
}

fn terms(expires: &str) -> LotTerms {
    LotTerms {
        origin: Origin::Here(Birth::Converted("jal".parse().unwrap())),
        issuer: Issuer::Town,
        paid: Paid::Yes,
        earned: day("2026-11-24"),
        expires: day(expires),
        grace: Grace::May,
    }
}

fn lot(terms: LotTerms, points: u32) -> Lot {
    Lot { terms, points: Points::from_u32(points) }
}

#[test]
fn the_first_to_expire_is_spent_first_and_administrative_before_converted() {
    let converted = terms("2027-03-31");
    let administrative =
        LotTerms { origin: Origin::Here(Birth::Administrative(ProgrammeId(1))), ..converted };
    let earlier = terms("2027-03-30");
    let mut lots = Lots::default();
    for terms in [converted, administrative, earlier] {
        assert_eq!(lots.add(lot(terms, 10)), Added::Done);
    }
    let taken = lots.take(Points::from_u32(25), day("2026-12-01"), |_| true).unwrap();
    assert_eq!(taken, [lot(earlier, 10), lot(administrative, 10), lot(converted, 5)]);
}

#[test]
fn points_that_expire_on_a_day_can_be_spent_all_of_that_day() {
    let mut lots = Lots::default();
    assert_eq!(lots.add(lot(terms("2027-03-31"), 10)), Added::Done);
    assert_eq!(lots.spendable(day("2027-03-31")), Points::from_u32(10));
    assert_eq!(lots.spendable(day("2027-04-01")), Points::ZERO);
    assert_eq!(lots.take(Points::from_u32(1), day("2027-04-01"), |_| true), None);
}

#[test]
fn lots_merge_only_if_all_but_the_points_are_equal() {
    let mut lots = Lots::default();
    assert_eq!(lots.add(lot(terms("2027-03-31"), 10)), Added::Done);
    assert_eq!(lots.add(lot(terms("2027-03-31"), 5)), Added::Done);
    let used = LotTerms { grace: Grace::Used, ..terms("2027-03-31") };
    assert_eq!(lots.add(lot(used, 1)), Added::Done);
    assert_eq!(lots.iter().collect::<Vec<_>>(), [lot(terms("2027-03-31"), 15), lot(used, 1)]);
}

#[test]
fn what_comes_back_too_late_gets_grace_once() {
    let back = terms("2027-03-31").on_return(day("2027-04-08"), 14);
    let graced = LotTerms { grace: Grace::Used, ..terms("2027-04-22") };
    assert_eq!(back, Return::As(graced));
    assert_eq!(graced.on_return(day("2027-04-23"), 14), Return::Lapses);
    assert_eq!(graced.on_return(day("2027-04-22"), 14), Return::As(graced));
}

#[test]
fn grace_never_goes_beyond_the_legal_last_day_of_another_issuer() {
    let other = LotTerms { issuer: Issuer::Other, ..terms("2027-05-20") };
    let back = other.on_return(day("2027-05-21"), 14);
    let cut = LotTerms { grace: Grace::Used, ..other };
    assert_eq!(back, Return::As(LotTerms { expires: day("2027-05-23"), ..cut }));
    assert_eq!(other.on_return(day("2027-05-24"), 14), Return::PastLaw);
}

#[test]
fn an_account_is_full_at_its_limit_of_lots_but_takes_what_merges() {
    let mut lots = Lots::default();
    for number in 0..LOTS_MAX {
        let terms = LotTerms {
            expires: day("2027-01-01").plus_days(u32::try_from(number).unwrap()),
            ..terms("2027-01-01")
        };
        assert_eq!(lots.add(lot(terms, 1)), Added::Done);
    }
    let today = day("2026-12-01");
    assert!(lots.full_for(&terms("2026-12-31"), today));
    assert!(!lots.full_for(&terms("2027-01-01"), today));
    assert!(!lots.full_for(&terms("2026-12-31"), day("2027-01-02")));
}

#[test]
fn lots_are_the_same_out_of_their_bytes() {
    let mut all = Vec::new();
    let births = [
        Birth::Administrative(ProgrammeId(0)),
        Birth::Administrative(ProgrammeId(u32::MAX)),
        Birth::Reward(300),
        Birth::Converted("jal".parse().unwrap()),
        Birth::Converted("abcdefghijklmnop".parse().unwrap()),
    ];
    for birth in births {
        let last = "102016".parse().unwrap();
        for origin in [Origin::Here(birth), Origin::Moved { last, first: birth }] {
            for issuer in [Issuer::Town, Issuer::Other] {
                for paid in [Paid::Yes, Paid::No] {
                    for grace in [Grace::May, Grace::None, Grace::Used] {
                        for expires in [day("1970-01-01"), day("2027-03-31"), BusinessDate::LAST] {
                            let earned = day("2026-11-24");
                            all.push(LotTerms { origin, issuer, paid, earned, expires, grace });
                        }
                    }
                }
            }
        }
    }
    let counts = [1, 127, 128, 65_536, Points::MAX.get()].map(|n| Points::new(n).unwrap());
    for points in counts {
        for terms in &all {
            let one = Lot { terms: *terms, points };
            let packed = Packed::of(&[one, one]);
            assert!(packed.iter().eq([one, one]));
        }
    }
    all.sort();
    let mut lots = Lots::default();
    for terms in all.iter().rev() {
        assert_eq!(lots.add(lot(*terms, 3)), Added::Done);
    }
    assert!(lots.iter().map(|lot| lot.terms).eq(all.iter().copied()));
    let read: Lots = crate::codec::decode(&crate::codec::encode(&lots)).unwrap();
    assert_eq!(read, lots);
    for terms in &all {
        assert_eq!(lots.remove(lot(*terms, 3)), Some(()));
    }
    assert_eq!(lots, Lots::EMPTY);
}
