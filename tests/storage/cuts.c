// Every cut of power, up to three deep.
//
// A workload runs on a medium in memory. Before each program and each erase the medium asks, and
// for every byte and stage at which the power could go the image is made that would be left; each
// image that was not seen before is opened, compared with what was acknowledged, opened again,
// written, deleted from and collected. While the first write after the opening runs, the same
// question is asked again, one cut deeper. What an image holds is kept by its hash, so that
// an image that comes up again, with other things acknowledged, is compared without being opened.

#include "tests/storage/bed.h"
#include "tests/storage/cuts.h"

#define KEYS_MAX 12
#define FILLERS 30
#define FILLER_BYTES 2000
#define IMAGE_MAX (256 << 10)
#define LEVELS 4
#define TOLD_MAX 5
#define EXTENT_KEY 3
#define LATER 0x100000u // added to a value's number by the writes after a cut

typedef struct contents {
    uint32_t ids[KEYS_MAX]; // the number of each key's value; 0: there is none
} contents;

typedef struct level {
    test_bed bed;
    uint8_t image[IMAGE_MAX], torn[IMAGE_MAX];
    contents allowed[2]; // what may be there if the power goes now
    int remaining;       // cuts that may follow
} level;

typedef struct seen {
    uint64_t image;
    uint64_t content : 56, remaining : 8;
} seen;

static level levels[LEVELS + 1];
static seen *table;
static uint64_t table_size, table_used;
static const cuts_plan *plan;
static cuts_found *found;
static uint32_t update;
static char place[200];

// ---- Images that were seen.

static seen *look_up(uint64_t image)
{
    uint64_t at = image & (table_size - 1);
    while (table[at].image != 0 && table[at].image != image)
        at = (at + 1) & (table_size - 1);
    return &table[at];
}

static void grow(void)
{
    seen *old = table;
    uint64_t size = table_size;
    table_size = size == 0 ? 1 << 16 : 2 * size;
    table = calloc(table_size, sizeof(*table));
    if (table == NULL)
        abort();
    for (uint64_t i = 0; i < size; i++) {
        if (old[i].image != 0)
            *look_up(old[i].image) = old[i];
    }
    free(old);
}

static uint64_t hash_of(const contents *content)
{
    uint64_t hash = 1;
    for (uint32_t i = 0; i < KEYS_MAX; i++)
        hash = (hash ^ content->ids[i]) * 0x100000001b3u;
    return hash & UINT64_MAX >> 8;
}

static void tell(uint64_t *count, const char *what)
{
    if ((*count)++ < TOLD_MAX)
        printf("cuts %s: update %u, %s: %s\n", plan->name, update, place, what);
}

// ---- Keys and values.

static const char *key_of(uint32_t k)
{
    static char key[16];
    snprintf(key, sizeof(key), "k/%u", k);
    return key;
}

static size_t value_of(uint32_t k, uint32_t id, uint8_t *value)
{
    size_t length = 4 + (k + id) % 3 * 10;
    if (plan->extent_sectors > 0 && k == EXTENT_KEY)
        length = 16 + id % 3 * plan->sector_bytes * (plan->extent_sectors < 4 ? 1 : 3) / 4;
    else if (id >= 4 * LATER)
        length = plan->sector_bytes == 512 ? 170 : 480; // fills a sector soon
    for (size_t i = 0; i < length; i++)
        value[i] = (uint8_t)(i < 4 ? id >> 8 * i : id * 31 + k * 7 + i);
    return length;
}

static bool read_key(level *at, uint32_t k, uint32_t *id)
{
    static uint8_t value[8192], expected[8192];
    size_t length;
    tt_status status = tt_store_get(&at->bed.store, key_of(k), value, sizeof(value), &length);
    *id = 0;
    if (status == TT_NOT_FOUND)
        return true;
    if (status != TT_OK || length < 4)
        return false;
    *id = value[0] | (uint32_t)value[1] << 8 | (uint32_t)value[2] << 16 | (uint32_t)value[3] << 24;
    return *id != 0 && value_of(k, *id, expected) == length && memcmp(value, expected, length) == 0;
}

