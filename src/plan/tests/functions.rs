//! Functions: their configuration and their code.

use super::{super::plan_selected, *};
use crate::{
    plan::Call,
    stack::{Address, Observed, Selection},
};

#[test]
fn function_configuration() {
    check(
        |desired| {
            let f = f(desired);
            f.memory_mb = 256;
            f.timeout_s = 5;
            f.description = "two words".into();
            f.log_format = LogFormat::Json;
            f.ephemeral_storage_mb = 1024;
            f.handler = "main".into();
            f.environment.insert("LEVEL".into(), text("hunter2"));
            f.environment.insert("TOKEN".into(), text("hunter2"));
            f.environment.remove("QUEUE_URL");
        },
        "~ functions.f  update: handler bootstrap -> main, description `` -> `two words`, memory 128MiB -> 256MiB, \
         timeout 3s -> 5s, ephemeral_storage 512MiB -> 1024MiB, log_format text -> json, environment: LEVEL changed, \
         QUEUE_URL removed, TOKEN added
         0 to create, 1 to update, 0 to delete",
    );
}

#[test]
fn values_of_the_environment_are_in_no_rendering() {
    let mut desired = example();
    f(&mut desired).environment.insert("TOKEN".into(), text("hunter2"));
    let plan = planned(&desired, &FakeTarget::default()).unwrap();
    let everything = format!("{plan} {} {plan:?}", serde_json::to_string(&plan).unwrap());
    assert!(everything.contains("TOKEN") && !everything.contains("hunter2"), "{everything}");
}

#[test]
fn code() {
    let desired = example();
    let target = converged(&desired);
    let changed = plan(&desired, &artifacts(&desired, 0x5e), &target.observe(&desired), &facts()).unwrap();
    assert_text(
        &changed.to_string(),
        "~ functions.f  update code: artifact abababab -> 5e5e5e5e
         ~ functions.f  tag: stackctl:artifact changed
         0 to create, 1 to update, 0 to delete",
    );
    check(
        |desired| f(desired).architecture = Architecture::Arm64,
        "~ functions.f  update code: architecture x86_64 -> arm64
         0 to create, 1 to update, 0 to delete",
    );
}

#[test]
fn what_a_function_runs_in_is_in_its_tags() {
    check(
        |desired| {
            f(desired).isolation = FunctionIsolation::Container;
            f(desired).base_image = Some("registry/python:1".into());
        },
        "~ functions.f  tag: stackctl:base-image added, stackctl:isolation added
         0 to create, 1 to update, 0 to delete",
    );
}

#[test]
fn a_package_that_is_too_large_to_be_sent_goes_through_a_bucket_and_stays_nowhere() {
    let package = |byte: u8| {
        let object = PackageObject { bucket: "b".into(), key: format!("k{byte}") };
        let info = ArtifactInfo::package(ArtifactDigest::from_bytes([byte; 32]), &[byte; 32], Some(object));
        [("f".to_owned(), info)].into()
    };
    let (desired, mut target) = (example(), FakeTarget::default());
    let planned_of = |target: &FakeTarget, byte: u8| {
        // The fake target hashes nothing: what it has is where the package was.
        let mut artifacts: crate::plan::Artifacts = package(byte);
        let info = artifacts.get_mut("f").unwrap();
        info.code_sha256 = info.object.as_ref().map(ToString::to_string);
        plan(&desired, &artifacts, &target.observe(&desired), &facts()).unwrap()
    };
    for byte in [1, 2] {
        for step in planned_of(&target, byte).steps {
            target.apply(&step.call).unwrap();
        }
        assert_eq!(planned_of(&target, byte).to_string(), "nothing to change");
        assert!(target.objects.is_empty());
    }
    assert_text(
        &planned_of(&target, 3).to_string(),
        "~ functions.f  upload: s3://b/k3
         ~ functions.f  update code: artifact 02020202 -> 03030303
         ~ functions.f  tag: stackctl:artifact changed
         ~ functions.f  remove: s3://b/k3
         0 to create, 1 to update, 0 to delete",
    );
}

