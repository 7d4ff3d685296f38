//! The shape of a published plugin: one manifest, one configuration, one component.
//!
//! The layout is that of the CNCF for WebAssembly, so that `wkg` and `oras` read what is pushed. Reading is liberal about
//! older types of layers, and strict about everything that decides which bytes run.

use std::collections::BTreeMap;

use sealock_contract::Digest;
use sealock_contract::limits::COMPONENT_BYTES;
use serde::{Deserialize, Serialize};

use crate::json;
use crate::patience::DOCUMENT_BYTES;

/// The type of a manifest.
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
/// The type of a list of manifests: a plugin is never one.
pub(crate) const INDEX_TYPE: &str = "application/vnd.oci.image.index.v1+json";
/// The type of a configuration.
pub(crate) const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
/// The type of a component.
pub(crate) const LAYER_TYPE: &str = "application/wasm";
/// What configurations were called before.
const OLD_CONFIG_TYPE: &str = "application/vnd.wasm.config.v1+json";
/// What components were called before.
const OLD_LAYER_TYPES: [&str; 2] =
    ["application/vnd.wasm.content.layer.v1+wasm", "application/vnd.module.wasm.content.layer.v1+wasm"];

/// The annotation with a moment of publication.
pub const CREATED: &str = "org.opencontainers.image.created";
/// The annotation with a version.
pub const VERSION: &str = "org.opencontainers.image.version";
/// The annotation with a line about the plugin.
pub const DESCRIPTION: &str = "org.opencontainers.image.description";
/// The annotation with a file's name.
pub const TITLE: &str = "org.opencontainers.image.title";
/// The annotation with the plugin's own manifest, as JSON.
pub const MANIFEST: &str = "io.github.sealock.manifest";

/// A blob of a repository, as a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Its type.
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// How many bytes it has.
    pub size: u64,
    /// Where else it is said to be; what has this is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub urls: Vec<String>,
    /// What is said of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What kind of thing it is, where it refers to another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
}

/// A manifest, as it is written and read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImageManifest {
    pub(crate) schema_version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) media_type: Option<String>,
    pub(crate) config: Descriptor,
    pub(crate) layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The configuration, as `wkg` writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Config {
    #[serde(default)]
    pub(crate) created: Option<String>,
    #[serde(default)]
    pub(crate) author: Option<String>,
    pub(crate) architecture: String,
    pub(crate) os: String,
    #[serde(default)]
    pub(crate) layer_digests: Vec<String>,
    #[serde(default)]
    pub(crate) component: Option<ConfigComponent>,
}

/// What a configuration tells of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConfigComponent {
    pub(crate) exports: Vec<String>,
    pub(crate) imports: Vec<String>,
    #[serde(default)]
    pub(crate) target: Option<String>,
}

/// One version of a plugin, by digest: nothing of it is fetched yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The digest of its manifest.
    pub manifest: Digest,
    /// The digest of its component.
    pub component: Digest,
    /// How many bytes the component has.
    pub size: u64,
    /// The configuration.
    pub(crate) config: Digest,
    /// How many bytes the configuration has.
    pub(crate) config_size: u64,
    /// What the manifest says of the plugin; its publisher's words.
    pub annotations: BTreeMap<String, String>,
    /// The manifest, byte for byte.
    pub bytes: Vec<u8>,
}

impl Artifact {
    /// Reads a manifest whose digest is known to be `manifest`, and which came as `content_type`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, as a fragment.
    pub(crate) fn read(bytes: &[u8], manifest: Digest, content_type: Option<&str>) -> Result<Self, String> {
        let value = json::read(bytes).map_err(|error| format!("its manifest cannot be read: {error}"))?;
        refuse_index(&value, content_type)?;
        let image: ImageManifest =
            serde_json::from_value(value).map_err(|error| format!("its manifest cannot be read: {error}"))?;
        check_types(&image, content_type)?;
        let layer = only_layer(&image.layers)?;
        let config = &image.config;
        if config.size > DOCUMENT_BYTES {
            return Err(format!("its configuration has {} bytes", config.size));
        }
        Ok(Self {
            manifest,
            component: digest(layer)?,
            size: layer.size,
            config: digest(config)?,
            config_size: config.size,
            annotations: image.annotations,
            bytes: bytes.to_vec(),
        })
    }
}

fn refuse_index(value: &serde_json::Value, content_type: Option<&str>) -> Result<(), String> {
    let own_type = value.get("mediaType").and_then(|text| text.as_str());
    let is_index =
        |text: Option<&str>| text.is_some_and(|text| text == INDEX_TYPE || text.ends_with("manifest.list.v2+json"));
    if value.get("manifests").is_some() || is_index(own_type) || is_index(content_type) {
        return Err("it is a list of several, and a plugin is one component".to_owned());
    }
    Ok(())
}

fn check_types(image: &ImageManifest, content_type: Option<&str>) -> Result<(), String> {
    if content_type != Some(MANIFEST_TYPE) {
        return Err(format!("its manifest came as `{:.80}`; expected `{MANIFEST_TYPE}`", content_type.unwrap_or("")));
    }
    if image.media_type.as_deref().is_some_and(|own| own != MANIFEST_TYPE) {
        return Err("its manifest says that it is of another type than it came as".to_owned());
    }
    if image.schema_version != 2 {
        return Err(format!("its manifest has schema {}; expected 2", image.schema_version));
    }
    if image.config.media_type != CONFIG_TYPE && image.config.media_type != OLD_CONFIG_TYPE {
        return Err(format!("its configuration is `{:.80}`; expected `{CONFIG_TYPE}`", image.config.media_type));
    }
    Ok(())
}

