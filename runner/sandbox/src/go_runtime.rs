//! Room for the adapter in programs of Go's own compiler.
//!
//! Go's runtime takes all memory behind its data for its own and counts what it asks for, not what it gets: pages that
//! the adapter adds are used twice, and both sides overwrite each other. So the end of the data, which Go's linker
//! writes into `runtime.firstmoduledata`, is moved up before anything runs, and the adapter is given what lies between
//! by a `cabi_realloc` that hands it out once.

use wasmparser::{Data, DataKind, Operator, Parser, Payload};

use crate::format::{FormatError, invalid, leb128};

/// Pages kept for the adapter: its state and its stack take one each.
const ROOM_PAGES: u64 = 4;
const PAGE_BYTES: u64 = 64 << 10;
/// The custom section that Go's linker writes.
const GO_SECTION: &str = "go:buildid";
/// Alignment of the room's first byte: more than anything asks for.
const ROOM_ALIGN: u64 = 16;
/// How the adapter asks for memory.
const REALLOC: &str = "cabi_realloc";
/// `noptrdata, enoptrdata, data, edata, bss, ebss, noptrbss, enoptrbss, covctrs, ecovctrs, end` of
/// `runtime.moduledata`, eight bytes each: places in memory, none before the one in front of it.
const FIELDS: usize = 11;
const FIELD_BYTES: usize = 8;
/// What Go's linker asks for behind the end of the data: the memory's size says where that is.
const BEHIND_BYTES: u64 = 1 << 20;
/// Data of one module that is laid out to be looked at: a segment must not name a place that fills our memory.
const IMAGE_BYTES: usize = 256 << 20;

/// What of a module is changed.
#[derive(Default)]
struct Found {
    is_go: bool,
    has_realloc: bool,
    types: u32,
    imported_functions: u32,
    functions: u32,
    imported_globals: u32,
    globals: u32,
    memory_pages: u64,
    /// Where in memory the field `end` is, and its value.
    end: Option<(u64, u64)>,
}

/// The room, and where the runtime's end of data is kept.
struct Room {
    from: u64,
    to: u64,
    end_at: u64,
}

/// The module with room for the adapter; unchanged when it is not Go's, or brings its own way to get memory.
pub(crate) fn make_room(module: &[u8]) -> Result<Vec<u8>, FormatError> {
    let found = Found::read(module)?;
    if !found.is_go || found.has_realloc {
        return Ok(module.to_vec());
    }
    let Some((at, end)) = found.end else {
        let why = "this version of Go lays its memory out in another way than Sealock knows";
        return Err(FormatError::Invalid(why.to_owned()));
    };
    let from = end.next_multiple_of(ROOM_ALIGN);
    found.rewrite(module, &Room { from, to: from + ROOM_PAGES * PAGE_BYTES, end_at: at })
}

