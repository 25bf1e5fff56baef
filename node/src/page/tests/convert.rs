//! Converted points that wait for a town, and the button that chooses this one.

use axum::http::StatusCode;
use jichi_protocol::{
    catalogue::{Catalogue, CatalogueVersion, CompanyPoints, CompanyTerms},
    codec,
    command::{Command, CompanyLink, Nothing, Preset, PresetSetting, SignedConversion},
    entry::{Outcome, Submission},
    id::LinkId,
    intent::ConversionStatement,
    key::OperationKey,
    lot::{Issuer, Paid},
    points::Points,
    signature::{Domain, SigningKey},
};

use super::stage::{NAME, Person, Stage, by, new_key};
use crate::{clock, engine::Answer};

/// Converts 500 points of a company, for which no town is chosen yet.
pub(super) async fn converts(stage: &Stage, person: &Person, reference: &str) {
    let key = SigningKey::from_seed(&[9; 32]);
    let today = clock::now().date();
    let company = "sample-air".parse().unwrap();
    let terms = CompanyTerms {
        company,
        name: "見本航空".parse().unwrap(),
        key: key.public(),
        unit: CompanyPoints(1),
        points_per_unit: Points::from_u32(1),
        minimum: CompanyPoints(1),
        daily_max: CompanyPoints(100_000),
        monthly_max: CompanyPoints(100_000),
        issuer: Issuer::Town,
        paid: Paid::Yes,
        shown: None,
    };
    let catalogue = Catalogue {
        version: CatalogueVersion(1),
        valid_from: today.day_before(),
        companies: vec![terms],
    };
    let account = person.account;
    let link = LinkId([7; 16]);
    stage.does(Command::TakeCatalogue(catalogue, by())).await;
    let linked = CompanyLink { account, company, link };
    stage.does(Command::LinkCompany(Nothing {}, linked)).await;
    let preset = PresetSetting { account, preset: Preset::Here };
    stage.does(Command::SetPreset(Nothing {}, preset)).await;
    let statement = ConversionStatement {
        company,
        reference: reference.parse().unwrap(),
        town: stage.town.id(),
        link,
        amount: CompanyPoints(500),
        catalogue: CatalogueVersion(1),
        points: Points::from_u32(500),
        signed: today,
    };
    let signature = key.sign(Domain::Conversion, &codec::encode(&statement));
    let key = OperationKey::Company { company, reference: statement.reference.clone() };
    let command = Command::Convert(SignedConversion { statement, signature }, Nothing {});
    let answer = stage.submits(Submission { key: Some(key), command, evidence: None }).await;
    let Answer::Entry(committed) = answer else { panic!("{answer:?}") };
    assert!(matches!(committed.entry.outcome, Outcome::Done(_)), "{:?}", committed.entry.outcome);
}

#[tokio::test]
async fn a_double_click_on_the_choice_of_this_town_moves_the_points_once() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    converts(&stage, &person, "r-1").await;
    let cookie = stage.signs_in(&person).await;
    let page = stage.get("/me", &cookie).await;
    assert!(page.text.contains("留保") && page.text.contains("交換: 見本航空"));
    let form =
        ["form_token", "key", "conversion"].map(|name| format!("{name}={}", page.hidden(name)));
    let form = form.join("&");
    let first = stage.post("/me/picks", &cookie, &form).await;
    let again = stage.post("/me/picks", &cookie, &form).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER, "{}", first.text);
    assert_eq!((again.status, again.header("location")), (first.status, first.header("location")));
    let page = stage.get(first.header("location"), &cookie).await;
    assert!(page.text.contains("この町のポイントにしました"));
    assert!(page.text.contains("<span class=\"number\">500</span>"));
    assert!(!page.text.contains("action=\"/me/picks\""));
    // What the history does not say is not told as done.
    let page = stage.get("/me?picked=0", &cookie).await;
    assert!(!page.text.contains("この町のポイントにしました"));
}

#[tokio::test]
async fn a_choice_without_the_right_form_token_moves_nothing() {
    let stage = Stage::new().await;
    let person = stage.enrol(5, NAME).await;
    converts(&stage, &person, "r-1").await;
    let cookie = stage.signs_in(&person).await;
    let page = stage.get("/me", &cookie).await;
    let fields = format!("key={}&conversion={}", page.hidden("key"), page.hidden("conversion"));
    for token in [String::new(), "&form_token=".into(), format!("&form_token={}", "0".repeat(64))] {
        let answer = stage.post("/me/picks", &cookie, &format!("{fields}{token}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{token}");
        assert!(answer.text.contains("画面の有効期限が切れました"));
    }
    let page = stage.get("/me", &cookie).await;
    assert!(page.text.contains("action=\"/me/picks\""));
}

#[tokio::test]
async fn nobody_chooses_for_another_holder() {
    let stage = Stage::new().await;
    let (one, other) = (stage.enrol(5, NAME).await, stage.enrol(6, "別の人").await);
    converts(&stage, &one, "r-1").await;
    let own = stage.get("/me", &stage.signs_in(&one).await).await;
    let cookie = stage.signs_in(&other).await;
    let page = stage.get("/me", &cookie).await;
    let form = format!(
        "form_token={}&key={}&conversion={}",
        page.hidden("form_token"),
        new_key(),
        own.hidden("conversion")
    );
    let answer = stage.post("/me/picks", &cookie, &form).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
    assert!(stage.get("/me", &cookie).await.text.contains("<span class=\"number\">0</span>"));
}
