//! What `bindgen!` makes of `step.wit`: the traits that the files under `capability` implement.

#![allow(clippy::pedantic, reason = "generated")]

wasmtime::component::bindgen!({
    path: "../../plugins/wit",
    inline: "
        package sealock:host;

        world every-import {
            import sealock:step/inputs@0.1.0;
            import sealock:step/outputs@0.1.0;
            import sealock:step/log@0.1.0;
            import sealock:step/lifecycle@0.1.0;
            import sealock:step/facts@0.1.0;
            import sealock:step/secrets@0.1.0;
            import sealock:step/secrets-reveal@0.1.0;
            import sealock:step/process@0.1.0;
            import sealock:step/containers@0.1.0;
            import sealock:step/targets@0.1.0;
            import sealock:step/git@0.1.0;
            import sealock:step/cache@0.1.0;
            import sealock:step/artifacts@0.1.0;
        }
    ",
    world: "sealock:host/every-import",
    require_store_data_send: true,
    imports: {
        "sealock:step/outputs.produce": async | trappable,
        "sealock:step/lifecycle.sleep-ms": async | trappable,
        "sealock:step/secrets.get": async | trappable,
        "sealock:step/secrets.mask": async | trappable,
        "sealock:step/secrets.[method]secret.placeholder": async | trappable,
        "sealock:step/secrets.[drop]secret": async | trappable,
        "sealock:step/secrets-reveal.reveal": async | trappable,
        "sealock:step/process.[method]command.start": async | trappable,
        "sealock:step/process.[method]running.wait": async | trappable,
        "sealock:step/process.[method]running.read-stdout": async | trappable,
        "sealock:step/process.[method]running.read-stderr": async | trappable,
        "sealock:step/process.[method]running.kill": async | trappable,
        "sealock:step/process.[drop]running": async | trappable,
        "sealock:step/containers.[method]build.finish": async | trappable,
        "sealock:step/containers.[method]push.finish": async | trappable,
        "sealock:step/containers.[method]container.start": async | trappable,
        "sealock:step/targets.names": async | trappable,
        "sealock:step/targets.open": async | trappable,
        "sealock:step/targets.verify": async | trappable,
        "sealock:step/targets.[method]target.upload": async | trappable,
        "sealock:step/targets.[method]target.download": async | trappable,
        "sealock:step/targets.[method]target.write-secret": async | trappable,
        "sealock:step/targets.[method]target.pull-image": async | trappable,
        "sealock:step/targets.[method]target.current": async | trappable,
        "sealock:step/targets.[method]target.previous": async | trappable,
        "sealock:step/targets.[method]target.stage-release": async | trappable,
        "sealock:step/targets.[method]target.switch-to": async | trappable,
        "sealock:step/targets.[method]target.prune": async | trappable,
        "sealock:step/targets.[drop]target": async | trappable,
        "sealock:step/targets.[method]script.start": async | trappable,
        default: trappable,
    },
    with: {
        "sealock:step/log.group": crate::capability::log::Group,
        "sealock:step/secrets.secret": crate::capability::secrets::Secret,
        "sealock:step/process.command": crate::capability::process::CommandDraft,
        "sealock:step/process.running": crate::capability::process::Running,
        "sealock:step/containers.build": crate::capability::containers::BuildDraft,
        "sealock:step/containers.push": crate::capability::containers::PushDraft,
        "sealock:step/containers.container": crate::capability::containers::ContainerDraft,
        "sealock:step/targets.target": crate::capability::targets::Target,
        "sealock:step/targets.script": crate::capability::targets::ScriptDraft,
        "sealock:step/git.checkout": crate::capability::git::Checkout,
    },
});

/// What a step exports.
pub(crate) mod stepping {
    wasmtime::component::bindgen!({
        path: "../../plugins/wit",
        inline: "
            package sealock:host;

            world stepping {
                export sealock:step/step@0.1.0;
            }
        ",
        world: "sealock:host/stepping",
        exports: { default: async },
        with: { "sealock:step/base": crate::bindings::sealock::step::base },
    });
}

/// What a step with effects also exports.
pub(crate) mod effecting {
    wasmtime::component::bindgen!({
        path: "../../plugins/wit",
        inline: "
            package sealock:host;

            world effecting {
                export sealock:step/effect@0.1.0;
            }
        ",
        world: "sealock:host/effecting",
        exports: { default: async },
        with: { "sealock:step/base": crate::bindings::sealock::step::base },
    });
}
