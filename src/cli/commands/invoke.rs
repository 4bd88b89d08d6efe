//! `stackctl invoke`: a function's answer to one event.

use aws_sdk_lambda::{
    primitives::Blob,
    types::{InvocationType, LogType},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};

use crate::cli::{
    Session,
    args::Invoke,
    failure::{Failure, Message},
    input,
    place::Place,
    sdk,
    terminal::{FAINT, GREEN},
};

pub(crate) async fn run(session: &Session, args: &Invoke) -> Result<(), Failure> {
    let payload = input::read(&args.payload)?;
    if let Err(error) = serde_json::from_str::<&serde_json::value::RawValue>(&payload) {
        return Err(Failure::usage(
            format!("the payload is not JSON: {error}"),
            "quote it for the shell: --payload '{\"name\": \"you\"}'",
        ));
    }
    let (_, place) = Place::running(session).await?;
    let function = place.function(&args.name).await?;
    let (name, qualifier) =
        function.split_once(':').map_or((function.as_str(), None), |(name, version)| (name, Some(version)));
    let answer = place
        .lambda()
        .invoke()
        .function_name(name)
        .set_qualifier(qualifier.map(str::to_owned))
        .invocation_type(if args.event { InvocationType::Event } else { InvocationType::RequestResponse })
        .set_log_type(args.log.then_some(LogType::Tail))
        .payload(Blob::new(payload))
        .send()
        .await
        .map_err(sdk::failed(format_args!("invoke `{}`", args.name)))?;
    if let Some(log) = answer.log_result().and_then(|log| BASE64_STANDARD.decode(log).ok()) {
        session.terminal.say(format_args!("{FAINT}{}{FAINT:#}", String::from_utf8_lossy(&log).trim_end()));
    }
    if args.event {
        session.terminal.step(
            GREEN,
            "accepted",
            format_args!("`stackctl logs -f {}` shows what comes of it", args.name),
        );
        return Ok(());
    }
    let payload = answer.payload().map(|blob| String::from_utf8_lossy(blob.as_ref()).into_owned()).unwrap_or_default();
    session.terminal.print(payload)?;
    match answer.function_error() {
        None => Ok(()),
        Some(_) if args.log => Err(Failure::World(Message::new(format!("`{}` failed", args.name)))),
        Some(_) => Err(Failure::world(format!("`{}` failed", args.name), format!("`stackctl logs {name}` shows why"))),
    }
}