impl Found {
    fn read(module: &[u8]) -> Result<Self, FormatError> {
        let mut found = Self::default();
        let mut data = Vec::new();
        for payload in Parser::new(0).parse_all(module) {
            match payload.map_err(|error| invalid(&error))? {
                Payload::CustomSection(section) => found.is_go |= section.name() == GO_SECTION,
                Payload::TypeSection(section) => found.types = section.count(),
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import.map_err(|error| invalid(&error))?.ty {
                            wasmparser::TypeRef::Func(_) => found.imported_functions += 1,
                            wasmparser::TypeRef::Global(_) => found.imported_globals += 1,
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => found.functions = section.count(),
                Payload::GlobalSection(section) => found.globals = section.count(),
                Payload::MemorySection(section) => {
                    for memory in section {
                        found.memory_pages = memory.map_err(|error| invalid(&error))?.initial;
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        found.has_realloc |= export.map_err(|error| invalid(&error))?.name == REALLOC;
                    }
                }
                Payload::DataSection(section) => {
                    data = section.into_iter().collect::<Result<_, _>>().map_err(|error| invalid(&error))?;
                }
                _ => {}
            }
        }
        if found.is_go {
            found.end = found.find_end(&image(&data)?);
        }
        Ok(found)
    }

    /// Looks for `runtime.firstmoduledata` by its shape: eleven places that only grow, the last of which is the end
    /// that the linker sized the memory by.
    fn find_end(&self, image: &[u8]) -> Option<(u64, u64)> {
        let word = |word: &[u8]| u64::from_le_bytes(word.try_into().expect("eight bytes"));
        let words: Vec<u64> = image.chunks_exact(FIELD_BYTES).map(word).collect();
        let at = words.windows(FIELDS).position(|fields| self.is_layout(fields))? + FIELDS - 1;
        Some(((at * FIELD_BYTES) as u64, words[at]))
    }

    fn is_layout(&self, fields: &[u64]) -> bool {
        let end = fields[FIELDS - 1];
        let is_sized_by = end.checked_add(BEHIND_BYTES).is_some_and(|size| size / PAGE_BYTES == self.memory_pages);
        is_sized_by && fields.is_sorted() && fields[0] > 0 && fields[2] < fields[3] && fields[4] < fields[5]
    }

    /// Appends a global, a type, a function, and an export, and asks for the pages.
    fn rewrite(&self, module: &[u8], room: &Room) -> Result<Vec<u8>, FormatError> {
        let mut out = module[..8].to_vec();
        for payload in Parser::new(0).parse_all(module) {
            let payload = payload.map_err(|error| invalid(&error))?;
            let Some((id, range)) = payload.as_section() else {
                continue;
            };
            let body = &module[range];
            let entry = self.addition(id, room);
            match id {
                MEMORY => section(&mut out, id, &self.memory()),
                DATA_COUNT => section(&mut out, id, &leb128(read_leb128(body)?.0 + 1)),
                _ if entry.is_empty() => section(&mut out, id, body),
                _ => {
                    let (count, rest) = read_leb128(body)?;
                    section(&mut out, id, &[leb128(count + 1), rest.to_vec(), entry].concat());
                }
            }
        }
        Ok(out)
    }

    /// What is added to the section with this number.
    fn addition(&self, id: u8, room: &Room) -> Vec<u8> {
        let global = leb128((self.imported_globals + self.globals) as usize);
        let function = leb128((self.imported_functions + self.functions) as usize);
        match id {
            TYPE => vec![0x60, 4, I32, I32, I32, I32, 1, I32],
            FUNCTION => leb128(self.types as usize),
            GLOBAL => [vec![I32, 1, 0x41], sleb128(room.from), vec![0x0b]].concat(),
            EXPORT => [leb128(REALLOC.len()), REALLOC.into(), vec![0], function].concat(),
            CODE => {
                let code = hand_out(&global, &sleb128(room.to));
                [leb128(code.len()), code].concat()
            }
            DATA => {
                let end = room.to.to_le_bytes();
                [vec![0, 0x41], sleb128(room.end_at), vec![0x0b], leb128(end.len()), end.to_vec()].concat()
            }
            _ => Vec::new(),
        }
    }

    fn memory(&self) -> Vec<u8> {
        let pages = usize::try_from(self.memory_pages + ROOM_PAGES).expect("pages of a 32-bit memory");
        [vec![1, 0], leb128(pages)].concat()
    }
}

const TYPE: u8 = 1;
const FUNCTION: u8 = 3;
const MEMORY: u8 = 5;
const GLOBAL: u8 = 6;
const EXPORT: u8 = 7;
const CODE: u8 = 10;
const DATA: u8 = 11;
const DATA_COUNT: u8 = 12;
const I32: u8 = 0x7f;

/// `cabi_realloc(old, old-size, align, new-size)`: the next aligned piece; a trap when there is none left.
fn hand_out(global: &[u8], to: &[u8]) -> Vec<u8> {
    let get = |local: u8| vec![0x20, local];
    let next = [vec![0x23], global.to_vec()].concat();
    let set_next = [vec![0x24], global.to_vec()].concat();
    [
        vec![1, 1, I32],
        // piece = (next + align - 1) & -align
        [next, get(2), vec![0x6a, 0x41, 1, 0x6b, 0x41, 0], get(2), vec![0x6b, 0x71, 0x21, 4]].concat(),
        // next = piece + new-size
        [get(4), get(3), vec![0x6a], set_next].concat(),
        // if next > end: unreachable
        [vec![0x23], global.to_vec(), vec![0x41], to.to_vec(), vec![0x4b, 0x04, 0x40, 0x00, 0x0b]].concat(),
        [get(4), vec![0x0b]].concat(),
    ]
    .concat()
}

/// The memory as the data segments leave it: Go's linker cuts zeros out, so that no field need be whole in one of them.
fn image(data: &[Data<'_>]) -> Result<Vec<u8>, FormatError> {
    let mut image = Vec::new();
    for segment in data {
        let DataKind::Active { offset_expr, .. } = &segment.kind else {
            continue;
        };
        let Ok(Operator::I32Const { value }) = offset_expr.get_operators_reader().read() else {
            continue;
        };
        let start = value.cast_unsigned() as usize;
        let end = start + segment.data.len();
        if end > IMAGE_BYTES {
            return Err(FormatError::Invalid(format!("its data reaches beyond {IMAGE_BYTES} bytes")));
        }
        image.resize(image.len().max(end), 0);
        image[start..end].copy_from_slice(segment.data);
    }
    Ok(image)
}

fn section(out: &mut Vec<u8>, id: u8, body: &[u8]) {
    out.push(id);
    out.extend(leb128(body.len()));
    out.extend_from_slice(body);
}

fn read_leb128(bytes: &[u8]) -> Result<(usize, &[u8]), FormatError> {
    let (mut number, mut at) = (0_usize, 0);
    loop {
        let byte = *bytes.get(at).ok_or_else(|| FormatError::Invalid("a section ends too early".to_owned()))?;
        number |= usize::from(byte & 0x7f) << (7 * at.min(4));
        at += 1;
        if byte & 0x80 == 0 {
            return Ok((number, &bytes[at..]));
        }
    }
}

/// An address as `i32.const` has it.
fn sleb128(address: u64) -> Vec<u8> {
    let mut number = i64::try_from(address).expect("an address of a 32-bit memory");
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 && low & 0x40 == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
