//! A rehearsal of AWS: account and region confirmed before the first change, packages through a bucket, and credentials that
//! are not good, with which nothing is changed.

use std::{fs, path::Path, process::Command};

use super::{
    gate::{Answer, Gate},
    json,
    moto::Moto,
    refused, write,
};
use crate::support::{
    binary::{run, stackctl, succeed},
    tool::Tool,
    trials,
    world::block_on,
};

trials!(
    credentials_that_are_not_good_change_nothing,
    a_rehearsal_asks_before_the_first_change needs [Tool::Moto],
    a_package_over_the_limit_goes_through_the_bucket needs [Tool::Moto],
    a_layer_over_the_limit_goes_through_the_bucket needs [Tool::Moto],
    an_authority_of_ones_own_is_believed needs [Tool::Moto],
);

/// More than Lambda takes directly, and nothing that can be compressed.
const LARGE_BYTES: usize = 51 << 20;

fn manifest(endpoint: &str, more: &str) -> String {
    format!(
        "[stack]\nname = \"orders\"\nregion = \"eu-west-1\"\n[queues.jobs]\n\
         [functions.worker]\nruntime = \"provided.al2023\"\nsource = \"src\"\nbuild = \"none\"\n\
         [[functions.worker.triggers]]\nqueue = \"jobs\"\n\
         [targets.aws]\nendpoint = \"{endpoint}\"\n{more}"
    )
}

/// With keys in the environment, as CI has them, and nothing of this machine.
fn as_somebody(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = as_nobody(dir, arguments);
    command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
    command
}

fn as_nobody(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = stackctl(dir, &[&["--target", "aws"], arguments].concat());
    command.env("HOME", dir).env("AWS_EC2_METADATA_DISABLED", "true").env_remove("CI");
    command
}

fn credentials_that_are_not_good_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let sts = |status, body: &str| Answer {
        operation: "GetCallerIdentity",
        times: usize::MAX,
        status,
        content_type: "text/xml",
        error_type: "",
        body: body.to_owned(),
    };
    let error = |code: &str| {
        let text = "The security token included in the request is not good";
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{text}</Message></Error></ErrorResponse>"
        )
    };
    let somebody = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/ann</Arn>\
                    <UserId>AIDA</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>";
    let check = |answer: Answer, command: fn(&Path, &[&str]) -> Command, expected: &[&str]| {
        let gate = Gate::start(None, vec![answer]);
        write(
            dir,
            &manifest(&gate.endpoint, "account = \"123456789012\"\nrole = \"arn:aws:iam::123456789012:role/r\"\n"),
        );
        for arguments in
            [&["up", "--yes"][..], &["plan"], &["down", "--yes"], &["watch", "--yes"], &["send", "jobs", "x"]]
        {
            refused(&run(command(dir, arguments)), expected);
        }
        assert!(gate.seen().keys().all(|operation| operation == "GetCallerIdentity"), "{:?}", gate.seen());
    };
    check(sts(403, &error("ExpiredToken")), as_somebody, &["the AWS credentials have expired", "sign in again"]);
    check(sts(403, &error("InvalidClientTokenId")), as_somebody, &["the target does not know these credentials"]);
    check(sts(200, somebody), as_nobody, &["there are no AWS credentials", "`aws configure`"]);
    let other = "the credentials are of the account 111122223333, and the target is 123456789012";
    check(sts(200, somebody), as_somebody, &[other, "sign in to 123456789012"]);

    // A profile that is named is meant, whatever the environment holds.
    let gate = Gate::start(None, vec![sts(200, somebody)]);
    write(dir, &manifest(&gate.endpoint, "profile = \"work\"\n"));
    refused(
        &run(as_somebody(dir, &["plan"])),
        &["the profile `work` gives no credentials", "aws configure --profile work"],
    );
    assert!(gate.seen().is_empty());
    fs::create_dir_all(dir.join(".aws")).unwrap();
    fs::write(dir.join(".aws/credentials"), "[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = s\n")
        .unwrap();
    write(dir, &manifest(&gate.endpoint, "profile = \"work\"\naccount = \"123456789012\"\n"));
    refused(&run(as_nobody(dir, &["plan"])), &[other]);
}

