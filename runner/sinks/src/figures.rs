//! The outputs of a step that are worth a word beside its name.
//!
//! Known by the output's name, not by the plugin's: any plugin that counts what it found gets the
//! same words. Only numbers are shown, also when they come as text; everything else is for the steps
//! that read it.

use serde_json::Value;

/// Longer than any number that a person reads.
const NUMBER_BYTES_MAX: usize = 20;

/// Output, and how it reads; a figure that reads well as zero has `true`.
const FIGURES: [(&str, Form, bool); 9] = [
    ("passed", Form::Before("passed"), true),
    ("failed", Form::Before("failed"), false),
    ("skipped", Form::Before("skipped"), false),
    ("coverage", Form::Percent("coverage"), true),
    ("errors", Form::Before("errors"), false),
    ("warnings", Form::Before("warnings"), false),
    ("findings", Form::Before("findings"), false),
    ("images", Form::Before("images"), false),
    ("bytes", Form::Bytes, false),
];

#[derive(Clone, Copy)]
enum Form {
    Before(&'static str),
    Percent(&'static str),
    Bytes,
}

/// `128 passed`, for an output that is such a figure.
pub(crate) fn figure(name: &str, value: &Value) -> Option<String> {
    let (_, form, shows_zero) = FIGURES.iter().find(|(known, ..)| *known == name)?;
    let number = number(value)?;
    if number == 0.0 && !shows_zero {
        return None;
    }
    Some(match form {
        Form::Before(noun) => format!("{number} {noun}"),
        Form::Percent(noun) => format!("{noun} {number:.1} %"),
        Form::Bytes => bytes(number),
    })
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) if text.len() <= NUMBER_BYTES_MAX => text.trim().parse().ok()?,
        _ => return None,
    };
    (number.is_finite() && (0.0..1e15).contains(&number)).then_some(number)
}

fn bytes(number: f64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut number, mut unit) = (number, 0);
    while number >= 1000.0 && unit + 1 < UNITS.len() {
        number /= 1000.0;
        unit += 1;
    }
    let digits = usize::from(unit > 0 && number < 10.0);
    format!("{number:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_and_rates_are_worded() {
        assert_eq!(figure("passed", &json!(128)).as_deref(), Some("128 passed"));
        assert_eq!(figure("passed", &json!("128")).as_deref(), Some("128 passed"));
        assert_eq!(figure("coverage", &json!(91.42)).as_deref(), Some("coverage 91.4 %"));
        assert_eq!(figure("bytes", &json!(214_000_000)).as_deref(), Some("214 MB"));
    }

    #[test]
    fn what_is_no_figure_is_not_shown() {
        assert_eq!(figure("failed", &json!(0)), None);
        assert_eq!(figure("passed", &json!("\u{1b}[2J")), None);
        assert_eq!(figure("passed", &json!("NaN")), None);
        assert_eq!(figure("token", &json!(1)), None);
    }
}