fn only_layer(layers: &[Descriptor]) -> Result<&Descriptor, String> {
    let [layer] = layers else {
        return Err(format!("it has {} layers; expected one component", layers.len()));
    };
    if layer.media_type != LAYER_TYPE && !OLD_LAYER_TYPES.contains(&layer.media_type.as_str()) {
        return Err(format!("its layer is `{:.80}`; expected `{LAYER_TYPE}`", layer.media_type));
    }
    if !layer.urls.is_empty() {
        return Err("its component is said to lie elsewhere, and is not fetched from there".to_owned());
    }
    if layer.size > COMPONENT_BYTES {
        return Err(format!("its component has {} bytes; {COMPONENT_BYTES} are the most", layer.size));
    }
    Ok(layer)
}

fn digest(of: &Descriptor) -> Result<Digest, String> {
    of.digest.parse().map_err(|error: sealock_contract::digest::DigestError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(change: impl Fn(&mut serde_json::Value)) -> Vec<u8> {
        let mut value = serde_json::json!({
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE,
            "config": { "mediaType": CONFIG_TYPE, "digest": Digest::of(b"c").to_string(), "size": 1 },
            "layers": [{ "mediaType": LAYER_TYPE, "digest": Digest::of(b"l").to_string(), "size": 1 }],
        });
        change(&mut value);
        serde_json::to_vec(&value).expect("JSON prints")
    }

    fn read(change: impl Fn(&mut serde_json::Value)) -> Result<Artifact, String> {
        let bytes = manifest(change);
        Artifact::read(&bytes, Digest::of(&bytes), Some(MANIFEST_TYPE))
    }

    #[test]
    fn a_plugin_and_its_older_form_are_read() {
        assert_eq!(read(|_| ()).expect("a plugin").component, Digest::of(b"l"));
        let older = |value: &mut serde_json::Value| {
            value["layers"][0]["mediaType"] = OLD_LAYER_TYPES[0].into();
            value["config"]["mediaType"] = OLD_CONFIG_TYPE.into();
            value.as_object_mut().expect("a map").remove("mediaType");
        };
        assert!(read(older).is_ok());
    }

    #[test]
    fn what_is_no_single_component_is_refused() {
        type Change = fn(&mut serde_json::Value);
        let wrong: [(&str, Change); 11] = [
            ("a list", |value| value["manifests"] = serde_json::json!([])),
            ("a list", |value| value["mediaType"] = INDEX_TYPE.into()),
            ("another type", |value| value["mediaType"] = "application/json".into()),
            ("schema 1", |value| value["schemaVersion"] = 1.into()),
            ("configuration is", |value| {
                value["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into();
            }),
            ("0 layers", |value| value["layers"] = serde_json::json!([])),
            ("2 layers", |value| value["layers"] = serde_json::json!([value["layers"][0], value["layers"][0]])),
            ("layer is", |value| value["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar".into()),
            ("elsewhere", |value| value["layers"][0]["urls"] = serde_json::json!(["https://evil.example/x"])),
            ("67108865 bytes", |value| value["layers"][0]["size"] = (COMPONENT_BYTES + 1).into()),
            ("cannot be read", |value| value["layers"][0]["size"] = (-1).into()),
        ];
        for (told, change) in wrong {
            let error = read(change).expect_err(told);
            assert!(error.contains(told), "{told}: {error}");
        }
    }

    #[test]
    fn only_sha256_written_as_digests_are_names_a_blob() {
        let good = Digest::of(b"l").to_string();
        for bad in [good.to_uppercase(), good[..40].to_owned(), good.replace("sha256", "sha512"), "md5:00".to_owned()] {
            assert!(read(|value| value["layers"][0]["digest"] = bad.clone().into()).is_err(), "{bad}");
            assert!(read(|value| value["config"]["digest"] = bad.clone().into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_manifest_that_two_readers_could_read_otherwise_is_refused() {
        let text = String::from_utf8(manifest(|_| ())).expect("text");
        let other = format!(
            r#""layers":[{{"mediaType":"{LAYER_TYPE}","digest":"{}","size":4}}],"layers":"#,
            Digest::of(b"evil")
        );
        let bytes = text.replacen(r#""layers":"#, &other, 1).into_bytes();
        let error = Artifact::read(&bytes, Digest::of(&bytes), Some(MANIFEST_TYPE)).expect_err("two layers");
        assert!(error.contains("`layers` stands twice"), "{error}");
    }

    #[test]
    fn a_manifest_that_came_as_something_else_is_refused() {
        let bytes = manifest(|_| ());
        for content_type in [None, Some("text/html"), Some("application/json"), Some(INDEX_TYPE)] {
            assert!(Artifact::read(&bytes, Digest::of(&bytes), content_type).is_err());
        }
        assert!(Artifact::read(b"<html>", Digest::of(b"<html>"), Some(MANIFEST_TYPE)).is_err());
    }
}
