//! A small HTTP/1.1 client that sends exactly the bytes it is given.
//!
//! Ordinary clients correct what we mean to send: they normalise paths, join headers and refuse control characters.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The most of an answer that is read.
const MAX_ANSWER: usize = 256 * 1024;

/// Where the server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    host: String,
    port: u16,
}

/// Why an address can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaseError {
    /// Not `http://host:port`.
    #[error("`{0}` is not `http://HOST:PORT`")]
    Shape(String),
    /// Attacks are sent to this machine unless the caller insists.
    #[error("`{0}` is not this machine; attacks are only sent to loopback unless you insist")]
    BeyondLoopback(String),
}

impl Base {
    /// Reads `http://127.0.0.1:3000`. Only loopback addresses and `localhost` are taken.
    ///
    /// # Errors
    /// [`BaseError`].
    pub fn loopback(url: &str) -> Result<Self, BaseError> {
        let base = Self::insecure_anywhere(url)?;
        let local = base.host == "localhost" || base.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if local { Ok(base) } else { Err(BaseError::BeyondLoopback(url.to_owned())) }
    }

    /// Reads any `http://host:port`. The requests are attacks; the server must be yours.
    ///
    /// # Errors
    /// [`BaseError::Shape`].
    pub fn insecure_anywhere(url: &str) -> Result<Self, BaseError> {
        let shape = || BaseError::Shape(url.to_owned());
        let rest = url.strip_prefix("http://").ok_or_else(shape)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().map_err(|_| shape())?),
            _ => (authority, 80),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        if host.is_empty() || !host.chars().all(plain) {
            return Err(shape());
        }
        Ok(Self { host: host.to_owned(), port })
    }

    pub(crate) fn local(port: u16) -> Self {
        Self { host: "127.0.0.1".into(), port }
    }

    /// The `Host` header.
    pub(crate) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// `http://HOST:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.authority())
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        match self.host.parse::<IpAddr>() {
            Ok(address) => TcpStream::connect(SocketAddr::new(address, self.port)).await,
            Err(_) => TcpStream::connect((self.host.as_str(), self.port)).await,
        }
    }
}

/// A request, header lines as they go out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<String>,
    pub(crate) body: Option<Vec<u8>>,
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("no connection: {0}")]
    Connect(String),
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    #[error("the connection was closed without an answer")]
    Closed,
    #[error("the answer is not HTTP")]
    Garbage,
}

/// Once the head of an answer is there, its body may take this long: streams never end.
const BODY_WITHIN: Duration = Duration::from_secs(1);

/// Sends one request on a connection of its own.
pub(crate) async fn send(base: &Base, request: &Request, within: Duration) -> Result<Answer, HttpError> {
    let mut read = Vec::new();
    let end = match timeout(within, exchange(base, request, &mut read)).await {
        Ok(Ok(())) => HttpError::Closed,
        Ok(Err(error)) => error,
        Err(_) => HttpError::Timeout(within),
    };
    match parse(&read, &request.method) {
        Some((answer, _)) => Ok(answer),
        None if read.is_empty() || matches!(end, HttpError::Timeout(_)) => Err(end),
        None => Err(HttpError::Garbage),
    }
}

async fn exchange(base: &Base, request: &Request, read: &mut Vec<u8>) -> Result<(), HttpError> {
    let mut stream = base.connect().await.map_err(|error| HttpError::Connect(error.to_string()))?;
    // A server may answer and hang up before it has read everything; what it said still counts.
    let _ = stream.write_all(&wire(base, request)).await;
    let mut chunk = vec![0; 16 * 1024];
    let mut has_head = false;
    loop {
        let more = stream.read(&mut chunk);
        let length = if has_head { timeout(BODY_WITHIN, more).await.unwrap_or(Ok(0)) } else { more.await };
        match length {
            Ok(0) | Err(_) => return Ok(()),
            Ok(length) => read.extend_from_slice(chunk.get(..length).unwrap_or_default()),
        }
        match parse(read, &request.method) {
            Some((_, true)) => return Ok(()),
            Some((_, false)) => has_head = true,
            None => {}
        }
        if read.len() > MAX_ANSWER {
            return Ok(());
        }
    }
}