// The list has exactly the keys that there are, in order.
static bool list_agrees(level *at, const contents *content)
{
    char key[TT_STORE_KEY_MAX + 1] = "", before[TT_STORE_KEY_MAX + 1] = "";
    uint32_t count = 0, listed = 0;
    for (uint32_t k = 0; k < KEYS_MAX; k++)
        count += content->ids[k] != 0;
    while (tt_store_next(&at->bed.store, "k/", key, NULL) == TT_OK) {
        if (strcmp(key, before) <= 0 || content->ids[atoi(key + 2) % KEYS_MAX] == 0)
            return false;
        strcpy(before, key);
        listed++;
    }
    return listed == count;
}

static uint32_t fillers(void)
{
    return plan->sector_bytes == 512 ? 8 : FILLERS;
}

static size_t fill(uint32_t i, char *key, uint8_t *value)
{
    size_t length = plan->sector_bytes == 512 ? 100 : FILLER_BYTES;
    sprintf(key, "filler %u", i);
    for (uint32_t j = 0; j < length; j++)
        value[j] = (uint8_t)(i + j * 3);
    return length;
}

static bool fillers_there(level *at)
{
    static uint8_t value[FILLER_BYTES], expected[FILLER_BYTES];
    char key[32];
    for (uint32_t i = 0; plan->aged && i < fillers(); i++) {
        size_t length, right = fill(i, key, expected);
        if (tt_store_get(&at->bed.store, key, value, sizeof(value), &length) != TT_OK ||
            length != right || memcmp(value, expected, length) != 0)
            return false;
    }
    return true;
}

static bool read_content(level *at, contents *content)
{
    memset(content, 0, sizeof(*content));
    for (uint32_t k = 0; k < plan->keys; k++) {
        if (!read_key(at, k, &content->ids[k]))
            return false;
    }
    return fillers_there(at);
}

// ---- Writing.

static tt_status put(level *at, uint32_t k, uint32_t id)
{
    uint8_t value[8192];
    char key[16];
    strcpy(key, key_of(k));
    tt_store_change change = {.key = key, .value = value};
    change.length = (uint32_t)value_of(k, id, value);
    change.extent = plan->extent_sectors > 0 && k == EXTENT_KEY;
    return bed_change(&at->bed, &change, 1);
}

static void check_content(level *at, const contents *expected, const char *what)
{
    contents content;
    if (!read_content(at, &content) || hash_of(&content) != hash_of(expected))
        tell(&found->unwritable, what);
}

// A put, in which the power may go again; a deletion; and writes until a sector was collected.
static void write_afterwards(level *at, contents *content)
{
    uint32_t k = (content->ids[0] + content->ids[1]) % plan->keys, id = content->ids[k] + LATER;
    at->allowed[0] = at->allowed[1] = *content;
    at->allowed[1].ids[k] = id;
    tt_status status = put(at, k, id);
    content->ids[k] = id;
    if (status != TT_OK)
        tell(&found->unwritable, "a put fails");
    at->bed.tearing.before = NULL;
    at->bed.tearing.unhashed = true;
    check_content(at, content, "a put is not there");
    if (bed_remove(&at->bed, key_of(k)) != TT_OK)
        tell(&found->unwritable, "a deletion fails");
    content->ids[k] = 0;
    uint32_t collections = at->bed.store.counters.collections;
    for (uint32_t i = 0; i < 4 * plan->sectors * plan->sector_bytes / 32; i++) {
        if (at->bed.store.counters.collections != collections)
            break;
        content->ids[k] = id += 5 * LATER;
        if ((status = put(at, k, id)) != TT_OK)
            break;
        if (plan->extent_sectors > 0)
            k = k == EXTENT_KEY ? 0 : k;
    }
    if (status != TT_OK || at->bed.store.counters.collections == collections)
        tell(&found->unwritable, "no collection succeeds");
    bed_run(&at->bed);
    check_content(at, content, "a collection changes what is there");
    if (found->states % 4 == 0) {
        if (bed_open(&at->bed) != TT_OK)
            tell(&found->unwritable, "it cannot be opened afterwards");
        check_content(at, content, "it is different afterwards");
    }
    if (at->bed.tearing.misuses > 0)
        tell(&found->unwritable, "a unit is programmed twice");
}

static void ask(tt_tearing *tearing, const tt_tearing_operation *operation);