#[test]
fn functions_of_one_package_upload_it_once_and_it_stays_until_all_have_it() {
    let mut desired = example();
    desired.functions.insert("g".into(), function("g"));
    let object = PackageObject { bucket: "b".into(), key: "k".into() };
    let info = ArtifactInfo::package(ArtifactDigest::from_bytes([1; 32]), &[1; 32], Some(object));
    let artifacts: crate::plan::Artifacts = ["f", "g"].map(|key| (key.to_owned(), info.clone())).into();
    let check = |selection: &Selection, expected: [usize; 3]| {
        let plan = plan_selected(&desired, &artifacts, &Observed::default(), &facts(), selection).unwrap();
        let count = |what: fn(&Call) -> bool| plan.steps.iter().filter(|step| what(&step.call)).count();
        let creates = count(|call| matches!(call, Call::CreateFunction(_)));
        let uploads = count(|call| matches!(call, Call::UploadPackage { .. }));
        let removes = count(|call| matches!(call, Call::DeletePackage { .. }));
        assert_eq!([creates, uploads, removes], expected, "{plan}");
        let mut target = FakeTarget::default();
        for step in &plan.steps {
            target.apply(&step.call).unwrap_or_else(|error| panic!("{error}\n{plan}"));
        }
        assert!(target.objects.is_empty());
        let remove = plan.steps.iter().find(|step| matches!(step.call, Call::DeletePackage { .. })).unwrap();
        assert_eq!(remove.after.len(), creates, "{plan}");
    };
    check(&Selection::Everything, [2, 1, 1]);
    check(&Selection::with_needs(&desired, &[Address::Function("g".to_owned())]), [1, 1, 1]);
}

#[test]
fn aws_has_no_one_endpoint() {
    let mut desired = example();
    let endpoint = Template(vec![TemplatePart::Reference(Reference::StackEndpoint)]);
    f(&mut desired).environment.insert("ENDPOINT".into(), endpoint);
    let facts = crate::plan::TargetFacts { kind: crate::plan::TargetKind::Aws, ..facts() };
    let observed = FakeTarget::default().observe(&desired);
    let problems = plan(&desired, &artifacts(&desired, 1), &observed, &facts).unwrap_err();
    assert!(problems[0].message.contains("`${stack.endpoint}` is nothing on AWS"), "{problems:?}");
}

#[test]
fn images() {
    let image = |byte: u8| {
        let digest = ArtifactDigest::from_bytes([byte; 32]);
        ArtifactInfo::image(digest.to_string(), digest)
    };
    let mut desired = example();
    f(&mut desired).image = Some("registry/f:1".into());
    let planned_of = |desired: &Desired, target: &FakeTarget, byte: u8| {
        plan(desired, &[("f".to_owned(), image(byte))].into(), &target.observe(desired), &facts())
    };
    let mut target = FakeTarget::default();
    for step in planned_of(&desired, &target, 0xab).unwrap().steps {
        target.apply(&step.call).unwrap();
    }
    assert_eq!(planned_of(&desired, &target, 0xab).unwrap().to_string(), "nothing to change");
    f(&mut desired).image_config.command = vec!["app.handler".into()];
    assert_text(
        &planned_of(&desired, &target, 0x5e).unwrap().to_string(),
        "~ functions.f  update: image_config
         ~ functions.f  update code: artifact abababab -> 5e5e5e5e
         ~ functions.f  tag: stackctl:artifact changed
         0 to create, 1 to update, 0 to delete",
    );
}

