//! One listener: limits on connections, heads, bodies, time and requests, and a stop that waits.
//!
//! `axum::serve` has no time limit for a request's head, so the connections are served by hyper.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{ConnectInfo, Request},
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use futures::FutureExt as _;
use http_body_util::Limited;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, watch},
};
use tower::ServiceExt as _;

use super::problem::{Problem, edge::EdgeProblem};

/// The limits of one listener. What is over a limit is turned away before it is begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time; the next one gets a 503 and is closed.
    pub connections_max: usize,
    /// Requests at a time, of all callers; the next one gets `overloaded`.
    pub requests_max: usize,
    /// Requests at a time from one address; the next one gets `too_many_requests`. Behind a
    /// reverse proxy every caller has the proxy's address: set it to `requests_max` there.
    pub requests_per_address_max: usize,
    /// Bytes of a request's head.
    pub head_bytes_max: usize,
    /// Header fields of a request.
    pub headers_max: usize,
    /// Time for a head to arrive, and for a kept-alive connection to be idle.
    pub head_time_max: Duration,
    /// Bytes of a body. A handler may ask for less.
    pub body_bytes_max: usize,
    /// Time for a whole request; then the caller gets `timeout_unknown`.
    pub request_time_max: Duration,
    /// Time for open requests to end when the listener stops.
    pub stop_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            requests_max: 1024,
            requests_per_address_max: 64,
            head_bytes_max: 16 * 1024,
            headers_max: 64,
            head_time_max: Duration::from_secs(10),
            body_bytes_max: 1024 * 1024,
            request_time_max: Duration::from_secs(30),
            stop_time_max: Duration::from_secs(10),
        }
    }
}

/// How a listener ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// Every request was answered.
    Clean,
    /// After [`Limits::stop_time_max`] some were cut off: their result is not known to the caller.
    CutOff,
}

/// Serves until `stop` turns true or its sender is gone. Handlers find the caller's address as
/// `ConnectInfo<SocketAddr>`.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) -> Stopped {
    let connections = Arc::new(Semaphore::new(limits.connections_max));
    let graceful = GracefulShutdown::new();
    let edge = Arc::new(Edge {
        router,
        limits,
        requests: Arc::new(Semaphore::new(limits.requests_max)),
        of_address: Mutex::default(),
        stop: stop.clone(),
    });
    loop {
        let accepted = tokio::select! {
            biased;
            // A sender that is gone stops as well: nobody could stop the listener any more.
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, or a peer that is gone: not to be asked in a tight loop.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        match Arc::clone(&connections).try_acquire_owned() {
            Ok(permit) => {
                let connection = connection(stream, peer, Arc::clone(&edge), graceful.watcher());
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(_) => turn_away(&stream),
        }
    }
    drop(listener);
    match tokio::time::timeout(limits.stop_time_max, graceful.shutdown()).await {
        Ok(()) => Stopped::Clean,
        Err(_) => Stopped::CutOff,
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers 503 without reading, without waiting, and without a task.
fn turn_away(stream: &TcpStream) {
    let body = Problem::from(EdgeProblem::Overloaded).json();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {}\r\nretry-after: 1\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n",
        super::problem::MEDIA_TYPE,
        body.len()
    );
    // A new socket's buffer takes it whole; if not, the caller sees a closed connection.
    let _ = stream.try_write([head, body].concat().as_bytes());
}

/// One connection, to its end.
async fn connection(stream: TcpStream, peer: SocketAddr, edge: Arc<Edge>, watcher: Watcher) {
    // Answers are small; waiting to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let limits = edge.limits;
    let service = service_fn(move |request| Arc::clone(&edge).answer(request, peer));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time_max)
        .max_header_size(limits.head_bytes_max)
        .max_headers(limits.headers_max)
        .serve_connection(TokioIo::new(stream), service);
    // Errors here are the peer's (hung up, no HTTP, too slow), and hyper has answered what it can.
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(incomplete = error.is_incomplete_message(), "connection ended");
    }
}

/// What all connections of a listener share.
struct Edge {
    router: Router,
    limits: Limits,
    requests: Arc<Semaphore>,
    of_address: Mutex<HashMap<IpAddr, usize>>,
    stop: watch::Receiver<bool>,
}

impl Edge {
    async fn answer(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response, std::convert::Infallible> {
        let place = match self.place(peer.ip()) {
            Ok(place) => place,
            Err(problem) => return Ok(closing(problem)),
        };
        let (parts, body) = request.into_parts();
        let body = Body::new(Limited::new(body, self.limits.body_bytes_max));
        let mut request = Request::from_parts(parts, body);
        request.extensions_mut().insert(ConnectInfo(peer));
        let handled = AssertUnwindSafe(self.router.clone().oneshot(request)).catch_unwind();
        let response = match tokio::time::timeout(self.limits.request_time_max, handled).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(_)) => {
                tracing::error!("a handler panicked");
                closing(EdgeProblem::Internal.into())
            }
            Err(_) => closing(EdgeProblem::TimeoutUnknown.into()),
        };
        drop(place);
        Ok(response)
    }

    /// A place for one request, or the problem of having none. Never waits.
    fn place(self: &Arc<Self>, address: IpAddr) -> Result<Place, Problem> {
        if *self.stop.borrow() {
            return Err(Problem::from(EdgeProblem::Stopping).retry_after(RETRY_STOPPING));
        }
        let permit = Arc::clone(&self.requests)
            .try_acquire_owned()
            .map_err(|_| Problem::from(EdgeProblem::Overloaded).retry_after(RETRY_BUSY))?;
        let mut of_address = self.of_address.lock().unwrap_or_else(PoisonError::into_inner);
        let open = of_address.entry(address).or_insert(0);
        if *open >= self.limits.requests_per_address_max {
            return Err(Problem::from(EdgeProblem::TooManyRequests).retry_after(RETRY_BUSY));
        }
        *open = open.saturating_add(1);
        Ok(Place { edge: Arc::clone(self), address, _permit: permit })
    }
}

const RETRY_BUSY: Duration = Duration::from_secs(1);
const RETRY_STOPPING: Duration = Duration::from_secs(5);

/// The body of the request was not read, so the connection cannot be used again.
fn closing(problem: Problem) -> Response {
    let mut response = problem.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A request's place; dropping it frees it, also when the caller hangs up.
struct Place {
    edge: Arc<Edge>,
    address: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut of_address = self.edge.of_address.lock().unwrap_or_else(PoisonError::into_inner);
        let left = of_address.get(&self.address).copied().unwrap_or(0).saturating_sub(1);
        if left == 0 {
            of_address.remove(&self.address);
        } else {
            of_address.insert(self.address, left);
        }
    }
}

#[cfg(test)]
mod tests;
