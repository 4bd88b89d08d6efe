//! Functions that are container images, and what the others run in.

use std::collections::BTreeMap;

use super::{
    super::{CodeRef, ImageConfig, UpdateFunctionCode, UpdateFunctionConfiguration},
    Command, CreateFunction, LambdaErrorKind, Response, World, code, configuration, create, function, named,
};
use crate::{
    engine::{CodeImage, SandboxSpec, StopReason},
    model::{ArtifactDigest, TAG_BASE_IMAGE, TAG_ISOLATION},
};

fn image(byte: u8) -> CodeRef {
    let digits = ArtifactDigest::from_bytes([byte; 32]).to_string();
    let image = CodeImage {
        uri: format!("r/i:{byte}"),
        id: format!("sha256:{digits}"),
        resolved_uri: format!("r/i@sha256:{digits}"),
    };
    CodeRef { sha256: digits, size_bytes: 0, image: Some(image), ..code(byte) }
}

fn image_function(config: Option<ImageConfig>) -> Command {
    let function = CreateFunction {
        runtime: None,
        handler: None,
        package_type: super::super::PackageType::Image,
        image_config: config,
        ..function("f")
    };
    Command::CreateFunction { function, code: image(1) }
}

fn command(text: &str) -> ImageConfig {
    ImageConfig { command: vec![text.to_owned()], ..ImageConfig::default() }
}

#[test]
fn an_image_as_aws_returns_it() {
    let mut world = World::new();
    let shown = serde_json::to_value(configuration(world.call(image_function(Some(command("a")))).unwrap())).unwrap();
    assert_eq!((&shown["PackageType"], &shown["CodeSize"]), (&"Image".into(), &0.into()));
    assert_eq!(shown["ImageConfigResponse"], serde_json::json!({"ImageConfig": {"Command": ["a"]}}));
    assert_eq!(shown["CodeSha256"].as_str().unwrap().len(), 64);
    assert!(shown.get("Runtime").is_none() && shown.get("Handler").is_none(), "{shown}");
    let Response::GetFunction { image: Some(found), .. } =
        world.call(Command::GetFunction { name: named("f") }).unwrap()
    else {
        panic!()
    };
    assert_eq!(Some(found), image(1).image);
    let mut world = world.restarted();
    world.invoke("f");
    let spec = &world.launched[0].1;
    assert_eq!(spec.sandbox, SandboxSpec::Image { image: image(1).image.unwrap(), config: command("a") });
}

#[test]
fn an_image_and_a_zip_file_do_not_become_each_other() {
    let mut world = World::new();
    world.call(image_function(None)).unwrap();
    world.call(create(function("zip"))).unwrap();
    let code_of = |name: &str, code| {
        let update = UpdateFunctionCode::default();
        Command::UpdateFunctionCode { name: named(name), update, code }
    };
    let mut check = |command: Command, part: &str| {
        let (kind, message) = world.refusal(command);
        assert!(kind == LambdaErrorKind::InvalidParameterValue && message.contains(part), "{part}: {message}");
    };
    check(code_of("f", code(2)), "Please provide ImageUri when updating a function with packageType Image.");
    check(code_of("zip", image(2)), "Please don't provide ImageUri when updating a function with packageType Zip.");
    let settings = |name: &str, update| Command::UpdateFunctionConfiguration { name: named(name), update };
    let runtime = UpdateFunctionConfiguration { runtime: Some("go1.x".into()), ..Default::default() };
    check(settings("f", runtime), "Please don't provide Handler or Runtime or Layer");
    let config = UpdateFunctionConfiguration { image_config: Some(command("a")), ..Default::default() };
    check(settings("zip", config), "Please don't provide ImageConfig");
    let updated = configuration(world.call(code_of("f", image(2))).unwrap());
    assert_eq!(updated.code_sha256, image(2).sha256);
}

#[test]
fn a_new_image_config_takes_the_place_of_the_old_as_a_whole() {
    let mut world = World::new();
    world.call(image_function(Some(command("a")))).unwrap();
    let config = ImageConfig { working_directory: Some("/srv".into()), ..ImageConfig::default() };
    let update = UpdateFunctionConfiguration { image_config: Some(config.clone()), ..Default::default() };
    let call = Command::UpdateFunctionConfiguration { name: named("f"), update };
    let shown = configuration(world.call(call).unwrap());
    assert_eq!(shown.image_config_response.unwrap().image_config, config);
    let update = UpdateFunctionConfiguration { image_config: Some(ImageConfig::default()), ..Default::default() };
    let call = Command::UpdateFunctionConfiguration { name: named("f"), update };
    assert_eq!(configuration(world.call(call).unwrap()).image_config_response, None);
}

#[test]
fn tags_choose_what_environments_run_in_and_let_new_ones_begin() {
    let tags = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let mut world = World::new();
    let created = CreateFunction { tags: tags(&[(TAG_ISOLATION, "container")]), ..function("f") };
    let arn = configuration(world.call(create(created)).unwrap()).function_arn;
    world.invoke("f");
    let first = world.ready();
    world.respond(first);
    world.environment(first, crate::engine::EnvironmentEvent::Next);
    assert_eq!(world.launched[0].1.sandbox, SandboxSpec::Container { base_image: None });
    let tag = |pairs| Command::TagResource { arn: arn.clone(), tags: tags(pairs) };
    world.call(tag(&[("team", "a")])).unwrap();
    assert_eq!(world.stopped, [], "what does not choose changes nothing");
    world.call(tag(&[(TAG_BASE_IMAGE, "b")])).unwrap();
    assert_eq!(world.stopped, [(first, StopReason::Replaced)]);
    world.invoke("f");
    assert_eq!(world.launched[1].1.sandbox, SandboxSpec::Container { base_image: Some("b".into()) });
    let wrong = world.refusal(tag(&[(TAG_ISOLATION, "vm")]));
    assert!(wrong.1.contains("`process` or `container`, and `vm` is neither"), "{}", wrong.1);
}
