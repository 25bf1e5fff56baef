//! A small HTTP client for the few systems that a node asks itself: on this machine, or through a
//! proxy on it that speaks TLS.

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Uri,
    header::{self, HeaderName},
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Why there is no body to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoResponse {
    /// No connection, or it broke.
    Unreachable,
    /// An answer of another status than success.
    Status(u16),
    /// A body over the limit, or that broke off.
    TooLarge,
}

/// Posts a JSON body, and gives the body of the answer.
///
/// # Errors
/// [`NoResponse`].
pub async fn post_json(
    url: &Uri,
    headers: &[(HeaderName, String)],
    body: Vec<u8>,
    bytes_max: usize,
) -> Result<Bytes, NoResponse> {
    let authority = url.authority().ok_or(NoResponse::Unreachable)?;
    let address = (authority.host(), authority.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await.map_err(|_| NoResponse::Unreachable)?;
    let shaken =
        hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.map_err(|_| NoResponse::Unreachable)?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::post(path)
        .header(header::HOST, authority.as_str())
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let request =
        request.body(Full::new(Bytes::from(body))).map_err(|_| NoResponse::Unreachable)?;
    let asked = async {
        let response = sender.send_request(request).await.map_err(|_| NoResponse::Unreachable)?;
        if !response.status().is_success() {
            return Err(NoResponse::Status(response.status().as_u16()));
        }
        let body = Limited::new(Body::new(response.into_body()), bytes_max).collect().await;
        Ok(body.map_err(|_| NoResponse::TooLarge)?.to_bytes())
    };
    tokio::pin!(asked);
    tokio::select! {
        answer = &mut asked => answer,
        // The connection ends before the answer does only if it breaks.
        _ = connection => asked.await,
    }
}
