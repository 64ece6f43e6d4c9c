// Call frame information: a small machine whose program, run up to an address, says where the frame
// starts (CFA) and where the caller's registers were saved. .debug_frame and .eh_frame differ in
// how an entry names its common part and in how addresses are written. Expressions are not
// supported: code in C for our four machines has none.

#include "tools/backtrace/unwind.h"

#include <elf.h>
#include <string.h>

#define STATES_MAX 4

typedef struct reader {
    const uint8_t *at, *end;
    bool bad; // read past the end
} reader;

static uint64_t fixed(reader *r, unsigned bytes)
{
    uint64_t value = 0;
    if ((size_t)(r->end - r->at) < bytes) {
        r->bad = true;
        r->at = r->end;
        return 0;
    }
    memcpy(&value, r->at, bytes); // the host is little-endian, as are our machines
    r->at += bytes;
    return value;
}

static uint64_t uleb(reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = fixed(r, 1);
        value |= (byte & 0x7f) << shift;
        if (!(byte & 0x80))
            break;
    }
    return value;
}

static int64_t sleb(reader *r)
{
    uint64_t value = 0, byte = 0;
    unsigned shift = 0;
    do {
        byte = fixed(r, 1);
        value |= (byte & 0x7f) << shift;
        shift += 7;
    } while ((byte & 0x80) && shift < 64);
    if (shift < 64 && (byte & 0x40))
        value |= ~0ull << shift;
    return (int64_t)value;
}

typedef enum rule_kind { SAME, UNDEFINED, AT_OFFSET, IN_REGISTER, IS_OFFSET } rule_kind;

typedef struct rules {
    uint64_t cfa_register;
    int64_t cfa_offset;
    struct {
        rule_kind kind;
        int64_t value;
    } of[TT_UNWIND_REGISTERS];
} rules;

typedef struct entry { // what applies to one function
    uint64_t code_align, return_register, start, length;
    int64_t data_align;
    reader initial, program;
    bool pc_relative; // addresses are differences of 4 bytes
} entry;

static bool read_common(const tt_image *image, reader r, bool eh, entry *e)
{
    unsigned version = (unsigned)fixed(&r, 1);
    const char *augmentation = (const char *)r.at;
    while (!r.bad && fixed(&r, 1) != 0)
        ;
    if (r.bad)
        return false;
    unsigned address_bytes = image->word_bytes;
    if (version >= 4 && !eh) {
        address_bytes = (unsigned)fixed(&r, 1);
        fixed(&r, 1); // segment selectors: none
    }
    e->code_align = uleb(&r);
    e->data_align = sleb(&r);
    e->return_register = version == 1 ? fixed(&r, 1) : uleb(&r);
    e->pc_relative = false;
    if (augmentation[0] == 'z') {
        uint64_t length = uleb(&r);
        const uint8_t *after = r.at + (length <= (size_t)(r.end - r.at) ? length : 0);
        for (const char *letter = augmentation + 1; *letter == 'R'; letter++)
            e->pc_relative = fixed(&r, 1) == 0x1b; // DW_EH_PE_pcrel | sdata4
        r.at = after;
        if (!e->pc_relative)
            return false;
    } else if (augmentation[0] != 0) {
        return false;
    }
    e->initial = r;
    return !r.bad && address_bytes == image->word_bytes;
}

// Looks through all entries: a dump is read once, so a table would not pay.
static bool find_in(const tt_image *image, tt_image_section section, bool eh, uint64_t pc, entry *e)
{
    if (section.bytes == NULL)
        return false;
    reader all = {section.bytes, section.bytes + section.length, false};
    while (all.at < all.end) {
        uint64_t length = fixed(&all, 4);
        if (all.bad || length == 0 || length > (size_t)(all.end - all.at))
            return false;
        reader r = {all.at, all.at + length, false};
        const uint8_t *id_at = r.at;
        all.at = r.end;
        uint32_t id = (uint32_t)fixed(&r, 4);
        if (id == (eh ? 0 : UINT32_MAX))
            continue; // a common part
        uint64_t offset = eh ? (uint64_t)(id_at - section.bytes) - id : id;
        if (offset > section.length || section.length - offset < 8)
            continue;
        reader common = {section.bytes + offset, section.bytes + section.length, false};
        uint64_t common_length = fixed(&common, 4);
        if (common_length > (size_t)(common.end - common.at))
            continue;
        common.end = common.at + common_length;
        fixed(&common, 4);
        if (!read_common(image, common, eh, e))
            continue;
        if (e->pc_relative) {
            uint64_t place = section.address + (uint64_t)(r.at - section.bytes);
            e->start = place + (uint64_t)(int64_t)(int32_t)fixed(&r, 4);
            e->length = fixed(&r, 4);
            uint64_t extra = uleb(&r);
            if (extra > (size_t)(r.end - r.at))
                continue;
            r.at += extra;
        } else {
            e->start = fixed(&r, image->word_bytes);
            e->length = fixed(&r, image->word_bytes);
        }
        // Entries of functions that the linker dropped start at 0 too: the symbol table decides.
        uint64_t unused;
        if (!r.bad && pc >= e->start && pc - e->start < e->length &&
            (e->start != 0 || tt_image_function(image, pc, &unused) != NULL)) {
            e->program = r;
            return true;
        }
    }
    return false;
}

static bool find(const tt_image *image, uint64_t pc, entry *e)
{
    return find_in(image, tt_image_find(image, ".debug_frame"), false, pc, e) ||
           find_in(image, tt_image_find(image, ".eh_frame"), true, pc, e);
}

static void set(rules *state, uint64_t number, rule_kind kind, int64_t value)
{
    if (number < TT_UNWIND_REGISTERS) { // floating-point registers matter to nobody here
        state->of[number].kind = kind;
        state->of[number].value = value;
    }
}