#[test]
fn a_zip_file_becomes_an_image_and_back_by_a_replacement() {
    let digest = ArtifactDigest::from_bytes([0x5e; 32]);
    let image: crate::plan::Artifacts = [("f".to_owned(), ArtifactInfo::image(digest.to_string(), digest))].into();
    let mut as_zip = example();
    f(&mut as_zip).reserved_concurrency = Some(8);
    f(&mut as_zip).provisioned_concurrency =
        Some(Provisioned::Tracked { min: 1, max: 4, target_utilization_percent: 70 });
    f(&mut as_zip).url = Some(FunctionUrl { needs_signature: false, streams: false, cors: None });
    let mut as_image = as_zip.clone();
    f(&mut as_image).image = Some("registry/f:1".into());
    let planned_of = |desired: &Desired, target: &FakeTarget| match f(&mut desired.clone()).is_image() {
        true => plan(desired, &image, &target.observe(desired), &facts()).unwrap(),
        false => planned(desired, target).unwrap(),
    };
    let mut target = converged(&as_zip);
    target.send("example-queue", 3);
    for (desired, kinds) in [(&as_image, "zip file -> image"), (&as_zip, "image -> zip file")] {
        let plan = planned_of(desired, &target);
        assert_text(
            &plan.to_string(),
            &format!(
                "~ functions.f                         concurrency: provisioned follows the load no longer
                 + functions.f                         replace
                 + functions.f                         concurrency: reserved 8
                 + functions.f                         version: publish
                 + functions.f                         version: alias live: the new version
                 + functions.f                         concurrency: provisioned none -> 1
                 + functions.f                         concurrency: provisioned between none -> 1 and 4
                 + functions.f                         concurrency: target_utilization none -> 70%
                 + functions.f                         create: url
                 + functions.f.triggers.example-queue  replace
                 - functions.f                         replace: {kinds}, which AWS does not change in place (calls would \
                 fail meanwhile; its waiting events, its versions and its url would be lost)
                 - functions.f.triggers.example-queue  replace: its function is replaced
                 0 to create, 0 to update, 2 to replace, 0 to delete"
            ),
        );
        assert_eq!(plan.dangers().count(), 1);
        // Whatever was done last, the next plan does the rest.
        for done in 0..=plan.steps.len() {
            let mut left = target.clone();
            for step in &plan.steps[..done] {
                left.apply(&step.call).unwrap();
            }
            for step in planned_of(desired, &left).steps {
                left.apply(&step.call).unwrap();
            }
            assert_eq!(planned_of(desired, &left).to_string(), "nothing to change", "after {done} steps");
            assert_eq!(left.all.queues[&name("example-queue")].approximate_messages, 3);
        }
        for step in plan.steps {
            target.apply(&step.call).unwrap();
        }
    }
}

#[test]
fn what_is_replaced_keeps_nothing_that_is_not_declared_any_more() {
    let digest = ArtifactDigest::from_bytes([0x5e; 32]);
    let image: crate::plan::Artifacts = [("f".to_owned(), ArtifactInfo::image(digest.to_string(), digest))].into();
    let mut target = converged(&example());
    let mut desired = example();
    f(&mut desired).image = Some("registry/f:1".into());
    f(&mut desired).triggers.clear();
    f(&mut desired).environment.clear();
    desired.queues.remove("example-queue");
    let plan = plan(&desired, &image, &target.observe(&desired), &facts()).unwrap();
    assert_text(
        &plan.to_string(),
        "+ functions.f                         replace
         - queues.example-queue                delete
         - functions.f                         replace: zip file -> image, which AWS does not change in place (calls would \
         fail meanwhile; its waiting events, its versions and its url would be lost)
         - functions.f.triggers.example-queue  delete
         0 to create, 0 to update, 1 to replace, 2 to delete",
    );
    for step in plan.steps {
        target.apply(&step.call).unwrap();
    }
}

#[test]
fn code_that_somebody_else_deployed_is_seen_and_a_lost_tag_alone_is_not_a_deployment() {
    let desired = example();
    let mut target = converged(&desired);
    target.all.functions.get_mut("f").unwrap().code_sha256 = "other".into();
    assert_text(
        &planned(&desired, &target).unwrap().to_string(),
        "~ functions.f  update code: artifact abababab, other code was deployed over it
         0 to create, 1 to update, 0 to delete",
    );
    converge(&desired, &mut target);
    target.all.functions.get_mut("f").unwrap().tags.remove(TAG_BUILD);
    assert_text(
        &planned(&desired, &target).unwrap().to_string(),
        "~ functions.f  tag: stackctl:artifact added
         0 to create, 1 to update, 0 to delete",
    );
}

/// Somebody has deleted the function by hand. Its mappings outlive it, and go on.
#[test]
fn what_outlives_a_function_is_not_made_again() {
    let desired = example();
    let mut target = converged(&desired);
    let mapped = target.all.mappings.values().next().unwrap().function.clone();
    target.all.functions.remove(&mapped).unwrap();
    let plan = planned(&desired, &target).unwrap();
    let calls: Vec<_> = plan.steps.iter().map(|step| &step.call).collect();
    assert!(calls.iter().any(|call| matches!(call, Call::CreateFunction(new) if new.name == mapped)), "{plan}");
    assert!(!calls.iter().any(|call| matches!(call, Call::CreateMapping { .. })), "{plan}");
    converge(&desired, &mut target);
}
