//! Ends processes inside a stage's container, so that nothing outlives the command that started it.
//!
//! `kill(-1)` reaches every process of a container but its first, in one system call that no fork can slip
//! through; sessions, groups, and parents do not matter to it. It is done by a shell inside, as root, and
//! checked from outside: a step that is root in its container may have put something else in the shell's
//! place, and then the container itself is started anew, which nothing inside can prevent.

use std::time::Duration;

use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bollard::query_parameters::{RestartContainerOptionsBuilder, TopOptionsBuilder};
use futures_util::StreamExt;
use sealock_contract::seam::Refusal;

use super::engine::Engine;

/// For the shell inside; it needs about 50 ms.
const SHELL_SECONDS: u64 = 5;
/// Looks at the process list until the dead are gone from it.
const LOOKS: u32 = 25;
/// Between two looks.
const PAUSE_MS: u64 = 20;
/// The variable that marks a command and what it started.
pub(super) const MARK: &str = "SEALOCK_EXEC";
/// Ends everything whose environment holds the mark, until there is nothing of it.
const KILL_MARKED: &str = r#"i=0
while [ "$i" -lt 50 ]; do
    found=
    for file in /proc/[0-9]*/environ; do
        pid=${file#/proc/}; pid=${pid%/environ}
        [ "$pid" = "$$" ] && continue
        if grep -qs "$1" "$file"; then kill -9 "$pid" 2>/dev/null && found=1; fi
    done
    [ -z "$found" ] && exit 0
    i=$((i + 1))
done"#;

/// Asks everything whose environment holds the mark to stop.
const ASK_MARKED: &str = r#"for file in /proc/[0-9]*/environ; do
    pid=${file#/proc/}; pid=${pid%/environ}
    if grep -qs "$1" "$file"; then kill -TERM "$pid" 2>/dev/null; fi
done"#;

/// The container's first process: it waits, and takes in what others leave behind.
pub(super) const FIRST_PROCESS: &str = "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done";

/// Ends every process but the first.
pub(super) async fn everything(engine: &Engine, container: &str) -> Result<(), Refusal> {
    let script = ["sh", "-c", "kill -9 -1"].map(str::to_owned).to_vec();
    // Whether the shell did it is seen below.
    let _ = run(engine, container, "0:0", script).await;
    for _ in 0..LOOKS {
        if is_swept(engine, container).await? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(PAUSE_MS)).await;
    }
    let options = RestartContainerOptionsBuilder::new().t(0).build();
    let restarted = engine.docker().await?.restart_container(container, Some(options)).await;
    restarted.map_err(|error| engine.refusal("start the stage's container anew", &error))
}

/// Ends what carries `mark`, for a command that ends while others of its step go on.
pub(super) async fn marked(engine: &Engine, container: &str, user: &str, mark: &str) {
    // What is left goes when the last command of the step ends.
    let _ = run(engine, container, user, with_mark(KILL_MARKED, mark)).await;
}

/// Asks what carries `mark` to stop.
pub(super) async fn ask(engine: &Engine, container: &str, user: &str, mark: &str) {
    // What does not hear is ended when its time is up.
    let _ = run(engine, container, user, with_mark(ASK_MARKED, mark)).await;
}

fn with_mark(script: &str, mark: &str) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), script.to_owned(), "sh".to_owned(), format!("{MARK}={mark}")]
}

async fn run(engine: &Engine, container: &str, user: &str, script: Vec<String>) -> Result<(), Refusal> {
    let config = ExecConfig {
        cmd: Some(script),
        user: Some(user.to_owned()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        working_dir: Some("/".to_owned()),
        ..ExecConfig::default()
    };
    let refusal = |error| engine.refusal("end the processes of a step", &error);
    let docker = engine.docker().await?;
    let exec = docker.create_exec(container, config).await.map_err(refusal)?;
    let started = docker.start_exec(&exec.id, None::<StartExecOptions>).await.map_err(refusal)?;
    if let StartExecResults::Attached { mut output, .. } = started {
        let ended = async { while output.next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(SHELL_SECONDS), ended).await;
    }
    Ok(())
}

/// Whether only the first process and the one it waits for are left. A program that looks like the second
/// would be a third: the first replaces what was killed.
async fn is_swept(engine: &Engine, container: &str) -> Result<bool, Refusal> {
    let options = TopOptionsBuilder::new().ps_args("-eo pid,ppid,stat,args").build();
    let top = engine.docker().await?.top_processes(container, Some(options)).await;
    let top = top.map_err(|error| engine.refusal("list the processes of a step", &error))?;
    Ok(is_first_alone(&top.processes.unwrap_or_default()))
}

fn is_first_alone(processes: &[Vec<String>]) -> bool {
    let column = |process: &[String], index: usize| process.get(index).cloned().unwrap_or_default();
    let is_first = |process: &&Vec<String>| column(process, 3).contains(FIRST_PROCESS);
    let Some(first) = processes.iter().find(is_first).map(|process| column(process, 0)) else { return false };
    let others: Vec<_> = processes.iter().filter(|process| column(process, 0) != first).collect();
    match others.as_slice() {
        [] => true,
        [only] => column(only, 1) == first && column(only, 3) == "sleep 3600",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: &str, parent: &str, args: &str) -> Vec<String> {
        [pid, parent, "S", args].map(str::to_owned).to_vec()
    }

    #[test]
    fn one_that_pretends_to_be_the_waiting_one_is_one_too_many() {
        let first = process("10", "1", &format!("sh -c {FIRST_PROCESS}"));
        let waiting = process("11", "10", "sleep 3600");
        assert!(is_first_alone(&[first.clone(), waiting.clone()]));
        assert!(is_first_alone(std::slice::from_ref(&first)));
        assert!(!is_first_alone(&[first.clone(), waiting.clone(), process("12", "10", "sleep 3600")]));
        assert!(!is_first_alone(&[first.clone(), process("12", "10", "evil")]));
        assert!(!is_first_alone(&[first, process("12", "9", "sleep 3600")]));
        assert!(!is_first_alone(&[waiting]));
    }
}
