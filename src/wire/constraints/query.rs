//! AWS Query's flat parameters as the JSON that they mean, by the shapes of the model.

use serde_json::{Map, Value};

use super::table::{Kind, Member, Table};
use crate::wire::params::Params;

/// The input of an operation; members that are not given are missing.
pub(in crate::wire) fn from_params(table: &Table, operation: &str, params: &Params<'_>) -> Value {
    structure(table, table.input(operation), params, "").unwrap_or_else(|| Value::Object(Map::new()))
}

fn structure(table: &Table, members: &[Member], params: &Params<'_>, prefix: &str) -> Option<Value> {
    let mut object = Map::new();
    for member in members {
        if let Some(value) = value(table, member.shape, params, &format!("{prefix}{}", member.name)) {
            object.insert(member.name.to_owned(), value);
        }
    }
    (!object.is_empty()).then_some(Value::Object(object))
}

/// The models nest three deep at most.
fn value(table: &Table, shape: &str, params: &Params<'_>, name: &str) -> Option<Value> {
    match &table.shape(shape).kind {
        Kind::Structure(members) => structure(table, members, params, &format!("{name}.")),
        Kind::List { item, .. } => {
            let items = params.members(name);
            // `NAME=` alone is an empty list.
            let items: Vec<Value> =
                items.iter().filter(|item| *item != name).filter_map(|name| value(table, item, params, name)).collect();
            (!items.is_empty() || params.get(name).is_some()).then_some(Value::Array(items))
        }
        Kind::Number { is_integer: true, .. } => {
            params.get(name).map(|text| text.parse::<i64>().map_or(Value::from(text), Value::from))
        }
        Kind::Boolean => params.get(name).map(|text| match text {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            other => Value::from(other),
        }),
        _ => params.get(name).map(Value::from),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::IAM, *};

    #[test]
    fn parameters_become_what_they_mean() {
        let check = |operation: &str, form: &str, expected: Value| {
            let params = Params::read("", form.as_bytes()).unwrap();
            assert_eq!(from_params(&IAM, operation, &params), expected, "{form}");
        };
        check(
            "CreateRole",
            "RoleName=r&MaxSessionDuration=3600&Tags.member.2.Key=b&Tags.member.2.Value=2&Tags.member.1.Key=a&Tags.member.1.Value=",
            json!({"RoleName": "r", "MaxSessionDuration": 3600, "Tags": [{"Key": "a", "Value": ""}, {"Key": "b", "Value": "2"}]}),
        );
        check("CreatePolicyVersion", "SetAsDefault=true&Other=1", json!({"SetAsDefault": true}));
        check("UntagRole", "RoleName=r&TagKeys.member.1=k", json!({"RoleName": "r", "TagKeys": ["k"]}));
        check("ListRoles", "MaxItems=x", json!({"MaxItems": "x"}));
        check("UntagRole", "TagKeys=", json!({"TagKeys": []}));
    }
}
