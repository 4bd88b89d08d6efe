//! What becomes of a manifest, in TOML and in YAML.

use proptest::prelude::*;

use super::{context, show, toml, yaml};
use crate::{
    manifest::{
        check,
        format::{ROOT, Shape, Table},
        from_toml, lower, read,
        tree::{Files, Node, Value},
    },
    model::{AccountId, Durability, FunctionIsolation, Isolation, Region},
    stack::{
        Access, Architecture, AwsTarget, Build, ContainerNetwork, DeadLetter, Desired, DesiredFunction, EndpointTarget,
        Fifo, LogFormat, PortChoice, Provisioned, RedriveAllow, Reference, Target, TemplatePart, Trigger,
    },
};

/// Sets every key of the format, each to something other than its default.
pub(super) const FULL: &str = include_str!("full.toml");
const FULL_YAML: &str = include_str!("full.yaml");

fn desired(text: &str) -> Desired {
    let reading = read(&toml(text), &context());
    let shown = show(&reading);
    reading.desired.unwrap_or_else(|| panic!("{shown}"))
}

#[test]
fn the_smallest_stack_has_aws_defaults() {
    let stack = desired("[stack]\nname = \"s\"\n[queues.q]\n[functions.f]\nruntime = \"provided.al2023\"\n");
    assert_eq!((stack.region.as_str(), stack.account.to_string().as_str()), ("us-east-1", "000000000000"));
    assert_eq!((stack.pool.limit, stack.pool.unreserved_minimum), (1000, 100));
    assert_eq!(
        stack.targets["embedded"],
        Target::Embedded {
            port: PortChoice::Fixed(4566),
            durability: Durability::Process,
            isolation: Isolation::Namespace,
            network: ContainerNetwork::Bridge
        }
    );
    let queue = &stack.queues["q"];
    assert_eq!((queue.visibility_timeout_s, queue.delay_s, queue.retention_s), (30, 0, 345_600));
    assert_eq!((queue.receive_wait_s, queue.max_message_bytes, queue.managed_encryption), (0, 1_048_576, true));
    assert_eq!((queue.fifo, &queue.redrive_allow, &queue.policy), (None, &RedriveAllow::All, &None));
    let function = &stack.functions["f"];
    assert_eq!((function.handler.as_str(), &function.build), ("bootstrap", &Build::None));
    assert_eq!((function.memory_mb, function.timeout_s, function.ephemeral_storage_mb), (128, 3, 512));
    assert_eq!(function.source, std::path::Path::new("/stack"));
    assert_eq!((function.architecture, function.log_format), (Architecture::X86_64, LogFormat::Text));
}

#[test]
fn defaults_are_the_limits_of_the_model() {
    use crate::model::limits;
    let stack = desired("[stack]\nname = \"s\"\n[queues.q]\n[functions.f]\nruntime = \"provided.al2023\"\n");
    let (queue, function) = (&stack.queues["q"], &stack.functions["f"]);
    assert_eq!(queue.visibility_timeout_s, limits::VISIBILITY_TIMEOUT_DEFAULT_S);
    assert_eq!(queue.retention_s, limits::RETENTION_DEFAULT_S);
    assert_eq!(queue.max_message_bytes as usize, limits::MESSAGE_MAX_BYTES);
    assert_eq!(function.timeout_s, limits::FUNCTION_TIMEOUT_DEFAULT_S);
    assert_eq!(function.memory_mb, limits::MEMORY_MIN_MB);
    assert_eq!(stack.pool.limit, limits::CONCURRENCY_DEFAULT);
    assert_eq!(stack.pool.unreserved_minimum, limits::UNRESERVED_MIN);
}

#[test]
fn a_small_pool_keeps_a_tenth_unreserved() {
    let pool = desired("[stack]\nname = \"s\"\n[concurrency]\nlimit = 50\n").pool;
    assert_eq!((pool.limit, pool.unreserved_minimum), (50, 5));
}

