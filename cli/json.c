// JSON written and read; see the header for what it is for.

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json.h"

#define FILE_BYTES_MAX ((size_t)16 << 20)

// ---- writing

static void write_text(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(file, "\\%c", byte);
        else if (byte < 0x20)
            fprintf(file, "\\u%04x", byte);
        else
            fputc(byte, file);
    }
    fputc('"', file);
}

static void begin_value(tt_json_writer *writer, const char *key)
{
    if (writer->comma)
        fputc(',', writer->file);
    if (key != NULL) {
        fputc('\n', writer->file);
        write_text(writer->file, key);
        fputs(": ", writer->file);
    }
    writer->comma = true;
}

void tt_json_open(tt_json_writer *writer, const char *key, char bracket)
{
    begin_value(writer, key);
    fputc(bracket, writer->file);
    writer->comma = false;
}

void tt_json_close(tt_json_writer *writer, char bracket)
{
    fputc(bracket, writer->file);
    writer->comma = true;
}

void tt_json_number(tt_json_writer *writer, const char *key, double value)
{
    begin_value(writer, key);
    if (isfinite(value))
        fprintf(writer->file, "%.15g", value);
    else
        fputs("null", writer->file);
}

void tt_json_text(tt_json_writer *writer, const char *key, const char *value)
{
    begin_value(writer, key);
    write_text(writer->file, value);
}

// ---- reading

typedef struct reader {
    const char *at; // terminated, so one byte ahead can always be looked at
    const char *start;
    const char *wrong; // what was expected where reading stopped, or NULL
} reader;

static void skip_space(reader *in)
{
    while (*in->at == ' ' || *in->at == '\n' || *in->at == '\r' || *in->at == '\t')
        in->at++;
}

static int hex_digit(char digit)
{
    return digit >= '0' && digit <= '9'   ? digit - '0'
           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                          : -1;
}

// \uXXXX below 0x80 only: our own writer escapes nothing else.
static bool read_unicode(reader *in, char *byte)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*in->at);
        if (digit < 0)
            return false;
        value = value * 16 + digit;
        in->at++;
    }
    *byte = (char)value;
    return value > 0 && value < 0x80;
}

static bool read_escape(reader *in, char *byte)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char letter = *in->at++;
    if (letter == 'u')
        return read_unicode(in, byte);
    const char *found = letter != '\0' ? strchr(from, letter) : NULL;
    if (found == NULL)
        return false;
    *byte = to[found - from];
    return true;
}

// Reads a text whose opening quote is at in->at; NULL and `wrong` where it is none.
static char *read_text(reader *in)
{
    if (*in->at != '"') {
        in->wrong = "a text in quotes";
        return NULL;
    }
    const char *end = ++in->at;
    while (*end != '"' && *end != '\0')
        end += *end == '\\' && end[1] != '\0' ? 2 : 1;
    char *text = malloc((size_t)(end - in->at) + 1);
    char *to = text;
    while (text != NULL && *in->at != '"') {
        char byte = *in->at++;
        if ((unsigned char)byte < 0x20 || (byte == '\\' && !read_escape(in, &byte))) {
            in->wrong = "the rest of a text, or a known escape";
            free(text);
            return NULL;
        }
        *to++ = byte;
    }
    if (text == NULL) {
        in->wrong = "less text than this memory holds";
        return NULL;
    }
    in->at++;
    *to = '\0';
    return text;
}

static tt_json *read_value(reader *in, unsigned depth);

static bool read_items(reader *in, tt_json *value, char close, unsigned depth)
{
    tt_json **last = &value->item;
    skip_space(in);
    if (*in->at == close) {
        in->at++;
        return true;
    }
    for (;;) {
        char *key = NULL;
        skip_space(in);
        if (value->kind == TT_JSON_OBJECT) {
            key = read_text(in);
            if (key == NULL)
                return false;
            skip_space(in);
            if (*in->at != ':') {
                in->wrong = "':' after a name";
                free(key);
                return false;
            }
            in->at++;
        }
        tt_json *item = read_value(in, depth);
        if (item == NULL) {
            free(key);
            return false;
        }
        item->key = key;
        *last = item;
        last = &item->next;
        skip_space(in);
        char found = *in->at;
        if (found == close) {
            in->at++;
            return true;
        }
        if (found != ',') {
            in->wrong = close == ']' ? "',' or ']'" : "',' or '}'";
            return false;
        }
        in->at++;
    }
}

static bool read_word(reader *in, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(in->at, word, length) != 0)
        return false;
    in->at += length;
    return true;
}

static const char *skip_digits(const char *at)
{
    return at + strspn(at, "0123456789");
}

