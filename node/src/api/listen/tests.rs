//! A listener under load, under attack, and at its end.

use axum::routing::{get, post};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::Notify,
    task::JoinHandle,
};

use super::*;
use crate::api::{body::StrictJson, problem::with_fallbacks};

struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<Stopped>,
    entered: Arc<Semaphore>,
    release: Arc<Notify>,
}

fn small() -> Limits {
    Limits {
        head_bytes_max: 8192,
        body_bytes_max: 1000,
        head_time_max: Duration::from_millis(300),
        request_time_max: Duration::from_secs(20),
        ..Limits::default()
    }
}

async fn run(limits: Limits) -> Running {
    let (entered, release) = (Arc::new(Semaphore::new(0)), Arc::new(Notify::new()));
    let (e, r) = (Arc::clone(&entered), Arc::clone(&release));
    let router = Router::new()
        .route(
            "/from",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
        )
        .route("/json", post(|_: StrictJson<serde_json::Value>| async { "taken" }))
        .route("/panic", get(panicking))
        .route("/wait", get(move || wait(Arc::clone(&e), Arc::clone(&r))));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(serve(listener, with_fallbacks(router), limits, stopped));
    Running { address, stop, task, entered, release }
}

async fn panicking() -> &'static str {
    panic!("a fault of a handler")
}

async fn wait(entered: Arc<Semaphore>, release: Arc<Notify>) -> &'static str {
    entered.add_permits(1);
    release.notified().await;
    "done"
}

impl Running {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn ask(&self, path: &str) -> String {
        read(self.send(&get_text(path)).await).await
    }

    /// Opens a request that waits, and returns when its handler has begun.
    async fn waiting(&self) -> TcpStream {
        let stream = self.send(&get_text("/wait")).await;
        self.entered.acquire().await.unwrap().forget();
        stream
    }
}

fn get_text(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
}

async fn read(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is reset after its answer still gave the answer.
    let _ = stream.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_request_is_answered_and_knows_its_caller() {
    let running = run(small()).await;
    let answer = running.ask("/from").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("127.0.0.1"), "{answer}");
    assert!(running.ask("/none").await.contains("\"not_found\""));
}

#[tokio::test]
async fn a_request_over_the_listeners_limit_is_shed_at_once() {
    let running = run(Limits { requests_max: 1, ..small() }).await;
    let first = running.waiting().await;
    let shed = running.ask("/from").await;
    assert!(shed.starts_with("HTTP/1.1 503") && shed.contains("\"overloaded\""), "{shed}");
    assert!(shed.contains("retry-after: 1"), "{shed}");
    running.release.notify_one();
    assert!(read(first).await.ends_with("done"));
    assert!(running.ask("/from").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn one_address_has_its_own_limit() {
    let running = run(Limits { requests_per_address_max: 1, ..small() }).await;
    let first = running.waiting().await;
    let shed = running.ask("/from").await;
    assert!(shed.starts_with("HTTP/1.1 429") && shed.contains("\"too_many_requests\""), "{shed}");
    // Who hangs up gives the place back.
    drop(first);
    running.release.notify_one();
    let mut answer = running.ask("/from").await;
    for _ in 0..1000 {
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        tokio::task::yield_now().await;
        answer = running.ask("/from").await;
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_connection_over_the_limit_gets_a_503_and_is_closed() {
    let running = run(Limits { connections_max: 1, ..small() }).await;
    let first = running.waiting().await;
    let stream = TcpStream::connect(running.address).await.unwrap();
    let answer = read(stream).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("\"overloaded\""), "{answer}");
    running.release.notify_one();
    assert!(read(first).await.ends_with("done"));
}

#[tokio::test]
async fn heads_that_are_slow_or_large_are_cut_off() {
    let running = run(small()).await;
    let slow = running.send("GET /from HTTP/1.1\r\nhost: a\r\n").await;
    assert!(!read(slow).await.contains("200 OK"));
    let large = format!("GET /from HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(20_000));
    assert!(read(running.send(&large).await).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET /from HTTP/1.1\r\n{}\r\n", "x: a\r\n".repeat(65));
    assert!(read(running.send(&many).await).await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn a_body_over_the_listeners_limit_is_refused() {
    let running = run(small()).await;
    let post = |length: usize| {
        format!(
            "POST /json HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\
             content-type: application/json\r\n\r\n{}1",
            " ".repeat(length - 1)
        )
    };
    assert!(read(running.send(&post(1000)).await).await.ends_with("taken"));
    let answer = read(running.send(&post(1001)).await).await;
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("\"body_too_large\""),
        "{answer}"
    );
}

#[tokio::test]
async fn a_request_that_takes_too_long_ends_as_not_known() {
    let limits = Limits { request_time_max: Duration::from_millis(50), ..small() };
    let answer = run(limits).await.ask("/wait").await;
    assert!(
        answer.starts_with("HTTP/1.1 504") && answer.contains("\"timeout_unknown\""),
        "{answer}"
    );
}

#[tokio::test]
async fn a_handler_that_panics_is_a_500_and_the_listener_goes_on() {
    let running = run(small()).await;
    let answer = running.ask("/panic").await;
    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("\"internal\""), "{answer}");
    assert!(running.ask("/from").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn stopping_waits_for_open_requests_and_takes_no_more() {
    let running = run(small()).await;
    let first = running.waiting().await;
    running.stop.send(true).unwrap();
    // The listener's socket closes; from then on nobody connects.
    while TcpStream::connect(running.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!running.task.is_finished());
    running.release.notify_one();
    assert!(read(first).await.ends_with("done"));
    assert_eq!(running.task.await.unwrap(), Stopped::Clean);
}

#[tokio::test]
async fn stopping_cuts_off_what_does_not_end() {
    let limits = Limits { stop_time_max: Duration::from_millis(50), ..small() };
    let running = run(limits).await;
    let _open = running.waiting().await;
    drop(running.stop);
    assert_eq!(running.task.await.unwrap(), Stopped::CutOff);
}
