//! What the node's client of SIP2 makes of a library's system that answers well, late, wrongly or
//! not at all.

use std::{
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use jichi::library_system::{Card, LibrarySystem, Manner, PASSWORD, USER, Writes};
use jichi_node::{
    clock,
    library::{
        client::{NoAnswer, Question, Sip2Client, Sip2Settings},
        sip2::{CardState, Encoding, Patron},
    },
};

const WITHIN: Duration = Duration::from_secs(5);

fn client(address: SocketAddr, encoding: Encoding) -> Sip2Client {
    Sip2Client::new(Sip2Settings {
        host: address.ip().to_string(),
        port: address.port(),
        user: USER.to_owned(),
        password: PASSWORD.into(),
        location: "カウンター".to_owned(),
        institution: "LIB".to_owned(),
        encoding,
    })
}

fn library() -> anyhow::Result<(LibrarySystem, Sip2Client)> {
    let system = LibrarySystem::start(Writes::Utf8)?;
    system.has("20000001", "前橋 花子", Card::Valid);
    system.has("20000002", "前橋 太郎", Card::Expired);
    let client = client(system.address, Encoding::Utf8);
    Ok((system, client))
}

async fn ask(client: &Sip2Client, number: &str) -> Result<Patron, NoAnswer> {
    client.ask(Question::Status, number, WITHIN).await
}

#[tokio::test]
async fn one_connection_signs_in_once_and_answers_every_question() -> anyhow::Result<()> {
    let (system, client) = library()?;
    let good = ask(&client, "20000001").await?;
    assert_eq!((good.card, good.name.as_deref()), (CardState::Valid, Some("前橋 花子")));
    assert_eq!(ask(&client, "20000002").await?.card, CardState::NotValid);
    assert_eq!(ask(&client, "20000003").await?.card, CardState::Unknown);
    let known = client.ask(Question::Information, "20000001", WITHIN).await?;
    assert_eq!(known.card, CardState::Valid);
    assert_eq!(system.asked(), ["93", "99", "23", "23", "23", "63", "35"]);
    // The numbers of requests go round: 0 behind 9.
    for _ in 0..12 {
        assert_eq!(ask(&client, "20000001").await?.card, CardState::Valid);
    }
    Ok(())
}

#[tokio::test]
async fn a_system_that_writes_cp932_and_crlf_is_understood() -> anyhow::Result<()> {
    let system = LibrarySystem::start(Writes::Cp932)?;
    system.has("20000001", "髙橋ポンプ 表", Card::Valid);
    let client = client(system.address, Encoding::Cp932);
    assert_eq!(ask(&client, "20000001").await?.name.as_deref(), Some("髙橋ポンプ 表"));
    assert_eq!(ask(&client, "😀").await, Err(NoAnswer::NotWritable));
    assert_eq!(ask(&client, "20000001").await?.card, CardState::Valid);
    Ok(())
}

#[tokio::test]
async fn a_garbled_answer_is_asked_for_again_once() -> anyhow::Result<()> {
    let (system, client) = library()?;
    system.answer(Manner::GarbledOnce);
    assert_eq!(ask(&client, "20000001").await?.card, CardState::Valid);
    assert_eq!(system.asked(), ["93", "99", "23", "97"]);
    system.answer(Manner::GarbledAlways);
    assert_eq!(ask(&client, "20000001").await, Err(NoAnswer::Garbled));
    system.answer(Manner::Proper);
    assert_eq!(ask(&client, "20000001").await?.card, CardState::Valid);
    Ok(())
}

#[tokio::test]
async fn a_question_that_came_garbled_is_asked_again() -> anyhow::Result<()> {
    let (system, client) = library()?;
    system.answer(Manner::AsksAgain);
    assert_eq!(ask(&client, "20000001").await?.card, CardState::Valid);
    assert_eq!(system.asked(), ["93", "99", "23", "23"]);
    Ok(())
}

#[tokio::test]
async fn a_late_answer_is_an_error_in_time_and_never_the_answer_to_the_next() -> anyhow::Result<()>
{
    let (system, client) = library()?;
    assert_eq!(ask(&client, "20000001").await?.card, CardState::Valid);
    system.answer(Manner::Slow(Duration::from_millis(600)));
    let begun = clock::monotonic();
    let late = client.ask(Question::Status, "20000002", Duration::from_millis(200)).await;
    assert_eq!(late, Err(NoAnswer::Late));
    assert!(
        clock::monotonic().since(begun) < Duration::from_millis(500),
        "{:?}",
        clock::monotonic().since(begun)
    );
    system.answer(Manner::Proper);
    let next = ask(&client, "20000001").await?;
    assert_eq!((next.number.as_str(), next.card), ("20000001", CardState::Valid));
    Ok(())
}

#[tokio::test]
async fn a_connection_that_breaks_is_opened_anew_once() -> anyhow::Result<()> {
    let (system, client) = library()?;
    system.answer(Manner::BreaksOff);
    assert_eq!(ask(&client, "20000001").await, Err(NoAnswer::Unreachable));
    assert_eq!(system.asked(), ["93", "99", "23", "93", "99", "23"]);
    system.answer(Manner::Proper);
    assert_eq!(ask(&client, "20000001").await?.card, CardState::Valid);
    Ok(())
}

#[tokio::test]
async fn what_is_no_sip2_a_refused_sign_in_and_a_closed_library_are_told_apart()
-> anyhow::Result<()> {
    let (system, open) = library()?;
    system.answer(Manner::Malformed);
    assert_eq!(ask(&open, "20000001").await, Err(NoAnswer::Unreadable));
    system.answer(Manner::RefusesSignIn);
    assert_eq!(ask(&open, "20000001").await, Err(NoAnswer::SignInRefused));
    system.answer(Manner::OutOfService);
    assert_eq!(ask(&open, "20000001").await, Err(NoAnswer::OutOfService));
    let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let gone = client(nobody, Encoding::Utf8);
    assert_eq!(ask(&gone, "20000001").await, Err(NoAnswer::Unreachable));
    Ok(())
}
