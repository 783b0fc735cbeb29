//! A bounded machine for the pickles that hold weights: it builds plain data and tensor views, and runs nothing.
//!
//! Invariant: only the opcodes below and the names in `globals` are known, everything else is refused by name; time and
//! memory grow with the length of the pickle and not with what it claims. Source: `pickletools.py` of Python (protocols
//! 0 to 5) and `torch/_weights_only_unpickler.py` for what state dicts need.

mod bytes;
mod calls;
mod globals;
mod object;

use std::collections::BTreeMap;
use std::io::BufRead;
use std::rc::Rc;

pub(super) use bytes::Bytes;
pub(super) use object::{Heap, Item, Object, TensorView};

use crate::checkpoint::trouble::Trouble;

/// Reads one pickle; `heap` receives its objects.
pub(super) fn read<R: BufRead>(bytes: &mut Bytes<R>, heap: &mut Heap) -> Result<Item, Trouble> {
    let mut machine = Machine {
        bytes,
        heap,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: BTreeMap::new(),
    };
    loop {
        let at = machine.bytes.position();
        let opcode = machine.bytes.byte()?;
        if opcode == b'.' {
            return machine.pop();
        }
        let remembered = machine.marks.len() + machine.memo.len();
        machine.heap.room_for(machine.stack.len(), remembered)?;
        machine.step(opcode).map_err(|trouble| match trouble {
            Trouble::Broken(what) => Trouble::Broken(format!("byte {at} of the pickle: {what}")),
            other => other,
        })?;
    }
}

struct Machine<'a, R> {
    bytes: &'a mut Bytes<R>,
    heap: &'a mut Heap,
    stack: Vec<Item>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: BTreeMap<u64, Item>,
}