fn wire(base: &Base, request: &Request) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    let has = |name: &str| {
        request.headers.iter().any(|line| line.split(':').next().is_some_and(|of| of.eq_ignore_ascii_case(name)))
    };
    if !has("host") {
        text.push_str(&format!("Host: {}\r\n", base.authority()));
    }
    for line in &request.headers {
        text.push_str(line);
        text.push_str("\r\n");
    }
    if let Some(body) = &request.body {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    if !has("connection") {
        text.push_str("Connection: close\r\n");
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(request.body.as_deref().unwrap_or_default());
    bytes
}

/// Reads as much of an answer as is there, and tells whether that is all of it.
fn parse(read: &[u8], method: &str) -> Option<(Answer, bool)> {
    let end = read.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(read.get(..end)?).into_owned();
    let rest = read.get(end + 4..)?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.splitn(3, ' ');
    if !first.next()?.starts_with("HTTP/1.") {
        return None;
    }
    let status: u16 = first.next()?.parse().ok().filter(|status| (100..600).contains(status))?;
    if (100..200).contains(&status) && status != 101 {
        // An interim answer; the real one follows.
        return parse(rest, method);
    }
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: Vec::new() };
    if method == "HEAD" || matches!(status, 101 | 204 | 304) {
        return Some((answer, true));
    }
    let chunked = answer.header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let length = answer.header("content-length").and_then(|value| value.parse::<usize>().ok());
    let (body, complete) = match (chunked, length) {
        (true, _) => unchunk(rest),
        (false, Some(length)) => (rest.get(..length).unwrap_or(rest).to_vec(), rest.len() >= length),
        (false, None) => (rest.to_vec(), false),
    };
    answer.body = body;
    Some((answer, complete))
}

fn unchunk(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(line_end) = rest.windows(2).position(|window| window == b"\r\n") else { return (body, false) };
        let line = String::from_utf8_lossy(rest.get(..line_end).unwrap_or_default()).into_owned();
        let size = line.split(';').next().and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let Some(size) = size else { return (body, true) };
        let data = rest.get(line_end + 2..).unwrap_or_default();
        if size == 0 {
            return (body, true);
        }
        let Some(piece) = data.get(..size) else {
            body.extend_from_slice(data);
            return (body, false);
        };
        body.extend_from_slice(piece);
        rest = data.get(size.saturating_add(2)..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(u16, &str, bool)>) {
        let got = parse(text.as_bytes(), "GET");
        let got = got.map(|(answer, done)| (answer.status, String::from_utf8(answer.body).unwrap(), done));
        assert_eq!(got, expected.map(|(status, body, done)| (status, body.to_owned(), done)), "{text:?}");
    }

    #[test]
    fn answers_are_read_in_every_framing() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Some((200, "hi", true)));
        check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhi", Some((200, "hi", false)));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", Some((200, "hi", true)));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhi", Some((200, "hi", false)));
        check("HTTP/1.0 401 No\r\n\r\nbye", Some((401, "bye", false)));
        check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", Some((204, "", true)));
    }

    #[test]
    fn garbage_is_no_answer() {
        for text in ["", "hello", "HTTP/1.1 nonsense\r\n\r\n", "HTTP/1.1 99999 X\r\n\r\n", "SSH-2.0-x\r\n\r\n"] {
            check(text, None);
        }
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Some((200, "", true)));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nx", Some((200, "x", false)));
    }

    /// A server that says this and keeps the connection open.
    async fn answered(text: &'static str) -> Result<Answer, HttpError> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Base::local(listener.local_addr().unwrap().port());
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(text.as_bytes()).await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
        });
        let request = Request { method: "GET".into(), target: "/".into(), headers: Vec::new(), body: None };
        let answer = send(&base, &request, Duration::from_millis(1500)).await;
        server.abort();
        answer
    }

    #[tokio::test]
    async fn a_stream_that_never_ends_is_an_answer_and_silence_is_none() {
        let stream = answered("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n").await.unwrap();
        assert_eq!((stream.status, stream.body.as_slice()), (200, b"data: 1\n\n".as_slice()));
        assert!(matches!(answered("").await, Err(HttpError::Timeout(_))));
        assert!(matches!(answered("HTTP/1.1 200 OK\r\n").await, Err(HttpError::Timeout(_))));
    }

    #[test]
    fn attacks_stay_on_this_machine() {
        for url in ["http://127.0.0.1:3000", "http://localhost:3000/", "http://[::1]:3000"] {
            assert!(Base::loopback(url).is_ok(), "{url}");
        }
        for url in ["http://example.com", "http://10.0.0.1:80", "http://127.0.0.1.evil.example:80"] {
            assert!(matches!(Base::loopback(url), Err(BaseError::BeyondLoopback(_))), "{url}");
        }
        for url in ["https://127.0.0.1", "http://", "http://a:b", "http://a/b", "http://user@127.0.0.1:1"] {
            assert!(matches!(Base::loopback(url), Err(BaseError::Shape(_))), "{url}");
        }
    }
}
