//! Layers of a manifest, through the binary.

use std::fs;

use crate::support::{
    binary::{Stack, stackctl, succeed},
    tool::Tool,
    trials,
};

trials!(layers_are_published_followed_and_deleted needs [Tool::Python]);

const MANIFEST: &str = r#"
[stack]
name = "orders"

[layers.shared]
source = "shared"
runtimes = ["python3.13"]

[layers.made]
source = "made"
build = { command = { run = "mkdir -p out && echo $STACKCTL_LAYER $(cat seed) >out/made.txt", artifact = "out" } }

[functions.worker]
runtime = "python3.13"
handler = "app.handler"
source = "worker"
layers = ["shared", "made"]

[targets.embedded]
port = "auto"
"#;

const CODE: &str = "import prices
def handler(event, context):
    return prices.PRICE + ' ' + open('/opt/made.txt').read().strip()
";

fn layers_are_published_followed_and_deleted() {
    let stack = Stack::new(MANIFEST);
    let dir = stack.dir();
    for folder in ["shared/python", "made", "worker"] {
        fs::create_dir_all(dir.join(folder)).unwrap();
    }
    fs::write(dir.join("worker/app.py"), CODE).unwrap();
    fs::write(dir.join("made/seed"), "1\n").unwrap();
    let price = |price: &str| fs::write(dir.join("shared/python/prices.py"), format!("PRICE = '{price}'\n")).unwrap();
    let invoke = || succeed(stackctl(dir, &["invoke", "worker"])).trim().to_owned();
    price("10 EUR");
    succeed(stackctl(dir, &["up"]));
    assert_eq!(invoke(), r#""10 EUR made 1""#);
    succeed(stackctl(dir, &["plan", "--exit-code"]));
    price("12 EUR");
    let plan = succeed(stackctl(dir, &["plan"]));
    assert!(plan.contains("layers orders-shared:1, orders-made:1 -> orders-shared:new, orders-made:1"), "{plan}");
    succeed(stackctl(dir, &["up"]));
    assert_eq!(invoke(), r#""12 EUR made 1""#);
    fs::write(dir.join("stack.toml"), MANIFEST.replace("layers = [\"shared\", \"made\"]", "")).unwrap();
    let said = succeed(stackctl(dir, &["up", "--json"]));
    assert!(!said.contains("Delete"), "layers stay while they are declared: {said}");
    let without =
        MANIFEST.split("[layers.shared]").next().unwrap().to_owned() + "[targets.embedded]\nport = \"auto\"\n";
    fs::write(dir.join("stack.toml"), without).unwrap();
    let plan = succeed(stackctl(dir, &["plan"]));
    for gone in ["- layers.made", "- layers.shared", "version 2", "- functions.worker"] {
        assert!(plan.contains(gone), "{gone} is not in\n{plan}");
    }
    succeed(stackctl(dir, &["up"]));
    succeed(stackctl(dir, &["plan", "--exit-code"]));
}
