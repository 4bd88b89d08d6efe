//! Puts the service on loopback sockets: 127.0.0.1 and ::1 at one port, HTTP/1.1 by hyper directly; and on the gateway of the
//! stack's network, once functions are in containers, for those containers alone.

mod bind;
mod idle;
mod prompt;

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
};

pub use bind::{BindError, Port, PortHolder, bind};
use idle::Activity;
use prompt::Prompt;

use super::{
    body::{BodyError, ResponseBody, read_body},
    containers::GatewaySocket,
    report::Report,
    service::{Door, Service, text_response},
    shutdown::Shutdown,
};
use crate::task::{End, Tasks};

/// Connections at one time; further ones wait in the socket's backlog.
const CONNECTIONS_MAX: usize = 4_096;
/// All headers of a request together.
const HEADERS_MAX_BYTES: usize = 64 * 1024;
/// Headers of a request.
const HEADERS_MAX: usize = 128;
/// What a connection buffers of a body that is being read or of answers to pipelined requests.
const CONNECTION_BUFFER_MAX_BYTES: usize = 512 * 1024;
/// From the end of an answer, or of the handshake, to the end of the next request's headers, at least; at most twice that.
/// Above the time after which the SDKs themselves drop an idle connection (at most 90 s), so that none is closed while it is
/// being used again.
const IDLE_MAX: Duration = Duration::from_secs(120);
/// A pause after `accept` failed for want of descriptors or memory.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Serves until the shutdown is requested, then until the connections have finished what they are at; a caller that drops
/// the future cuts them off.
pub async fn serve(sockets: Sockets, service: Arc<Service>, shutdown: Shutdown, report: Report) {
    let mut loops = Tasks::new();
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let start = |loops: &mut Tasks, socket, door| {
        let (service, shutdown) = (Arc::clone(&service), shutdown.clone());
        let (room, report) = (Arc::clone(&room), report.clone());
        loops.spawn_endless("listener", accept_loop(socket, door, room, service, shutdown, report));
    };
    let Sockets { loopback, mut gateways } = sockets;
    loopback.into_iter().for_each(|socket| start(&mut loops, socket, Door::Loopback));
    let mut more = true;
    loop {
        tokio::select! {
            opened = gateways.recv(), if more => match opened {
                Some(GatewaySocket { socket, gateway }) => start(&mut loops, socket, Door::Gateway(gateway)),
                None => more = false,
            },
            ended = loops.next_end() => match ended {
                Some((name, End::Failed(message) | End::Panicked(message))) => {
                    report.say(format!("the {name} ended: {message}"));
                }
                Some(_) => {}
                None => return,
            },
        }
    }
}

/// What to listen on.
#[derive(Debug)]
pub struct Sockets {
    pub loopback: Vec<TcpListener>,
    /// Those that are opened later.
    pub gateways: mpsc::Receiver<GatewaySocket>,
}

async fn accept_loop(
    socket: TcpListener,
    door: Door,
    room: Arc<Semaphore>,
    service: Arc<Service>,
    shutdown: Shutdown,
    report: Report,
) {
    let mut connections = Tasks::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.requested() => break,
            Some(ended) = connections.next_end() => told(&report, ended),
            accepted = accept(&socket, &door, &room) => match accepted {
                Ok((stream, permit)) => {
                    let connection = connection(stream, door.clone(), permit, Arc::clone(&service), shutdown.clone());
                    connections.spawn_endless("connection", connection);
                }
                Err(error) => {
                    report.say(format!("cannot accept a connection: {error}"));
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            },
        }
    }
    drop(socket);
    while let Some(ended) = connections.next_end().await {
        told(&report, ended);
    }
}

async fn accept(
    socket: &TcpListener,
    door: &Door,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    loop {
        let (stream, peer) = socket.accept().await?;
        if let Door::Gateway(gateway) = door
            && !gateway.admits(peer)
        {
            // Closed without a word: it is none of the stack's.
            continue;
        }
        stream.set_nodelay(true)?;
        return Ok((stream, permit));
    }
}

fn told(report: &Report, (name, end): (&'static str, End)) {
    if let End::Panicked(message) = end {
        report.say(format!("a {name} panicked: {message}"));
    }
}

async fn connection(
    stream: TcpStream,
    door: Door,
    permit: OwnedSemaphorePermit,
    service: Arc<Service>,
    shutdown: Shutdown,
) {
    let answer = |request| {
        let (service, door) = (Arc::clone(&service), door.clone());
        async move { respond(&service, &door, request).await }
    };
    serve_connection(stream, answer, &shutdown).await;
    drop(permit);
}

/// Serves one connection until either side ends it. What goes wrong with it concerns the client alone.
async fn serve_connection<F>(stream: TcpStream, answer: impl Fn(Request<Incoming>) -> F, shutdown: &Shutdown)
where
    F: Future<Output = Response<ResponseBody>>,
{
    let activity = Arc::new(Activity::default());
    let service = service_fn(|request| {
        let (busy, answer) = (Activity::busy(&activity), answer(request));
        async move { Ok::<_, Infallible>(answer.await.map(|body| busy.until_written(body))) }
    });
    let mut http = http1::Builder::new();
    // Its own timeout sets a timer for each request; `Activity` has one for the connection.
    http.header_read_timeout(None)
        .max_header_size(HEADERS_MAX_BYTES)
        .max_headers(HEADERS_MAX)
        .max_buf_size(CONNECTION_BUFFER_MAX_BYTES)
        .pipeline_flush(true);
    let connection = http.serve_connection(TokioIo::new(Prompt::new(stream)), service);
    tokio::pin!(connection);
    tokio::select! {
        biased;
        _ = connection.as_mut() => {}
        () = shutdown.requested() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
        () = activity.idle_for(IDLE_MAX) => {}
    }
}

async fn respond(service: &Service, door: &Door, request: Request<Incoming>) -> Response<ResponseBody> {
    let (head, body) = request.into_parts();
    match read_body(body, Service::body_max_bytes(&head)).await {
        Ok(body) => service.call_at(door, head, body).await,
        Err(error) => refuse_body(error, Service::body_max_bytes(&head)),
    }
}

/// What a request gets whose body was not read.
pub(super) fn refuse_body(error: BodyError, max_bytes: usize) -> Response<ResponseBody> {
    match error {
        BodyError::TooLarge => {
            text_response(StatusCode::PAYLOAD_TOO_LARGE, format!("a request's body is at most {max_bytes} bytes"))
        }
        BodyError::Broken => text_response(StatusCode::BAD_REQUEST, "the body ended too early"),
    }
}

/// The bytes of a body that was read whole, for callers without a socket.
pub fn whole(body: &ResponseBody) -> Option<Bytes> {
    match body {
        ResponseBody::Whole(bytes) => Some(bytes.clone()),
        ResponseBody::Lines(_) | ResponseBody::Tail(_) | ResponseBody::Frames(_) | ResponseBody::Pieces(..) => None,
    }
}
