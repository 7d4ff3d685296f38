//! A plain `wasi:cli` program, made without any SDK.

use std::{env, fs, process};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    println!("arguments: {}", arguments.join(" "));
    println!("greeting: {}", env::var("INPUT_GREETING").unwrap_or_default());
    let strange: Vec<String> = env::vars().map(|(name, _)| name).filter(|name| !name.starts_with("INPUT_")).collect();
    println!("other variables: {}", strange.join(" "));
    println!("::set-output name=stolen::yes");
    eprint!("no line end");
    match arguments.first().map(String::as_str) {
        Some("outputs") => write_outputs(),
        Some("bad-output") => fs::write("/step/out/not a name", "x").expect("the folder is there"),
        Some("fail") => process::exit(3),
        Some("workspace") => list_workspace(),
        _ => {}
    }
}

fn write_outputs() {
    fs::write("/step/out/answer", "42\n").expect("the folder is there");
    fs::write("/tmp/scratch", "x").expect("the folder is there");
}

fn list_workspace() {
    let seen = fs::read_dir("/workspace").is_ok();
    println!("workspace: {seen}");
}
