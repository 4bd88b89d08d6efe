//! Packages that are too large to be sent: each is uploaded once, before the calls that take it from its bucket, and is removed
//! after all of them, since Lambda has copies then.

use super::{
    Action, Call, FunctionCode, PackageObject, Step, StepId,
    draft::{Draft, NewStep},
};
use crate::{model::ArtifactDigest, stack::Address};

/// A package on its way.
#[derive(Debug)]
pub(super) struct InTransit {
    object: PackageObject,
    /// Of what wanted it first.
    address: Address,
    action: Action,
    upload: StepId,
    takers: Vec<StepId>,
}

/// The package that code comes from, when that is in a bucket.
pub(super) fn object(code: &FunctionCode) -> Option<PackageObject> {
    if let FunctionCode::Object(object) = code { Some(object.clone()) } else { None }
}

/// What a step that takes the package comes after: `before`, and the upload. Without a package that is `before`.
pub(super) fn upload(
    draft: &mut Draft,
    (address, action): (&Address, Action),
    package: Option<(&PackageObject, ArtifactDigest)>,
    before: Vec<StepId>,
) -> Vec<StepId> {
    let Some((object, digest)) = package else { return before };
    let shown = object.to_string();
    let upload = match draft.packages.get(&shown) {
        Some(found) => found.upload,
        None => {
            let call = Call::UploadPackage { digest, object: object.clone() };
            let upload = draft.push(NewStep::new(address.clone(), action, call, shown.clone()), []);
            let (object, address) = (object.clone(), address.clone());
            draft.packages.insert(shown, InTransit { object, address, action, upload, takers: Vec::new() });
            upload
        }
    };
    [before, vec![upload]].concat()
}

/// Notes that `step` takes the package.
pub(super) fn taken(draft: &mut Draft, object: Option<&PackageObject>, step: StepId) {
    let package = object.and_then(|object| draft.packages.get_mut(&object.to_string()));
    if let Some(package) = package {
        package.takers.push(step);
    }
}

/// Steps that remove what was uploaded.
pub(super) fn remove(draft: &mut Draft) {
    for (shown, InTransit { object, address, action, takers, .. }) in std::mem::take(&mut draft.packages) {
        draft.push(NewStep::new(address, action, Call::DeletePackage { object }, shown), takers);
    }
}

/// Whether a step removes what one of `others` uploads.
pub(super) fn removes_what_is_uploaded<'a>(step: &Step, mut others: impl Iterator<Item = &'a Step>) -> bool {
    let Call::DeletePackage { object: removed } = &step.call else { return false };
    others.any(|other| matches!(&other.call, Call::UploadPackage { object, .. } if object == removed))
}
