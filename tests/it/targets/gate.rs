//! A server in front of an endpoint that answers some requests itself, counts all of them, and passes the rest on.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

/// What is answered to so many requests of an operation, before the others get through.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// As AWS names it: `CreateQueue`.
    pub(crate) operation: &'static str,
    pub(crate) times: usize,
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    /// `x-amzn-errortype`, where it is not in the body.
    pub(crate) error_type: &'static str,
    pub(crate) body: String,
}

/// See the module. Ends with the test's process.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) endpoint: String,
    seen: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Gate {
    /// In front of `behind`; without it, what is not answered is closed.
    pub(crate) fn start(behind: Option<&str>, answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let behind = behind.map(|url| url.trim_start_matches("http://").to_owned());
        let seen = Arc::new(Mutex::new(BTreeMap::new()));
        let (counted, answers) = (Arc::clone(&seen), Arc::new(Mutex::new(answers)));
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (behind, seen, answers) = (behind.clone(), Arc::clone(&counted), Arc::clone(&answers));
                std::thread::spawn(move || serve(client, behind.as_deref(), &seen, &answers));
            }
        });
        Self { endpoint, seen }
    }

    /// How often each operation was asked for.
    pub(crate) fn seen(&self) -> BTreeMap<String, usize> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(
    mut client: TcpStream,
    behind: Option<&str>,
    seen: &Mutex<BTreeMap<String, usize>>,
    answers: &Mutex<Vec<Answer>>,
) {
    let Some(request) = read(&mut client) else { return };
    let operation = operation(&request);
    *seen.lock().unwrap().entry(operation.clone()).or_default() += 1;
    let answer = {
        let mut answers = answers.lock().unwrap();
        let found = answers.iter_mut().find(|answer| answer.operation == operation && answer.times > 0);
        found.map(|answer| {
            answer.times -= 1;
            answer.clone()
        })
    };
    let response = match (answer, behind) {
        (Some(answer), _) => format!(
            "HTTP/1.1 {} Answered\r\ncontent-type: {}\r\nx-amzn-errortype: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{}",
            answer.status,
            answer.content_type,
            answer.error_type,
            answer.body.len(),
            answer.body
        )
        .into_bytes(),
        (None, Some(behind)) => pass_on(&request, behind),
        (None, None) => Vec::new(),
    };
    // Who has gone needs no answer.
    let _ = client.write_all(&response);
    let _ = client.shutdown(Shutdown::Both);
}

/// One request, whole.
fn read(client: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut request, mut chunk) = (Vec::new(), vec![0; 65_536]);
    loop {
        if let Some(end) = find(&request, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if request.len() >= end + 4 + length.unwrap_or(0_usize) {
                return Some(request);
            }
        }
        match client.read(&mut chunk) {
            Ok(0) | Err(_) => return None,
            Ok(count) => request.extend_from_slice(&chunk[..count]),
        }
    }
}

fn pass_on(request: &[u8], behind: &str) -> Vec<u8> {
    let mut server = TcpStream::connect(behind).unwrap();
    let end = find(request, b"\r\n").unwrap();
    // Once and no more, so that its end is the answer's end.
    server.write_all(&request[..end]).unwrap();
    server.write_all(b"\r\nconnection: close").unwrap();
    server.write_all(&request[end..]).unwrap();
    let mut response = Vec::new();
    server.read_to_end(&mut response).unwrap();
    response
}

/// By `X-Amz-Target`, by `Action`, or by method and path.
fn operation(request: &[u8]) -> String {
    let text = String::from_utf8_lossy(request);
    let target = text.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("x-amz-target").then(|| value.rsplit('.').next().unwrap_or_default().to_owned())
    });
    let action = || text.rsplit("Action=").next().filter(|_| text.contains("Action="))?.split('&').next();
    let first = || text.lines().next().unwrap_or_default();
    let by_path = || match first().split(' ').collect::<Vec<_>>()[..] {
        ["POST", "/2015-03-31/functions", ..] => "CreateFunction".to_owned(),
        _ => first().to_owned(),
    };
    target.or_else(|| action().map(str::to_owned)).unwrap_or_else(by_path)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}