// Opens the image of a level for the first time.
static uint64_t explore(level *at, int remaining)
{
    contents content, again;
    uint64_t image = at->bed.tearing.hash;
    at->remaining = remaining;
    at->bed.tearing.misuses = 0;
    at->bed.tearing.before = NULL;
    if (bed_open(&at->bed) != TT_OK) {
        tell(&found->unmountable, "it cannot be opened");
        return 0;
    }
    if (!read_content(at, &content) || !list_agrees(at, &content)) {
        tell(&found->lost, "something cannot be read");
        return 0;
    }
    if (bed_open(&at->bed) != TT_OK || !read_content(at, &again) ||
        hash_of(&content) != hash_of(&again) || at->bed.tearing.hash != image)
        tell(&found->lost, "a second opening differs");
    uint64_t hash = hash_of(&content);
    at->bed.tearing.before = remaining > 0 ? ask : NULL;
    at->bed.tearing.unhashed = remaining == 0;
    write_afterwards(at, &content);
    return hash;
}

// ---- Cuts.

// The power went and left `torn` of the level below, whose hash is `image`.
static void cut(level *at, uint64_t image)
{
    found->cuts++;
    seen *known = look_up(image);
    if (known->image == 0 || (int)known->remaining < at->remaining - 1) {
        level *next = at + 1;
        memcpy(next->image, at->torn, plan->sectors * plan->sector_bytes);
        next->bed.tearing.hash = image;
        next->bed.tearing.unhashed = false;
        if (known->image == 0) {
            found->states++;
            table_used++;
        }
        uint64_t content = explore(next, at->remaining - 1);
        known = look_up(image); // the table may have grown
        if (known->image == 0 && table_used * 4 > table_size * 3) {
            grow();
            known = look_up(image);
        }
        *known = (seen){image, content, (uint64_t)at->remaining - 1};
    }
    if (known->content != 0 && known->content != hash_of(&at->allowed[0]) &&
        known->content != hash_of(&at->allowed[1]))
        tell(&found->lost, "an acknowledged value is lost");
}

static uint64_t mixed(uint32_t address, uint8_t old, uint8_t byte)
{
    return old == byte ? 0 : tt_tearing_mix(address, old) ^ tt_tearing_mix(address, byte);
}

static void cut_program(level *at, const tt_tearing_operation *operation)
{
    uint64_t hash = at->bed.tearing.hash;
    size_t length = strlen(place);
    for (uint32_t i = 0; i < operation->length; i++) {
        uint32_t address = operation->address + i;
        uint8_t old = at->torn[address], byte = operation->bytes[i];
        uint8_t random = (uint8_t)(tt_tearing_mix(address, byte) >> 20 ^ hash >> 30);
        uint8_t torn[4] = {old, old & byte, byte, random};
        sprintf(place + length, " > program %x + %u", operation->address, i);
        // Where programming changes nothing, nothing is torn.
        bool cuts = old != byte && (i % plan->every == 0 || i + 1 == operation->length);
        for (int j = 0; cuts && j < (plan->four_torn ? 4 : 2); j++) {
            at->torn[address] = torn[j];
            cut(at, hash ^ mixed(address, old, torn[j]));
        }
        at->torn[address] = old & byte;
        hash ^= mixed(address, old, old & byte);
    }
    place[length] = 0;
}

static void cut_erase(level *at, const tt_tearing_operation *operation)
{
    tt_tearing *tearing = &at->bed.tearing;
    size_t length = strlen(place);
    for (unsigned i = 0; i < 2 * TT_TEARING_STAGES; i++) {
        uint64_t hash = tearing->hash;
        tt_random_seed(&tearing->random, operation->address + i);
        for (uint32_t j = 0; j < operation->length; j++) {
            uint32_t address = operation->address + j;
            uint8_t byte = tt_tearing_half_erased(tearing, address, i / 2, i % 2 != 0);
            hash ^= mixed(address, tearing->image[address], byte);
            at->torn[address] = byte;
        }
        sprintf(place + length, " > erase %x stage %u%s", operation->address, i / 2,
                i % 2 != 0 ? " wild" : "");
        cut(at, hash);
    }
    place[length] = 0;
}

static void ask(tt_tearing *tearing, const tt_tearing_operation *operation)
{
    level *at = tearing->context;
    memcpy(at->torn, at->image, plan->sectors * plan->sector_bytes);
    if (operation->bytes != NULL)
        cut_program(at, operation);
    else
        cut_erase(at, operation);
}

// ---- The workload.

