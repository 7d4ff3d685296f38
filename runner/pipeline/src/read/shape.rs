//! The keys of every map of the file, as tables: the readers, the near names, and the schema use the same.

/// The keys of one kind of map.
#[derive(Debug)]
pub(crate) struct Shape {
    /// Such as `a stage`.
    pub(crate) what: &'static str,
    pub(crate) keys: &'static [Key],
    /// A form in place of the map, such as `needs: build`.
    pub(crate) short: Option<Form>,
}

/// One key.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    /// Goes on after "it": `makes this stage a deployment`.
    pub(crate) about: &'static str,
    pub(crate) form: Form,
}

/// What stands behind a key. Each may also be an expression where [`Form::Late`] is around it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    /// Text without expressions.
    Text,
    /// Text that may hold expressions.
    Template,
    /// An expression, with or without `${{ }}`.
    Condition,
    /// A name of a stage, step, input, target, or environment.
    Id,
    Boolean,
    /// A whole number from 0 or 1 up to the bound.
    Count(u32, u32),
    Duration,
    Size,
    Choice(&'static [&'static str]),
    /// Nothing.
    Null,
    /// Anything: lists, maps, scalars.
    Any,
    /// Text, a number, or a boolean.
    Scalar,
    List(&'static Form),
    /// A list, or one item without its brackets.
    Several(&'static Form),
    /// A map with names of the author's choice.
    MapOf(&'static Form),
    Object(&'static Shape),
    /// A map with these keys, and with names of the author's choice.
    Open(&'static Shape, &'static Form),
    Either(&'static [Form]),
    /// The form, or an expression that gives it.
    Late(&'static Form),
}

impl Shape {
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.keys.iter().map(|key| key.name)
    }

    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

const fn required(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, required: true, about, form }
}

const fn optional(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, required: false, about, form }
}

const fn shape(what: &'static str, keys: &'static [Key]) -> Shape {
    Shape { what, keys, short: None }
}

/// The most that a count may be where nothing smaller is written.
pub(crate) const COUNT_MAX: u32 = 1_000;

const ENV: Form = Form::MapOf(&Form::Template);
const TEXTS: Form = Form::Several(&Form::Text);
const TEMPLATES: Form = Form::Several(&Form::Template);
const LATE_DURATION: Form = Form::Late(&Form::Duration);
const LATE_BOOLEAN: Form = Form::Late(&Form::Boolean);

pub(crate) static PIPELINE: Shape = shape(
    "a pipeline",
    &[
        required("name", Form::Text, "is what the pipeline is called"),
        optional("on", Form::Object(&TRIGGERS), "says what starts the pipeline by itself"),
        optional("inputs", Form::MapOf(&Form::Object(&INPUT)), "lists what is passed with `--input name=value`"),
        optional("env", ENV, "gives every step environment variables"),
        optional("secrets", Form::List(&Form::Text), "lists every secret that this pipeline may name"),
        optional("environments", Form::MapOf(&Form::Object(&ENVIRONMENT)), "says where deployments go"),
        optional("networks", Form::MapOf(&Form::Several(&NETWORK_ENTRY)), "gives groups of hosts a name"),
        optional("plugins", Form::MapOf(&Form::Text), "gives plugins a short name"),
        optional("defaults", Form::Object(&DEFAULTS), "says what holds for steps that do not say otherwise"),
        optional("concurrency", Form::Object(&CONCURRENCY), "says which runs must not happen at the same time"),
        required("stages", Form::MapOf(&Form::Object(&STAGE)), "holds what is run"),
    ],
);

pub(crate) static TRIGGERS: Shape = Shape {
    what: "`on`",
    keys: &[
        optional("push", Form::Either(&[Form::Null, Form::Object(&PUSH)]), "starts the pipeline on a push"),
        optional(
            "pull_request",
            Form::Either(&[Form::Null, Form::Object(&PULL_REQUEST)]),
            "starts the pipeline for a pull request",
        ),
        optional("schedule", Form::List(&Form::Object(&SCHEDULE)), "starts the pipeline at times"),
        optional("manual", Form::Null, "lets people start the pipeline by hand"),
    ],
    short: Some(Form::Several(&Form::Choice(&["push", "pull_request", "manual"]))),
};

pub(crate) static PUSH: Shape = shape(
    "`push`",
    &[
        optional("branches", TEXTS, "narrows by branch"),
        optional("branches-ignore", TEXTS, "leaves branches out"),
        optional("tags", TEXTS, "narrows by tag"),
        optional("tags-ignore", TEXTS, "leaves tags out"),
        optional("paths", TEXTS, "narrows by changed files"),
        optional("paths-ignore", TEXTS, "leaves changed files out"),
    ],
);

pub(crate) static PULL_REQUEST: Shape = shape(
    "`pull_request`",
    &[
        optional("branches", TEXTS, "narrows by the branch that is merged into"),
        optional("branches-ignore", TEXTS, "leaves branches out"),
        optional("paths", TEXTS, "narrows by changed files"),
        optional("paths-ignore", TEXTS, "leaves changed files out"),
        optional("types", Form::Several(&Form::Choice(PULL_REQUEST_TYPES)), "narrows by what happened to it"),
    ],
);

pub(crate) const PULL_REQUEST_TYPES: &[&str] = &[
    "opened",
    "reopened",
    "synchronize",
    "closed",
    "edited",
    "labeled",
    "unlabeled",
    "assigned",
    "unassigned",
    "ready_for_review",
    "converted_to_draft",
    "review_requested",
    "review_request_removed",
    "locked",
    "unlocked",
    "milestoned",
    "demilestoned",
    "enqueued",
    "dequeued",
    "auto_merge_enabled",
    "auto_merge_disabled",
];

pub(crate) static SCHEDULE: Shape = shape(
    "a schedule",
    &[
        required("cron", Form::Text, "is a time in five fields, such as `0 2 * * *`"),
        optional("timezone", Form::Text, "is where that time holds, such as `Europe/Oslo`"),
    ],
);

pub(crate) static INPUT: Shape = shape(
    "an input",
    &[
        optional("type", Form::Choice(INPUT_TYPES), "says what the input takes"),
        optional("default", Form::Scalar, "is used when the input is not passed"),
        optional("required", Form::Boolean, "says whether the input must be passed"),
        optional("description", Form::Text, "tells people what the input is for"),
        optional("options", Form::List(&Form::Text), "lists what a `choice` takes"),
    ],
);

pub(crate) const INPUT_TYPES: &[&str] = &["string", "number", "boolean", "choice"];

pub(crate) static ENVIRONMENT: Shape = shape(
    "an environment",
    &[
        optional("branches", TEXTS, "says which branches may deploy here"),
        optional("url", Form::Template, "is where people find what was deployed"),
        optional("approvals", Form::Count(0, COUNT_MAX), "is how many people must agree first"),
        optional("directory", Form::Template, "is where releases, lock, and ledger live on each target"),
        optional("env", ENV, "is what the release's services are given; it may hold secrets"),
        optional("verify", Form::Choice(VERIFY), "says when verifiers run"),
        optional("targets", Form::MapOf(&Form::Object(&TARGET)), "names the machines"),
    ],
);

pub(crate) const VERIFY: &[&str] = &["end", "each-batch"];

pub(crate) static TARGET: Shape = shape(
    "a target",
    &[
        required("ssh", Form::Template, "is `user@host` or `user@host:port`"),
        required("host-key", TEMPLATES, "is what the host must show, as in `known_hosts`"),
        optional("key", Form::Text, "names the secret that holds the private key"),
        optional("agent", Form::Boolean, "takes the key from the operator's ssh agent"),
        optional("directory", Form::Template, "stands in place of the environment's directory"),
        optional("sudo", TEXTS, "lists the users that scripts may become"),
    ],
);

pub(crate) static DEFAULTS: Shape = shape(
    "`defaults`",
    &[
        optional("timeout", LATE_DURATION, "bounds one attempt of a step"),
        optional("retry", Form::Object(&RETRY), "says how often a step is tried again"),
        optional("working-directory", Form::Template, "is where steps run, below the workspace"),
    ],
);

pub(crate) static CONCURRENCY: Shape = Shape {
    what: "`concurrency`",
    keys: &[
        required("group", Form::Template, "is what excludes others of the same name"),
        optional("on-conflict", Form::Choice(ON_CONFLICT), "says what the later one does"),
    ],
    short: Some(Form::Template),
};

pub(crate) const ON_CONFLICT: &[&str] = &["queue", "cancel-older", "fail"];

pub(crate) static STAGE: Shape = shape(
    "a stage",
    &[
        optional("name", Form::Template, "is what people see"),
        optional("needs", Form::Several(&Form::Id), "lists the stages that must have finished"),
        optional("if", Form::Condition, "says when the stage runs"),
        optional("matrix", Form::Late(&Form::Open(&MATRIX, &AXIS)), "runs the stage once for each cell"),
        optional("env", ENV, "gives every step environment variables"),
        optional("container", Form::Object(&CONTAINER), "is the image in which native commands run"),
        optional("services", Form::MapOf(&Form::Object(&SERVICE)), "starts containers before the first step"),
        optional("environment", Form::Template, "makes this stage a deployment"),
        optional("concurrency", Form::Object(&CONCURRENCY), "says what must not happen at the same time"),
        optional("timeout", LATE_DURATION, "bounds the whole stage"),
        optional("outputs", ENV, "is what later stages can read"),
        optional("allow", Form::Object(&ALLOW), "is what its steps may touch"),
        required("steps", Form::List(&Form::Object(&STEP)), "lists what is done, in order"),
        optional(
            "rollback",
            Form::List(&Form::Object(&STEP)),
            "lists extra steps for when a deployment is rolled back",
        ),
    ],
);

const AXIS: Form = Form::Late(&Form::List(&Form::Any));
const CELLS: Form = Form::Late(&Form::List(&Form::MapOf(&Form::Any)));

pub(crate) static MATRIX: Shape = shape(
    "a matrix",
    &[
        optional("include", CELLS, "adds cells, or values to cells"),
        optional("exclude", CELLS, "takes cells away"),
        optional("max-parallel", Form::Late(&Form::Count(1, COUNT_MAX)), "bounds how many cells run at once"),
        optional("fail-fast", LATE_BOOLEAN, "says whether the first failure stops the other cells"),
    ],
);

pub(crate) static CONTAINER: Shape = Shape {
    what: "`container`",
    keys: &[
        required("image", Form::Template, "is the image"),
        optional("env", ENV, "gives the container environment variables; it may hold secrets"),
    ],
    short: Some(Form::Template),
};

pub(crate) static SERVICE: Shape = Shape {
    what: "a service",
    keys: &[
        required("image", Form::Template, "is the image"),
        optional("env", ENV, "gives the service environment variables; it may hold secrets"),
        optional("ports", Form::List(&Form::Template), "lists the ports that the stage reaches"),
        optional("health", Form::Object(&HEALTH), "tells when the service is ready"),
    ],
    short: Some(Form::Template),
};

pub(crate) static HEALTH: Shape = shape(
    "`health`",
    &[
        required("command", TEMPLATES, "is run inside the service and answers with its exit code"),
        optional("interval", LATE_DURATION, "passes between two tries"),
        optional("timeout", LATE_DURATION, "bounds one try"),
        optional("retries", Form::Count(1, COUNT_MAX), "is how many failures in a row make it unhealthy"),
    ],
);

pub(crate) static STEP: Shape = shape(
    "a step",
    &[
        optional("uses", Form::Text, "names the plugin that the step calls"),
        optional("run", Form::Text, "is a script"),
        optional("id", Form::Id, "is the step's name in `steps.<id>`"),
        optional("name", Form::Template, "is what people see"),
        optional("with", Form::MapOf(&Form::Any), "gives the plugin its inputs"),
        optional("env", ENV, "gives the step environment variables"),
        optional("if", Form::Condition, "says when the step runs"),
        optional("allow", Form::Object(&ALLOW), "is what the step may touch, in place of its stage's `allow`"),
        optional("timeout", LATE_DURATION, "bounds one attempt"),
        optional("retry", Form::Object(&RETRY), "says how often the step is tried again"),
        optional("allow-failure", LATE_BOOLEAN, "lets the stage go on when the step fails"),
        optional("working-directory", Form::Template, "is where the step runs, below the workspace"),
        optional("shell", TEXTS, "is what runs the script: `sh`, `bash`, or a program and its arguments"),
        optional("cache", Form::Choice(CACHE), "says whether an earlier result may answer"),
    ],
);

pub(crate) const CACHE: &[&str] = &["auto", "off"];

pub(crate) static RETRY: Shape = shape(
    "`retry`",
    &[
        required("attempts", Form::Count(1, 100), "is how many tries there are, the first one included"),
        optional("backoff", LATE_DURATION, "passes before the second try, and doubles"),
        optional("on", Form::Several(&Form::Choice(RETRY_ON)), "narrows what is tried again"),
    ],
);

pub(crate) const RETRY_ON: &[&str] = &["failure", "timeout", "trap", "remote"];

pub(crate) static ALLOW: Shape = shape(
    "`allow`",
    &[
        optional("network", Form::Several(&NETWORK_ENTRY), "lists hosts with their ports"),
        optional("exec", TEMPLATES, "lists programs"),
        optional("files", Form::Object(&FILES), "lists files of the workspace"),
        optional("secrets", TEXTS, "lists secrets"),
        optional("containers", Form::Object(&CONTAINERS), "is what may be asked of the Docker engine"),
        optional("targets", TEMPLATES, "lists targets"),
        optional("memory", Form::Late(&Form::Size), "is how much memory a step may take"),
    ],
);

const NETWORK_ENTRY: Form = Form::Object(&HOST);

pub(crate) static HOST: Shape = Shape {
    what: "a network entry",
    keys: &[
        required("host", Form::Template, "is `host:port`"),
        optional("private", Form::Boolean, "lets the name reach private addresses"),
    ],
    short: Some(Form::Template),
};

pub(crate) static FILES: Shape = shape(
    "`files`",
    &[
        optional("read", TEMPLATES, "lists patterns of files that may be read"),
        optional("write", TEMPLATES, "lists patterns of files that may be written"),
    ],
);

pub(crate) static CONTAINERS: Shape = shape(
    "`containers`",
    &[
        optional("build", LATE_BOOLEAN, "says whether images may be built"),
        optional("run", TEMPLATES, "lists images that may be run"),
        optional("push", TEMPLATES, "lists references that may be pushed to"),
    ],
);

/// Keys of GitHub's that Sealock calls something else, or does not have.
pub(crate) const FOREIGN_KEYS: &[(&str, &str)] = &[
    ("jobs", "write `stages`: what GitHub calls a job is a stage here"),
    ("runs-on", "leave it out: a stage runs where `sealock run` was started; `container` chooses an image"),
    ("permissions", "write `allow`: it lists what steps may touch, and nothing else is allowed"),
    ("continue-on-error", "write `allow-failure`"),
    ("timeout-minutes", "write `timeout`, such as `timeout: 10m`"),
    ("strategy", "write `matrix` right below the stage"),
    ("workflow_dispatch", "write `manual`"),
    ("pull_request_target", "there is no such event on purpose: it would run outside code with inside secrets"),
    ("credentials", "leave it out: log in with a step, or let the machine's Docker configuration answer"),
    ("permisions", "write `allow`: it lists what steps may touch, and nothing else is allowed"),
];

#[cfg(test)]
mod tests {
    use sealock_diagnostics::Source;

    use super::*;

    /// Each table, and a file in which `HOLE` stands among its keys.
    const FILES: [(&Shape, &str); 18] = [
        (&PIPELINE, "{ HOLE, name: x, stages: { a: { steps: [{ run: x }] } } }"),
        (&TRIGGERS, "{ on: { HOLE }, name: x, stages: { a: { steps: [{ run: x }] } } }"),
        (&PUSH, "{ on: { push: { HOLE } }, name: x, stages: { a: { steps: [{ run: x }] } } }"),
        (&PULL_REQUEST, "{ on: { pull_request: { HOLE } }, name: x, stages: { a: { steps: [{ run: x }] } } }"),
        (&SCHEDULE, "{ on: { schedule: [{ HOLE }] }, name: x, stages: { a: { steps: [{ run: x }] } } }"),
        (&INPUT, "{ inputs: { i: { HOLE } }, name: x, stages: { a: { steps: [{ run: x }] } } }"),
        (&ENVIRONMENT, "{ environments: { e: { HOLE } }, name: x, stages: { a: { steps: [{ run: x }] } } }"),
        (
            &TARGET,
            "{ environments: { e: { targets: { t: { HOLE } } } }, name: x, stages: { a: { steps: [{ run: x }] } } }",
        ),
        (&DEFAULTS, "{ defaults: { HOLE }, name: x, stages: { a: { steps: [{ run: x }] } } }"),
        (&CONCURRENCY, "{ concurrency: { HOLE }, name: x, stages: { a: { steps: [{ run: x }] } } }"),
        (&STAGE, "{ name: x, stages: { a: { HOLE, steps: [{ run: x }] } } }"),
        (&MATRIX, "{ name: x, stages: { a: { matrix: { HOLE, x: [1] }, steps: [{ run: x }] } } }"),
        (&CONTAINER, "{ name: x, stages: { a: { container: { HOLE }, steps: [{ run: x }] } } }"),
        (&SERVICE, "{ name: x, stages: { a: { services: { s: { HOLE } }, steps: [{ run: x }] } } }"),
        (
            &HEALTH,
            "{ name: x, stages: { a: { services: { s: { image: x, health: { HOLE } } }, steps: [{ run: x }] } } }",
        ),
        (&STEP, "{ name: x, stages: { a: { steps: [{ HOLE }] } } }"),
        (&RETRY, "{ name: x, stages: { a: { steps: [{ run: x, retry: { HOLE } }] } } }"),
        (&ALLOW, "{ name: x, stages: { a: { allow: { HOLE }, steps: [{ run: x }] } } }"),
    ];

    /// A key that no reader asks for would be ignored silently. None of them takes this value.
    #[test]
    fn every_key_of_every_table_is_read() {
        for (shape, file) in FILES {
            for key in shape.keys {
                let with = if key.name == "shell" { "run: x, " } else { "" };
                let file = file.replace("HOLE", &format!("{with}{}: [[[1]]]", key.name));
                let found = crate::parse(&Source::new("p.yml", file.as_str())).diagnostics;
                let is_read = found.iter().any(|diagnostic| diagnostic.code == "E-TYPE");
                assert!(is_read, "`{}` of {}: {found:?}", key.name, shape.what);
            }
        }
    }
}
