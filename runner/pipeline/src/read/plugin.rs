//! `plugins` and `uses`: which plugin is meant.

use sealock_diagnostics::Diagnostic;

use super::reader::Reader;
use crate::model::{Entries, PluginName, Spanned};
use crate::yaml::NodeId;

/// Why a text names no plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
enum PluginNameError {
    #[error("the path leaves the repository")]
    Leaves,
    #[error("it is neither a name, nor a path starting with `./`, nor a reference with a tag or digest")]
    Unknown,
    #[error("the reference has neither a tag nor a digest")]
    Unpinned,
    #[error("the digest is not `sha256:` and 64 hexadecimal digits")]
    Digest,
}

impl Reader<'_> {
    pub(super) fn plugins(&mut self, node: NodeId) -> Entries<Spanned<PluginName>> {
        self.entries(
            node,
            "`plugins`",
            |reader, key| {
                reader.check_id(key, "the plugin's short name");
            },
            |reader, key, node| {
                let plugin = reader.plugin(node, &format!("plugin `{}`", key.value))?;
                if let PluginName::Named(name) = &plugin.value {
                    let message = format!("plugin `{}` stands for `{name}`, which is a name again", key.value);
                    let found = Diagnostic::error("E-PLUGIN-NAME", message, plugin.span).help(
                        "write a path such as `./steps/mine.wasm` or a reference such as `ghcr.io/acme/step:1.2`",
                    );
                    reader.report(found);
                    return None;
                }
                Some(plugin)
            },
        )
    }

    /// What stands behind `uses`.
    pub(super) fn plugin(&mut self, node: NodeId, subject: &str) -> Option<Spanned<PluginName>> {
        let text = self.text(node, subject)?;
        match parse(&text) {
            Ok(name) => Some(Spanned::new(name, text.span)),
            Err(error) => {
                let message = format!("{subject} is `{}`: {error}", super::shortened(&text));
                let found = Diagnostic::error("E-PLUGIN-NAME", message, text.span).help(
                    "write a builtin's name (`smoke-test`), a short name of `plugins`, a path (`./steps/mine.wasm`), or a \
                     reference (`ghcr.io/acme/step:1.2`)",
                );
                self.report(found);
                None
            }
        }
    }
}

fn parse(text: &str) -> Result<PluginName, PluginNameError> {
    if text.starts_with("./") || text.starts_with("../") || text.starts_with('/') {
        let leaves = !text.starts_with("./") || text.split('/').any(|part| part == "..");
        let is_path_char = |c: char| !c.is_control() && c != '\\';
        return match text.chars().all(is_path_char) {
            _ if leaves => Err(PluginNameError::Leaves),
            true if text.trim_matches(['.', '/']).is_empty() => Err(PluginNameError::Unknown),
            true => Ok(PluginName::Path(text.to_owned())),
            false => Err(PluginNameError::Unknown),
        };
    }
    if text.parse::<sealock_contract::Id>().is_ok() {
        return Ok(PluginName::Named(text.to_owned()));
    }
    check_reference(text).map(|()| PluginName::Reference(text.to_owned()))
}

/// `host/path:tag`, `host/path@sha256:…`, or both.
fn check_reference(text: &str) -> Result<(), PluginNameError> {
    let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (name, None),
    };
    let (host, path) = repository.split_once('/').ok_or(PluginNameError::Unknown)?;
    let is_host_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    let is_host = host.chars().all(is_host_char) && (host.contains(['.', ':']) || host == "localhost");
    let is_part_char = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    let is_path = path.split('/').all(|part| !part.is_empty() && part.chars().all(is_part_char));
    let is_tag_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_tag =
        |tag: &str| (1..=128).contains(&tag.len()) && tag.chars().all(is_tag_char) && !tag.starts_with(['.', '-']);
    if !is_host || !is_path || !tag.is_none_or(is_tag) {
        return Err(PluginNameError::Unknown);
    }
    match digest {
        None if tag.is_none() => Err(PluginNameError::Unpinned),
        Some(digest) if digest.parse::<sealock_contract::Digest>().is_err() => Err(PluginNameError::Digest),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_is_a_name_a_path_or_a_reference() {
        assert_eq!(parse("smoke-test"), Ok(PluginName::Named("smoke-test".into())));
        assert_eq!(parse("./steps/x.wasm"), Ok(PluginName::Path("./steps/x.wasm".into())));
        for text in ["ghcr.io/acme/step:1.2", "127.0.0.1:5000/a/b:1", "localhost/x:1"] {
            assert_eq!(parse(text), Ok(PluginName::Reference(text.into())));
        }
        let digest = format!("ghcr.io/acme/step@sha256:{}", "ab".repeat(32));
        assert_eq!(parse(&digest), Ok(PluginName::Reference(digest.clone())));
    }

    #[test]
    fn what_leaves_the_repository_or_is_not_pinned_is_refused() {
        assert_eq!(parse("../x.wasm"), Err(PluginNameError::Leaves));
        assert_eq!(parse("./a/../../x"), Err(PluginNameError::Leaves));
        assert_eq!(parse("/etc/x.wasm"), Err(PluginNameError::Leaves));
        assert_eq!(parse("ghcr.io/acme/step"), Err(PluginNameError::Unpinned));
        assert_eq!(parse("ghcr.io/acme/step@sha256:12"), Err(PluginNameError::Digest));
        for text in ["", "actions/checkout@v4", "a b", "https://x.example/y:1", "./"] {
            assert_eq!(parse(text), Err(PluginNameError::Unknown), "{text}");
        }
    }
}