// The end of a number (RFC 8259, 6), which is narrower than what strtod takes; NULL where there is
// none.
static const char *skip_number(const char *at)
{
    at += *at == '-';
    const char *whole = skip_digits(at);
    if (whole == at || (*at == '0' && whole > at + 1))
        return NULL;
    at = whole;
    if (*at == '.') {
        const char *fraction = skip_digits(at + 1);
        if (fraction == at + 1)
            return NULL;
        at = fraction;
    }
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '+' || at[1] == '-');
        const char *exponent = skip_digits(at);
        return exponent > at ? exponent : NULL;
    }
    return at;
}

static bool read_into(reader *in, tt_json *value, unsigned depth)
{
    if (*in->at == '{' || *in->at == '[') {
        value->kind = *in->at == '{' ? TT_JSON_OBJECT : TT_JSON_ARRAY;
        in->at++;
        if (depth == TT_JSON_DEPTH_MAX) {
            in->wrong = "fewer values inside one another";
            return false;
        }
        return read_items(in, value, value->kind == TT_JSON_OBJECT ? '}' : ']', depth + 1);
    }
    if (*in->at == '"') {
        value->kind = TT_JSON_TEXT;
        value->text = read_text(in);
        return value->text != NULL;
    }
    if (read_word(in, "null"))
        return true;
    if (read_word(in, "true")) {
        value->kind = TT_JSON_TRUE;
        return true;
    }
    if (read_word(in, "false")) {
        value->kind = TT_JSON_FALSE;
        return true;
    }
    const char *end = skip_number(in->at);
    value->kind = TT_JSON_NUMBER;
    value->number = end != NULL ? strtod(in->at, NULL) : NAN;
    if (!isfinite(value->number)) {
        in->wrong = "a value";
        return false;
    }
    in->at = end;
    return true;
}

static tt_json *read_value(reader *in, unsigned depth)
{
    tt_json *value = calloc(1, sizeof(*value));
    skip_space(in);
    if (value == NULL || !read_into(in, value, depth)) {
        tt_json_free(value);
        return NULL;
    }
    return value;
}

static tt_status parse(const char *path, const char *text, size_t length, tt_json **root,
                       tt_text *why)
{
    reader in = {.at = text, .start = text};
    *root = read_value(&in, 0);
    skip_space(&in);
    if (*root != NULL && in.at == text + length)
        return TT_OK;
    tt_json_free(*root);
    *root = NULL;
    unsigned line = 1;
    for (const char *at = text; at < in.at; at++)
        line += *at == '\n';
    tt_text_add(why, path);
    tt_text_add(why, ": line ");
    tt_text_add_unsigned(why, line);
    tt_text_add(why, ": expected ");
    tt_text_add(why, in.wrong != NULL ? in.wrong : "the end");
    return TT_MALFORMED;
}

tt_status tt_json_read(const char *path, tt_json **root, tt_text *why)
{
    *root = NULL;
    FILE *file = fopen(path, "rb");
    char *text = malloc(FILE_BYTES_MAX + 2);
    size_t length = file != NULL && text != NULL ? fread(text, 1, FILE_BYTES_MAX + 1, file) : 0;
    tt_status status = TT_OK;
    if (file == NULL || text == NULL) {
        status = TT_NOT_FOUND;
        tt_text_add(why, path);
        tt_text_add(why, " cannot be read");
    } else if (length > FILE_BYTES_MAX) {
        status = TT_TOO_LARGE;
        tt_text_add(why, path);
        tt_text_add(why, " is larger than 16 MiB");
    } else {
        text[length] = '\0';
        status = parse(path, text, length, root, why);
    }
    free(text);
    if (file != NULL)
        fclose(file);
    return status;
}

void tt_json_free(tt_json *value)
{
    while (value != NULL) { // the depth of the recursion is that of the text, which is bounded
        tt_json *next = value->next;
        tt_json_free(value->item);
        free(value->text);
        free(value->key);
        free(value);
        value = next;
    }
}

const tt_json *tt_json_get(const tt_json *object, const char *key)
{
    static const tt_json absent = {.kind = TT_JSON_NULL};
    for (const tt_json *item = object->item; item != NULL; item = item->next)
        if (item->key != NULL && strcmp(item->key, key) == 0)
            return item;
    return &absent;
}

double tt_json_get_number(const tt_json *object, const char *key)
{
    return tt_json_get(object, key)->number;
}

const char *tt_json_get_text(const tt_json *object, const char *key)
{
    const char *text = tt_json_get(object, key)->text;
    return text != NULL ? text : "";
}

size_t tt_json_count(const tt_json *value)
{
    size_t count = 0;
    for (const tt_json *item = value->item; item != NULL; item = item->next)
        count++;
    return count;
}
