// The list of tensors that a file holds, and what its readers and writers share.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ai/file/file.h"
#include "tutti/check.h"

#define NAME_SHOWN 64 // bytes of a name in a sentence

static char *copy_of(const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

// Room for one more behind `count`; it doubles, so that adding is linear. NULL without memory.
static void *grown(void *array, size_t count, size_t each)
{
    bool full = (count & (count - 1)) == 0; // 0, 1, 2, 4 ...
    return full ? realloc(array, (count == 0 ? 1 : 2 * count) * each) : array;
}

tt_tensor_entry *tt_tensor_file_add_entry(tt_tensor_file *file, const char *name, size_t name_bytes)
{
    if (file->count == TT_TENSORS_MAX)
        return NULL;
    tt_tensor_entry *entries = grown(file->entries, file->count, sizeof(*entries));
    char *copy = copy_of(name, name_bytes);
    file->entries = entries != NULL ? entries : file->entries;
    if (entries == NULL || copy == NULL) {
        free(copy);
        return NULL;
    }
    tt_tensor_entry *entry = &entries[file->count++];
    *entry = (tt_tensor_entry){.name = copy, .name_bytes = name_bytes};
    return entry;
}

tt_tensor_note *tt_tensor_file_add_note(tt_tensor_file *file, const char *key, size_t key_bytes,
                                        const char *value, size_t value_bytes)
{
    tt_tensor_note *notes = grown(file->notes, file->note_count, sizeof(*notes));
    char *copies[2] = {copy_of(key, key_bytes), copy_of(value, value_bytes)};
    file->notes = notes != NULL ? notes : file->notes;
    if (notes == NULL || copies[0] == NULL || copies[1] == NULL) {
        free(copies[0]);
        free(copies[1]);
        return NULL;
    }
    tt_tensor_note *note = &notes[file->note_count++];
    *note = (tt_tensor_note){copies[0], copies[1], key_bytes, value_bytes};
    return note;
}

tt_status tt_tensor_file_add(tt_tensor_file *file, const char *name, const tt_tensor *tensor)
{
    tt_tensor copy = *tensor; // it may be one of the file's, which move
    tt_tensor_entry *entry = tt_tensor_file_add_entry(file, name, strlen(name));
    if (entry == NULL)
        return TT_FULL;
    entry->tensor = copy;
    return TT_OK;
}

tt_status tt_tensor_file_describe(tt_tensor_file *file, const char *key, const char *value)
{
    return tt_tensor_file_add_note(file, key, strlen(key), value, strlen(value)) != NULL ? TT_OK
                                                                                         : TT_FULL;
}

void tt_tensor_file_free(tt_tensor_file *file)
{
    for (size_t i = 0; i < file->count; i++) {
        free(file->entries[i].name);
        free(file->entries[i].own);
    }
    for (size_t i = 0; i < file->note_count; i++) {
        free(file->notes[i].key);
        free(file->notes[i].value);
    }
    free(file->entries);
    free(file->notes);
    free(file->memory);
    *file = (tt_tensor_file){0};
}

tt_status tt_tensor_refuse(tt_text *why, tt_status status, const char *what, const char *name,
                           size_t name_bytes)
{
    size_t shown = name_bytes < NAME_SHOWN ? name_bytes : NAME_SHOWN;
    while (shown > 0 && shown < name_bytes && ((uint8_t)name[shown] & 0xc0) == 0x80)
        shown--; // not within a character
    tt_text_add(why, what);
    tt_text_add(why, " '");
    for (size_t i = 0; i < shown; i++) // a sentence is one line
        tt_text_add_bytes(why, (uint8_t)name[i] < ' ' || name[i] == 0x7f ? "?" : &name[i], 1);
    tt_text_add(why, shown < name_bytes ? "...'" : "'");
    return status;
}

tt_status tt_tensor_file_get(const tt_tensor_file *file, const char *name, const tt_tensor **tensor,
                             tt_text *why)
{
    size_t length = strlen(name);
    *tensor = NULL;
    for (size_t i = 0; i < file->count; i++) {
        const tt_tensor_entry *entry = &file->entries[i];
        if (entry->name_bytes != length || memcmp(entry->name, name, length) != 0)
            continue;
        if (entry->foreign[0] != '\0') {
            tt_tensor_refuse(why, TT_UNSUPPORTED, "tensor", name, length);
            tt_text_add(why, " has elements of type ");
            tt_text_add(why, entry->foreign);
            tt_text_add(why, ", which this program does not know");
            return TT_UNSUPPORTED;
        }
        *tensor = &entry->tensor;
        return TT_OK;
    }
    return tt_tensor_refuse(why, TT_NOT_FOUND, "there is no tensor", name, length);
}

const char *tt_tensor_file_note(const tt_tensor_file *file, const char *key)
{
    size_t length = strlen(key);
    for (size_t i = 0; i < file->note_count; i++)
        if (file->notes[i].key_bytes == length && memcmp(file->notes[i].key, key, length) == 0)
            return file->notes[i].value;
    return NULL;
}

// A name to be sorted, and whose it is.
typedef struct named {
    const char *name;
    size_t bytes;
    const void *owner;
} named;

static int compare_names(const void *a, const void *b)
{
    const named *x = a, *y = b;
    size_t common = x->bytes < y->bytes ? x->bytes : y->bytes;
    int order = memcmp(x->name, y->name, common);
    return order != 0 ? order : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

// The owner of a name that occurs twice; frees `names`.
static const void *duplicate(named *names, size_t count)
{
    const void *found = NULL;
    qsort(names, count, sizeof(*names), compare_names);
    for (size_t i = 1; i < count && found == NULL; i++)
        if (compare_names(&names[i - 1], &names[i]) == 0)
            found = names[i].owner;
    free(names);
    return found;
}

const tt_tensor_entry *tt_tensor_file_duplicate(const tt_tensor_file *file, bool *full)
{
    named *names = malloc((file->count + 1) * sizeof(*names));
    *full = names == NULL;
    for (size_t i = 0; i < file->count && !*full; i++) {
        const tt_tensor_entry *entry = &file->entries[i];
        names[i] = (named){entry->name, entry->name_bytes, entry};
    }
    return *full ? NULL : duplicate(names, file->count);
}

const tt_tensor_note *tt_tensor_file_duplicate_note(const tt_tensor_file *file, bool *full)
{
    named *names = malloc((file->note_count + 1) * sizeof(*names));
    *full = names == NULL;
    for (size_t i = 0; i < file->note_count && !*full; i++) {
        const tt_tensor_note *note = &file->notes[i];
        names[i] = (named){note->key, note->key_bytes, note};
    }
    return *full ? NULL : duplicate(names, file->note_count);
}

bool tt_tensor_is_sound(const tt_tensor *tensor, size_t bytes)
{
    const uint8_t *data = tensor->data;
    if (tensor->element != TT_ELEMENT_BOOL)
        return true;
    for (size_t i = 0; i < bytes; i++)
        if (data[i] > 1)
            return false;
    return true;
}

bool tt_tensor_entry_place(tt_tensor_entry *entry, const uint8_t *data, size_t bytes, bool copy)
{
    if (!copy && (uintptr_t)data % tt_element_bytes(entry->tensor.element) == 0) {
        entry->tensor.data = data;
        return true;
    }
    entry->own = malloc(bytes + 1);
    if (entry->own == NULL)
        return false;
    memcpy(entry->own, data, bytes);
    entry->tensor.data = entry->own;
    return true;
}

static tt_status fail(tt_status status, tt_text *why, const char *what)
{
    tt_text_add(why, what);
    return status;
}

// The whole of a regular file into memory that the caller frees.
static tt_status read_bytes(const char *path, void **memory, size_t *length, tt_text *why)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return fail(TT_NOT_FOUND, why, "cannot be opened");
    if (!S_ISREG(about.st_mode))
        return fail(TT_IO, why, "is no regular file");
    if (about.st_size > TT_TENSOR_FILE_MAX)
        return fail(TT_TOO_LARGE, why, "is larger than 1 GiB");
    *length = (size_t)about.st_size;
    *memory = malloc(*length + 1);
    FILE *in = *memory != NULL ? fopen(path, "rb") : NULL;
    bool full = *memory == NULL || (in == NULL && errno == ENOMEM), opened = in != NULL;
    bool sound = opened && fread(*memory, 1, *length, in) == *length;
    if (opened)
        fclose(in);
    if (sound)
        return TT_OK;
    free(*memory);
    *memory = NULL;
    return full     ? fail(TT_FULL, why, "there is no memory for it")
           : opened ? fail(TT_IO, why, "cannot be read")
                    : fail(TT_NOT_FOUND, why, "cannot be opened");
}

tt_status tt_tensor_file_load(tt_tensor_file *file, const char *path, tt_tensor_parser *parse,
                              tt_text *why)
{
    void *memory = NULL;
    size_t length;
    tt_text before = why != NULL ? *why : (tt_text){0}; // a success leaves no sentence
    tt_text_add(why, path);
    tt_text_add(why, ": ");
    *file = (tt_tensor_file){0};
    tt_status status = read_bytes(path, &memory, &length, why);
    if (status != TT_OK)
        return status;
    status = parse(file, memory, length, why);
    if (status != TT_OK) {
        free(memory);
        return status;
    }
    file->memory = memory;
    if (why != NULL) {
        *why = before;
        why->data[why->length] = '\0';
    }
    return TT_OK;
}

tt_status tt_tensor_check(const tt_tensor_entry *entry, size_t *bytes, tt_text *why)
{
    const tt_tensor *tensor = &entry->tensor;
    const char *problem = NULL;
    if (entry->foreign[0] != '\0' || (unsigned)tensor->element >= TT_ELEMENTS)
        problem = "elements of no type that can be written";
    else if (!tt_tensor_bytes(tensor, bytes))
        problem = "a negative size, too many axes or too many elements";
    else if (*bytes > 0 && tensor->data == NULL)
        problem = "no data";
    else if (!tt_tensor_is_sound(tensor, *bytes))
        problem = "a bool that is neither 0 nor 1";
    if (problem == NULL)
        return TT_OK;
    tt_tensor_refuse(why, TT_INVALID, "tensor", entry->name, entry->name_bytes);
    tt_text_add(why, " has ");
    tt_text_add(why, problem);
    return TT_INVALID;
}

tt_status tt_tensor_file_check(const tt_tensor_file *file, size_t *bytes, tt_text *why)
{
    uint64_t total = 0;
    bool full;
    for (size_t i = 0; i < file->count; i++) {
        const tt_tensor_entry *entry = &file->entries[i];
        tt_status status = tt_tensor_check(entry, &bytes[i], why);
        if (status != TT_OK)
            return status;
        if (!tt_text_is_utf8(entry->name, entry->name_bytes))
            return fail(TT_INVALID, why, "a tensor's name is no UTF-8");
        total += bytes[i];
        if (total > (uint64_t)TT_TENSOR_FILE_MAX)
            return fail(TT_TOO_LARGE, why, "the tensors take more than 1 GiB");
    }
    const tt_tensor_entry *twice = tt_tensor_file_duplicate(file, &full);
    if (full)
        return TT_FULL;
    if (twice != NULL)
        return tt_tensor_refuse(why, TT_INVALID, "two tensors have the name", twice->name,
                                twice->name_bytes);
    return TT_OK;
}
