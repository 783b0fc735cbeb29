//! A line of a region file, character by character, with columns for errors.

use super::{Ds9Error, Ds9Problem};

/// A place in a line.
#[derive(Clone, Debug)]
pub(super) struct Cursor {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

/// A piece of text and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Token {
    pub(super) fn problem(&self, problem: Ds9Problem) -> Ds9Error {
        problem.at(self.line, self.column)
    }
}

impl Cursor {
    pub(super) fn new(line: usize, text: &str) -> Self {
        Self {
            chars: text.chars().collect(),
            at: 0,
            line,
        }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let found = self.peek();
        self.at += usize::from(found.is_some());
        found
    }

    /// Goes on if the next character is `wanted`.
    pub(super) fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.chars.len()
    }

    /// The characters from here on for which `part` holds.
    pub(super) fn token(&mut self, part: impl Fn(char) -> bool) -> Token {
        let column = self.at + 1;
        let rest = self.chars.iter().skip(self.at);
        let text: String = rest.take_while(|c| part(**c)).collect();
        self.at += text.chars().count();
        Token {
            text,
            line: self.line,
            column,
        }
    }

    pub(super) fn problem(&self, problem: Ds9Problem) -> Ds9Error {
        problem.at(self.line, self.at + 1)
    }

    pub(super) fn unexpected(&self, expected: &'static str) -> Ds9Error {
        let found = match self.peek() {
            Some(c) => format!("`{c}`"),
            None => "the end of the line".to_owned(),
        };
        self.problem(Ds9Problem::Unexpected { found, expected })
    }

    /// What lies between here and `mark`, an earlier state of this cursor.
    pub(super) fn since(&self, mark: &Self) -> String {
        let taken = self.chars.iter().take(self.at);
        taken.skip(mark.at).collect::<String>().trim().to_owned()
    }

    /// The text up to a closing character, which is taken too.
    pub(super) fn quoted(&mut self, close: char) -> Result<String, Ds9Error> {
        let open = self.clone();
        let token = self.token(|c| c != close);
        if self.take(close) {
            Ok(token.text)
        } else {
            Err(open.problem(Ds9Problem::Unclosed(if close == '}' { '{' } else { close })))
        }
    }

    /// Goes behind the end of a command (`;` or the end of the line) outside quotes; the end itself is not taken.
    pub(super) fn skip_command(&mut self) -> Result<(), Ds9Error> {
        while let Some(c) = self.peek() {
            match c {
                ';' => break,
                '{' => {
                    self.next();
                    self.quoted('}')?;
                }
                _ => {
                    self.next();
                }
            }
        }
        Ok(())
    }
}