impl<R: BufRead> Machine<'_, R> {
    fn step(&mut self, opcode: u8) -> Result<(), Trouble> {
        match opcode {
            // Protocol and frame say nothing that matters.
            0x80 => self.bytes.byte().map(drop),
            0x95 => self.bytes.array::<8>().map(drop),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(drop),
            b'1' => self.after_mark().map(drop),
            b'2' => {
                let top = self.top()?.clone();
                self.push(top);
                Ok(())
            }
            b'N' | 0x88 | 0x89 | b'I' | b'L' | b'J' | b'K' | b'M' | 0x8a | 0x8b | b'F' | b'G' => {
                self.number(opcode)
            }
            b'V' | b'X' | 0x8c | 0x8d | b'S' | b'T' | b'U' | b'B' | b'C' | 0x8e | 0x96 => {
                self.string(opcode)
            }
            b']' | b'l' | b')' | b't' | 0x85..=0x87 | b'}' | b'd' | 0x8f | 0x91 => {
                self.container(opcode)
            }
            b'a' | b'e' | b's' | b'u' | 0x90 => self.fill(opcode),
            b'g' | b'h' | b'j' | b'p' | b'q' | b'r' | 0x94 => self.remember(opcode),
            b'c' | 0x93 => self.name(opcode),
            b'R' | 0x81 => self.reduce(),
            b'b' => self.build(),
            b'Q' => self.persistent(),
            other => Err(Trouble::Refused(format!(
                "its pickle uses {}, which no state dict needs",
                name_of(other)
            ))),
        }
    }

    fn push(&mut self, item: Item) {
        self.stack.push(item);
    }

    fn pop(&mut self) -> Result<Item, Trouble> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(Trouble::broken("the stack is empty"));
        }
        self.stack
            .pop()
            .ok_or_else(|| Trouble::broken("the stack is empty"))
    }

    fn top(&self) -> Result<&Item, Trouble> {
        self.stack
            .last()
            .ok_or_else(|| Trouble::broken("the stack is empty"))
    }

    fn after_mark(&mut self) -> Result<Vec<Item>, Trouble> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| Trouble::broken("a mark is missing"))?;
        if mark > self.stack.len() {
            return Err(Trouble::broken("a mark is above the stack"));
        }
        Ok(self.stack.split_off(mark))
    }

    fn number(&mut self, opcode: u8) -> Result<(), Trouble> {
        let wrong = |_| Trouble::broken("a number is not written as one");
        let item = match opcode {
            b'N' => Item::None,
            0x88 => Item::Bool(true),
            0x89 => Item::Bool(false),
            b'I' => match self.bytes.line()?.as_str() {
                "00" => Item::Bool(false),
                "01" => Item::Bool(true),
                text => Item::Int(text.parse().map_err(wrong)?),
            },
            b'L' => {
                let line = self.bytes.line()?;
                let digits = line.strip_suffix('L').unwrap_or(&line);
                digits.parse().map_or(Item::Inert, Item::Int)
            }
            b'J' => Item::Int(i64::from(i32::from_le_bytes(self.bytes.array()?))),
            b'K' => Item::Int(i64::from(self.bytes.byte()?)),
            b'M' => Item::Int(i64::from(u16::from_le_bytes(self.bytes.array()?))),
            0x8a => {
                let length = u64::from(self.bytes.byte()?);
                long(&self.bytes.take(length)?)
            }
            0x8b => {
                let length = u64::from(u32::from_le_bytes(self.bytes.array()?));
                self.heap.count_bytes(length)?;
                long(&self.bytes.take(length)?)
            }
            b'F' => Item::Float(
                self.bytes
                    .line()?
                    .parse()
                    .map_err(|_| Trouble::broken("a number is not written as one"))?,
            ),
            _ => Item::Float(f64::from_be_bytes(self.bytes.array()?)),
        };
        self.push(item);
        Ok(())
    }

    fn string(&mut self, opcode: u8) -> Result<(), Trouble> {
        let item = match opcode {
            b'V' => Item::Text(self.bytes.line()?.into()),
            b'S' => {
                let line = self.bytes.line()?;
                let quoted = line.trim_matches(['\'', '"']);
                Item::Text(quoted.into())
            }
            _ => {
                let length = match opcode {
                    0x8c | b'U' | b'C' => u64::from(self.bytes.byte()?),
                    b'X' | b'T' | b'B' => u64::from(u32::from_le_bytes(self.bytes.array()?)),
                    _ => u64::from_le_bytes(self.bytes.array()?),
                };
                // A text is held while it is checked and copied, then in the copy.
                self.heap.count_bytes(length.saturating_mul(2))?;
                let bytes = self.bytes.take(length)?;
                match opcode {
                    b'X' | 0x8c | 0x8d => Item::Text(bytes::text(bytes)?.into()),
                    // Texts of Python 2; where they are not UTF-8 they are no names.
                    b'U' | b'T' => match String::from_utf8(bytes) {
                        Ok(text) => Item::Text(text.into()),
                        Err(error) => Item::Bytes(error.into_bytes().into()),
                    },
                    _ => Item::Bytes(bytes.into()),
                }
            }
        };
        self.push(item);
        Ok(())
    }

    fn container(&mut self, opcode: u8) -> Result<(), Trouble> {
        let object = match opcode {
            b']' | 0x8f => Object::List(Vec::new()),
            b')' => Object::Tuple(Vec::new()),
            b'}' => Object::Dict(Vec::new()),
            b'l' | 0x91 => Object::List(self.after_mark()?),
            b't' => Object::Tuple(self.after_mark()?),
            b'd' => Object::Dict(pairs(self.after_mark()?)?),
            tuple => {
                let mut items = Vec::new();
                for _ in 0x84..tuple {
                    items.push(self.pop()?);
                }
                items.reverse();
                Object::Tuple(items)
            }
        };
        let item = self.heap.add(object)?;
        self.push(item);
        Ok(())
    }

    /// Appends to the container below.
    fn fill(&mut self, opcode: u8) -> Result<(), Trouble> {
        let items = match opcode {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.after_mark()?,
        };
        self.heap.count(items.len())?;
        let top = self.top()?.clone();
        match (opcode, self.heap.of_mut(&top)) {
            (b's' | b'u', Some(Object::Dict(dict))) => dict.extend(pairs(items)?),
            (b'a' | b'e' | 0x90, Some(Object::List(list))) => list.extend(items),
            // The content of something that holds no weights.
            _ if top == Item::Inert => {}
            _ => {
                return Err(Trouble::broken(
                    "something is put into what is no container",
                ));
            }
        }
        Ok(())
    }

    fn remember(&mut self, opcode: u8) -> Result<(), Trouble> {
        let index = match opcode {
            b'g' | b'p' => self
                .bytes
                .line()?
                .parse()
                .map_err(|_| Trouble::broken("a number is not written as one"))?,
            b'h' | b'q' => u64::from(self.bytes.byte()?),
            b'j' | b'r' => u64::from(u32::from_le_bytes(self.bytes.array()?)),
            _ => self.memo.len() as u64,
        };
        if matches!(opcode, b'g' | b'h' | b'j') {
            let item = self.memo.get(&index).cloned();
            let item = item.ok_or_else(|| Trouble::broken(format!("value {index} is unknown")))?;
            self.push(item);
            return Ok(());
        }
        let top = self.top()?.clone();
        self.memo.insert(index, top);
        Ok(())
    }

    fn name(&mut self, opcode: u8) -> Result<(), Trouble> {
        let (module, name) = if opcode == b'c' {
            (self.bytes.line()?.into(), self.bytes.line()?.into())
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            match (module, name) {
                (Item::Text(module), Item::Text(name)) => (module, name),
                _ => return Err(Trouble::broken("a name is not a text")),
            }
        };
        let (module, name): (Rc<str>, Rc<str>) = (module, name);
        self.push(Item::Global(globals::find(&module, &name)?));
        Ok(())
    }
}

/// Keys and values.
fn pairs(items: Vec<Item>) -> Result<Vec<(Item, Item)>, Trouble> {
    let mut pairs = Vec::with_capacity(items.len() / 2);
    let mut items = items.into_iter();
    while let Some(key) = items.next() {
        let value = items.next();
        pairs.push((
            key,
            value.ok_or_else(|| Trouble::broken("a key has no value"))?,
        ));
    }
    Ok(pairs)
}

/// A little-endian two's complement integer of any length.
fn long(bytes: &[u8]) -> Item {
    if bytes.len() > 8 {
        return Item::Inert;
    }
    let sign = bytes.last().is_some_and(|last| last & 0x80 != 0);
    let mut full = if sign { [0xff; 8] } else { [0; 8] };
    for (to, from) in full.iter_mut().zip(bytes) {
        *to = *from;
    }
    Item::Int(i64::from_le_bytes(full))
}

/// The name of an opcode that is not run.
fn name_of(opcode: u8) -> String {
    let name = match opcode {
        b'i' => "INST",
        b'o' => "OBJ",
        b'P' => "PERSID",
        0x82..=0x84 => "EXT",
        0x92 => "NEWOBJ_EX",
        0x97 => "NEXT_BUFFER",
        0x98 => "READONLY_BUFFER",
        other => return format!("the opcode 0x{other:02x}"),
    };
    format!("the opcode {name}")
}
