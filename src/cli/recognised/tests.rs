//! Directories as people have them, and the functions that are seen in them.

use super::*;

/// `name: runtime handler build source`, each with `<- queue` when it takes messages.
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = dir.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let found: Vec<String> = functions(dir.path(), "shop").iter().map(line).collect();
    assert_eq!(found, expected, "{files:?}");
}

fn line(function: &Recognised) -> String {
    let Recognised { name, source, runtime, handler, build, takes_messages, .. } = function;
    let parts = [runtime.as_deref(), handler.as_deref(), Some(build), source.to_str()];
    let parts: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    format!("{name}: {}{}", parts.join(" "), if *takes_messages { " <- queue" } else { "" })
}

const GO: &str = "package main\nimport \"github.com/aws/aws-lambda-go/lambda\"\nfunc main() { lambda.Start(f) }\n";

#[test]
fn go_programs_that_start_a_handler() {
    check(&[("go.mod", "module m\n"), ("main.go", GO)], &["shop: provided.al2023 \"go\""]);
    let consumer = format!("{GO}func f(e events.SQSEvent) error {{ return nil }}\n");
    check(
        &[
            ("go.mod", "module m\n"),
            ("cmd/api/main.go", GO),
            ("cmd/consumer/main.go", &consumer),
            ("cmd/tool/main.go", "package main\nfunc main() {}\n"),
            ("internal/db/db.go", "package db\n"),
            ("vendor/x/main.go", GO),
        ],
        &["api: provided.al2023 \"go\" cmd/api", "consumer: provided.al2023 \"go\" cmd/consumer <- queue"],
    );
    check(&[("main.go", GO)], &[]);
}

#[test]
fn rust_packages_with_one_binary_or_several() {
    let cargo = "[package]\nname = \"resize\"\n[dependencies]\nlambda_runtime = \"1\"\n";
    check(
        &[("resize/Cargo.toml", cargo), ("resize/src/main.rs", "use aws_lambda_events::sqs::SqsEvent;")],
        &["resize: provided.al2023 \"rust\" resize <- queue"],
    );
    check(
        &[("Cargo.toml", cargo), ("src/bin/a.rs", ""), ("src/bin/b.rs", "")],
        &["a: provided.al2023 { rust = { bin = \"a\" } }", "b: provided.al2023 { rust = { bin = \"b\" } }"],
    );
    check(&[("Cargo.toml", "[workspace]\nmembers = [\"resize\"]\n")], &[]);
    check(&[("Cargo.toml", "[package]\nname = \"x\"\n"), ("src/main.rs", "fn main() {}")], &[]);
    check(&[("Cargo.toml", "[package")], &[]);
}

#[test]
fn node_modules_that_export_a_handler() {
    check(
        &[("orders/index.js", "exports.handler = async (event) => { for (const r of event.Records) {} }")],
        &["orders: nodejs22.x index.handler \"node\" orders <- queue"],
    );
    let package = "{\"main\": \"./src/app.js\", \"engines\": {\"node\": \">=24\"}}";
    check(
        &[
            ("package.json", package),
            ("src/app.ts", "export async function handler(e: X) {}"),
            ("node_modules/x/index.js", "exports.handler = 1"),
        ],
        &["shop: nodejs24.x src/app.handler \"node\""],
    );
    check(
        &[("a/handler.mjs", "export const lambdaHandler = () => 1;"), ("b/app.cjs", "module.exports = { handler };")],
        &["a: nodejs22.x handler.lambdaHandler \"node\" a", "b: nodejs22.x app.handler \"node\" b"],
    );
    check(&[("package.json", "{}"), ("index.js", "console.log(1)")], &[]);
}

#[test]
fn python_modules_that_define_a_handler() {
    check(
        &[("greeter/app.py", "def handler(event, context):\n    pass\n")],
        &["greeter: python3.13 app.handler \"python\" greeter"],
    );
    check(
        &[
            (
                "lambda_function.py",
                "def lambda_handler(event: dict[str, str], context) -> dict:\n    event[\"Records\"]\n",
            ),
            ("helpers.py", "def handler(x):\n    pass\n"),
            ("pyproject.toml", "[project]\nrequires-python = \">=3.12\"\n"),
        ],
        &["shop: python3.12 lambda_function.lambda_handler \"python\" <- queue"],
    );
    check(
        &[
            ("jobs/work.py", "def on_handler(event, context): pass"),
            ("jobs/test_work.py", "def handler(event, context): pass"),
            ("lib/__init__.py", ""),
            ("lib/app.py", "def handler(event, context): pass"),
            (".venv/pyvenv.cfg", ""),
            ("env/pyvenv.cfg", ""),
            ("env/app.py", "def handler(event, context): pass"),
        ],
        &["jobs: python3.13 work.on_handler \"python\" jobs"],
    );
}

#[test]
fn java_projects_by_the_classes_that_handle() {
    let pom = "<project><properties><maven.compiler.release>17</maven.compiler.release></properties><artifactId>aws-lambda-java-core</artifactId></project>";
    let class = |name: &str, event: &str| {
        format!("package com.shop;\npublic class {name}\n  implements RequestHandler<{event}, Void> {{ }}\n")
    };
    check(
        &[("orders/pom.xml", pom), ("orders/src/main/java/com/shop/Orders.java", &class("Orders", "SQSEvent"))],
        &["orders: java17 com.shop.Orders::handleRequest \"java\" orders <- queue"],
    );
    check(
        &[
            ("build.gradle", "implementation 'com.amazonaws:aws-lambda-java-core:1.2.3'"),
            ("src/main/java/A.java", &class("OrderPlaced", "Map")),
            ("src/main/java/B.java", &class("OrderPaid", "Map")),
        ],
        &[
            "order-placed: java21 com.shop.OrderPlaced::handleRequest \"java\"",
            "order-paid: java21 com.shop.OrderPaid::handleRequest \"java\"",
        ],
    );
}

#[test]
fn images_when_nothing_else_is_there() {
    check(&[("web/Dockerfile", "FROM public.ecr.aws/lambda/nodejs:22\n")], &["web: \"image\" web"]);
    check(&[("web/Dockerfile", "FROM nginx\n")], &[]);
}

#[test]
fn functions_that_would_meet_are_named_after_their_places() {
    let handler = "def handler(event, context): pass";
    check(
        &[("a/worker/app.py", handler), ("b/worker/app.py", handler), ("functions/mail/src/app.py", handler)],
        &[
            "a-worker: python3.13 app.handler \"python\" a/worker",
            "b-worker: python3.13 app.handler \"python\" b/worker",
            "mail: python3.13 app.handler \"python\" functions/mail/src",
        ],
    );
}
