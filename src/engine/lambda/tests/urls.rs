//! Function URLs: their configurations, and what finds them.

use super::{
    super::{Cors, FunctionRef, FunctionUrl, FunctionUrlRequest, InvokeMode, UrlAuthType},
    Command, LambdaErrorKind, Response, World, code, named,
};

fn at(alias: &str) -> FunctionRef {
    FunctionRef { name: "f".into(), qualifier: Some(alias.into()) }
}

fn open() -> FunctionUrlRequest {
    FunctionUrlRequest { auth_type: Some(UrlAuthType::None), ..FunctionUrlRequest::default() }
}

fn shown(response: Response) -> FunctionUrl {
    match response {
        Response::FunctionUrl(url) => *url,
        other => panic!("{other:?}"),
    }
}

impl World {
    fn create_url(&mut self, name: FunctionRef) -> FunctionUrl {
        shown(self.call(Command::CreateFunctionUrlConfig { name, config: open() }).unwrap())
    }

    fn found(&mut self, id: &str) -> Option<String> {
        match self.call(Command::FindFunctionUrl { id: id.into() }) {
            Ok(response) => Some(shown(response).function_arn),
            Err(error) => {
                assert_eq!(error.kind, LambdaErrorKind::ResourceNotFound);
                None
            }
        }
    }

    fn publish_as(&mut self, alias: &str) {
        let name = named("f");
        self.call(Command::PublishVersion { name: name.clone(), publish: super::super::PublishVersion::default() })
            .unwrap();
        let create = super::super::CreateAlias {
            name: alias.into(),
            function_version: "1".into(),
            ..super::super::CreateAlias::default()
        };
        self.call(Command::CreateAlias { name, create }).unwrap();
    }
}

#[test]
fn a_url_is_found_until_its_function_or_alias_is_gone() {
    let mut world = World::new();
    world.create("f");
    world.publish_as("live");
    let (whole, alias) = (world.create_url(named("f")), world.create_url(at("live")));
    assert_eq!(whole.id.len(), 32);
    assert!(whole.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{}", whole.id);
    assert_eq!((whole.auth_type, whole.invoke_mode), (UrlAuthType::None, InvokeMode::Buffered));
    let mut world = world.restarted();
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
    assert_eq!(world.found(&whole.id).as_deref(), Some(arn));
    assert_eq!(world.found(&alias.id), Some(format!("{arn}:live")));
    world.call(Command::DeleteAlias { name: named("f"), alias: "live".into() }).unwrap();
    assert_eq!(world.found(&alias.id), None);
    world.call(Command::DeleteFunctionUrlConfig { name: named("f") }).unwrap();
    assert_eq!(world.found(&whole.id), None);
    let again = world.create_url(named("f"));
    assert_ne!(again.id, whole.id);
    world.call(Command::DeleteFunction { name: named("f") }).unwrap();
    assert_eq!(world.found(&again.id), None);
    assert_eq!(world.restarted().found(&again.id), None);
}

#[test]
fn an_update_changes_what_it_names() {
    let mut world = World::new();
    world.create("f");
    let before = world.create_url(named("f"));
    let mut update = |config| shown(world.call(Command::UpdateFunctionUrlConfig { name: named("f"), config }).unwrap());
    let cors = Cors { allow_origins: vec!["*".into()], ..Cors::default() };
    let after = update(FunctionUrlRequest { cors: Some(cors.clone()), ..FunctionUrlRequest::default() });
    assert_eq!((&after.id, after.auth_type, after.cors), (&before.id, UrlAuthType::None, Some(cors.clone())));
    let after = update(FunctionUrlRequest {
        auth_type: Some(UrlAuthType::AwsIam),
        invoke_mode: Some(InvokeMode::ResponseStream),
        cors: None,
    });
    assert_eq!(
        (after.auth_type, after.invoke_mode, after.cors),
        (UrlAuthType::AwsIam, InvokeMode::ResponseStream, Some(cors))
    );
    assert_eq!(update(FunctionUrlRequest { cors: Some(Cors::default()), ..open() }).cors, None);
}

#[test]
fn bad_requests_are_refused_as_by_lambda() {
    let mut world = World::new();
    world.create("f");
    let mut refused = |name: FunctionRef, config: FunctionUrlRequest, kind: LambdaErrorKind, text: &str| {
        let (found, message) = world.refusal(Command::CreateFunctionUrlConfig { name, config });
        assert!(found == kind && message.contains(text), "{found:?} {message}");
    };
    let invalid = LambdaErrorKind::Validation;
    for qualifier in ["1", "$LATEST"] {
        refused(at(qualifier), open(), invalid, "at 'qualifier'");
    }
    refused(at("gone"), open(), LambdaErrorKind::ResourceNotFound, "Function not found");
    refused(named("g"), open(), LambdaErrorKind::ResourceNotFound, "Function not found");
    world.create_url(named("f"));
    let (kind, message) = world.refusal(Command::CreateFunctionUrlConfig { name: named("f"), config: open() });
    assert_eq!(kind, LambdaErrorKind::ResourceConflict, "{message}");
    world.call(Command::UpdateFunctionCode { name: named("f"), update: Default::default(), code: code(2) }).unwrap();
    assert!(world.call(Command::GetFunctionUrlConfig { name: named("f") }).is_ok(), "code does not touch it");
}

#[test]
fn lists_have_pages() {
    let mut world = World::new();
    world.create("f");
    world.publish_as("live");
    world.create_url(at("live"));
    world.create_url(named("f"));
    let mut page = |marker: Option<String>| match world.call(Command::ListFunctionUrlConfigs {
        name: named("f"),
        marker,
        max_items: Some(1),
    }) {
        Ok(Response::ListFunctionUrls { urls, next_marker }) => (urls[0].function_arn.ends_with("live"), next_marker),
        other => panic!("{other:?}"),
    };
    let (is_alias, next) = page(None);
    assert!(!is_alias && next.is_some());
    assert_eq!(page(next), (true, None));
}
