//! Prints each word that it is given. A project would use the crate `lambda_runtime`; by hand it builds in a second.

use std::{
    env,
    io::{Read, Result, Write},
    net::TcpStream,
};

fn main() -> Result<()> {
    let api = env::var("AWS_LAMBDA_RUNTIME_API").expect("Lambda sets it");
    loop {
        let next = call(&api, "GET", "next", "")?;
        let id = header(&next, "lambda-runtime-aws-request-id").expect("every invocation has an id").to_owned();
        for word in bodies(&next) {
            println!("Rust says {word}");
        }
        call(&api, "POST", &format!("{id}/response"), "{}")?;
    }
}

fn call(api: &str, method: &str, path: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(api)?;
    let length = body.len();
    write!(
        stream,
        "{method} /2018-06-01/runtime/invocation/{path} HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn header<'a>(answer: &'a str, name: &str) -> Option<&'a str> {
    let lines = answer.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": "));
    lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
}

/// Words have no quotes in them.
fn bodies(event: &str) -> impl Iterator<Item = &str> {
    event.split("\"body\":\"").skip(1).filter_map(|rest| rest.split('"').next())
}
