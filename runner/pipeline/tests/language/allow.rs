//! `allow` and `networks`: what is granted is written exactly.

use insta::assert_snapshot;

use crate::{check_text, codes, with_stage};

#[test]
fn a_network_entry_names_its_port_and_its_hosts() {
    let file = with_stage(
        "allow:\n  network: [example.com, \"*:443\", \"exa mple.com:443\", \"example.com:0\", \"::1:80\", \"*\"]",
    );
    assert_snapshot!(check_text(&file), @r#"
    error[E-ALLOW-NETWORK]: an item of `network` of `allow` of stage `a`: the port is missing: write `example.com:443`
     --> p.yml:5:17
      |
    5 |       network: [example.com, "*:443", "exa mple.com:443", "example.com:0", "::1:80", "*"]
      |                 ^^^^^^^^^^^
      |
      = help: write `host:port`, such as `example.com:443` or `*.example.com:443`

    error[E-ALLOW-NETWORK]: an item of `network` of `allow` of stage `a`: `*` would grant every host: name them, or have a policy define a network
     --> p.yml:5:30
      |
    5 |       network: [example.com, "*:443", "exa mple.com:443", "example.com:0", "::1:80", "*"]
      |                              ^^^^^^^
      |
      = help: write `host:port`, such as `example.com:443` or `*.example.com:443`

    error[E-ALLOW-NETWORK]: an item of `network` of `allow` of stage `a`: `exa mple.com` is not a host name, an address, or a range
     --> p.yml:5:39
      |
    5 |       network: [example.com, "*:443", "exa mple.com:443", "example.com:0", "::1:80", "*"]
      |                                       ^^^^^^^^^^^^^^^^^^
      |
      = help: write `host:port`, such as `example.com:443` or `*.example.com:443`

    error[E-ALLOW-NETWORK]: an item of `network` of `allow` of stage `a`: `example.com:0` is not a port: expected a number from 1 to 65535
     --> p.yml:5:59
      |
    5 |       network: [example.com, "*:443", "exa mple.com:443", "example.com:0", "::1:80", "*"]
      |                                                           ^^^^^^^^^^^^^^^
      |
      = help: write `host:port`, such as `example.com:443` or `*.example.com:443`

    error[E-ALLOW-NETWORK]: an item of `network` of `allow` of stage `a`: the port is missing: write `::1:80:443`
     --> p.yml:5:76
      |
    5 |       network: [example.com, "*:443", "exa mple.com:443", "example.com:0", "::1:80", "*"]
      |                                                                            ^^^^^^^^
      |
      = help: write `host:port`, such as `example.com:443` or `*.example.com:443`

    error[E-ALLOW-NETWORK]: an item of `network` of `allow` of stage `a`: `*` would grant every host: name them, or have a policy define a network
     --> p.yml:5:86
      |
    5 |       network: [example.com, "*:443", "exa mple.com:443", "example.com:0", "::1:80", "*"]
      |                                                                                      ^^^
      |
      = help: write `host:port`, such as `example.com:443` or `*.example.com:443`
    "#);
}

#[test]
fn every_form_of_a_network_entry_is_read() {
    let entries = "[\"example.com:443\", \"*.example.com:443\", \"10.0.0.0/8:443\", \"127.0.0.1:80\", \"localhost:80\", \"[::1]:80\", \"[fd00::/8]:80\", { host: \"db:1\", private: true }, { host: \"db:1\" }]";
    let file = format!(
        "name: x\nnetworks: {{ n: {entries} }}\nstages:\n  a:\n    allow: {{ network: [\"@n\"] }}\n    steps: [{{ run: x }}]\n"
    );
    assert_eq!(check_text(&file), "");
}

#[test]
fn names_in_allow_have_to_be_there() {
    let file = "
name: x
secrets: [TOKEN]
networks: { packages: [\"example.com:443\"] }
environments:
  p: { targets: { web1: { ssh: a@b, host-key: ssh-ed25519 AAAA, agent: true } } }
stages:
  a:
    allow: { secrets: [TOKN], targets: [web2], network: [\"@package\", \"@other\"] }
    steps: [{ run: x }]
";
    assert_snapshot!(check_text(file), @r#"
    error[E-SECRET-UNDECLARED]: the secret `TOKN` is not declared
     --> p.yml:9:24
      |
    9 |     allow: { secrets: [TOKN], targets: [web2], network: ["@package", "@other"] }
      |                        ^^^^ not in `secrets`
      |
      = help: there is `TOKEN`

    error[E-TARGET-UNKNOWN]: `web2` is not a target of stage `a`
     --> p.yml:9:41
      |
    9 |     allow: { secrets: [TOKN], targets: [web2], network: ["@package", "@other"] }
      |                                         ^^^^ no target has this name
      |
      = help: there is `web1`

    warning[E-NETWORK-UNKNOWN]: the network `@package` is not in this file
     --> p.yml:9:58
      |
    9 |     allow: { secrets: [TOKN], targets: [web2], network: ["@package", "@other"] }
      |                                                          ^^^^^^^^^^
      |
      = help: there is `@packages`

    warning[E-NETWORK-UNKNOWN]: the network `@other` is not in this file
     --> p.yml:9:70
      |
    9 |     allow: { secrets: [TOKN], targets: [web2], network: ["@package", "@other"] }
      |                                                                      ^^^^^^^^
      |
      = help: add it to `networks`, unless the machine's policy defines `other`
    "#);
}

#[test]
fn networks_hold_hosts_and_nothing_that_is_not_written_out() {
    assert_snapshot!(codes("name: x\nnetworks: { a: [\"@b\"], b: [\"${{ inputs.x }}:1\"] }\nstages: { s: { steps: [{ run: x }] } }\n"), @r"
    2:17 E-ALLOW-NETWORK
    2:29 E-EXPR-PLACE
    ");
}
