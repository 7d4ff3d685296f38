//! A terminal, played: as much of one as is needed to see what a person sees.
//!
//! Lines that are wider than it go on in the next row, as on a real one; lines that scrolled away stay
//! where they are, and cannot be reached by going up.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use unicode_width::UnicodeWidthChar;

/// Rows as they were written; the last `rows` of them are the screen.
pub(crate) struct Played {
    columns: usize,
    height: usize,
    rows: Vec<String>,
    at: usize,
    /// Characters before the cursor in its row.
    column: usize,
    raw: String,
    /// Rows that the last drawing went up, and so the height of the picture before it.
    went_up: usize,
}

impl Played {
    /// Empty.
    pub(crate) fn new(columns: u16, height: u16) -> Self {
        let (columns, height) = (usize::from(columns), usize::from(height));
        Self { columns, height, rows: vec![String::new()], at: 0, column: 0, raw: String::new(), went_up: 0 }
    }

    fn write(&mut self, text: &str) {
        self.raw.push_str(text);
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\n' => self.down(),
                '\r' => self.column = 0,
                '\x1b' => {
                    let sequence: String = chars.by_ref().skip(1).take_while_inclusive();
                    self.obey(&sequence);
                }
                c => self.put(c),
            }
        }
    }

    fn obey(&mut self, sequence: &str) {
        let (number, command) = sequence.split_at(sequence.len() - 1);
        match command {
            "A" => {
                self.went_up = number.parse().expect("rows to go up");
                let top = self.rows.len().saturating_sub(self.height);
                assert!(self.at - self.went_up >= top, "went above the screen");
                self.at -= self.went_up;
            }
            "J" => {
                let top = self.rows.len().saturating_sub(self.height);
                assert!(self.at > top, "clearing the whole screen leaves it in the history");
                self.clear_row();
                self.rows.truncate(self.at + 1);
            }
            "K" => self.clear_row(),
            "m" => {}
            other => panic!("a sequence that is not ours: {other:?}"),
        }
    }

    /// Columns before the cursor are characters here: what is written to it in tests has wide ones only in
    /// rows that are never written over.
    fn clear_row(&mut self) {
        let column = self.column;
        let row = &mut self.rows[self.at];
        *row = row.chars().take(column).collect();
    }

    fn down(&mut self) {
        (self.at, self.column) = (self.at + 1, 0);
        if self.at == self.rows.len() {
            self.rows.push(String::new());
        }
    }

    fn put(&mut self, c: char) {
        let width = |text: &str| text.chars().map(|c| c.width().unwrap_or(0)).sum::<usize>();
        let before: String = self.rows[self.at].chars().take(self.column).collect();
        if width(&before) + c.width().unwrap_or(0) > self.columns {
            self.down();
        }
        let mut row: Vec<char> = self.rows[self.at].chars().collect();
        match row.get_mut(self.column) {
            Some(old) => *old = c,
            None => row.push(c),
        }
        self.rows[self.at] = row.into_iter().collect();
        self.column += 1;
    }
}

trait TakeWhileInclusive {
    fn take_while_inclusive(self) -> String;
}

impl<I: Iterator<Item = char>> TakeWhileInclusive for I {
    /// Up to the letter that ends a control sequence, with it.
    fn take_while_inclusive(self) -> String {
        let mut text = String::new();
        for c in self {
            text.push(c);
            if c.is_ascii_alphabetic() {
                break;
            }
        }
        text
    }
}

/// The same terminal for the sink that writes and the test that looks.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Mutex<Played>>);

impl Shared {
    /// To share `played`.
    pub(crate) fn new(played: Played) -> Self {
        Self(Arc::new(Mutex::new(played)))
    }

    /// What stands on it, with what scrolled away.
    pub(crate) fn text(&self) -> String {
        let own = self.own();
        let lines: Vec<&str> = own.rows.iter().map(|row| row.trim_end()).collect();
        lines.join("\n").trim_end().to_owned() + "\n"
    }

    /// Everything that was written to it.
    pub(crate) fn raw(&self) -> String {
        self.own().raw.clone()
    }

    /// The height of the picture that the last drawing replaced.
    pub(crate) fn picture_rows(&self) -> usize {
        self.own().went_up
    }

    /// Makes it narrower, as a person who drags its edge: rows that do not fit go on in the next.
    pub(crate) fn narrow(&self, columns: usize) {
        let mut own = self.own();
        let mut rows = Vec::new();
        for row in &own.rows {
            let chars: Vec<char> = row.trim_end().chars().collect();
            let pieces = chars.chunks(columns).map(|piece| piece.iter().collect::<String>());
            rows.extend(pieces);
            if chars.is_empty() {
                rows.push(String::new());
            }
        }
        own.columns = columns;
        (own.at, own.column) = (rows.len() - 1, 0);
        own.rows = rows;
    }

    fn own(&self) -> MutexGuard<'_, Played> {
        self.0.lock().expect("no test panics while it writes")
    }
}

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.own().write(std::str::from_utf8(bytes).expect("whole texts are written"));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
