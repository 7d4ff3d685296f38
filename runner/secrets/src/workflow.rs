//! What a CI machine that masks its own log is told first.

use zeroize::Zeroizing;

use crate::refusal::SECRET_MIN_BYTES;
use crate::vault::Vault;

impl Vault {
    /// `::add-mask::…` for each secret, and for each line of it that is long enough to be one: commands for the
    /// machine that reads our standard output, which takes them and does not show them. They must not be written
    /// anywhere else. A secret that is no text is left to our own redactor.
    pub fn workflow_masks(&self) -> Zeroizing<String> {
        let mut commands = Zeroizing::new(String::new());
        for secret in self.names().iter().filter_map(|name| self.get(name)) {
            let Ok(text) = std::str::from_utf8(secret.expose()) else {
                continue;
            };
            let lines = text.lines().filter(|line| line.len() >= SECRET_MIN_BYTES && line.len() < text.len());
            for masked in std::iter::once(text).chain(lines) {
                add_mask(&mut commands, masked);
            }
        }
        commands
    }
}

fn add_mask(commands: &mut Zeroizing<String>, text: &str) {
    // Room for the longest escapes: a string that grows leaves its old bytes behind.
    commands.reserve(text.len() * 3 + "::add-mask::\n".len());
    commands.push_str("::add-mask::");
    for c in text.chars() {
        match c {
            '%' => commands.push_str("%25"),
            '\r' => commands.push_str("%0D"),
            '\n' => commands.push_str("%0A"),
            c => commands.push(c),
        }
    }
    commands.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretBytes;

    #[test]
    fn each_secret_is_one_command_and_so_is_each_long_line_of_it() {
        let vault = Vault::new();
        vault.register("A", SecretBytes::new("100%-of-a-secret")).expect("long enough");
        vault.register("B", SecretBytes::new("first-line-of-it\r\nshort\nlast-line-of-it")).expect("long enough");
        assert_eq!(
            vault.workflow_masks().as_str(),
            "::add-mask::100%25-of-a-secret\n::add-mask::first-line-of-it%0D%0Ashort%0Alast-line-of-it\n\
             ::add-mask::first-line-of-it\n::add-mask::last-line-of-it\n"
        );
    }
}