#[test]
fn every_value_arrives() {
    let stack = desired(FULL);
    assert_eq!(stack.requires.as_deref(), Some(">=0.1"));
    let queue = &stack.queues["orders"];
    assert_eq!(queue.name.as_str(), "orders.fifo");
    assert_eq!(queue.fifo, Some(Fifo { content_based_deduplication: true, high_throughput: true }));
    assert_eq!((queue.visibility_timeout_s, queue.delay_s, queue.retention_s), (360, 5, 86_400));
    assert_eq!((queue.receive_wait_s, queue.max_message_bytes, queue.managed_encryption), (20, 262_144, false));
    assert_eq!(queue.dead_letter, Some(DeadLetter { queue: "orders-dlq".to_owned(), max_receives: 3 }));
    assert_eq!(stack.queues["orders-dlq"].redrive_allow, RedriveAllow::ByQueue(vec!["orders".to_owned()]));
    assert_eq!(queue.policy.as_deref(), Some(r#"{"Statement":[],"Version":"2012-10-17"}"#));
    every_value_of_a_function_arrives(&stack.functions["consumer"]);
    assert_eq!(
        stack.targets["embedded"],
        Target::Embedded {
            port: PortChoice::Auto,
            durability: Durability::Disk,
            isolation: Isolation::Container,
            network: ContainerNetwork::Host
        }
    );
    images_arrive(&stack);
    targets_arrive(&stack);
}

fn targets_arrive(stack: &Desired) {
    let access = |prefix: &str, account: &str, region: &str| Access {
        region: Region::parse(region),
        account: AccountId::parse(account),
        profile: Some("work".to_owned()),
        role: Some("arn:aws:iam::123456789012:role/shared".to_owned()),
        bucket: Some("artifacts".to_owned()),
        name_prefix: prefix.to_owned(),
    };
    let aws = AwsTarget {
        endpoint: Some("http://127.0.0.1:5000".to_owned()),
        access: access("ann-", "123456789012", "eu-west-1"),
    };
    assert_eq!(stack.targets["aws"], Target::Aws(aws));
    let ci = EndpointTarget { url: "http://ci:4566".to_owned(), access: access("ci-", "000000000001", "eu-west-2") };
    assert_eq!(stack.targets["ci"], Target::Endpoint(ci));
    let live = AwsTarget { endpoint: None, access: Access::default() };
    assert_eq!(stack.targets["live"], Target::Aws(live));
}

fn every_value_of_a_function_arrives(function: &DesiredFunction) {
    assert_eq!(function.source, std::path::Path::new("/stack/consumer"));
    assert_eq!((function.memory_mb, function.timeout_s, function.ephemeral_storage_mb), (256, 60, 1024));
    assert_eq!(function.build, Build::Go { package: "./cmd".to_owned(), flags: vec!["-v".to_owned()] });
    assert_eq!(function.reserved_concurrency, Some(10));
    let tracked = Provisioned::Tracked { min: 1, max: 5, target_utilization_percent: 57 };
    assert_eq!(function.provisioned_concurrency, Some(tracked));
    let text = |text: &str| TemplatePart::Text(text.to_owned());
    let url = TemplatePart::Reference(Reference::QueueUrl("orders".to_owned()));
    assert_eq!(function.environment["QUEUE_URL"].0, [url]);
    let account = TemplatePart::Reference(Reference::StackAccount);
    assert_eq!(function.environment["MIXED"].0, [text("debug-"), account, text("-${env:LEVEL}")]);
    let trigger = Trigger {
        queue: "orders".to_owned(),
        enabled: false,
        batch_size: 5,
        batching_window_s: 0,
        max_concurrency: Some(4),
        provisioned_pollers: None,
        report_batch_item_failures: true,
        filters: vec![r#"{"body":{"kind":["order"]}}"#.to_owned()],
    };
    assert_eq!(function.triggers, [trigger]);
}

#[test]
fn a_stack_may_require_tools() {
    let stack = desired("[stack]\nname = \"s\"\nrequires = { stackctl = \">=0.1\", go = \">=1.24\" }\n");
    assert_eq!(stack.requires.as_deref(), Some(">=0.1"));
    assert_eq!(stack.required_tools, [(crate::stack::Toolchain::Go, ">=1.24".to_owned())].into());
}

#[test]
fn yaml_is_the_same_stack() {
    let reading = read(&yaml(FULL_YAML), &context());
    assert_eq!(reading.desired, Some(desired(FULL)), "{}", show(&reading));
}

#[test]
fn builds_have_a_short_form() {
    for tool in ["go", "rust", "node", "python", "java", "image", "none"] {
        let function = |build: &str| {
            // An image brings its runtime along.
            let runtime = if tool == "image" { "" } else { "runtime = \"provided.al2\"\n" };
            let text = format!("[stack]\nname = \"s\"\n[functions.f]\n{runtime}build = {build}\n");
            desired(&text).functions["f"].build.clone()
        };
        assert_eq!(function(&format!("\"{tool}\"")), function(&format!("{{ {tool} = {{}} }}")), "{tool}");
    }
}

fn images_arrive(stack: &Desired) {
    let isolation = |key: &str| stack.functions[key].isolation;
    assert_eq!((isolation("site"), isolation("tool")), (FunctionIsolation::Process, FunctionIsolation::Container));
    assert_eq!(stack.functions["model"].base_image.as_deref(), Some("registry.example.com/python:3.13"));
    let render = &stack.functions["render"];
    assert!(render.is_image() && render.isolation == FunctionIsolation::Container && render.runtime.is_empty());
    assert_eq!(render.image_config.command, ["app.handler"]);
    let Build::Image(build) = &stack.functions["convert"].build else { panic!("{:?}", stack.functions["convert"]) };
    assert_eq!(
        (build.dockerfile.as_str(), build.target.as_str(), build.args["VERSION"].as_str()),
        ("docker/Dockerfile", "final", "1")
    );
}

/// A key that is in the format and changes nothing would be the worst of its defects.
#[test]
fn no_key_is_ignored() {
    let source = toml(FULL);
    let (files, cx) = (Files::new(&source, None), context());
    let stack = |mut root: Node| {
        let wrong = check::check(&mut root, &files, cx.env);
        let (desired, mistakes) = lower::lower(&root, &files, &cx);
        desired.filter(|_| wrong.is_empty() && mistakes.is_empty())
    };
    let (file, _) = files.iter().next().unwrap();
    let (root, _) = from_toml::parse(file, FULL);
    let full = stack(root.clone());
    assert!(full.is_some());
    for path in paths(&root) {
        let mut without = root.clone();
        remove(&mut without, &path);
        assert!(stack(without) != full, "{path:?} is ignored");
    }
}

#[test]
fn the_full_manifest_has_every_key() {
    let (root, _) = from_toml::parse(crate::manifest::tree::FileId::default(), FULL);
    // `none` is the default.
    let expected = [".functions.*.build.none", ".layers.*.build.none"];
    let mut absent = Vec::new();
    missing(&[&root], &ROOT, "", &mut |path| absent.push(path.to_owned()));
    assert_eq!(absent, expected);
}

fn missing(nodes: &[&Node], table: &'static Table, path: &str, report: &mut impl FnMut(&str)) {
    for key in table.keys.iter().filter(|key| key.name != "profiles") {
        let path = format!("{path}.{}", key.name);
        let found: Vec<&Node> = nodes.iter().filter_map(|node| node.get(key.name)).collect();
        if found.is_empty() {
            report(&path);
        }
        missing_in_shape(&found, &key.shape, &path, report);
    }
    if let Some(others) = table.others {
        let entries = nodes.iter().flat_map(|node| node.entries());
        let found: Vec<&Node> =
            entries.filter(|entry| table.key(&entry.key).is_none()).map(|entry| &entry.node).collect();
        missing_in_shape(&found, &others.shape, &format!("{path}.*"), report);
    }
}

fn missing_in_shape(nodes: &[&Node], shape: &'static Shape, path: &str, report: &mut impl FnMut(&str)) {
    match shape {
        Shape::Table(table) | Shape::Choice(table) => missing(nodes, table, path, report),
        Shape::List { item, .. } => {
            let items: Vec<&Node> = nodes.iter().flat_map(|node| node.items()).collect();
            missing_in_shape(&items, item, path, report);
        }
        Shape::Either(shapes) => {
            for shape in shapes.iter().filter(|shape| matches!(shape, Shape::Table(_) | Shape::Choice(_))) {
                missing_in_shape(nodes, shape, path, report);
            }
        }
        _ => {}
    }
}

/// The path of every entry, as indices.
fn paths(node: &Node) -> Vec<Vec<usize>> {
    let mut paths = Vec::new();
    let children: Vec<&Node> = node.entries().iter().map(|entry| &entry.node).chain(node.items()).collect();
    for (index, child) in children.into_iter().enumerate() {
        paths.push(vec![index]);
        paths.extend(paths_under(index, child));
    }
    paths
}

fn paths_under(index: usize, child: &Node) -> Vec<Vec<usize>> {
    paths(child).into_iter().map(|rest| [&[index][..], &rest].concat()).collect()
}

fn remove(node: &mut Node, path: &[usize]) {
    match (&mut node.value, path) {
        (Value::Table(entries), [index]) => _ = entries.remove(*index),
        (Value::Table(entries), [index, rest @ ..]) => remove(&mut entries[*index].node, rest),
        (Value::List(items), [index]) => _ = items.remove(*index),
        (Value::List(items), [index, rest @ ..]) => remove(&mut items[*index], rest),
        _ => {}
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}", line in 0_usize..200) {
        read(&toml(&text), &context());
        read(&yaml(&text), &context());
        // And real manifests with a line of nonsense.
        let broken: Vec<&str> = FULL.lines().take(line).chain([text.as_str()]).chain(FULL.lines().skip(line)).collect();
        read(&toml(&broken.join("\n")), &context());
        let broken: Vec<&str> = FULL_YAML.lines().take(line).chain([text.as_str()]).chain(FULL_YAML.lines().skip(line)).collect();
        read(&yaml(&broken.join("\n")), &context());
    }

    #[test]
    fn spans_stay_inside_the_text(cut in 0_usize..4000, insert in "[\\[\\]{}\"'=.:#a-z\\$ \n-]{0,8}") {
        for (full, source) in [(FULL, toml as fn(&str) -> _), (FULL_YAML, yaml)] {
            let at = full.char_indices().map(|(at, _)| at).nth(cut).unwrap_or(full.len());
            let text = format!("{}{insert}{}", &full[..at], &full[at..]);
            // `show` reads every span.
            show(&read(&source(&text), &context()));
        }
    }
}
