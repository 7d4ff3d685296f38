//! `environments` and their targets.

use sealock_diagnostics::Diagnostic;

use super::reader::{Keys, Reader};
use super::shape::{COUNT_MAX, ENVIRONMENT, TARGET, VERIFY};
use super::slot::Slot;
use crate::model::{Entries, Environment, Login, Spanned, Target, Text, Verify};
use crate::yaml::NodeId;

impl Reader<'_> {
    pub(super) fn environments(&mut self, node: NodeId) -> Entries<Environment> {
        self.granting("environments", |reader| {
            reader.entries(
                node,
                "`environments`",
                |reader, key| {
                    reader.check_id(key, "the environment");
                },
                |reader, key, node| reader.environment(&key.value, node),
            )
        })
    }

    fn environment(&mut self, name: &str, node: NodeId) -> Option<Environment> {
        let subject = format!("environment `{name}`");
        let of = |key: &str| format!("`{key}` of {subject}");
        let keys = self.keys(node, &subject, &ENVIRONMENT)?;
        let text = |reader: &mut Self, key| {
            let field: super::reader::Field = keys.get(key)?;
            reader.template(field.node, &of(key), Slot::EnvironmentText)
        };
        let url = text(self, "url");
        let directory = text(self, "directory");
        let approvals = keys.get("approvals").and_then(|field| self.count(field.node, &of("approvals"), 0, COUNT_MAX));
        let verify = [Verify::End, Verify::EachBatch];
        let verify = keys.get("verify").and_then(|field| self.choice(field.node, &of("verify"), VERIFY, &verify));
        Some(Environment {
            branches: keys.get("branches").map(|field| self.texts(field.node, &of("branches"))).unwrap_or_default(),
            url,
            approvals: approvals.map_or(0, |count| count.value),
            directory,
            env: keys
                .get("env")
                .map(|field| self.env(field.node, &of("env"), Slot::EnvironmentEnv))
                .unwrap_or_default(),
            verify: verify.map(|word| word.value).unwrap_or_default(),
            targets: keys.get("targets").map(|field| self.targets(field.node, &of("targets"))).unwrap_or_default(),
        })
    }

    fn targets(&mut self, node: NodeId, subject: &str) -> Entries<Target> {
        self.entries(
            node,
            subject,
            |reader, key| {
                reader.check_id(key, "the target");
            },
            |reader, key, node| reader.target(&key.value, node),
        )
    }

    fn target(&mut self, name: &str, node: NodeId) -> Option<Target> {
        let subject = format!("target `{name}`");
        let of = |key: &str| format!("`{key}` of {subject}");
        let keys = self.keys(node, &subject, &TARGET)?;
        let login = self.login(&keys, &subject);
        let host_keys =
            keys.get("host-key").map(|field| self.host_keys(field.node, &of("host-key"))).unwrap_or_default();
        let directory =
            keys.get("directory").and_then(|field| self.template(field.node, &of("directory"), Slot::TargetText));
        let sudo = keys.get("sudo").map(|field| self.texts(field.node, &of("sudo"))).unwrap_or_default();
        let ssh = keys.get("ssh")?;
        let help = "write `user@host`, or `user@host:port`";
        let ssh = self.late(ssh.node, &of("ssh"), Slot::TargetText, "E-TARGET-ADDRESS", help)?;
        Some(Target { ssh, host_keys, login: login?, directory, sudo })
    }

    fn login(&mut self, keys: &Keys, subject: &str) -> Option<Login> {
        let agent = keys.get("agent");
        let is_agent = agent.and_then(|field| self.boolean(field.node, &format!("`agent` of {subject}")));
        let key = keys.get("key").map(|field| self.id(field.node, &format!("`key` of {subject}")));
        match (key, agent, is_agent) {
            (Some(_), Some(field), Some(true)) => {
                let message = format!("{subject} has both `key` and `agent`");
                self.report(Diagnostic::error("E-KEY-CONFLICT", message, field.key).help("keep one of the two"));
                None
            }
            (Some(key), _, _) => key.map(Login::Key),
            (None, _, Some(true)) => Some(Login::Agent),
            (None, Some(_), None) => None,
            (None, _, _) => {
                let message = format!("{subject} has neither `key` nor `agent`");
                let span = super::first_line(self.file, keys.span());
                let found = Diagnostic::error("E-KEY-MISSING", message, span)
                    .help("name the secret that holds the private key, `key: DEPLOY_KEY`, or write `agent: true`");
                self.report(found);
                None
            }
        }
    }

    fn host_keys(&mut self, node: NodeId, subject: &str) -> Vec<Spanned<Text>> {
        let nodes = self.several(node, subject, "text or a list of text");
        if nodes.is_empty() && self.is_list(node) {
            self.report(Diagnostic::error("E-EMPTY", format!("{subject} is empty"), self.tree.span(node)));
        }
        let mut keys = Vec::new();
        for node in nodes {
            let Some(key) = self.template(node, subject, Slot::TargetText) else {
                continue;
            };
            if key.literal().is_some_and(|key| !is_host_key(key)) {
                let found = Diagnostic::error("E-TARGET-HOST-KEY", format!("{subject} is not a public key"), key.span)
                    .help("write it as `ssh-keyscan HOST` prints it, without the host: `ssh-ed25519 AAAA…`");
                self.report(found);
            }
            keys.push(key);
        }
        keys
    }
}

/// A type that SSH has, and one word after it. What the word holds, the SSH client reads.
fn is_host_key(text: &str) -> bool {
    const TYPES: &[&str] = &[
        "ssh-ed25519",
        "ssh-rsa",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
    ];
    let mut words = text.split_ascii_whitespace();
    words.next().is_some_and(|word| TYPES.contains(&word)) && words.next().is_some_and(|word| word.starts_with("AAAA"))
}
