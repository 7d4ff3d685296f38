//! `allow` and `networks`.

use sealock_contract::grant::{HostPattern, NetworkGrant, Reach};
use sealock_diagnostics::Diagnostic;

use super::reader::{Keys, Reader};
use super::shape::{ALLOW, CONTAINERS, FILES, HOST};
use super::slot::Slot;
use crate::model::{Allow, Containers, Entries, Files, Late, NetworkEntry, Spanned, Text};
use crate::yaml::NodeId;

impl Reader<'_> {
    pub(super) fn allow(&mut self, node: NodeId, subject: &str) -> Option<Spanned<Allow>> {
        self.granting("allow", |reader| {
            let keys = reader.keys(node, subject, &ALLOW)?;
            let allow = reader.allowed(&keys, subject);
            Some(Spanned::new(allow, keys.span()))
        })
    }

    fn allowed(&mut self, keys: &Keys, subject: &str) -> Allow {
        let of = |key: &str| format!("`{key}` of {subject}");
        Allow {
            network: keys
                .get("network")
                .map(|field| self.network(field.node, &of("network"), true))
                .unwrap_or_default(),
            exec: self.patterns(keys, "exec", subject),
            files: keys.get("files").and_then(|field| self.files(field.node, &of("files"))),
            secrets: keys
                .get("secrets")
                .map(|field| {
                    let nodes = self.several(field.node, &of("secrets"), "a list of names");
                    let read = |reader: &mut Self, node| reader.id(node, "the secret");
                    self.unique(nodes, &of("secrets"), read, String::clone)
                })
                .unwrap_or_default(),
            containers: keys.get("containers").and_then(|field| self.containers(field.node, &of("containers"))),
            targets: self.patterns(keys, "targets", subject),
            memory: keys.get("memory").and_then(|field| {
                let help = "write a number with its unit, such as `64MiB`, `1GB`";
                self.late(field.node, &of("memory"), Slot::Allow, "E-CFG-RANGE", help)
            }),
        }
    }

    /// One text or a list of them, with expressions.
    fn patterns(&mut self, keys: &Keys, name: &str, subject: &str) -> Vec<Spanned<Text>> {
        let Some(field) = keys.get(name) else {
            return Vec::new();
        };
        let of = format!("`{name}` of {subject}");
        let nodes = self.several(field.node, &of, "a list of text");
        nodes.into_iter().filter_map(|node| self.template(node, &format!("an item of {of}"), Slot::Allow)).collect()
    }

    fn files(&mut self, node: NodeId, subject: &str) -> Option<Spanned<Files>> {
        let keys = self.keys(node, subject, &FILES)?;
        let read = self.file_patterns(&keys, "read", subject);
        let write = self.file_patterns(&keys, "write", subject);
        Some(Spanned::new(Files { read, write }, keys.span()))
    }

    fn file_patterns(&mut self, keys: &Keys, name: &str, subject: &str) -> Vec<Spanned<Text>> {
        let Some(field) = keys.get(name) else {
            return Vec::new();
        };
        let of = format!("`{name}` of {subject}");
        let item = format!("an item of {of}");
        let nodes = self.several(field.node, &of, "a list of text");
        nodes.into_iter().filter_map(|node| self.below_workspace(node, &item, Slot::Allow)).collect()
    }

    fn containers(&mut self, node: NodeId, subject: &str) -> Option<Spanned<Containers>> {
        let keys = self.keys(node, subject, &CONTAINERS)?;
        let build = keys
            .get("build")
            .and_then(|field| self.late_boolean(field.node, &format!("`build` of {subject}"), Slot::Allow));
        let run = self.patterns(&keys, "run", subject);
        let push = self.patterns(&keys, "push", subject);
        Some(Spanned::new(Containers { build: build.unwrap_or(Late::Known(false)), run, push }, keys.span()))
    }

    pub(super) fn networks(&mut self, node: NodeId) -> Entries<Vec<Spanned<NetworkEntry>>> {
        self.granting("networks", |reader| {
            reader.entries(
                node,
                "`networks`",
                |reader, key| {
                    reader.check_id(key, "the network");
                },
                |reader, key, node| {
                    let entries = reader.network(node, &format!("network `{}`", key.value), false);
                    Some(entries.into_iter().filter_map(known).collect())
                },
            )
        })
    }

    /// A list of hosts; with expressions and names of networks only where `in_allow`.
    fn network(&mut self, node: NodeId, subject: &str, in_allow: bool) -> Vec<Spanned<Late<NetworkEntry>>> {
        let nodes = self.several(node, subject, "a list of `host:port`, or a map");
        nodes.into_iter().filter_map(|node| self.network_entry(node, subject, in_allow)).collect()
    }

    fn network_entry(&mut self, node: NodeId, subject: &str, in_allow: bool) -> Option<Spanned<Late<NetworkEntry>>> {
        let span = self.tree.span(node);
        let subject = format!("an item of {subject}");
        if !self.is_map(node) {
            return self.host(node, &subject, in_allow);
        }
        let keys = self.keys(node, &subject, &HOST)?;
        let is_private =
            keys.get("private").and_then(|field| self.boolean(field.node, &format!("`private` of {subject}")));
        let entry = self.host(keys.get("host")?.node, &format!("`host` of {subject}"), in_allow)?;
        match entry.value {
            Late::Known(NetworkEntry::Grant(grant)) if is_private == Some(true) && names_host(&grant) => {
                let grant = NetworkGrant { reach: Reach::Private, ..grant };
                Some(Spanned::new(Late::Known(NetworkEntry::Grant(grant)), span))
            }
            Late::Known(NetworkEntry::Named(_)) | Late::Written(_) if is_private == Some(true) => {
                let message = format!("{subject} is private and names no host");
                let found = Diagnostic::error("E-ALLOW-NETWORK", message, entry.span)
                    .help("write the host out: `{ host: \"db.internal:5432\", private: true }`");
                self.report(found);
                None
            }
            value => Some(Spanned::new(value, span)),
        }
    }

    fn host(&mut self, node: NodeId, subject: &str, in_allow: bool) -> Option<Spanned<Late<NetworkEntry>>> {
        if !in_allow {
            self.text(node, subject)?;
        }
        let help = "write `host:port`, such as `example.com:443` or `*.example.com:443`";
        let entry: Spanned<Late<NetworkEntry>> = self.late(node, subject, Slot::Allow, "E-ALLOW-NETWORK", help)?;
        if let (false, Some(NetworkEntry::Named(name))) = (in_allow, entry.known()) {
            let message = format!("{subject} names the network `@{name}`: networks hold hosts, not each other");
            self.report(Diagnostic::error("E-ALLOW-NETWORK", message, entry.span).help(help));
            return None;
        }
        Some(entry)
    }
}

fn known(entry: Spanned<Late<NetworkEntry>>) -> Option<Spanned<NetworkEntry>> {
    match entry.value {
        Late::Known(value) => Some(Spanned::new(value, entry.span)),
        Late::Written(_) => None,
    }
}

fn names_host(grant: &NetworkGrant) -> bool {
    !matches!(grant.host, HostPattern::Range(..))
}
