//! The model in small, and what has to hold of any of its results.

use clap::Parser;

use super::*;

#[derive(Parser)]
#[command(args_override_self = true)]
struct Options {
    #[command(flatten)]
    assumed: Assumed,
}

fn assumed(options: &[&str]) -> Assumed {
    Options::parse_from([&["scale"], options].concat()).assumed
}

fn small(options: &[&str]) -> Report {
    modelled(&assumed(&[&["--towns", "20", "--dark-percent", "0"], options].concat())).unwrap()
}

#[test]
fn the_country_has_the_documented_shape() {
    let people: Vec<u64> = (0..1_741).map(|place| country::people_at(place, 1_741)).collect();
    assert_eq!((people[0], people[870], people[1_740]), (3_700_000, 23_000, 160));
    assert!(people.windows(2).all(|pair| pair[0] >= pair[1]), "by size");
    let all: u64 = people.iter().sum();
    assert!((124_000_000..=126_000_000).contains(&all), "{all}");
}

#[test]
fn every_town_of_the_largest_federation_has_a_code_of_its_own() {
    let country = Country::drawn(&assumed(&["--towns", "2047"]));
    let codes: std::collections::BTreeSet<_> = country.towns.iter().map(|town| town.code).collect();
    assert_eq!(codes.len(), 2_047);
    assert!(modelled(&assumed(&["--towns", "2048"])).is_none(), "no directory has so many");
    assert!(modelled(&assumed(&["--towns", "1"])).is_none());
}

#[test]
fn what_some_send_others_receive() {
    let report = small(&["--twice-percent", "0", "--withdrawn-percent", "0"]);
    let (transfers, envelopes) =
        (report.sum(|load| load.transfers), report.sum(|load| load.envelopes));
    assert!(transfers > 10_000, "{transfers}");
    let settlement = report.sum(|load| load.settlement);
    assert_eq!(envelopes, 2 * transfers + settlement);
    let ways = report.sum(|load| load.channels);
    assert!(settlement > ways && settlement <= 2 * ways, "{settlement} of {ways} ways");
    assert_eq!(report.sum(|load| load.submitted), report.sum(|load| load.witnessed));
    assert_eq!(report.sum(|load| load.proofs), envelopes, "one for each message at most");
    let requests = report.sum(Load::requests);
    let parts = envelopes
        + report.sum(|load| load.directory)
        + report.sum(|load| load.submitted)
        + report.sum(|load| load.proofs);
    assert_eq!(requests, parts);
}

#[test]
fn messages_that_go_out_twice_and_withdraws_cost_more() {
    let (plain, more) = (
        small(&["--twice-percent", "0", "--withdrawn-percent", "0"]),
        small(&["--twice-percent", "10", "--withdrawn-percent", "10"]),
    );
    let envelopes = |report: &Report| report.sum(|load| load.envelopes);
    assert!(envelopes(&more) * 100 > envelopes(&plain) * 114);
    assert!(more.sum(|load| load.bytes) > plain.sum(|load| load.bytes));
}

#[test]
fn connections_stay_within_what_the_node_holds() {
    for options in [&[][..], &["--asked", "0"], &["--agreements", "19", "--witnesses", "16"]] {
        let report = small(options);
        for load in &report.loads {
            assert!(load.connections <= 2 * 19, "two with each other node");
            assert!(load.connections > 0);
        }
    }
    let country = Assumed { asked: 0, dark_percent: 0, reply_ms: 1, ..assumed(&[]) };
    let spread = spread::Spread { asked: 2_046, round_ms: 5_000, ..small(&[]).spread };
    let all = connections(&Assumed { towns: 2_047, ..country }, &spread, 2_000);
    assert_eq!(all, 2 * 2_046);
    assert!(all <= u64::from(CONNECTIONS_ALL_MAX));
}

#[test]
fn a_version_reaches_everybody_who_answers_and_the_seed_is_all_the_chance() {
    let report = small(&["--asked", "4"]);
    assert_eq!(report.spread.reached, 20);
    assert!(report.spread.half_ms <= report.spread.most_ms);
    assert!(report.spread.most_ms <= report.spread.all_ms && report.spread.all_ms < 120_000);
    assert_eq!(report.spread, small(&["--asked", "4"]).spread);
    assert_eq!(report.loads, small(&["--asked", "4"]).loads);
    assert_ne!(report.loads, small(&["--asked", "4", "--seed", "2"]).loads);
}

#[test]
fn sizes_grow_with_what_they_are_sizes_of() {
    let (report, larger) = (small(&[]), small(&["--towns", "40", "--lots", "5"]));
    let (small, large) = (&report.sizes, &larger.sizes);
    assert!(large.directory > small.directory && large.document > small.document);
    assert!(large.envelopes[0] > small.envelopes[0], "more lots");
    assert_eq!(large.envelopes[1..], small.envelopes[1..]);
    assert!(small.change < small.document, "a version is less than the whole");
    assert_eq!((small.parts, large.parts), (1, 2));
    let [offer, accept, withdraw, ..] = small.envelopes;
    assert!(offer > accept && accept > withdraw && withdraw > 64);
}

#[test]
fn the_table_and_the_json_say_the_same() {
    let report = small(&[]);
    let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
    assert_eq!(json["nodes"]["sum"]["bytes"], report.sum(|load| load.bytes));
    assert_eq!(json["nodes"]["largest"]["people"], 3_700_000);
    assert_eq!(json["assumed"]["towns"], 20);
    let text = report.text();
    assert!(text.contains("3,700,000") && text.contains("--towns 20"), "{text}");
}