fn a_rehearsal_asks_before_the_first_change() {
    let (moto, dir) = (Moto::start(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    let role = moto.role("worker");
    write(dir, &manifest(&moto.endpoint, "account = \"123456789012\"\n"));
    refused(&run(as_somebody(dir, &["up", "--yes"])), &["the target `aws` needs a role for this function"]);
    write(dir, &manifest(&moto.endpoint, &format!("account = \"123456789012\"\nrole = \"{role}\"\n")));
    let shown = "account 123456789012, region eu-west-1";
    refused(&run(as_somebody(dir, &["up"])), &[shown, "in the AWS account 123456789012", "`--yes` agrees"]);
    assert_eq!(block_on(moto.queues()), Vec::<String>::new());

    let mut ci = as_somebody(dir, &["up"]);
    ci.env("CI", "true");
    let planned = run(ci);
    assert_eq!(planned.code, Some(0), "{}", planned.stderr);
    assert!(planned.stdout.contains("+ queues.jobs") && planned.stderr.contains("CI is set"), "{planned:?}");
    assert_eq!(block_on(moto.queues()), Vec::<String>::new());

    let mut ci = as_somebody(dir, &["up", "--yes", "--json"]);
    ci.env("CI", "true");
    assert_eq!(json(&succeed(ci))["applied"], true);
    succeed(as_somebody(dir, &["plan", "--exit-code"]));
    // Nothing to change, nothing to ask.
    succeed(as_somebody(dir, &["up"]));
    refused(&run(as_somebody(dir, &["down"])), &["in the AWS account 123456789012"]);
    succeed(as_somebody(dir, &["down", "--yes"]));
    assert_eq!(block_on(moto.queues()), Vec::<String>::new());
}

fn a_package_over_the_limit_goes_through_the_bucket() {
    let (moto, dir) = (Moto::start(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    let role = moto.role("worker");
    let target = |more: &str| manifest(&moto.endpoint, &format!("role = \"{role}\"\n{more}"));
    write(dir, &target(""));
    fs::write(dir.join("src/large.bin"), random(LARGE_BYTES)).unwrap();
    refused(&run(as_somebody(dir, &["up", "--yes"])), &["functions.worker (51 MiB)", "name a `bucket`"]);
    write(dir, &target("bucket = \"artifacts\"\n"));
    refused(&run(as_somebody(dir, &["up", "--yes"])), &["HeadBucket of `artifacts`: there is no such bucket"]);
    assert_eq!(block_on(moto.queues()), Vec::<String>::new());
    block_on(moto.make_bucket("artifacts"));
    let plan = succeed(as_somebody(dir, &["plan"]));
    assert!(plan.contains("upload: s3://artifacts/stackctl/orders/"), "{plan}");
    let up = run(as_somebody(dir, &["up", "--yes"]));
    assert_eq!(up.code, Some(0), "{}", up.stderr);
    assert!(up.stderr.contains("uploaded  functions.worker"), "{}", up.stderr);
    assert!(block_on(moto.code_size("worker")) > 50 << 20);
    assert_eq!(block_on(moto.objects("artifacts")), Vec::<String>::new(), "Lambda has a copy");
    succeed(as_somebody(dir, &["plan", "--exit-code"]));
    fs::write(dir.join("src/more.txt"), "more").unwrap();
    succeed(as_somebody(dir, &["up", "--yes"]));
    succeed(as_somebody(dir, &["plan", "--exit-code"]));
    assert_eq!(block_on(moto.objects("artifacts")), Vec::<String>::new());
    succeed(as_somebody(dir, &["down", "--yes"]));
}

fn a_layer_over_the_limit_goes_through_the_bucket() {
    let (moto, dir) = (Moto::start(), tempfile::tempdir().unwrap());
    let dir = dir.path();
    let role = moto.role("worker");
    let layers = "[layers.shared]\nsource = \"layer\"\nbuild = \"none\"\nruntimes = [\"provided.al2023\"]\n";
    let target = |more: &str| {
        let text = manifest(&moto.endpoint, &format!("role = \"{role}\"\n{more}{layers}"));
        text.replace("build = \"none\"\n[[", "build = \"none\"\nlayers = [\"shared\"]\n[[")
    };
    write(dir, &target(""));
    fs::write(dir.join("layer/large.bin"), random(LARGE_BYTES)).unwrap();
    refused(&run(as_somebody(dir, &["up", "--yes"])), &["layers.shared (51 MiB)", "name a `bucket`"]);
    assert_eq!(block_on(moto.queues()), Vec::<String>::new());
    write(dir, &target("bucket = \"artifacts\"\n"));
    block_on(moto.make_bucket("artifacts"));
    let up = run(as_somebody(dir, &["up", "--yes"]));
    assert_eq!(up.code, Some(0), "{}", up.stderr);
    assert!(up.stderr.contains("uploaded  layers.shared"), "{}", up.stderr);
    let layers = block_on(moto.layers("worker"));
    assert!(layers.len() == 1 && layers[0].contains(":layer:orders-shared:"), "{layers:?}");
    assert_eq!(block_on(moto.objects("artifacts")), Vec::<String>::new(), "Lambda has a copy");
    succeed(as_somebody(dir, &["plan", "--exit-code"]));
    succeed(as_somebody(dir, &["down", "--yes"]));
}

fn random(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..bytes).map(|_| random.u8(..)).collect()
}

fn an_authority_of_ones_own_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (moto, authority) = Moto::start_with_tls(dir);
    for (kind, role) in [("", ""), ("kind = \"aws\"\n", "role = \"arn:aws:iam::123456789012:role/worker\"\n")] {
        let queue = "[stack]\nname = \"orders\"\nregion = \"eu-west-1\"\n[queues.jobs]\n";
        write(dir, &format!("{queue}[targets.behind]\n{kind}endpoint = \"{}\"\n{role}", moto.endpoint));
        let on = |bundle: Option<&Path>, arguments: &[&str]| {
            let mut command = stackctl(dir, &[&["--target", "behind"], arguments].concat());
            command.env("HOME", dir).env("AWS_EC2_METADATA_DISABLED", "true").env_remove("CI");
            command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE").env("AWS_SECRET_ACCESS_KEY", "secret");
            command.envs(bundle.map(|bundle| ("AWS_CA_BUNDLE", bundle)));
            command
        };
        refused(&run(on(None, &["up", "--yes"])), &["certificate", "AWS_CA_BUNDLE"]);
        succeed(on(Some(&authority), &["up", "--yes"]));
        succeed(on(Some(&authority), &["plan", "--exit-code"]));
        // No certificates, and no file.
        refused(&run(on(Some(&dir.join("server.key")), &["plan"])), &["no certificate in it"]);
        refused(&run(on(Some(&dir.join("nothing.pem")), &["plan"])), &["cannot read", "which `AWS_CA_BUNDLE` names"]);
        succeed(on(Some(&authority), &["down", "--yes"]));
    }
}
