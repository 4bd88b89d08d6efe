//! `[layers.NAME]`, and `layers` of a function.

use super::{Fields, Lowering};
use crate::{
    manifest::{problem::Problem, suggest, tree::Node},
    model::StackName,
    stack::{Build, DesiredLayer, LayerReference},
};

impl Lowering<'_> {
    pub(super) fn layer(&self, stack: &StackName, key: &str, fields: &Fields<'_>) -> DesiredLayer {
        // Whatever else is written is a mistake, which was reported.
        let is_command = fields.node("build").is_some_and(|build| build.get("command").is_some());
        DesiredLayer {
            name: DesiredLayer::name_of(stack, key),
            source: self.source(fields),
            build: if is_command { self.build(fields) } else { Build::None },
            runtimes: fields.texts("runtimes"),
        }
    }

    /// The layers that a function asks for.
    pub(super) fn layers(&mut self, fields: &Fields<'_>) -> Vec<LayerReference> {
        let nodes = fields.node("layers").map(Node::items).unwrap_or_default();
        nodes.iter().filter_map(|node| Some(self.layer_reference(node, node.as_text()?))).collect()
    }

    /// A layer's key or a version's ARN; what is neither is a mistake at `node`.
    fn layer_reference(&mut self, node: &Node, text: &str) -> LayerReference {
        if text.starts_with("arn:") {
            if !is_version_arn(text) {
                let problem = Problem::mistake("bad_value", format!("`{text}` is not the ARN of a layer's version"));
                let help = "it looks like `arn:aws:lambda:us-east-1:123456789012:layer:NAME:1`";
                self.problems.push(problem.at(node.span, "bad ARN").help(help));
            }
            return LayerReference::Arn(text.to_owned());
        }
        let layers = self.root.get("layers").map(Node::entries).unwrap_or_default();
        if !layers.iter().any(|entry| entry.key == text) {
            let help = suggest::did_you_mean(text, layers.iter().map(|entry| entry.key.as_str()))
                .unwrap_or_else(|| format!("add `[layers.{text}]`, or name a version by its ARN"));
            let problem = Problem::mistake("unknown_reference", format!("`{text}` is no layer of this manifest"));
            self.problems.push(problem.at(node.span, "no such layer").help(help));
        }
        LayerReference::Declared(text.to_owned())
    }
}

/// `LayerVersionArn` of Lambda's service model.
fn is_version_arn(text: &str) -> bool {
    let is_word =
        |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = text.split(':').collect();
    let ["arn", partition, "lambda", region, account, "layer", name, version] = parts[..] else { return false };
    is_word(partition) && is_word(region) && is_number(account) && is_word(name) && is_number(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_a_version() {
        let check = |text: &str, expected: bool| assert_eq!(is_version_arn(text), expected, "{text}");
        check("arn:aws:lambda:us-east-1:123456789012:layer:AWSLambdaPowertoolsPythonV3-python313:7", true);
        check("arn:aws:lambda:us-east-1:123456789012:layer:shared", false);
        check("arn:aws:lambda:us-east-1:123456789012:layer:shared:latest", false);
        check("arn:aws:lambda:us-east-1:123456789012:function:shared:1", false);
        check("arn:aws:s3:::shared", false);
    }
}