static void set_up(level *at)
{
    memset(at->image, 0xff, sizeof(at->image));
    bed_init(&at->bed, at->image, plan->unit, plan->sector_bytes, plan->sectors);
    at->bed.parts.log_sectors -= plan->extent_sectors;
    at->bed.parts.extents = plan->extent_sectors > 0 ? &tt_store_extents : NULL;
    at->bed.tearing.context = at;
}

// Writes until each sector of the log has records but one.
static void age(level *at)
{
    static uint8_t value[FILLER_BYTES];
    char key[32];
    for (uint32_t i = 0; i < fillers() || at->bed.store.counters.collections < 2; i++) {
        size_t length = fill(i % fillers(), key, value);
        if (bed_put(&at->bed, key, value, length) != TT_OK)
            abort();
    }
}

static void make_update(level *at, contents *now)
{
    static tt_random random;
    if (update == 0)
        tt_random_seed(&random, 1);
    char keys[3][16];
    uint8_t values[3][512];
    tt_store_change changes[3];
    uint32_t kind = (uint32_t)tt_random_below(&random, 10),
             k = (uint32_t)tt_random_below(&random, plan->keys);
    uint32_t count = kind == 0 && plan->keys > 4 ? 3 : kind <= 1 ? 2 : 1;
    count = found->no_batches ? 1 : count;
    at->allowed[0] = at->allowed[1] = *now;
    if (plan->extent_sectors > 0 && k == EXTENT_KEY && count == 1) {
        now->ids[k] = at->allowed[1].ids[k] = update + 1;
        if (put(at, k, update + 1) != TT_OK)
            tell(&found->unwritable, "an extent is refused");
        return;
    }
    for (uint32_t i = 0; i < count; i++, k = (k + 1) % plan->keys) {
        if (plan->extent_sectors > 0 && k == EXTENT_KEY)
            k = (k + 1) % plan->keys;
        bool remove = now->ids[k] != 0 && (kind == 2 || (count > 1 && i == 1));
        strcpy(keys[i], key_of(k));
        changes[i] = (tt_store_change){.key = keys[i], .value = values[i], .remove = remove};
        changes[i].length = remove ? 0 : (uint32_t)value_of(k, update + 1, values[i]);
        at->allowed[1].ids[k] = remove ? 0 : update + 1;
    }
    if (bed_change(&at->bed, changes, count) != TT_OK)
        tell(&found->unwritable, "an update is refused");
    *now = at->allowed[1];
}

void cuts_run(const cuts_plan *the_plan, cuts_found *the_found)
{
    plan = the_plan;
    found = the_found;
    free(table);
    table = NULL;
    table_size = table_used = 0;
    grow();
    for (int i = 0; i <= LEVELS; i++)
        set_up(&levels[i]);
    contents now = {{0}};
    level *at = &levels[0];
    at->remaining = plan->depth;
    if (bed_open(&at->bed) != TT_OK)
        abort();
    if (plan->aged)
        age(at);
    uint32_t before = at->bed.store.counters.collections;
    for (update = 0; update < plan->updates; update++) {
        if (found->until_wrong && found->lost + found->unmountable + found->unwritable > 0)
            break;
        at->bed.tearing.before = ask;
        make_update(at, &now);
        at->allowed[0] = at->allowed[1] = now;
        bed_run(&at->bed); // what it does when nothing is to do
        check_content(at, &now, "it is different without any cut");
    }
    found->collections += at->bed.store.counters.collections - before;
    if (at->bed.tearing.misuses > 0)
        tell(&found->unwritable, "a unit is programmed twice");
}

void cuts_say(const char *of, const cuts_plan *of_plan, const cuts_found *what, double seconds)
{
    printf("%s%-14s %8llu states of %llu cuts, %llu collections, %.1f s: %llu lost, "
           "%llu unmountable, %llu unwritable\n",
           of, of_plan->name, (unsigned long long)what->states, (unsigned long long)what->cuts,
           (unsigned long long)what->collections, seconds, (unsigned long long)what->lost,
           (unsigned long long)what->unmountable, (unsigned long long)what->unwritable);
    fflush(stdout);
}

bool cuts_is_named(const char *name, int count, char **words)
{
    for (int i = 1; i < count; i++) {
        if (strncmp(name, words[i], strlen(words[i])) == 0)
            return true;
    }
    return false;
}