static void restore(rules *state, const rules *initial, uint64_t number)
{
    if (number < TT_UNWIND_REGISTERS)
        state->of[number] = initial->of[number];
}

// Runs a program until it passes `pc`. False where it has something that is not supported.
static bool run(const entry *e, reader r, uint64_t pc, rules *state, const rules *initial)
{
    rules saved[STATES_MAX];
    unsigned saved_count = 0;
    uint64_t location = e->start, number;
    while (r.at < r.end && !r.bad) {
        unsigned code = (unsigned)fixed(&r, 1), low = code & 0x3f;
        uint64_t advance = 0;
        switch (code & 0xc0 ? code & 0xc0 : code) {
        case 0x00: // nop
            break;
        case 0x40: // advance_loc
            advance = low;
            break;
        case 0x80: // offset
            set(state, low, AT_OFFSET, (int64_t)uleb(&r) * e->data_align);
            break;
        case 0xc0: // restore
            restore(state, initial, low);
            break;
        case 0x02:
        case 0x03:
        case 0x04: // advance_loc1, 2, 4
            advance = fixed(&r, 1u << (code - 2));
            break;
        case 0x05: // offset_extended
            number = uleb(&r);
            set(state, number, AT_OFFSET, (int64_t)uleb(&r) * e->data_align);
            break;
        case 0x11: // offset_extended_sf
            number = uleb(&r);
            set(state, number, AT_OFFSET, sleb(&r) * e->data_align);
            break;
        case 0x14: // val_offset
            number = uleb(&r);
            set(state, number, IS_OFFSET, (int64_t)uleb(&r) * e->data_align);
            break;
        case 0x06: // restore_extended
            restore(state, initial, uleb(&r));
            break;
        case 0x07: // undefined
            set(state, uleb(&r), UNDEFINED, 0);
            break;
        case 0x08: // same_value
            set(state, uleb(&r), SAME, 0);
            break;
        case 0x09: // register
            number = uleb(&r);
            set(state, number, IN_REGISTER, (int64_t)uleb(&r));
            break;
        case 0x0a: // remember_state
            if (saved_count == STATES_MAX)
                return false;
            saved[saved_count++] = *state;
            break;
        case 0x0b: // restore_state
            if (saved_count == 0)
                return false;
            *state = saved[--saved_count];
            break;
        case 0x0c: // def_cfa
            state->cfa_register = uleb(&r);
            state->cfa_offset = (int64_t)uleb(&r);
            break;
        case 0x0d: // def_cfa_register
            state->cfa_register = uleb(&r);
            break;
        case 0x0e: // def_cfa_offset
            state->cfa_offset = (int64_t)uleb(&r);
            break;
        case 0x12: // def_cfa_sf
            state->cfa_register = uleb(&r);
            state->cfa_offset = sleb(&r) * e->data_align;
            break;
        case 0x13: // def_cfa_offset_sf
            state->cfa_offset = sleb(&r) * e->data_align;
            break;
        default:
            return false;
        }
        location += advance * e->code_align;
        if (advance > 0 && location > pc)
            return true;
    }
    return !r.bad;
}

unsigned tt_unwind_stack_register(const tt_image *image)
{
    switch (image->machine) {
    case EM_ARM:
        return 13;
    case EM_RISCV:
        return 2;
    case EM_AARCH64:
        return 31;
    default:
        return 7;
    }
}

bool tt_unwind_knows(const tt_image *image, uint64_t address)
{
    entry e;
    return find(image, address, &e);
}

bool tt_unwind(const tt_image *image, tt_frame *frame, bool exact, tt_read_word *read,
               void *context, const char **why)
{
    entry e;
    rules initial = {0}, state;
    uint64_t pc = exact ? frame->pc : frame->pc - 1;
    *why = NULL; // code without a description is where threads begin
    if (!find(image, pc, &e))
        return false;
    *why = "the frame's description is beyond this tool";
    if (!run(&e, e.initial, UINT64_MAX, &initial, &initial))
        return false;
    state = initial;
    if (!run(&e, e.program, pc, &state, &initial) || state.cfa_register >= TT_UNWIND_REGISTERS ||
        e.return_register >= TT_UNWIND_REGISTERS)
        return false;
    *why = "the register that the frame hangs on is not known";
    if (!frame->known[state.cfa_register])
        return false;
    uint64_t cfa = frame->value[state.cfa_register] + (uint64_t)state.cfa_offset;
    tt_frame caller = *frame;
    for (unsigned i = 0; i < TT_UNWIND_REGISTERS; i++) {
        int64_t value = state.of[i].value;
        if (state.of[i].kind == AT_OFFSET)
            caller.known[i] = read(context, cfa + (uint64_t)value, &caller.value[i]);
        else if (state.of[i].kind == UNDEFINED)
            caller.known[i] = false;
        else if (state.of[i].kind == IS_OFFSET)
            caller.value[i] = cfa + (uint64_t)value;
        else if (state.of[i].kind == IN_REGISTER && value < TT_UNWIND_REGISTERS) {
            caller.known[i] = frame->known[value];
            caller.value[i] = frame->value[value];
        }
    }
    unsigned stack = tt_unwind_stack_register(image);
    caller.value[stack] = cfa;
    caller.known[stack] = true;
    *why = "the return address is not in the dump";
    if (!caller.known[e.return_register])
        return state.of[e.return_register].kind == UNDEFINED ? (*why = NULL, false) : false;
    caller.pc = caller.value[e.return_register];
    if (image->machine == EM_ARM)
        caller.pc &= ~1ull;
    *frame = caller;
    return true;
}
