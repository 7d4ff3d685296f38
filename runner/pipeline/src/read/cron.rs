//! The form of a time: five fields, and the name of a timezone.

/// Why a text is not a cron line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum CronError {
    #[error("there are {found} fields, expected 5")]
    Fields { found: usize },
    #[error("`{found}` is not {field}")]
    Field { found: String, field: &'static str },
}

struct Field {
    what: &'static str,
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

const FIELDS: [Field; 5] = [
    Field { what: "a minute (0 to 59)", least: 0, most: 59, names: &[] },
    Field { what: "an hour (0 to 23)", least: 0, most: 23, names: &[] },
    Field { what: "a day of the month (1 to 31)", least: 1, most: 31, names: &[] },
    Field { what: "a month (1 to 12, or JAN to DEC)", least: 1, most: 12, names: MONTHS },
    Field { what: "a day of the week (0 to 6, or SUN to SAT)", least: 0, most: 6, names: DAYS },
];

/// Whether `text` is a cron line as GitHub reads it: lists, ranges, and steps of numbers or names.
pub(super) fn check(text: &str) -> Result<(), CronError> {
    let found: Vec<&str> = text.split_ascii_whitespace().collect();
    if found.len() != FIELDS.len() {
        return Err(CronError::Fields { found: found.len() });
    }
    let wrong = found.iter().zip(&FIELDS).find(|(text, field)| !text.split(',').all(|item| field.takes(item)));
    match wrong {
        Some((text, field)) => Err(CronError::Field { found: super::shortened(text), field: field.what }),
        None => Ok(()),
    }
}

impl Field {
    fn takes(&self, item: &str) -> bool {
        let (range, step) = item.split_once('/').map_or((item, None), |(range, step)| (range, Some(step)));
        let step_is_fine = step.is_none_or(|step| matches!(number(step), Some(1..)));
        let range_is_fine = match range.split_once('-') {
            _ if range == "*" => true,
            Some((first, last)) => matches!((self.value(first), self.value(last)), (Some(a), Some(b)) if a <= b),
            None => self.value(range).is_some(),
        };
        step_is_fine && range_is_fine
    }

    fn value(&self, text: &str) -> Option<u32> {
        if let Some(place) = self.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return u32::try_from(place).ok().map(|place| place + self.least);
        }
        number(text).filter(|number| (self.least..=self.most).contains(number))
    }
}

fn number(text: &str) -> Option<u32> {
    let is_short = text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_short { text.parse().ok() } else { None }
}

/// Whether `text` has the form of an IANA name. Whether there is such a zone, the machine's list says.
pub(super) fn is_timezone(text: &str) -> bool {
    let is_part_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+');
    let is_part = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.chars().all(is_part_char);
    text.len() <= 64 && text.split('/').count() <= 3 && text.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_five_fields_of_lists_ranges_and_steps() {
        for text in ["0 2 * * *", "*/15 0-6 1,15 JAN-MAR mon", "5/10 * * * 0"] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for text in [
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "*/0 * * * *",
            "5-1 * * * *",
            "x * * * *",
        ] {
            assert!(matches!(check(text), Err(CronError::Field { .. })), "{text}");
        }
        assert_eq!(check("@daily"), Err(CronError::Fields { found: 1 }));
    }

    #[test]
    fn timezones_have_the_form_of_iana_names() {
        for text in ["UTC", "Europe/Oslo", "America/Argentina/Buenos_Aires", "Etc/GMT+5"] {
            assert!(is_timezone(text), "{text}");
        }
        for text in ["", "Europe/", "+02:00", "Europe Oslo", "/etc/passwd", "../x", "a/b/c/d"] {
            assert!(!is_timezone(text), "{text}");
        }
    }
}
